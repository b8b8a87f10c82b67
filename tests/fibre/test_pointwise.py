"""Componentwise nonlinearities, and the types that they accept."""

import pytest
import torch

from tests.fibre.action import ALONE, C4, D4, D8, LINE, O2, SO2, worst
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError

ACTS = {
    nn.ReLU: torch.relu,
    nn.ELU: torch.nn.functional.elu,
    nn.GELU: torch.nn.functional.gelu,
    nn.SiLU: torch.nn.functional.silu,
    nn.Tanh: torch.tanh,
}
PERMUTED = [
    R.regular(D8),
    R.quotient(D4, C4) + R.trivial(D4),
    2 * R.regular(C4),
    R.regular(LINE),
    R.induced(O2, R.trivial(SO2)),
    R.regular(D4).restrict(C4),
    R.standard(ALONE),
]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("rep", PERMUTED, ids=str)
def test_values_and_equivariance(act, rep):
    layer = act(rep)
    x = torch.randn(3, rep.dim, 2, dtype=torch.float64)
    assert torch.equal(layer(x), ACTS[act](x))
    assert worst(layer, (2,), rep.group.sample(5), grid=False) < 1e-12


@pytest.mark.parametrize("act", [a for a in ACTS if a is not nn.Tanh])
@pytest.mark.parametrize(
    "rep",
    [R.standard(D4), R.sign(D4), R.irrep(SO2, 1), R.regular(SO2, band=1), R.standard(D8) + R.trivial(D8)],
    ids=str,
)
def test_types_whose_components_mix_are_refused(act, rep):
    with pytest.raises(FieldTypeError) as caught:
        act(rep)
    for name in ("nn.Norm", "nn.Gated", "nn.Squash", "nn.Fourier", "odd"):
        assert name in str(caught.value)
    assert str(rep.terms[0][1]) in str(caught.value)


def test_odd_functions_suit_signed_permutations():
    rep = R.standard(D4) + R.sign(D4) + R.induced(D4, R.sign(D4)) + R.regular(D4)
    for layer in (nn.Tanh(rep), nn.Pointwise(rep, torch.nn.Softshrink(0.1)), nn.Pointwise(rep, torch.sin, odd=True)):
        assert worst(layer, (2,), D4.elements(), grid=False) < 1e-12
    with pytest.raises(FieldTypeError):
        nn.Pointwise(rep, torch.sin)  # not known to be odd
    with pytest.raises(FieldTypeError):
        nn.Pointwise(R.standard(D4), torch.nn.Tanh(), odd=False)
    with pytest.raises(FieldTypeError):
        nn.Tanh(R.standard(D8))  # D8 mixes the components of vectors


def test_what_would_go_wrong():
    """ReLU of vectors, forced through, is not equivariant: the refusal is right."""
    rep = R.standard(D4)
    layer = nn.Pointwise(rep, torch.relu, odd=True)
    assert worst(layer, (2,), D4.elements(), grid=False) > 0.1


def test_inplace():
    x = torch.randn(2, 4)
    y = nn.ReLU(R.regular(C4), inplace=True)(x)
    assert y.data_ptr() == x.data_ptr() and y.min() >= 0
