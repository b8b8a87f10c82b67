"""Convolutions against the literal sum over pixels and offsets, their adjoints, refinement, initialisation, errors."""

from itertools import product

import numpy as np
import pytest
import torch

from tests.fibre.action import ALONE, C4, C8, CUBE, D4, D8, LINE, O2, SO2, SO3, randomise, types
from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError, KernelError

pytestmark = pytest.mark.filterwarnings(
    "ignore::torsor.errors.BottleneckWarning", "ignore::torsor.errors.SymmetryWarning"
)


def pixel(x: torch.Tensor, p: tuple[int, ...], mode: str) -> torch.Tensor:
    """x at a pixel that may lie outside: (batch, channels)."""
    index = []
    for i, n in zip(p, x.shape[2:], strict=True):
        if 0 <= i < n:
            index.append(i)
        elif mode == "zeros":
            return torch.zeros(x.shape[:2], dtype=x.dtype)
        elif mode == "circular":
            index.append(i % n)
        elif mode == "replicate":
            index.append(min(max(i, 0), n - 1))
        else:
            index.append(-i if i < 0 else 2 * (n - 1) - i)
    return x[(slice(None), slice(None), *index)]


def literal(conv: nn.Conv, x: torch.Tensor) -> torch.Tensor:
    """f_out(p) = Σ_v K(v) f_in(p + v) + b by explicit loops, with K from the kernel's formula at the offsets v.

    Harmonic kernels match moments by default: their stencil is then not K(v), and is looked up offset by offset.
    """
    d, rows = conv.d, []
    sizes, spacing = conv.kernel.sizes, getattr(conv.kernel.spec, "spacing", 1.0)
    offsets = list(product(*[[i - (k - 1) / 2 for i in range(k)] for k in sizes]))
    v = torch.tensor(offsets, dtype=torch.float64) * torch.as_tensor(spacing, dtype=torch.float64)
    if conv.kernel.spec.is_sampled_plainly(d):
        matrices = conv.kernel(v)
    else:
        index = [tuple(round(o + (k - 1) / 2) for o, k in zip(at, sizes, strict=True)) for at in offsets]
        matrices = torch.stack([conv.kernel.stencil()[(slice(None), slice(None), *at)] for at in index])
    bias = torch.zeros(conv.out_rep.dim, dtype=x.dtype)
    if conv.bias is not None:
        count = 0
        for channels, term in conv.out_rep.fields:
            if term.is_permutation:  # one constant vector a field
                bias[channels] = conv.bias[count]
                count += 1
        assert count == len(conv.bias)
    counts = [
        (n + 2 * p - e * (k - 1) - 1) // s + 1
        for n, p, e, k, s in zip(x.shape[2:], conv.padding, conv.dilation, sizes, conv.stride, strict=True)
    ]
    wide, groups = conv.out_rep.dim // conv.groups, conv.groups
    for place in product(*map(range, counts)):
        y = bias.expand(len(x), -1).clone()
        for v, matrix in zip(offsets, matrices, strict=True):
            first = [s * i - p for s, i, p in zip(conv.stride, place, conv.padding, strict=True)]
            at = [f + e * round(o + (k - 1) / 2) for f, e, o, k in zip(first, conv.dilation, v, sizes, strict=True)]
            value = pixel(x, tuple(at), conv.padding_mode)
            for g in range(groups):
                rows_of, part = slice(g * wide, (g + 1) * wide), value.chunk(groups, 1)[g]
                y[:, rows_of] += part @ matrix[rows_of].T
        rows.append(y)
    return torch.stack(rows, -1).unflatten(-1, counts)


REGULAR = 2 * R.regular(C4)
MIXED = R.regular(D4) + 2 * R.standard(D4) + R.trivial(D4)
LITERAL = {
    "3x3": lambda: nn.Conv(REGULAR, MIXED4, K.Stencil(3)),
    "harmonic 5x5": lambda: nn.Conv(MIXED, R.regular(D4), K.Harmonic(5)),
    "harmonic 5x5, plain samples": lambda: nn.Conv(MIXED, R.regular(D4), K.Harmonic(5, moments=-1)),
    "even": lambda: nn.Conv(REGULAR, REGULAR, K.Stencil(4)),
    "stride and padding": lambda: nn.Conv(REGULAR, REGULAR, K.Stencil(3), stride=(2, 3), padding=(0, 2)),
    "dilation": lambda: nn.Conv(REGULAR, REGULAR, K.Stencil(3), dilation=2, padding=1),
    "dilation same": lambda: nn.Conv(R.trivial(SO2), R.irrep(SO2, 1), K.Harmonic(3, moments=-1), dilation=2),
    "groups": lambda: nn.Conv(REGULAR, 2 * REGULAR, K.Stencil(3), groups=2),
    "groups of sums": lambda: nn.Conv(
        2 * (R.trivial(D4) + R.standard(D4)), 2 * (R.standard(D4) + R.trivial(D4)), K.Stencil(3), groups=2
    ),
    "depthwise": lambda: nn.Conv(3 * R.trivial(D4), 3 * R.trivial(D4), K.Stencil(3), groups=3),
    "circular": lambda: nn.Conv(REGULAR, REGULAR, K.Stencil(3), padding_mode="circular", stride=2),
    "reflect": lambda: nn.Conv(REGULAR, REGULAR, K.Stencil(5), padding_mode="reflect", padding=(2, 1)),
    "replicate": lambda: nn.Conv(REGULAR, REGULAR, K.Stencil(3), padding_mode="replicate", padding=2),
    "no bias": lambda: nn.Conv(REGULAR, REGULAR, K.Stencil(3), bias=False),
    "rectangle": lambda: nn.Conv(R.regular(G.Dihedral(2)), R.standard(G.Dihedral(2)), K.Stencil((1, 3))),
    "spacing": lambda: nn.Conv(
        R.trivial(G.Cyclic(2)), R.regular(G.Cyclic(2)), K.Harmonic(3, spacing=(1.0, 0.7), moments=-1)
    ),
    "1d": lambda: nn.Conv(R.regular(LINE), R.regular(LINE) + R.sign(LINE), K.Harmonic(5), stride=2),
    "3d": lambda: nn.Conv(R.trivial(CUBE) + R.standard(CUBE), R.standard(CUBE), K.Stencil(3)),
    "no symmetry": lambda: nn.Conv(2 * R.trivial(ALONE), R.trivial(ALONE), K.Stencil((2, 3)), padding=1),
}
MIXED4 = R.regular(C4) + R.irrep(C4, 1) + R.trivial(C4)


@pytest.mark.parametrize("name", LITERAL)
def test_against_the_literal_sum(name):
    conv = randomise(LITERAL[name]().double())
    x = torch.randn(2, conv.in_rep.dim, *(5, 6, 4)[: conv.d] if conv.d < 3 else (3, 4, 3), dtype=torch.float64)
    found = conv(x)
    assert found.abs().max() > 0.1 and (found - literal(conv, x)).abs().max() < 1e-12


def test_same_keeps_the_size_of_odd_kernels():
    rep = R.trivial(C4)
    x = torch.zeros(1, 1, 8, 9)
    for k, e, lost in ((1, 1, 0), (3, 1, 0), (5, 2, 0), (7, 1, 0), (2, 1, 1), (4, 1, 1), (2, 2, 0)):
        y = nn.Conv(rep, rep, K.Stencil(k), dilation=e)(x)
        assert y.shape[2:] == (8 - lost, 9 - lost), (k, e)


# ------------------------------------------------------------------------------------- transposition


def corresponding(conv: nn.Conv, transposed: nn.ConvTranspose) -> None:
    """Give the transposed layer the kernel v ↦ K(-v)ᵀ, found among its own kernels by least squares."""
    target = conv.kernel.stencil().detach()
    columns = []
    with torch.no_grad():
        for k in range(transposed.weight.numel()):
            transposed.weight.zero_()
            transposed.weight[k] = 1.0
            columns.append(transposed.filters().flatten())
        solution = torch.linalg.lstsq(torch.stack(columns, 1), target.flatten()[:, None]).solution[:, 0]
        transposed.weight.copy_(solution)
    assert (transposed.filters() - target).abs().max() < 1e-10  # the adjoint kernel is steerable


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"),
    [(K.Stencil(3), 1, 1, 5), (K.Stencil(3), 2, 1, 7), (K.Harmonic(4), 2, 1, 8), (K.Harmonic(5), 3, 0, 8)],
)
def test_adjoint(kernel, stride, padding, size):
    """⟨conv x, y⟩ = ⟨x, convᵀ y⟩."""
    conv = nn.Conv(MIXED, R.regular(D4), kernel, stride=stride, padding=padding, bias=False).double()
    back = nn.ConvTranspose(R.regular(D4), MIXED, kernel, stride=stride, padding=padding, bias=False).double()
    corresponding(conv, back)
    x = torch.randn(1, MIXED.dim, size, size, dtype=torch.float64)
    y = torch.randn_like(conv(x))
    assert back(y).shape == x.shape
    with torch.no_grad():
        left, right = (conv(x) * y).sum(), (x * back(y)).sum()
    assert abs(float(left - right)) < 1e-9 * float(x.norm() * y.norm())


def literal_transposed(layer: nn.ConvTranspose, x: torch.Tensor) -> torch.Tensor:
    """f_out(p) = Σ_q K(s q - p) f_in(q): loops, in units of output pixels about the first full window."""
    (k,), (s,), (cut,) = layer.kernel.sizes, layer.factor, layer.padding
    number = (x.shape[2] - 1) * s - 2 * cut + k
    y = torch.zeros(len(x), layer.out_rep.dim, number, dtype=x.dtype)
    for p in range(number):
        for q in range(x.shape[2]):
            v = s * q - (p + cut) + (k - 1) / 2
            if abs(v) <= (k - 1) / 2:
                y[:, :, p] += x[:, :, q] @ layer.kernel(torch.tensor([v], dtype=torch.float64)).T
    return y


@pytest.mark.parametrize(("k", "stride", "padding"), [(3, 1, 0), (3, 2, 1), (4, 2, 1), (5, 3, 2)])
def test_transposed_against_the_literal_sum(k, stride, padding):
    rep = R.regular(LINE) + R.sign(LINE)
    layer = nn.ConvTranspose(rep, rep, K.Harmonic(k), stride=stride, padding=padding, bias=False).double()
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    assert (layer(x) - literal_transposed(layer, x)).abs().max() < 1e-12


def test_transposed_is_torchs_with_its_filters_and_bias():
    layer = randomise(nn.ConvTranspose(MIXED, MIXED, K.Harmonic(3), stride=2).double())
    x = torch.randn(2, MIXED.dim, 4, 4, dtype=torch.float64)
    expected = torch.nn.functional.conv_transpose2d(x, layer.filters(), None, 2)
    expected[:, :8] += layer.bias[0]
    expected[:, 12] += layer.bias[1]
    assert layer.bias.shape == (2,) and (layer(x) - expected).abs().max() < 1e-12
    assert (layer(x) - literal_flip(layer, x)).abs().max() < 1e-12


def literal_flip(layer, x):
    """Zero-stuff, then convolve with v ↦ K(v): conv_transpose is that, with the kernel turned."""
    n = (x.shape[-1] - 1) * 2 + 1
    stuffed = torch.zeros(*x.shape[:2], n, n, dtype=x.dtype)
    stuffed[..., ::2, ::2] = x
    return torch.nn.functional.conv2d(stuffed, layer.kernel.stencil(), layer.expanded_bias(), padding=2)


# ---------------------------------------------------------------------------------------- refinement


def waves(size: int, factor: int) -> torch.Tensor:
    """A smooth image in closed form on a grid that is finer by a factor and covers the same region."""
    number = factor * (size - 1) + 1
    axis = (torch.arange(number, dtype=torch.float64) - (number - 1) / 2) / factor
    a, b = torch.meshgrid(axis, axis, indexing="ij")
    return (torch.cos(0.5 * a + 0.2 * b + 1) + torch.sin(0.3 * a - 0.4 * b))[None, None]


@pytest.mark.parametrize("size", [3, 5])
def test_refined_layers_converge_to_one_integral(size):
    """The same function sampled h, h/2, h/4, h/8: differences at the centre fall at least by 3 each time."""
    conv = randomise(nn.Conv(R.trivial(SO2), R.trivial(SO2) + R.irrep(SO2, 1), K.Harmonic(size)).double())
    conv.requires_grad_(False)
    found = []
    for factor in (1, 2, 4, 8):
        y = conv.refined(factor)(waves(15, factor))
        found.append(y[..., y.shape[-2] // 2, y.shape[-1] // 2])
    apart = [float((b - a).detach().norm()) for a, b in zip(found, found[1:], strict=False)]
    assert found[0].norm() > 0.1 and apart[1] < apart[0] / 3 and apart[2] < apart[1] / 3, apart


def test_refined_keeps_weights_and_mode():
    conv = nn.Conv(R.trivial(C8), R.regular(C8), K.Harmonic(3), padding_mode="circular", dtype=torch.float64).eval()
    fine = conv.refined(2)
    assert torch.equal(fine.weight, conv.weight) and not fine.training and fine.padding_mode == "circular"
    assert fine.weight.dtype == torch.float64 and conv.refined(1).kernel.stencil().shape == (8, 1, 3, 3)
    assert (conv.refined(1).kernel.stencil() - conv.kernel.stencil()).abs().max() < 1e-14
    with pytest.raises(KernelError, match="bound to their lattice"):
        nn.Conv(R.trivial(C4), R.trivial(C4), K.Stencil(3)).refined(2)
    with pytest.raises(FieldTypeError, match='padding="same"'):
        nn.Conv(R.trivial(C4), R.trivial(C4), K.Harmonic(3), padding=0).refined(2)


# ----------------------------------------------------------------------------------- initialisation


@pytest.mark.parametrize("group", [D4, C8, SO2, O2], ids=str)
@pytest.mark.parametrize("kernel", [K.Harmonic(5), K.Stencil(3)], ids=["harmonic", "stencil"])
def test_white_input_keeps_its_variance(group, kernel):
    """E y² = Σ_v Σ_i K(v)²: 1 for every component of every representation, averaged over many fields."""
    if isinstance(kernel, K.Stencil) and group != D4:
        pytest.skip("no symmetry of the square lattice")
    source = 4 * types(group)["regular"] + 3 * R.standard(group) + R.trivial(group)
    for name, rep in types(group).items():
        for _, term in rep.terms:
            conv = nn.Conv(source, 300 * term, kernel, dtype=torch.float64)
            variance = conv.kernel.stencil().detach().square().sum((1, 2, 3)).view(-1, term.dim).mean(0)
            assert (variance - 1).abs().max() < 0.15, (name, variance)
            assert conv.bias is None or not conv.bias.any()


def test_reset_parameters_with_a_gain():
    conv = nn.Conv(8 * R.regular(D4), 20 * R.regular(D4), K.Harmonic(3), dtype=torch.float64)
    torch.nn.init.ones_(conv.bias)
    conv.reset_parameters(gain=3.0)
    variance = conv.kernel.stencil().square().sum((1, 2, 3)).mean()
    assert abs(float(variance.detach()) / 9 - 1) < 0.1 and not conv.bias.any()


# --------------------------------------------------------------------------------------------- errors


def test_bias_lives_on_invariants_only():
    assert nn.Conv(R.trivial(SO2), 3 * R.irrep(SO2, 1), K.Harmonic(3)).bias is None
    assert nn.Conv(R.trivial(D4), 3 * R.regular(D4) + R.sign(D4), K.Harmonic(3)).bias.shape == (3,)
    assert nn.Conv(R.trivial(D4), R.regular(D4), K.Harmonic(3), bias=False).bias is None
    assert nn.ConvTranspose(R.trivial(D4), R.standard(D4), K.Harmonic(3)).bias is None


WRONG = [
    ({"in_rep": R.trivial(C4)}, KernelError, r"one group.*trivial of C4.*trivial of D4.*restrict"),
    ({"padding_mode": "zero"}, FieldTypeError, "padding mode among.*'circular'.*'zero'"),
    ({"padding": "valid"}, FieldTypeError, "padding in pixels or \"same\", got 'valid'"),
    ({"padding": -1}, FieldTypeError, "padding of at least 0.*-1"),
    ({"padding": (1, 1, 1)}, FieldTypeError, r"one number or 2 of them, got \(1, 1, 1\)"),
    ({"stride": 0}, FieldTypeError, "stride of at least 1.*0"),
    ({"dilation": (1, 0)}, FieldTypeError, "dilation of at least 1"),
    ({"stride": 1.5}, (FieldTypeError, TypeError), None),
    ({"groups": 2}, FieldTypeError, "in_rep to consist of 2 equal parts.*got trivial of D4"),
    ({"groups": 0}, FieldTypeError, "equal parts"),
    ({"in_rep": 2 * R.trivial(D4), "groups": 2}, FieldTypeError, "out_rep to consist of 2 equal parts"),
    ({"kernel": K.Stencil((3, 5))}, KernelError, r"D4 does not preserve.*D2"),
    ({"kernel": K.Stencil((3, 3, 3))}, KernelError, "2 kernel sizes"),
]


@pytest.mark.parametrize(("change", "error", "message"), WRONG, ids=[str(next(iter(w[0].items()))) for w in WRONG])
def test_wrong_options(change, error, message):
    options = {"in_rep": R.trivial(D4), "out_rep": R.trivial(D4), "kernel": K.Stencil(3), **change}
    with pytest.raises(error, match=message):
        nn.Conv(**options)


@pytest.mark.parametrize("group", [C8, D8, SO2], ids=str)
def test_stencils_of_groups_that_do_not_keep_the_lattice(group):
    with pytest.raises(KernelError, match=r"kernels\.Harmonic"):
        nn.Conv(R.trivial(group), R.trivial(group), K.Stencil(3))


def test_kernels_of_non_compact_groups():
    boosts = G.SO(1, 1)
    with pytest.raises(KernelError, match="compact"):
        nn.Conv(R.trivial(boosts), R.trivial(boosts), K.Harmonic(3))


def test_wrong_inputs():
    conv = nn.Conv(R.regular(C4), R.regular(C4), K.Stencil(3), padding=0)
    with pytest.raises(FieldTypeError, match=r"Conv expects fields of type regular of C4, 4 channels.*\(1, 3, 5, 5\)"):
        conv(torch.zeros(1, 3, 5, 5))
    for shape in ((1, 4, 5), (1, 4), (1, 4, 5, 5, 5)):
        with pytest.raises(FieldTypeError, match=r"Conv of C4 expects \(batch, channels, \*2 axes\)"):
            conv(torch.zeros(shape))
    with pytest.raises(FieldTypeError, match=r"sizes \(2, 5\) is smaller than its window \(3, 3\)"):
        conv(torch.zeros(1, 4, 2, 5))
    assert conv(torch.zeros(0, 4, 5, 5)).shape == (0, 4, 3, 3)
    assert conv.double()(torch.zeros(1, 4, 3, 3, dtype=torch.float64)).shape == (1, 4, 1, 1)


def test_four_dimensions():
    group = G.O(4)
    with pytest.raises(FieldTypeError, match=r"grids have 1, 2 or 3 axes, O\(4\) acts on 4 dimensions"):
        nn.AvgPool(R.trivial(group))


def test_transposed_refuses():
    rep = R.trivial(C4)
    with pytest.raises(FieldTypeError, match="stride"):
        nn.ConvTranspose(rep, rep, K.Stencil(3), stride=0)
    with pytest.raises(FieldTypeError, match="no refinement"):
        nn.ConvTranspose(rep, rep, K.Stencil(3)).refined(2)


def test_names_in_its_text():
    text = repr(nn.Conv(R.trivial(SO3), R.standard(SO3), K.Harmonic(3), stride=2))
    for part in ("trivial -> standard, SO(3)", "stride=(2, 2, 2)", "padding=(1, 1, 1)", "groups=1", "Harmonic"):
        assert part in text


def test_weight_is_the_kernels_and_blocks_are_named():
    conv = nn.Conv(R.trivial(D4), R.regular(D4), K.Stencil(3))
    assert conv.weight is conv.kernel.weight
    assert np.prod(conv.kernel.blocks()["regular", "trivial", "trivial", "trivial"].shape) == 3
