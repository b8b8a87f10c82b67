"""Fourier nonlinearities: against explicit Fourier series, exact under the samples, elsewhere closer with more."""

import numpy as np
import pytest
import torch

from tests.fibre.action import C4, C8, D4, D8, MIRROR, O2, SO2, act, relative, worst
from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError
from torsor.fibre.sampling import evaluation_matrix, sample_elements


def error(layer: nn.Layer, elements: torch.Tensor) -> float:
    x = torch.randn(8, layer.in_rep.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return max(relative(layer(act(x, layer.in_rep, g)), act(layer(x), layer.out_rep, g)) for g in elements)


@pytest.mark.parametrize(
    ("rep", "samples", "subgroup"),
    [
        (2 * R.regular(SO2, band=2) + R.trivial(SO2), None, G.Cyclic(12)),
        (R.regular(SO2, band=3), 7, G.Cyclic(7)),
        (R.regular(O2, band=2) + 2 * R.quotient(O2, MIRROR, band=3), None, G.Dihedral(12)),
        (R.quotient(SO2, G.Cyclic(2), band=4), 20, G.Cyclic(20)),
    ],
    ids=["SO(2)", "SO(2), few", "O(2)", "quotient"],
)
def test_exact_under_the_samples(rep, samples, subgroup):
    layer = nn.Fourier(rep, torch.nn.ELU(), samples).double()
    if rep.terms[-1][1] == R.quotient(O2, MIRROR, band=3):
        subgroup = G.Dihedral(4)  # the samples of one term are D12, those of the other D16
    assert worst(layer, (2,), subgroup.elements(), grid=False) < 1e-12
    assert error(layer, rep.group.sample(8)) > 1e-5  # elsewhere it is not


@pytest.mark.parametrize("group", [SO2, O2], ids=str)
@pytest.mark.parametrize("rep", ["regular", "quotient"])
def test_more_samples_less_error_elsewhere(group, rep):
    subgroup = G.Cyclic(2) if group == SO2 else MIRROR
    rep = R.regular(group, band=2) if rep == "regular" else R.quotient(group, subgroup, band=2)
    elements = group.sample(20)
    found = [error(nn.Fourier(rep, torch.nn.ELU(), n).double(), elements) for n in (8, 32, 128)]
    assert all(b < a / 4 for a, b in zip(found, found[1:], strict=False)), found
    assert found[-1] < 5e-4


def test_against_a_fourier_series():
    """SO(2) regular, band 2, at N angles: f(θ) = a₀ + √2 Σ (a_k cos kθ + b_k sin kθ), then a discrete projection."""
    rep = R.regular(SO2, band=2)
    n = 12
    angles = 2 * np.pi * np.arange(n) / n
    expected = np.stack([np.ones(n)] + [f(k * angles) * 2**0.5 for k in (1, 2) for f in (np.cos, np.sin)], 1)
    found = evaluation_matrix(rep, sample_elements(rep, n))
    for block in (slice(0, 1), slice(1, 3), slice(3, 5)):  # up to a rotation of each frequency's basis
        q = np.linalg.lstsq(expected[:, block], found[:, block], rcond=None)[0]
        assert np.abs(expected[:, block] @ q - found[:, block]).max() < 1e-12
        assert np.abs(q @ q.T - np.eye(len(q))).max() < 1e-12
    x = torch.randn(4, 5, dtype=torch.float64)
    y = nn.Fourier(rep, torch.nn.ReLU(), n).double()(x)
    values = (x @ torch.tensor(found).T).relu()
    projected = values @ torch.tensor(found) / n  # E⁺ = Eᵀ/n on equispaced samples
    assert (y - projected).abs().max() < 1e-12


def test_linear_functions_pass_unchanged():
    rep = 2 * R.regular(O2, band=2) + R.trivial(O2) + R.quotient(O2, MIRROR, band=1)
    x = torch.randn(3, rep.dim, 2, 2, dtype=torch.float64)
    assert (nn.Fourier(rep, torch.nn.Identity()).double()(x) - x).abs().max() < 1e-12


@pytest.mark.parametrize("rep", [R.regular(C4), R.quotient(D4, MIRROR), R.regular(D8) + R.trivial(D8)], ids=str)
def test_of_finite_groups_it_is_pointwise(rep):
    x = torch.randn(3, rep.dim, 4, dtype=torch.float64)
    layer = nn.Fourier(rep).double()
    assert torch.equal(layer(x), x.relu())
    assert worst(layer, (2,), rep.group.elements(), grid=False) < 1e-12


def test_band_limited_functions_of_a_finite_group():
    rep = R.regular(C8, band=2)
    assert rep.dim == 5
    assert worst(nn.Fourier(rep).double(), (2,), C8.elements(), grid=False) < 1e-12


def test_given_samples():
    rep = R.regular(SO2, band=1)
    layer = nn.Fourier(rep, samples=G.Cyclic(9).elements()).double()
    reference = nn.Fourier(rep, samples=9).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    assert torch.equal(layer(x), reference(x))


def test_refused():
    with pytest.raises(FieldTypeError, match=r"functions on G/H, got standard of SO\(2\)"):
        nn.Fourier(R.standard(SO2))
    with pytest.raises(FieldTypeError, match=r"4 samples do not determine the 5 components.*take more samples"):
        nn.Fourier(R.regular(SO2, band=2), samples=4)
    assert nn.Fourier(R.trivial(SO2))(torch.tensor([[-1.0]])) == 0


def test_trivial_terms_among_others():
    layer = nn.Fourier(R.trivial(SO2) + R.regular(SO2, band=1) + 2 * R.trivial(SO2), torch.nn.ReLU()).double()
    x = torch.randn(3, 6, dtype=torch.float64)
    y = layer(x)
    assert torch.equal(y[:, [0, 4, 5]], x[:, [0, 4, 5]].relu())
