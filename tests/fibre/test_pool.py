"""Group, norm and vector pooling: by hand, and against the group."""

import numpy as np
import pytest
import torch

from tests.fibre.action import C4, C8, CASES, D4, D8, IDS, MIRROR, O2, SO2, act, relative, types, worst
from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError

PERMUTED = [2 * R.regular(C8) + R.trivial(C8), R.quotient(D4, MIRROR) + R.regular(D4), 3 * R.regular(D8)]


@pytest.mark.parametrize("mode", ["max", "mean"])
@pytest.mark.parametrize("rep", PERMUTED, ids=str)
def test_group_pool_is_exact(mode, rep):
    layer = nn.GroupPool(rep, mode)
    assert layer.out_rep.is_trivial and layer.out_rep.dim == sum(m for m, _ in rep.terms)
    assert worst(layer, (3,), rep.group.elements(), grid=False) < 1e-12
    x = torch.randn(2, rep.dim, 3, dtype=torch.float64)
    reduce = torch.amax if mode == "max" else torch.mean
    expected = torch.stack([reduce(x[:, channels], 1) for channels, _ in rep.fields], 1)
    assert torch.allclose(layer(x), expected, atol=1e-14)


@pytest.mark.parametrize("group", [SO2, O2], ids=str)
def test_group_pool_of_band_limited_functions(group):
    rep = 2 * R.regular(group, band=2) + R.trivial(group)
    samples = G.Cyclic(12) if group == SO2 else G.Dihedral(12)
    layer = nn.GroupPool(rep).double()
    assert worst(layer, (3,), samples.elements(), grid=False) < 1e-12
    mean = nn.GroupPool(rep, "mean").double()
    assert worst(mean, (3,), group.sample(5), grid=False) < 1e-12  # the mean is the coefficient of frequency 0
    x, elements, found = torch.randn(8, rep.dim, dtype=torch.float64), group.sample(12), []
    for n in (8, 32, 128):
        pool = nn.GroupPool(rep, samples=n).double()
        found.append(max(relative(pool(act(x, rep, g)), pool(x)) for g in elements))
    assert found[1] < found[0] / 4 and found[2] < found[1] / 4, found


def test_group_pool_finds_the_maximum_of_a_fourier_series():
    """cos(3θ - 1) has the maximum 1."""
    rep = R.regular(SO2, band=3)
    angles = 2 * np.pi * np.arange(64) / 64
    turns = G.Cyclic(64).elements().numpy()
    x = np.linalg.lstsq(rep.evaluation(turns), np.cos(3 * angles - 1), rcond=None)[0]
    y = nn.GroupPool(rep, samples=400).double()(torch.tensor(x)[None])
    assert y.shape == (1, 1) and abs(float(y) - 1) < 1e-3


@pytest.mark.parametrize(("group", "name"), CASES, ids=IDS)
def test_norm_pool(group, name):
    rep = types(group)[name]
    layer = nn.NormPool(rep)
    assert worst(layer, (3,), group.sample(4), grid=False) < 1e-12
    x = torch.randn(2, rep.dim, 3, dtype=torch.float64)
    expected = torch.stack([x[:, channels].norm(dim=1) for channels, _ in rep.fields], 1)
    assert layer.out_rep.is_trivial and (layer(x) - expected).abs().max() < 1e-9


@pytest.mark.parametrize(
    "rep",
    [2 * R.regular(C4), R.regular(C8) + R.quotient(C8, G.Trivial(2)), R.regular(D4), R.quotient(D8, MIRROR)],
    ids=str,
)
def test_vector_pool_is_exact(rep):
    layer = nn.VectorPool(rep).double()
    fields = sum(m for m, _ in rep.terms)
    assert layer.out_rep.terms == (fields * R.standard(rep.group)).terms
    assert worst(layer, (3,), rep.group.elements(), grid=False) < 1e-12


def test_vector_pool_of_band_limited_functions():
    for rep, samples in (
        (R.regular(SO2, band=2), G.Cyclic(12)),
        (R.regular(O2, band=1), G.Dihedral(8)),
        (R.quotient(O2, MIRROR, band=2), G.Cyclic(12)),
    ):
        layer = nn.VectorPool(rep).double()
        if rep.dim == R.quotient(O2, MIRROR, band=2).dim and rep.group == O2 and "quotient" in rep.name:
            x = torch.randn(5, rep.dim, dtype=torch.float64)
            for g in samples.elements():
                assert relative(layer(act(x, rep, g)), act(layer(x), layer.out_rep, g)) < 1e-12
            continue
        assert worst(layer, (3,), samples.elements(), grid=False) < 1e-12


def test_vector_pool_by_hand():
    """C4: the component k answers to the k-th quarter turn, whose vector is that of the first axis, turned."""
    x = torch.tensor([[1.0, 3.0, 2.0, -1.0], [-4.0, -3.0, -2.0, -1.0]]).double()
    y = nn.VectorPool(R.regular(C4)).double()(x)
    assert (y - torch.tensor([[0.0, 3.0], [0.0, 0.0]])).abs().max() < 1e-12
    y = nn.VectorPool(R.regular(C4)).double()(x.flip(1))
    assert (y[0] - torch.tensor([-3.0, 0.0])).abs().max() < 1e-12


def test_refused():
    with pytest.raises(FieldTypeError, match="functions on G/H"):
        nn.GroupPool(R.standard(D4))
    with pytest.raises(FieldTypeError, match=r'"max" or "mean", got \'sum\''):
        nn.GroupPool(R.regular(D4), "sum")
    with pytest.raises(FieldTypeError, match=r"SO\(2\) fixes no vector.*points nowhere"):
        nn.VectorPool(R.quotient(O2, SO2))
    with pytest.raises(FieldTypeError, match="functions on G/H"):
        nn.VectorPool(R.irrep(SO2, 1))
