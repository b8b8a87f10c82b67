"""Causal networks of any depth commute with boosts in a finite window: what reaches a point comes from a diamond.

The second layer looks at the past of the origin, where the first sees a bump further in the past: between the two lies
a compact double cone. Once the window contains it nothing is truncated, whatever the nonlinearity between them. Layers
that are not causal send the bump along the light cone without end, and boosts never become exact.
"""

from __future__ import annotations

import pytest
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.kernels.pseudo_riemannian import boost

STEP, WIDTH = 0.1, 0.25


def correlate(kernel: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
    """Σ_v K(v) f(p + v) on a square window of 2n + 1 points, by FFT: (o, i, N, N), (i, N, N) -> (o, N, N)."""
    n = (field.shape[-1] - 1) // 2
    size = (4 * n + 1,) * 2
    product = torch.einsum("oiab,iab->oab", torch.fft.rfft2(kernel.flip(-1, -2), size), torch.fft.rfft2(field, size))
    return torch.fft.irfft2(product, size)[:, n : 3 * n + 1, n : 3 * n + 1]


def error_of_a_boost(group: G.Group, causal: bool, reach: float) -> float:
    """Two layers with a gate between them, at the origin, of a bump about (-2, 0.3) and of the boosted bump."""
    torch.manual_seed(1)
    rep, n = R.multivector(group), round(reach / STEP)
    axis = torch.arange(-n, n + 1, dtype=torch.float64) * STEP
    points = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1)
    spec = K.PseudoRiemannian(5, causal=causal)
    first, second = (
        spec(rep, rep, dtype=torch.float64)(points).detach().permute(2, 3, 0, 1) * STEP**2 for _ in range(2)
    )
    amplitude, centre = torch.tensor([0.3, 1.0, -0.5, 0.8]).double(), torch.tensor([-2.0, 0.3]).double()
    outputs = []
    for g in (torch.eye(2, dtype=torch.float64), boost(0.3, 2)):
        distance = points @ torch.linalg.inv(g).T - centre
        bump = torch.exp(-distance.square().sum(-1) / (2 * WIDTH**2))
        hidden = correlate(first, (rep.rho(g) @ amplitude)[:, None, None] * bump)
        gated = hidden * torch.sigmoid(hidden[:1])
        outputs.append(torch.einsum("oiab,iab->o", second, gated))
    expected = rep.rho(boost(0.3, 2)) @ outputs[0]
    return float((outputs[1] - expected).norm() / expected.norm())


@pytest.mark.parametrize("group", [G.SO0(1, 1), G.Orthochronous(1, 1)], ids=str)
def test_boosts_are_exact_once_the_window_holds_the_diamond(group):
    small, large = error_of_a_boost(group, True, 2.0), error_of_a_boost(group, True, 3.5)
    assert small > 1e-2 and large < 1e-4


def test_without_causality_they_never_are():
    assert error_of_a_boost(G.O(1, 1), False, 3.5) > 0.1
    assert error_of_a_boost(G.O(1, 1), False, 7.0) > 0.05
