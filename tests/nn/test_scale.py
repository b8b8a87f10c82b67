"""Layers over scales: convolution of fields that are scaled exactly, pooling over scales, other windows."""

import numpy as np
import pytest
import torch

from torsor import check, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.errors import FieldTypeError
from torsor.nn import parts

S1, S2 = G.Scaling(1), G.Scaling(2, 2**0.5)


def gaussians(x, width, centres):
    """Σ of Gaussian bumps at points x (n,): (1, 1, n)."""
    return torch.exp(-((x[None] - centres[:, None]) ** 2) / (2 * width**2)).sum(0)[None, None]


def line(half=200):
    return torch.arange(-half, half + 1, dtype=torch.float64)


def scaled_pair(net, k, net_moved=None):
    """N(f) at p = 0 and N(f(x/2^k)) at 0, of bumps in closed form."""
    x, centres = line(), torch.tensor([-3.0, 1.0, 8.0], dtype=torch.float64)
    f, moved = gaussians(x, 6.0, centres), gaussians(x / 2.0**k, 6.0, centres)
    return net(f)[0, :, 200].detach(), (net_moved or net)(moved)[0, :, 200].detach()


def test_responses_move_along_the_scales():
    """N(g f) = ρ(g) N(f): the response at scale i to f appears at scale i + 1 when f is twice as large."""
    wide, narrow = 2 * R.regular(S1, window=4), 2 * R.regular(S1, window=3)
    net = nn.Sequential(
        nn.Conv(R.trivial(S1), wide, K.Scaled(9, scales=2)), nn.SiLU(wide), nn.Conv(wide, narrow, K.Scaled(9, scales=2))
    ).double()
    y, moved = (part.view(2, 3) for part in scaled_pair(net, 1))
    assert (moved[:, 1:] - y[:, :-1]).abs().max() < 2e-3 * y.abs().max() < 0.1 * (moved - y).abs().max()


@pytest.mark.parametrize("mode", ["max", "mean"])
def test_pool_takes_the_maximum_or_mean_over_scales(mode):
    group = G.Join(G.Cyclic(4), S2)
    rep = 2 * R.regular(group, window=3) + R.trivial(group)
    pool, x = nn.ScalePool(rep, mode), torch.randn(5, 25, 3, 3)
    scales = x[:, :24].view(5, 2, 3, 4, 3, 3)
    expected = scales.amax(2) if mode == "max" else scales.mean(2)
    assert torch.equal(pool(x), torch.cat([expected.flatten(1, 2), x[:, 24:]], 1))
    assert pool.out_rep == 2 * R.inflated(group, R.regular(G.Cyclic(4))) + R.trivial(group)
    turn = 2.0 * G.Cyclic(4).elements()[1]
    moved = torch.einsum("ij,bj...->bi...", rep.rho(turn / 2).float(), x)
    assert torch.allclose(pool(moved), torch.einsum("ij,bj...->bi...", pool.out_rep.rho(turn).float(), pool(x)))


def test_pooling_over_a_window_that_moves_with_the_field_is_exact():
    rep = 3 * R.regular(S1, window=3)
    net = nn.Sequential(nn.Conv(R.trivial(S1), rep, K.Scaled(9)), nn.SiLU(rep), nn.ScalePool(rep)).double()
    y, moved = scaled_pair(net, 1, nn.widened(net, -1, 1))
    assert (y - moved).abs().max() < 1e-3 * y.abs().max()


def test_the_ends_of_a_fixed_window_matter_less_the_wider_it_is():
    """|max over W of N(gf) - max over W of N(f)| for larger and larger scales: the boundary effect, measured."""
    errors = []
    for more in range(3):
        change, size = 0.0, 0.0
        for seed in range(8):
            torch.manual_seed(seed)
            rep = 4 * R.regular(S1, window=4)
            conv = nn.Conv(R.trivial(S1), rep, K.Scaled(9), bias=False)
            net = nn.Sequential(conv, nn.ReLU(rep), nn.ScalePool(rep)).double()
            y, moved = scaled_pair(nn.widened(net, 0, more), 1)
            change, size = change + float((y - moved).square().sum()), size + float(y.square().sum())
        errors.append((change / size) ** 0.5)
    assert all(b < 0.7 * a for a, b in zip(errors, errors[1:], strict=False)) and errors[-1] < 0.25 * errors[0], errors


def test_other_windows_keep_the_weights_and_the_responses():
    rep = 2 * R.regular(S2, window=3)
    layers = [nn.Conv(R.trivial(S2), rep, K.Scaled(5)), nn.BatchNorm(rep), nn.ReLU(rep), nn.Conv(rep, rep, K.Scaled(3))]
    net = torch.nn.Sequential(nn.Sequential(*layers), torch.nn.Flatten()).eval()
    wide, x = nn.widened(net, 1, 2), torch.randn(2, 1, 9, 9)
    assert sum(p.numel() for p in wide.parameters()) == sum(p.numel() for p in net.parameters())
    inner, outer = (m(x).view(2, 2, -1, 81) for m in (net, wide))
    assert outer.shape[2] == 6 and torch.allclose(outer[:, :, 1:4], inner, atol=1e-5)
    assert torch.allclose(nn.widened(wide, -1, -2)(x), net(x), atol=1e-6)
    with pytest.raises(FieldTypeError, match='padding="same"'):
        nn.widened(nn.Conv(R.trivial(S2), rep, K.Scaled(5), padding=0), 1)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [-2, 0, 3, 12])
@pytest.mark.parametrize(
    ("sizes", "kernel"), [((11, 8), (5, 3)), ((7, 7), (13, 13)), ((20,), (9,)), ((5, 6, 7), (3, 3, 5))]
)
def test_fourier_convolution_is_convolution(sizes, kernel, padding, stride, generator):
    d, conv = len(sizes), getattr(torch.nn.functional, f"conv{len(sizes)}d")
    if any(n + 2 * padding < k for n, k in zip(sizes, kernel, strict=True)):
        pytest.skip("the input is smaller than the kernel")
    x, k = (torch.randn(2, 3, *s, generator=generator, dtype=torch.float64) for s in (sizes, kernel))
    x.requires_grad_(), k.requires_grad_()
    inner = x[(..., *[slice(-padding, n + padding) for n in sizes])] if padding < 0 else x
    expected = conv(inner, k, None, stride, max(padding, 0))
    found = parts.fourier_convolve(x, k, (stride,) * d, (padding,) * d)
    assert torch.allclose(found, expected, atol=1e-12)
    noise = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    one, other = (torch.autograd.grad((y * noise).sum(), (x, k)) for y in (found, expected))
    assert all(torch.allclose(a, b, atol=1e-11) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("large", [1, 10**9])
@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"padding": 0}, {"padding": 2}, {"dilation": 2}])
def test_both_ways_of_the_parts_equal_the_whole(monkeypatch, large, options, generator):
    monkeypatch.setattr(parts, "LARGE", large)
    group = G.Join(G.Cyclic(4), S2)
    fields = R.regular(group, window=3)
    conv = nn.Conv(fields + R.trivial(group), 2 * fields, K.Scaled(3, scales=2), **options).double()
    x = torch.randn(2, 13, 17, 17, generator=generator, dtype=torch.float64)
    assert torch.allclose(conv(x), conv.freeze()(x), atol=1e-12)
    slopes = []
    for whole in (False, True):
        if whole:
            vars(conv.kernel)["parts"] = ()
        conv(x).square().sum().backward()
        slopes.append(conv.weight.grad.clone())
        conv.weight.grad = None
    assert torch.allclose(*slopes, rtol=1e-10, atol=1e-9)


def test_autocast_with_large_stencils(generator):
    rep = R.regular(S2, window=5)
    net = nn.Sequential(nn.Conv(R.trivial(S2), rep, K.Scaled(5)), nn.ReLU(rep), nn.Conv(rep, rep, K.Scaled(5)))
    x = torch.randn(2, 1, 19, 19, generator=generator)
    with torch.autocast("cpu", torch.bfloat16):
        y = net(x)
    assert y.dtype == torch.bfloat16 and (y.float() - net(x)).abs().max() < 0.05 * net(x).abs().max()


def test_compiled_and_exported_networks_agree(generator):
    rep = R.regular(S2, window=4)
    net = nn.Sequential(nn.Conv(R.trivial(S2), rep, K.Scaled(5)), nn.ReLU(rep), nn.ScalePool(rep)).eval()
    x = torch.randn(2, 1, 19, 19, generator=generator)
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    exported = torch.export.export(net, (x,)).module()
    assert torch.allclose(compiled(x), net(x), atol=1e-5) and torch.allclose(exported(x), net(x), atol=1e-5)


def test_fields_that_not_all_scales_reach_take_the_whole_stencil(generator):
    few, many = R.regular(S2, window=2), R.regular(S2, window=4)
    conv = nn.Conv(few, many, K.Scaled(3)).double()
    x = torch.randn(1, 2, 11, 11, generator=generator, dtype=torch.float64)
    assert conv.kernel.parts == () and torch.allclose(conv(x), conv.freeze()(x))
    assert np.allclose((conv(x) - conv.expanded_bias()[:, None, None])[:, 2:].detach(), 0)


def test_cached_networks_follow_no_later_change(generator):
    from torsor import cached

    conv = nn.Conv(R.trivial(S2), R.regular(S2, window=3), K.Scaled(5))
    x = torch.randn(1, 1, 15, 15, generator=generator)
    plain = conv(x).detach()
    with torch.no_grad(), cached(conv):
        assert torch.allclose(conv(x), plain, atol=1e-6)
        conv.weight.mul_(2.0)
        assert torch.allclose(conv(x), 2 * plain, atol=1e-6)


def test_errors():
    with pytest.raises(FieldTypeError, match="window of scales"):
        nn.ScalePool(R.trivial(S2))
    with pytest.raises(FieldTypeError, match="expected the mode"):
        nn.ScalePool(R.regular(S2, window=2), "median")
    with pytest.raises(FieldTypeError, match='take mode="mean"'):
        nn.ScalePool(R.regular(G.Join(G.SO(2), S2), band=1, window=2))


def test_the_general_check_names_the_right_one():
    rep = R.regular(S2, window=2)
    with pytest.raises(FieldTypeError, match="scale_probe"):
        check.equivariance(nn.Conv(R.trivial(S2), rep, K.Scaled(3)))
