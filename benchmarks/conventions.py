"""Are harmonics, Wigner matrices and Clebsch–Gordan coefficients those of e3nn, number by number?

``python -m benchmarks.conventions`` needs e3nn 0.6, in an environment of its own if need be. Seen: harmonics of degree
0 … 8 agree to 1e-12 in all three normalisations, Clebsch–Gordan coefficients up to degree 4 to 5e-16, signs included.
"""

import numpy as np
import torch

from torsor.linalg import clebsch_gordan, spherical_harmonics, wigner


def main() -> None:
    """Print the largest differences."""
    from e3nn import o3

    v = torch.nn.functional.normalize(torch.randn(50, 3, dtype=torch.float64), dim=1)
    worst = max(
        float((spherical_harmonics(v, l, n) - o3.spherical_harmonics(l, v, True, n)).abs().max())
        for l in range(9)
        for n in ("norm", "component", "integral")
    )
    print(f"spherical harmonics, degree 0 … 8: {worst:.0e}")
    triples = [(a, b, c) for a in range(5) for b in range(5) for c in range(abs(a - b), min(4, a + b) + 1)]
    worst = max(
        float(np.abs(theirs(o3, *t) - clebsch_gordan(*t)).max())  # with its sign
        for t in triples
    )
    print(f"Clebsch–Gordan coefficients, degree 0 … 4, {len(triples)} of them: {worst:.0e}")
    g = o3.rand_matrix(5)
    worst = max(float((wigner(g, l) - o3.Irrep(l, (-1) ** l).D_from_matrix(g)).abs().max()) for l in range(9))
    print(f"Wigner matrices, degree 0 … 8, in float32: {worst:.0e}")


def theirs(o3, a: int, b: int, c: int) -> np.ndarray:
    """Their 3j symbols as isometries, (2c + 1, 2a + 1, 2b + 1)."""
    return np.sqrt(2 * c + 1) * o3.wigner_3j(a, b, c, dtype=torch.float64).permute(2, 0, 1).numpy()


if __name__ == "__main__":
    main()
