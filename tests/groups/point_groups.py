"""Every point group family of space, with its elements in closed form."""

from collections.abc import Iterator

import numpy as np

from torsor import groups as G

POLYHEDRAL = {
    "T": G.Tetrahedral(),
    "Td": G.TetrahedralFull(),
    "Th": G.Tetrahedral().with_inversion(),
    "O": G.Octahedral(),
    "Oh": G.Octahedral().with_inversion(),
    "I": G.Icosahedral(),
    "Ih": G.Icosahedral().with_inversion(),
}

AXIAL = {
    name: G.from_name(name, 3)
    for n in range(1, 9)
    for name in (f"C{n}", f"C{n}v", f"C{n}h", f"S{2 * n}", f"D{n}", f"D{n}h", f"D{n}d")
}

LIE = {name: G.from_name(name, 3) for name in ("C∞", "C∞v", "C∞h", "D∞", "D∞h")}


def turn(angle: float, sign: int = 1) -> np.ndarray:
    """The rotation about the last axis, times the horizontal mirror if the sign is -1."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, sign]])


def flip(angle: float, sign: int) -> np.ndarray:
    """The reflection of the plane that keeps the direction at an angle: a vertical mirror, or a half turn (-1)."""
    c, s = np.cos(2 * angle), np.sin(2 * angle)
    return np.array([[c, s, 0], [s, -c, 0], [0, 0, sign]])


def closed_form(name: str) -> Iterator[np.ndarray]:
    """The elements of C_n, C_nv, C_nh, S_2n, D_n, D_nh, D_nd, as textbooks list them."""
    family, suffix = name[0], name.strip("CDS0123456789")
    n = int(name.strip("CDSvhd")) // (2 if family == "S" else 1)
    for k in range(n):
        yield turn(2 * np.pi * k / n)
        if suffix == "h":
            yield turn(2 * np.pi * k / n, -1)
        if family == "S" or suffix == "d":
            yield turn(np.pi * (2 * k + 1) / n, -1)
        if family == "D":
            yield flip(np.pi * k / n, -1)
        if suffix == "v" or (family == "D" and suffix == "h"):
            yield flip(np.pi * k / n, 1)
        if suffix == "d":
            yield flip(np.pi * (k + 0.5) / n, 1)
