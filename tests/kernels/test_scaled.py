"""Kernels dilated over scales: the constraint on interior scales, the density factor, moments, sizes, windows."""

import copy

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.errors import KernelError
from torsor.kernels.oscillator import Oscillator
from torsor.testing import check_kernel

S = {d: G.Scaling(d, 2**0.5) for d in (1, 2, 3)}
GROUPS = [S[1], S[2], S[3], G.Join(G.Cyclic(8), S[2]), G.Join(G.Dihedral(3), S[2]), G.Join(G.SO(2), S[2])]


def window(group, scales):
    band = 2 if isinstance(group, G.Join) and not R.scale_factors(group)[0].is_finite else None
    return R.regular(group, band, window=scales)


def types(group):
    three, part = window(group, 3), window(group, (1, 3))
    one = R.trivial(group)
    return [(2 * one, three), (three, 2 * part), (2 * three, one), (R.standard(group) + R.density(group) + one, three)]


@pytest.mark.parametrize("group", GROUPS, ids=str)
@pytest.mark.parametrize("pair", range(4))
def test_constraint_where_the_window_determines_both_sides(group, pair, generator):
    kernel = K.Scaled(5, scales=2)(*types(group)[pair], dtype=torch.float64)
    v = torch.randn(60, group.dim, generator=generator, dtype=torch.float64) * 2
    g = group.sample(60, generator)
    assert kernel.residual(v, g) < 1e-12
    inside = kernel.out_rep.interior(g)[:, :, None] & kernel.in_rep.interior(g)[:, None]
    assert 0.2 < inside.double().mean() < 1
    moved = kernel(torch.einsum("nij,nj->ni", g, v)) * inside
    assert ((moved.abs().amax((1, 2)) > 0).sum() > 5).all()  # entries that do not vanish


def test_the_ends_of_the_window_are_excluded_for_a_reason(generator):
    kernel = K.Scaled(5)(R.regular(S[2], window=3), R.regular(S[2], window=3), dtype=torch.float64)
    v, g = torch.randn(20, 2, generator=generator, dtype=torch.float64), S[2].element(torch.ones(20))
    moved = kernel(torch.einsum("nij,nj->ni", g, v))
    expected = kernel.out_rep.rho(g) @ kernel(v) @ kernel.in_rep.rho(torch.linalg.inv(g)) / 2
    assert (moved - expected).abs()[:, 1:, 1:].max() < 1e-12 < 1e-3 < (moved - expected).abs()[:, 0, 0].max()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_dilation_carries_the_density_factor(d, generator):
    """K_i(v) = s_i^-d κ(v/s_i): without the factor the constraint fails by |det g|."""
    kernel = K.Scaled(5)(R.trivial(S[d]), R.regular(S[d], window=(-1, 2)), dtype=torch.float64)
    v = torch.randn(30, d, generator=generator, dtype=torch.float64)
    base = kernel(v)[:, 1, 0]
    for i, s in enumerate(2.0 ** (np.arange(-1, 3) / 2)):
        assert torch.allclose(kernel(v * s)[:, i, 0], base / s**d, atol=1e-13)


def test_scales_of_the_input_are_seen_by_their_ratio(generator):
    kernel = K.Scaled(5, scales=2)(R.regular(S[2], window=4), R.regular(S[2], window=4), dtype=torch.float64)
    at = kernel(torch.randn(10, 2, generator=generator, dtype=torch.float64) * 0.5).abs().amax(0)
    seen = np.eye(4, dtype=bool) | np.eye(4, k=1, dtype=bool)
    assert np.array_equal(at.detach().numpy() > 0, seen)


@pytest.mark.parametrize("group", [*GROUPS[:3], G.Join(G.Cyclic(4), S[2])], ids=str)
def test_conformance(group):
    check_kernel(K.Scaled(5, scales=2, moments=-1)(*types(group)[1]))
    check_kernel(K.Scaled(5, scales=2)(*types(group)[0]))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_functions_are_all_polynomials_times_a_gaussian(d, generator):
    """Their number is that of the monomials up to the order, and they are independent."""
    order = 3
    functions = Oscillator(d, order, 0.7, 3.0).functions(torch.randn(200, d, generator=generator).double().numpy())
    flat = np.concatenate([f.transpose(0, 2, 1).reshape(-1, 200) for f in functions])
    number = {1: 4, 2: 10, 3: 20}[d]
    assert flat.shape[0] == number == np.linalg.matrix_rank(flat)
    without = K.Scaled(5, order=order)(R.trivial(S[d]), R.regular(S[d], window=2))
    assert without.weight.numel() == number


@pytest.mark.parametrize("d", [1, 2])
def test_squares_and_moments_are_integrals(d):
    functions = Oscillator(d, 4, 0.7, 3.0)
    axis = np.linspace(-3, 3, 601)
    grid = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), -1).reshape(-1, d)
    cell = (axis[1] - axis[0]) ** d
    for degree, values in enumerate(functions.functions(grid)):
        assert np.allclose((values**2).sum(1) * cell, functions.squares(degree)[:, None], rtol=1e-5)
    even = functions.functions(grid)[0][:, :, 0]
    square = (grid**2).sum(1)
    assert np.allclose((even * square).sum(1) * cell, functions.moments(0, 1, d), atol=1e-5)


@pytest.mark.parametrize("d", [1, 2])
def test_samples_at_every_scale_have_the_moments_of_the_continuum(d):
    """Σ_v K_i(v) p(v) = ∫ K_i p for polynomials p of degree up to the order; the plain samples do not."""
    errors = {}
    for moments in (None, -1):
        torch.manual_seed(0)
        kernel = K.Scaled(5, moments=moments)(R.trivial(S[d]), R.regular(S[d], window=3), dtype=torch.float64)
        stencil = kernel.stencil().detach().flatten(2)[:, 0]
        fine = torch.from_numpy(kernel.spec.refined(16).offsets(d))
        dense = kernel(fine)[:, :, 0].T.detach() / 16**d
        x, z = torch.from_numpy(kernel.spec.offsets(d)), fine
        powers = [(x**0)[:, 0], x[:, 0], x[:, 0] ** 2, x[:, 0] ** 3, x[:, 0] * x[:, -1]]
        exact = [(z**0)[:, 0], z[:, 0], z[:, 0] ** 2, z[:, 0] ** 3, z[:, 0] * z[:, -1]]
        errors[moments] = max(float((stencil @ p - dense @ q).abs().max()) for p, q in zip(powers, exact, strict=True))
    assert errors[None] < 2e-4 < errors[-1]


def test_response_to_waves_is_that_of_the_dilated_kernel():
    """The response of the stencil to exp(ikx) against the integral over the kernel, by scale and frequency."""
    kernel = K.Scaled(7)(R.trivial(S[1]), R.regular(S[1], window=4), dtype=torch.float64)
    x, z = torch.from_numpy(kernel.spec.offsets(1)[:, 0]), torch.from_numpy(kernel.spec.refined(16).offsets(1))
    stencil, dense = kernel.stencil().detach()[:, 0], kernel(z)[:, :, 0].T.detach() / 16
    for cycles, bound in ((1 / 12, 1e-3), (1 / 6, 5e-3)):
        k = 2 * np.pi * cycles
        error = (stencil.cdouble() @ torch.exp(1j * k * x) - dense.cdouble() @ torch.exp(1j * k * z[:, 0])).abs()
        assert error.max() < bound * stencil.abs().sum(1).max()


def test_refined_stencils_sample_the_same_functions():
    kernel = K.Scaled(5, moments=-1)(R.trivial(S[2]), R.regular(S[2], window=2), dtype=torch.float64)
    fine = kernel.spec.refined(2)(kernel.in_rep, kernel.out_rep, dtype=torch.float64)
    fine.load_state_dict(kernel.state_dict())
    coarse, dense = kernel.stencil(), fine.stencil()
    m = (dense.shape[-1] - 1) // 2
    n = (coarse.shape[-1] - 1) // 2
    assert torch.allclose(
        4 * dense[..., m - 2 * n : m + 2 * n + 1 : 2, m - 2 * n : m + 2 * n + 1 : 2], coarse, atol=1e-12
    )


def test_weights_do_not_depend_on_the_window(generator):
    few, many = R.regular(S[2], window=3), R.regular(S[2], window=(-1, 4))
    kernel = K.Scaled(5, scales=2)(few, few, dtype=torch.float64)
    wide = K.Scaled(5, scales=2)(many, many, dtype=torch.float64)
    wide.load_state_dict(kernel.state_dict())
    v = torch.randn(10, 2, generator=generator, dtype=torch.float64)
    assert torch.allclose(wide(v)[:, 1:4, 1:4], kernel(v), atol=1e-14)


@pytest.mark.parametrize("group", [S[1], S[2], S[3], G.Join(G.Cyclic(4), S[2])], ids=str)
@pytest.mark.parametrize("options", [{}, {"padding": 0}, {"stride": 2}, {"padding_mode": "circular"}])
def test_scale_by_scale_equals_one_large_convolution(group, options, generator):
    fields = R.regular(group, window=3)
    conv = nn.Conv(2 * fields + R.trivial(group), 3 * fields, K.Scaled(3, scales=2, order=2), **options).double()
    torch.nn.init.normal_(conv.bias)
    size = 15 if group.dim < 3 else 9
    x = torch.randn(2, conv.in_rep.dim, *[size] * group.dim, generator=generator, dtype=torch.float64)
    plain = conv.freeze()
    assert conv.kernel.parts and torch.allclose(conv(x), plain(x), atol=1e-12)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    for net, leaf in zip((conv, plain), inputs, strict=True):
        net(leaf).square().sum().backward()
    assert torch.allclose(inputs[0].grad, inputs[1].grad, atol=1e-10)


def test_complete_scales_miss_no_term():
    wide, narrow, spec = R.regular(S[2], window=4), R.regular(S[2], window=2), K.Scaled(5, scales=3)
    assert spec.complete(wide, wide).tolist() == [True, True, False, False]
    assert spec.complete(wide, narrow).all() and not spec.complete(wide, R.trivial(S[2])).any()
    assert spec.complete(R.trivial(S[2]), wide).all()
    known = np.array([True, True, True, False])
    assert spec.complete(wide, wide, known).tolist() == [True, False, False, False]


def test_variance_at_the_smallest_scale(generator):
    group = G.Join(G.Cyclic(4), S[2])
    ratios = []
    for _ in range(20):
        conv = nn.Conv(4 * R.trivial(group), 8 * R.regular(group, window=2), K.Scaled(7), bias=False)
        y = conv(torch.randn(2, 4, 24, 24, generator=generator))
        ratios.append(float(y.unflatten(1, (8, 2, 4))[:, :, 0, :, 6:-6, 6:-6].square().mean().detach()))
    assert 0.7 < np.mean(ratios) < 1.4


def test_citizenship(generator):
    conv = nn.Conv(R.trivial(S[2]), 2 * R.regular(S[2], window=2), K.Scaled(3))
    x = torch.randn(1, 1, 9, 9, generator=generator)
    assert torch.allclose(copy.deepcopy(conv)(x), conv(x)) and set(conv.state_dict()) == {"kernel.weight", "bias"}
    assert torch.allclose(conv.double()(x.double()).float(), conv.float()(x), atol=1e-5)
    spec = conv.kernel.spec
    assert K.Scaled.from_dict(spec.to_dict()) == spec and spec.extent == pytest.approx(2**0.5)


def test_errors():
    with pytest.raises(KernelError, match="Scaled kernels need scalings"):
        K.Scaled(5)(R.trivial(G.Cyclic(4)), R.regular(G.Cyclic(4)))
    with pytest.raises(KernelError, match="lift with"):
        K.Scaled(5)(R.trivial(S[2]), R.trivial(S[2]))
    with pytest.raises(KernelError, match="discrete"):
        K.Scaled(5)(R.trivial(G.Scaling(2, None)), R.trivial(G.Scaling(2, None)))
    for options in ({"size": 4}, {"size": 5, "scales": 0}, {"size": 5, "sigma": 0.0}, {"size": 5, "order": -1}):
        with pytest.raises(KernelError, match="expected"):
            K.Scaled(**options)
    with pytest.raises(KernelError, match="compact group of rotations"):
        nn.Conv(R.trivial(S[2]), R.regular(S[2], window=2), K.Harmonic(5))
