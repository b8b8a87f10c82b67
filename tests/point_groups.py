"""Groups in space, and the check of all kernels between their irreps: counts against characters, and (*).

The characters of the harmonics are χ_l(g) = det(g)^l sin((2l+1)θ/2)/sin(θ/2), θ the angle of det(g) g. Those of the
irreps are traces, after the orthogonality relations have shown that the irreps are all there.
"""

import numpy as np
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.kernels.covariants import solve_harmonic

DEGREES = 6
CUBIC = [G.Tetrahedral(), G.TetrahedralFull(), G.Octahedral(), G.Icosahedral()]
POLYHEDRAL = [*CUBIC, *(group.with_inversion() for group in (CUBIC[0], CUBIC[2], CUBIC[3]))]
FAMILIES = {
    "Cn": lambda n: G.Axial(G.Cyclic(n)),
    "Cnv": lambda n: G.Axial(G.Dihedral(n)),
    "Cnh": lambda n: G.Axial(G.Cyclic(n), mirror=True),
    "S2n": lambda n: G.Axial(G.Cyclic(2 * n), rotation=-1),
    "Dn": lambda n: G.Axial(G.Dihedral(n), reflection=-1),
    "Dnh": lambda n: G.Axial(G.Dihedral(n), mirror=True),
    "Dnd": lambda n: G.Axial(G.Dihedral(2 * n), rotation=-1),
}
LIMITS = [
    G.Axial(G.SO(2)),
    G.Axial(G.SO(2), mirror=True),
    G.Axial(G.O(2)),
    G.Axial(G.O(2), reflection=-1),
    G.Axial(G.O(2), mirror=True),
]


def harmonic_character(g: np.ndarray, l: int) -> np.ndarray:
    det = np.sign(np.linalg.det(g))
    turns = np.exp(1j * np.arccos(np.clip((det * np.trace(g, axis1=-2, axis2=-1) - 1) / 2, -1, 1)))
    return det**l * sum(turns**m for m in range(-l, l + 1)).real


def nodes(group: G.Group) -> np.ndarray:
    """All elements of a finite group; of an axial Lie group those of its subgroup with 64 rotations.

    Frequencies stay below 2·3 + 6 = 12, so means over these are exact.
    """
    if group.is_finite:
        return group.element_array
    planar = G.Dihedral(64) if isinstance(group.planar, G.O) else G.Cyclic(64)
    return G.Axial(planar, reflection=group.reflection, mirror=group.mirror).element_array


def check(group: G.Group) -> dict[str, int | float]:
    """Compare all pairs of irreps (of Lie groups those up to frequency 3), at all degrees up to 6.

    Returns:
        How many irreps and covariants there are, and the residual of the constraint.
    """
    irreps, g = R.irreps(group, None if group.is_finite else 3), nodes(group)
    chi = np.stack([np.trace(sigma._rho(g), axis1=-2, axis2=-1) for sigma in irreps])
    norms = check_irreps(chi, group)
    harmonic = np.stack([harmonic_character(g, l) for l in range(DEGREES + 1)])
    expected = np.einsum("sg,tg,lg->stl", chi, chi, harmonic, optimize=True) / len(g)
    solved = solve_harmonic([(s, t) for s in irreps for t in irreps], range(DEGREES + 1))
    found = np.array([[len(maps) for maps in pair] for pair in solved]).reshape(expected.shape)
    assert np.abs(expected - found).max() < 1e-9, group
    error = residual(group, irreps)
    assert error < 1e-10, group
    return {"irreps": len(norms), "covariants": int(found.sum()), "residual": error}


def check_irreps(chi: np.ndarray, group: G.Group) -> np.ndarray:
    """Inequivalent, irreducible over R, and of a finite group complete: Σ χ(1)²/⟨χ, χ⟩ = |G|."""
    gram = chi @ chi.T / chi.shape[1]
    norms = np.diag(gram)
    assert np.abs(gram - np.diag(norms)).max() < 1e-10, group
    assert np.abs(norms - np.rint(norms)).max() < 1e-10 and set(np.rint(norms)) <= {1, 2}, group
    assert not group.is_finite or round(float((chi[:, 0] ** 2 / norms).sum())) == group.order, group
    return norms


def residual(group: G.Group, irreps: tuple[R.Representation, ...]) -> float:
    """The constraint at random points and elements, for a kernel between all irreps and all irreps."""
    rep = R.direct_sum([(1, sigma) for sigma in irreps])
    kernel = K.Harmonic(radius=1.0, degrees=DEGREES, functions=1, hidden=4)(rep, rep, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    v = 0.4 * torch.randn(6, 3, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        return float(kernel.residual(v, group.sample(6, generator)))
