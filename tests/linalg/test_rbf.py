"""Weights on scattered points: exact on the spaces that they promise, invariant under what they promise."""

from itertools import product
from math import factorial, prod

import numpy as np
import pytest
import torch

from torsor.linalg import (
    closest_pair,
    indices_up_to,
    multi_indices,
    polyharmonic_weights,
    symmetric_power,
    symmetric_weight,
    taylor_monomials,
    unisolvence,
)
from torsor.linalg.rbf import polyharmonic_power, spline_derivative


def derivative(f, x: torch.Tensor, alpha: tuple[int, ...]) -> torch.Tensor:
    """∂^α f at points x (n, d), by automatic differentiation."""
    x = x.clone().requires_grad_()
    value = f(x)
    for axis, times in enumerate(alpha):
        for _ in range(times):
            value = torch.autograd.grad(value.sum(), x, create_graph=True)[0][:, axis]
    return value.detach()


def cloud(d: int, n: int, targets: int = 3, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    v = 0.3 * torch.randn(targets, n, d, generator=generator, dtype=torch.float64)
    v[:, 0] = 0
    return v, torch.ones(targets, n, dtype=torch.bool)


@pytest.mark.parametrize("power", [3, 5])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_spline_derivatives_against_autograd(d, power):
    x = torch.randn(6, d, dtype=torch.float64)
    for alpha in (a for k in range(power) for a in multi_indices(d, k)):
        found = spline_derivative(x, power, alpha)
        assert torch.allclose(found, derivative(lambda x: x.norm(dim=-1) ** power, x, alpha), rtol=1e-9, atol=1e-9)
        assert spline_derivative(0 * x, power, alpha).abs().max() == 0


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_exact_on_polynomials_and_on_the_splines(d, order):
    degree, alphas = order + 1, indices_up_to(d, order)
    v, mask = cloud(d, 2 * len(indices_up_to(d, degree)) + 2)
    v[:, 0] += 0.05  # automatic differentiation gives NaN at the centre of a spline
    weights = polyharmonic_weights(v, mask, alphas, degree)
    for beta in product(range(degree + 1), repeat=d):
        if sum(beta) <= degree:
            found = torch.einsum("tna,tn->ta", weights, (v ** torch.tensor(beta)).prod(-1))
            exact = torch.tensor([float(prod(map(factorial, a)) if a == beta else 0) for a in alphas]).double()
            assert (found - exact).abs().max() < 1e-7
    power, poly = polyharmonic_power(order), taylor_monomials(v[0], degree)
    c = torch.linalg.qr(poly, mode="complete")[0][:, poly.shape[1]]  # orthogonal to all polynomials

    def spline(x):
        return ((x[:, None] - v[0]).norm(dim=-1) ** power) @ c

    for i, alpha in enumerate(alphas):
        exact = derivative(spline, torch.zeros(1, d).double(), alpha)
        assert abs(weights[0, :, i] @ spline(v[0]) - exact[0]) < 1e-7 * max(1, abs(exact[0]))


def test_on_a_line_of_three_points_they_are_the_finite_differences():
    v = torch.tensor([[[-0.1], [0.0], [0.1]]], dtype=torch.float64)
    weights = polyharmonic_weights(v, torch.ones(1, 3, dtype=torch.bool), ((1,), (2,)), 2)[0]
    assert torch.allclose(weights.T, torch.tensor([[-5.0, 0, 5], [100, -200, 100]]).double(), atol=1e-9)


@pytest.mark.parametrize("d", [2, 3])
def test_they_turn_with_the_points(d):
    """m_α(∂) of turned points is Sym^k(Q) times that of the points: w(Qv) = w(v) Sym^k(Q)ᵀ, in the √(k!/α!) basis."""
    v, mask = cloud(d, 30)
    turn = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64))[0]
    for k in (1, 2):
        alphas = multi_indices(d, k)
        factors = torch.tensor([symmetric_weight(alpha) for alpha in alphas], dtype=torch.float64)
        before, after = (polyharmonic_weights(x, mask, alphas, 3) * factors for x in (v, v @ turn.T))
        expected = before @ symmetric_power(turn, k).T
        assert (after - expected).abs().max() < 1e-9 * expected.abs().max()


def test_padding_changes_nothing_and_numpy_agrees():
    v, mask = cloud(2, 24)
    alphas = indices_up_to(2, 2)
    expected = polyharmonic_weights(v, mask, alphas, 3)
    wide = torch.cat([v, torch.zeros(3, 5, 2, dtype=torch.float64)], 1)
    inside = torch.cat([mask, torch.zeros(3, 5, dtype=torch.bool)], 1)
    found = polyharmonic_weights(wide, inside, alphas, 3)
    assert (found[:, :24] - expected).abs().max() < 1e-9 * expected.abs().max()
    assert found[:, 24:].abs().max() == 0
    plain = polyharmonic_weights(v.numpy(), mask.numpy(), alphas, 3)
    assert np.abs(plain - expected.numpy()).max() < 1e-9 * np.abs(plain).max()


def test_weights_scale_with_the_points():
    v, mask = cloud(2, 24)
    one, tiny = (polyharmonic_weights(s * v, mask, ((1, 0), (1, 1)), 3) for s in (1.0, 1e-6))
    assert torch.allclose(tiny * torch.tensor([1e-6, 1e-12]), one, rtol=1e-8, atol=1e-8)


def test_gradients_flow_to_the_points():
    v, mask = cloud(2, 14, targets=1)
    v.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: polyharmonic_weights(v, mask, ((1, 0), (0, 2)), 2), v, atol=1e-4)


def test_degenerate_points_are_recognised():
    generic, mask = cloud(2, 20)
    angle = torch.linspace(0, 5, 20, dtype=torch.float64)
    line = torch.stack([angle, 2 * angle], -1)
    circle = torch.stack([angle.cos(), angle.sin()], -1) - torch.tensor([1.0, 0.0])
    v = torch.stack([generic[0], line, circle])
    for degree, expected in ((1, [True, False, True]), (2, [True, False, False])):
        assert (unisolvence(v, mask, degree) > 1e-8).tolist() == expected
    assert unisolvence(generic[:, :5], mask[:, :5], 2).tolist() == [0, 0, 0]
    v[0, 7] = v[0, 8]
    assert (closest_pair(v, mask) > 1e-7).tolist() == [False, True, True]
