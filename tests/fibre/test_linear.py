"""Equivariant linear maps: counts from characters, equivariance under continuous elements, invariant biases."""

import numpy as np
import pytest
import torch

from tests.fibre.action import C4, CASES, D4, IDS, O2, SO2, SO3, randomise, types, worst
from tests.oracles import hom_by_force
from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError, KernelError

pytestmark = pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")


def images(rep: R.Representation) -> np.ndarray:
    """ρ of elements that generate the group (a dense subgroup)."""
    group = rep.group
    elements = group.generator_array if group.is_finite else group.sample(6, torch.Generator()).numpy()
    return rep.rho(np.concatenate([np.eye(group.dim)[None], elements]))


@pytest.mark.parametrize(("group", "name"), CASES, ids=IDS)
def test_counts_are_dimensions_of_hom(group, name):
    rep, other = types(group)[name], R.trivial(group) + R.standard(group) + types(group)["regular"]
    layer = nn.Linear(rep, other, dtype=torch.float64)
    space = hom_by_force(images(rep), images(other))
    assert layer.weight.numel() == len(space)
    matrix = layer.matrix().detach().numpy().ravel()
    assert np.abs(matrix - space.T @ (space @ matrix)).max() < 1e-9 and np.abs(matrix).max() > 0.01
    assert layer.bias.numel() == len(hom_by_force(np.ones((len(images(other)), 1, 1)), images(other)))


@pytest.mark.parametrize(("group", "name"), CASES, ids=IDS)
@pytest.mark.parametrize("space", [(), (3,), (2, 2)])
def test_commutes_with_random_elements(group, name, space):
    rep = types(group)[name]
    layer = randomise(nn.Linear(rep, rep + R.trivial(group), dtype=torch.float64))
    assert worst(layer, space, group.sample(4), grid=False) < 1e-12


def test_in_three_dimensions():
    rep = R.tensor(SO3, 2) + R.standard(SO3) + R.trivial(SO3)
    layer = nn.Linear(rep, rep, dtype=torch.float64)
    assert layer.weight.numel() == 2 * 2 + 2 * 2 + 1  # Schur: l = 0 twice, l = 1 twice, l = 2 once
    assert worst(randomise(layer), (), SO3.sample(4), grid=False) < 1e-12


@pytest.mark.parametrize(
    ("rep", "number"),
    [
        (R.trivial(SO2), 1),
        (R.irrep(SO2, 1), 2),  # complex
        (R.irrep(O2, 1, 1), 1),  # real
        (R.standard(C4), 2),
        (R.standard(D4), 1),
        (R.regular(C4), 4),
        (3 * R.regular(D4), 9 * 8),
        (R.regular(SO2, band=2), 1 + 2 + 2),
    ],
)
def test_counts_by_schurs_lemma(rep, number):
    assert nn.Linear(rep, rep).weight.numel() == number


def test_the_formula():
    layer = randomise(nn.Linear(2 * R.regular(C4), R.regular(C4) + R.standard(C4), dtype=torch.float64))
    x = torch.randn(3, 8, 2, 5, dtype=torch.float64)
    bias = torch.cat([layer.bias.expand(4), torch.zeros(2)])  # the invariants of C4: one of the regular field
    expected = torch.einsum("oi,bihw->bohw", layer.matrix(), x) + bias.view(1, 6, 1, 1)
    assert layer.bias.shape == (1,) and (layer(x) - expected).abs().max() < 1e-13
    assert torch.allclose(layer(x[:, :, 0, 0]), expected[:, :, 0, 0])
    frozen = layer.freeze()
    assert isinstance(frozen, torch.nn.Linear) and torch.allclose(frozen(x), expected, atol=1e-13)


def test_bias_lives_on_invariants_only():
    assert nn.Linear(R.standard(D4), R.standard(D4)).bias is None
    assert nn.Linear(R.regular(D4), R.regular(D4), bias=False).bias is None
    assert nn.Linear(R.regular(D4), 3 * R.regular(D4) + R.sign(D4)).bias.shape == (3,)


@pytest.mark.parametrize("name", [n for g, n in CASES if g == D4])
def test_initialisation_keeps_the_variance(name):
    """White input of unit variance: every component of the output has variance 1, on average over the weights."""
    for k, (_, term) in enumerate(types(D4)[name].terms):
        layer = nn.Linear(6 * R.regular(D4) + 9 * R.standard(D4), 400 * term, dtype=torch.float64)
        variance = layer.matrix().detach().square().sum(1).view(-1, term.dim).mean(0)  # E y² of white input
        assert (variance - 1).abs().max() < 0.12, (k, variance)


def test_nothing_to_map():
    with pytest.raises(KernelError, match=r"no equivariant map exists from trivial of C4 to standard of C4"):
        nn.Linear(R.trivial(C4), R.standard(C4))
    with pytest.raises(FieldTypeError):
        nn.Linear(R.trivial(C4), R.trivial(G.Cyclic(2)))
