"""Convolution on four axes against the sum over all offsets, literally; and layers on R^{1,3}."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError
from torsor.nn.spacetime import conv4d


def literally(x, weight, bias, stride, padding, dilation):
    """Σ_v K(v) x(s p + δ v) + b, offset by offset."""
    x = torch.nn.functional.pad(x, [p for p in reversed(padding) for _ in (0, 1)])
    sizes, k = x.shape[2:], weight.shape[2:]
    out = [(n - d * (m - 1) - 1) // s + 1 for n, m, s, d in zip(sizes, k, stride, dilation, strict=True)]
    y = bias[None, :, None, None, None, None].expand(len(x), -1, *out).clone()
    for v in product(*map(range, k)):
        place = [slice(d * i, d * i + s * (n - 1) + 1, s) for i, n, s, d in zip(v, out, stride, dilation, strict=True)]
        y += torch.einsum(
            "oi,bitxyz->botxyz", weight[(slice(None), slice(None), *v)], x[(slice(None), slice(None), *place)]
        )
    return y


@pytest.mark.parametrize(
    "stride, padding, dilation",
    [
        ((1,) * 4, (0,) * 4, (1,) * 4),
        ((2, 1, 2, 1), (1, 0, 2, 1), (1, 2, 1, 1)),
        ((1, 2, 1, 1), (2, 1, 1, 0), (2, 1, 1, 2)),
    ],
)
def test_conv4d_is_the_sum_over_all_offsets(stride, padding, dilation):
    x = torch.randn(2, 3, 5, 6, 5, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 3, 3, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(4, dtype=torch.float64)
    y = conv4d(x, weight, bias, stride, padding, dilation)
    expected = literally(x, weight, bias, stride, padding, dilation)
    torch.testing.assert_close(y, expected)
    noise = torch.randn_like(y)
    for a, b in zip(
        torch.autograd.grad((y * noise).sum(), (x, weight)),
        torch.autograd.grad((expected * noise).sum(), (x, weight)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_groups_of_channels():
    x, weight = torch.randn(1, 4, 3, 3, 3, 3), torch.randn(6, 2, 3, 1, 1, 1)
    halves = [conv4d(part, w) for part, w in zip(x.chunk(2, 1), weight.chunk(2), strict=True)]
    torch.testing.assert_close(conv4d(x, weight, groups=2), torch.cat(halves, 1))


def test_layers_on_spacetime_commute_with_the_lattice():
    group = G.O(1, 3)
    rep = R.multivector(group)
    conv = nn.Conv(rep, rep, K.PseudoRiemannian(3), dtype=torch.float64)
    x = torch.randn(1, 16, 4, 4, 4, 4, dtype=torch.float64)
    g = torch.diag(torch.tensor([-1.0, 1, 1, 1], dtype=torch.float64))
    g[1:, 1:] = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, -1]])  # turns (x, y), reflects t and z

    def act(f):
        moved = f.permute(0, 1, 2, 4, 3, 5).flip((2, 3, 5))
        return torch.einsum("ij,bjtxyz->bitxyz", rep.rho(g), moved)

    torch.testing.assert_close(conv(act(x)), act(conv(x)), atol=1e-12, rtol=0)
    torch.testing.assert_close(conv.freeze()(x), conv(x))


def test_errors():
    group = G.O(1, 3)
    rep = R.trivial(group)
    with pytest.raises(FieldTypeError, match='padded by "zeros" only'):
        nn.Conv(rep, rep, K.PseudoRiemannian(3), padding_mode="circular")
    with pytest.raises(FieldTypeError, match=r"expects \(batch, channels, \*4 axes\)"):
        nn.Conv(rep, rep, K.PseudoRiemannian(3))(torch.zeros(1, 1, 3, 3, 3))
