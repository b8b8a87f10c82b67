"""Dropout masks are one number a field: that is what makes them commute with the group."""

import pytest
import torch

from tests.fibre.action import C4, D4
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError

REP = 3 * R.regular(C4) + 2 * R.standard(C4) + R.trivial(C4)


@pytest.mark.parametrize("layer", [nn.FieldDropout, nn.ChannelDropout])
@pytest.mark.parametrize("space", [(6, 5), (7,), ()])
def test_mask_is_the_same_for_all_components(layer, space):
    y = layer(REP, 0.4)(torch.ones(50, REP.dim, *space, dtype=torch.float64))
    assert set(y.unique().tolist()) == {0.0, 1 / 0.6}
    for channels, _ in REP.fields:
        assert torch.equal(y[:, channels], y[:, channels][:, :1].expand_as(y[:, channels]))
    first = torch.stack([y[:, channels][:, 0].flatten() for channels, _ in REP.fields])
    assert all(not torch.equal(a, b) for k, a in enumerate(first) for b in first[:k])  # fields differ
    constant = all(torch.equal(v, v[..., :1].expand_as(v)) for v in y.flatten(2)) if space else True
    assert constant == (layer is nn.ChannelDropout or not space)


def test_rate_and_mean():
    layer = nn.FieldDropout(REP, 0.3)
    y = layer(torch.ones(200, REP.dim, 20, 20))
    assert abs(float((y == 0).float().mean()) - 0.3) < 0.01 and abs(float(y.mean()) - 1) < 0.01
    x = torch.randn(4, REP.dim, 3, 3)
    assert layer.eval()(x) is x and nn.FieldDropout(REP, 0)(x) is x
    assert isinstance(layer.freeze(), torch.nn.Identity)


def test_commutes_for_the_same_mask():
    g = C4.elements()[1]
    x = torch.randn(4, REP.dim, 3, dtype=torch.float64)
    results = []
    for moved in (False, True):
        torch.manual_seed(3)
        y = nn.FieldDropout(REP)(torch.einsum("ij,bjn->bin", REP.rho(g), x) if moved else x)
        results.append(y if moved else torch.einsum("ij,bjn->bin", REP.rho(g), y))
    assert (results[0] - results[1]).abs().max() < 1e-12 and (results[0] == 0).any()


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, float("nan")])
def test_wrong_probabilities(p):
    for layer in (nn.FieldDropout, nn.ChannelDropout):
        with pytest.raises(FieldTypeError, match=r"probability in \[0, 1\)"):
            layer(R.regular(D4), p)
