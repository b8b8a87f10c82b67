"""Norm, gated and squashing nonlinearities commute with every group element, and are what their formulas say."""

import pytest
import torch

from tests.fibre.action import CASES, D4, IDS, O2, SO2, SO3, randomise, types, worst
from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


LAYERS = {
    "Norm": nn.Norm,
    "Norm softplus": lambda rep: nn.Norm(rep, torch.nn.functional.softplus),
    "Gated": nn.Gated,
    "Gated tanh": lambda rep: nn.Gated(rep, torch.tanh, torch.nn.functional.elu),
    "Squash": nn.Squash,
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("group", "name"), CASES, ids=IDS)
def test_commute_with_random_elements(layer, group, name):
    rep = types(group)[name]
    if layer.startswith("Gated") and name != "trivial" and any(t.dim == 1 and not t.is_trivial for _, t in rep.terms):
        assert nn.Gated(rep).gates >= 1  # sign fields are gated, not rectified
    module = randomise(LAYERS[layer](rep).double())
    assert worst(module, (3,), group.sample(4), grid=False) < 1e-12


@pytest.mark.parametrize("layer", LAYERS)
def test_in_three_dimensions(layer):
    rep = R.standard(SO3) + 2 * R.tensor(SO3, 2) + R.trivial(SO3)
    assert worst(randomise(LAYERS[layer](rep).double()), (), SO3.sample(4), grid=False) < 1e-12


def test_norm_by_hand():
    layer = nn.Norm(2 * R.irrep(SO2, 1) + R.trivial(SO2)).double()
    with torch.no_grad():
        layer.bias.copy_(tensor([1.0, -10.0, -1.0]))
    x = tensor([[3.0, 4.0, 3.0, 4.0, -2.0]])
    expected = tensor([[3.0 * 6 / 5, 4.0 * 6 / 5, 0, 0, -1.0]])
    assert (layer(x) - expected).abs().max() < 1e-9
    assert layer.bias.shape == (3,) and nn.Norm(R.irrep(SO2, 1), bias=False).bias is None


def test_squash_by_hand():
    x = tensor([[3.0, 4.0, 0.5]])
    expected = tensor([[25 / 26 * 0.6, 25 / 26 * 0.8, 0.25 / 1.25]])
    assert (nn.Squash(R.irrep(SO2, 3) + R.trivial(SO2))(x) - expected).abs().max() < 1e-9


def test_gated_by_hand():
    rep = R.trivial(O2) + 2 * R.standard(O2) + R.sign(O2)
    layer = nn.Gated(rep)
    assert layer.in_rep == rep + 3 * R.trivial(O2) and layer.out_rep == rep
    x = tensor([[-1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 1e3, -1e3]])
    assert (layer(x) - tensor([[0.0, 0.5, 1.0, 3.0, 4.0, 0.0]])).abs().max() < 1e-12
    assert nn.Gated(3 * R.trivial(O2)).in_rep == 3 * R.trivial(O2)  # nothing to gate
    assert torch.equal(nn.Gated(R.trivial(O2))(-x[:, :1]), x[:, :1].neg().relu())


@pytest.mark.parametrize("layer", LAYERS)
def test_gradients_are_finite_at_zero(layer):
    module = LAYERS[layer](types(D4)["mixed"])
    x = torch.zeros(2, module.in_rep.dim, requires_grad=True)
    module(x).sum().backward()
    assert x.grad.isfinite().all() and (module(x) == 0).all()


@pytest.mark.parametrize(
    "layer", [nn.Norm, nn.Squash, nn.NormPool, nn.BatchNorm, nn.InstanceNorm, nn.LayerNorm, nn.NormMaxPool]
)
def test_types_without_an_invariant_norm_are_refused(layer):
    lorentz = R.standard(G.SO(1, 1))
    with pytest.raises(FieldTypeError, match=r"orthogonal.*standard of SO\(1,1\) is not orthogonal"):
        layer(lorentz)


def test_zero_fields_stay_zero_in_every_precision():
    rep = R.standard(G.Cyclic(8))
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        y = nn.Norm(rep).to(dtype)(torch.zeros(1, 2, 3, dtype=dtype))
        assert torch.equal(y, torch.zeros_like(y))
