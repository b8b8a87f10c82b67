"""The table of a network: types, shapes, parameters; receptive fields by gradients, exact sizes by trying them."""

import warnings

import pytest
import torch

from tests.fibre.action import ALONE, C4, D4, LINE, lattice, worst
from torsor import groups as G
from torsor import kernels as K
from torsor import models, nn
from torsor import reps as R
from torsor.errors import FieldTypeError, SymmetryWarning

REP = R.regular(C4)
ONE = R.trivial(C4)
NETS = {
    "convs": lambda: [nn.Conv(ONE, REP, K.Stencil(3)), nn.Conv(REP, REP, K.Stencil(5), dilation=2)],
    "stride": lambda: [nn.Conv(ONE, REP, K.Stencil(3), stride=2), nn.Conv(REP, REP, K.Stencil(3))],
    "pools": lambda: [
        nn.Conv(ONE, REP, K.Stencil(3)),
        nn.MaxPool(REP),
        nn.Conv(REP, REP, K.Stencil(3)),
        nn.AvgPool(REP, 3, 2, 1),
        nn.Conv(REP, REP, K.Stencil(3), padding=0),
    ],
    "antialiased": lambda: [nn.AntialiasedPool(ONE), nn.Conv(ONE, REP, K.Stencil(3)), nn.AntialiasedPool(REP, size=3)],
    "antialiased max": lambda: [nn.AntialiasedPool(ONE, size=3, mode="max"), nn.Conv(ONE, REP, K.Stencil(3))],
    "upsample": lambda: [nn.Upsample(ONE), nn.Conv(ONE, REP, K.Stencil(3))],
    "cubic": lambda: [nn.AvgPool(ONE), nn.Upsample(ONE, 2, "cubic")],
    "nearest": lambda: [nn.AvgPool(ONE), nn.Upsample(ONE, 2, "nearest"), nn.Conv(ONE, REP, K.Stencil(3))],
    "transposed": lambda: [nn.AvgPool(ONE), nn.ConvTranspose(ONE, REP, K.Stencil(4), stride=2, padding=1)],
    "adaptive": lambda: [nn.Conv(ONE, REP, K.Stencil(3)), nn.AdaptiveAvgPool(REP, 3)],
    "adaptive, all": lambda: [nn.AvgPool(ONE, 1), nn.AdaptiveMaxPool(ONE)],
}


def support(net: torch.nn.Module, size: int) -> tuple[int, int]:
    """The extent of the pixels that any output pixel reads, the largest over outputs (positive weights)."""
    net = net.double().eval()
    with torch.no_grad():
        for layer in net:
            if hasattr(layer, "kernel"):
                layer.weight.normal_()
    x = torch.randn(1, net.in_rep.dim, size, size, dtype=torch.float64)
    extents = [0, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymmetryWarning)
        y = torch.zeros(())
        for _ in range(4):  # maxima select: unite over several inputs
            leaf = (x + torch.randn_like(x)).requires_grad_()
            y = net(leaf)
            for i in range(y.shape[2]):
                (grad,) = torch.autograd.grad(y[:, :, i, y.shape[3] // 2].square().sum(), leaf, retain_graph=True)
                rows = grad.abs().sum((0, 1, 3)).nonzero().flatten()
                extents[0] = max(extents[0], int(rows.max() - rows.min()) + 1 if len(rows) else 0)
    return extents[0], y.shape[2]


@pytest.mark.parametrize("name", NETS)
def test_receptive_field_is_the_support_of_the_gradient(name):
    net = nn.Sequential(*NETS[name]())
    table = nn.summary(net, 24)
    reported = table.rows[-1].receptive_field
    found, _ = support(net, 24)
    assert reported[0] == reported[1]
    selecting = any(isinstance(m, (nn.MaxPool, nn.AdaptiveMaxPool)) or getattr(m, "mode", "") == "max" for m in net)
    if selecting:
        assert found <= reported[0]
    elif isinstance(net[-1], (nn.Upsample, nn.ConvTranspose)) or name in ("upsample", "nearest"):
        assert reported[0] - net_jump(name) < found <= reported[0]  # fractions of a coarse pixel
    else:
        assert found == reported[0]


def net_jump(name: str) -> int:
    return 1 if name == "upsample" else 2


@pytest.mark.parametrize("name", NETS)
def test_exact_sizes_are_those_that_are_exact(name):
    net = nn.Sequential(*NETS[name]()).double().eval()
    exact = nn.summary(net, 12).exact_sizes
    turn = lattice(C4)[1:2]
    assert set(exact) <= set(range(1, 29))
    for size in range(10, 22):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", SymmetryWarning)
            error = worst(net, (size, size), turn, batch=1)
        assert (size in exact) == (error < 1e-12) == (not caught), (size, error)


def test_rows():
    rep = 2 * R.regular(D4)
    net = nn.Sequential(
        nn.Conv(R.trivial(D4), rep, K.Stencil(3), stride=2), nn.BatchNorm(rep), nn.ReLU(rep), nn.GroupPool(rep)
    )
    table = nn.summary(net, (9, 11))
    assert [r.kind for r in table.rows] == ["Conv", "BatchNorm", "ReLU", "GroupPool"]
    assert [r.name for r in table.rows] == ["0", "1", "2", "3"]
    assert [r.shape for r in table.rows] == [(16, 5, 6)] * 3 + [(2, 5, 6)]
    assert [r.in_type for r in table.rows] == ["trivial"] + 3 * ["2 regular"]
    assert [r.parameters for r in table.rows] == [2 * 9 + 2, 4, 0, 0]
    assert table.parameters == 24 == sum(p.numel() for p in net.parameters())
    assert all(r.exact for r in table.rows) and table.exact_sizes == tuple(range(1, 28, 2))
    assert not nn.summary(net, 8).rows[0].exact
    text = str(table)
    for part in ("Conv", "2 regular", "16×5×6", "3×3", "24 parameters", "1, 3, …"):
        assert part in text
    assert "NO" in str(nn.summary(net, 8)) and "NO" not in text


def test_the_network_is_untouched():
    net = nn.Sequential(nn.Conv(ONE, REP, K.Stencil(3)), nn.BatchNorm(REP)).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    nn.summary(net, 8)
    assert net.training and all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not net[0]._forward_hooks


def test_whole_networks_with_plain_parts():
    net = models.digits_net("C4", width=0.2)
    table = nn.summary(net, 28)
    assert table.parameters == nn.count_parameters(net) and table.rows[-1].kind == "Linear"
    assert 28 in table.exact_sizes and table.rows[-1].shape == (10,)
    assert all(r.exact for r in table.rows)
    narrow = models.WideResNet("D4", 10, 0.25)
    assert nn.summary(narrow, 8).parameters == nn.count_parameters(narrow)


def test_other_dimensions_and_no_group():
    line = nn.Sequential(nn.Conv(R.trivial(LINE), R.regular(LINE), K.Stencil(3), stride=2))
    assert nn.summary(line, 9).exact_sizes == tuple(range(1, 26, 2))
    plain = nn.Sequential(nn.MaxPool(R.trivial(ALONE), 2))
    assert nn.summary(plain, 4).exact_sizes == tuple(range(2, 21))
    with pytest.raises(FieldTypeError, match="expected a module with an in_rep, got Linear"):
        nn.summary(torch.nn.Linear(2, 3), 8)


@pytest.mark.parametrize(
    "spec", [K.Harmonic(radius=2.5), K.Harmonic(radius=2.5, depthwise=True), K.Implicit(radius=2.5)]
)
def test_kernels_with_networks_are_one_row(spec):
    rep = R.trivial(G.SO(3))
    net = nn.Sequential(nn.Conv(rep, rep, spec), nn.Norm(rep))
    table = nn.summary(net, 9)
    assert [row.kind for row in table.rows] == ["Conv", "Norm"] and table.rows[0].receptive_field == (5, 5, 5)
    assert sum(row.parameters for row in table.rows) == table.parameters == nn.count_parameters(net)
