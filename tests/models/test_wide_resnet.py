"""Wide residual networks."""

import pytest
import torch

from tests.fibre.action import C4, D4, errors, lattice, randomise
from torsor import models, nn
from torsor import reps as R
from torsor.errors import ConfigError


@pytest.mark.parametrize("group", ["C4", "D4", ("D8", "D4", "C4")], ids=str)
def test_scores_are_invariant(group):
    net = models.WideResNet(group, 10, 0.5, classes=4).double().eval()
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    y = net(x).detach()
    assert y.shape == (2, 4) and (y[0] - y[1]).abs().max() > 1e-5
    assert (net(x.rot90(1, (2, 3))) - y).abs().max() < 1e-11 * max(1, float(y.abs().max()))
    if group == "D4":
        assert (net(x.flip(-1)) - y).abs().max() < 1e-11 * max(1, float(y.abs().max()))


@pytest.mark.parametrize("wide", [False, True])
def test_a_block_is_equivariant_with_its_gradients(wide):
    rep = R.regular(D4)
    block = randomise(models.ResidualBlock(rep, 2 * rep if wide else rep, 3, 0.0)).double()
    assert (block.shortcut is None) != wide
    x = torch.randn(2, 8, 5, 5, dtype=torch.float64)
    assert max(e for g in lattice(D4)[1::3] for e in errors(block, x, g)) < 1e-12


def test_the_residual_path():
    """With a silent body the block is the identity."""
    rep = R.regular(D4)
    block = models.ResidualBlock(rep, rep, 3, 0.3).eval()
    with torch.no_grad():
        for layer in block.body:
            if isinstance(layer, nn.Conv):
                layer.weight.zero_()
    x = torch.randn(2, 8, 5, 5)
    assert torch.equal(block(x), x)
    assert any(isinstance(m, nn.FieldDropout) for m in block.body)


def test_depth_and_stages():
    def convolutions(net):
        return sum(isinstance(m, nn.Conv) and m.kernel.sizes == (3, 3) for m in net.modules())

    assert convolutions(models.WideResNet("C4", 10, 0.25)) == 7  # depth 6n + 4 counts shortcuts and the head too
    assert convolutions(models.WideResNet("C4", 16, 0.25)) == 13
    for depth in (9, 12, 4):
        with pytest.raises(ConfigError, match="depth of 6n"):
            models.WideResNet("C4", depth)
    with pytest.raises(ConfigError, match="one group or one for each of three stages, got 2"):
        models.WideResNet(("D4", "C4"), 10)


def test_restriction_in_the_second_stage():
    net = models.WideResNet(("D4", "C4", "C4"), 10, 0.25)
    assert [type(m) for m in net.body].count(nn.Restrict) == 1
    assert net.in_rep.group == D4 and net.out_rep.group == C4 and len(net.body.out_rep.terms) == 1
