"""The closed-form fields of the check: transforming the formula is transforming the samples."""

import pytest
import torch

from tests.fibre.action import C4, CUBE, D4, LINE, O2, act, lattice
from torsor import reps as R
from torsor.check.probe import BAND, PlaneWaves


@pytest.mark.parametrize("rep", [R.regular(C4), R.standard(D4) + R.sign(D4), R.sign(LINE), R.standard(CUBE)], ids=str)
@pytest.mark.parametrize("size", [6, 7])
def test_lattice_elements_permute_the_samples(rep, size):
    waves = PlaneWaves.random(rep, 2, 3.0, torch.Generator().manual_seed(0))
    x = waves.sample(size)
    assert x.shape == (2, rep.dim, *[size] * rep.group.dim) and x.dtype == torch.float64
    for g in lattice(rep.group)[:6]:
        assert (waves.sample(size, g=g) - act(x, rep, g)).abs().max() < 1e-12


def test_by_the_formula():
    rep = R.standard(O2)
    waves = PlaneWaves.random(rep, 2, 4.0, torch.Generator().manual_seed(1))
    g = O2.sample(1, torch.Generator().manual_seed(2))[0]
    x = waves.sample(5, factor=2, g=g)
    assert x.shape == (2, 2, 9, 9)
    for i, j in ((0, 0), (4, 4), (2, 7)):
        p = torch.linalg.inv(g) @ torch.tensor([(i - 4) / 2, (j - 4) / 2], dtype=torch.float64)
        value = torch.zeros(2, 2, dtype=torch.float64)
        for n in range(2):
            for w in range(waves.wave.shape[1]):
                value[n] += waves.amplitude[n, w] * torch.cos(waves.wave[n, w] @ p + waves.phase[n, w])
        envelope = max(0.0, 1 - float(p @ p) / 16) ** 2
        assert (x[:, :, i, j] - envelope * value @ g.T).abs().max() < 1e-12


def test_band_limit_and_envelope():
    waves = PlaneWaves.random(R.trivial(C4), 50, 4.0, torch.Generator().manual_seed(1))
    lengths = waves.wave.norm(dim=-1) / (2 * torch.pi)
    assert lengths.max() <= BAND and lengths.max() > 0.9 * BAND
    x = waves.sample(11)
    assert x[..., 0, 0].abs().max() == 0 and x[..., 5, 5].abs().min() > 0
    assert waves.first(3).sample(4).shape == (3, 1, 4, 4)
    assert torch.equal(waves.first(3).sample(4), waves.sample(4)[:3])


@pytest.mark.parametrize("size", [6, 7])
def test_finer_grids_cover_the_same_region(size):
    waves = PlaneWaves.random(R.trivial(C4), 2, 4.0, torch.Generator().manual_seed(1))
    coarse, fine = waves.sample(size), waves.sample(size, 3)
    assert (fine[..., (1 - size % 2) :: 3, (1 - size % 2) :: 3] - coarse).abs().max() < 1e-12
