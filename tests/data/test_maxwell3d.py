"""Waves in a box against plane waves, finite differences, conservation and the symmetries of the cube."""

from math import pi

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import reps as R
from torsor.data import Waves, maxwell3d, random_waves, stored
from torsor.errors import DataError


def box(n):
    x = 2 * pi * torch.arange(n, dtype=torch.float64) / n
    return torch.stack(torch.meshgrid(x, x, x, indexing="ij"))


def noise(samples=2, n=8, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((samples, 2, 3, n, n, n)))


@pytest.mark.parametrize("wave", [(1, 0, 0), (2, -1, 0), (1, 2, 3)])
def test_a_plane_wave_moves_with_the_speed_of_light(wave):
    k = torch.tensor(wave, dtype=torch.float64)
    e = torch.linalg.cross(k, torch.tensor([0.3, 0.7, -0.5], dtype=torch.float64))
    b = torch.linalg.cross(k / k.norm(), e)

    def at(t):
        profile = (torch.einsum("i,ixyz->xyz", k, box(12)) - k.norm() * t).cos()
        return Waves(torch.einsum("i,xyz->ixyz", e, profile), torch.einsum("i,xyz->ixyz", b, profile))

    found, expected = at(0.0).evolve(1.3), at(1.3)
    assert (found.electric - expected.electric).abs().max() < 1e-13
    assert (found.magnetic - expected.magnetic).abs().max() < 1e-13


def test_energy_is_conserved_there_is_no_charge_and_time_runs_back():
    waves = random_waves(noise())
    later = waves.evolve(2.7)
    assert torch.allclose(later.energy(), waves.energy(), rtol=1e-12)
    assert max(float(x.abs().max()) for x in later.divergence()) < 1e-13
    assert (later.evolve(-2.7).electric - waves.electric).abs().max() < 1e-13


def residual(n, h):
    """Of both curl equations by central differences, relative."""
    w = torch.linspace(-1, 1, 24, dtype=torch.float64).view(2, 3, 4)
    x, y, z = box(n)
    base = torch.stack([(x + y).cos(), (y - z + 1).sin(), (2 * z + x).cos(), (x - y + z).sin()])
    waves = Waves(*torch.einsum("fik,kxyz->fixyz", w, base)).transverse()
    before, here, after = (waves.evolve(t) for t in (0.5 - h, 0.5, 0.5 + h))

    def curl(f):
        d = [(f.roll(-1, i + 1) - f.roll(1, i + 1)) / (4 * pi / n) for i in range(3)]
        return torch.stack([d[i][j] - d[j][i] for i, j in ((1, 2), (2, 0), (0, 1))])

    faraday = (after.magnetic - before.magnetic) / (2 * h) + curl(here.electric)
    ampere = (after.electric - before.electric) / (2 * h) - curl(here.magnetic)
    return float(max(faraday.abs().max(), ampere.abs().max()) / curl(here.electric).abs().max())


def test_maxwells_equations_hold_to_the_order_of_finite_differences():
    coarse, fine = residual(16, 0.1), residual(32, 0.05)
    assert fine < 0.05
    assert 3.5 < coarse / fine < 4.5


@pytest.mark.parametrize("element", range(0, 24, 5))
def test_draws_and_evolution_commute_with_rotations_of_the_cube(element):
    """F is a field of bivectors: the components of R.exterior(O(1, 3), 2) turn as the representation says."""
    turn = G.Octahedral().elements()[element]
    g = torch.eye(4, dtype=torch.float64)
    g[1:, 1:] = turn
    index = torch.einsum(
        "ji,jxyz->ixyz", turn, torch.stack(torch.meshgrid(*[torch.arange(8.0)] * 3, indexing="ij")).double()
    )
    i, j, k = index.round().long() % 8

    def act(x, matrix):
        return torch.einsum("ij,...jxyz->...ixyz", matrix, x[..., i, j, k])

    moved = random_waves(act(noise(), turn)).evolve(0.9).bivector()
    expected = act(random_waves(noise()).evolve(0.9).bivector(), R.exterior(G.O(1, 3), 2).rho(g))
    assert (moved - expected).abs().max() < 1e-13


def test_random_waves_have_unit_size():
    waves = random_waves(noise(40))
    # two of three polarisations are left
    assert float(waves.electric.square().sum(1).mean()) == pytest.approx(1.0, rel=0.1)
    assert float(waves.magnetic.square().sum(1).mean()) == pytest.approx(1.0, rel=0.1)


def test_data_are_seeded_and_do_not_depend_on_chunks():
    data = maxwell3d(3, 8, (0.0, 0.4, 1.0), seed=1, chunk=2)
    assert data.shape == (3, 3, 6, 8, 8, 8)
    assert torch.allclose(data[:2], maxwell3d(2, 8, (0.0, 0.4, 1.0), seed=1), atol=1e-14)
    assert (data - maxwell3d(3, 8, (0.0, 0.4, 1.0), seed=2)).abs().max() > 0.1


def test_data_are_made_once_and_kept_whole(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return {"fields": maxwell3d(1, 4, peak=1.0)}

    first, second = (stored(tmp_path / "deep" / "waves.npz", make) for _ in range(2))
    assert len(calls) == 1
    assert torch.equal(first["fields"], second["fields"])
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["waves.npz"]
    (tmp_path / "deep" / "waves.npz").write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(DataError, match="delete it"):
        stored(tmp_path / "deep" / "waves.npz", make)


def test_nothing_is_left_when_making_fails(tmp_path):
    def make():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stored(tmp_path / "waves.npz", make)
    assert not list(tmp_path.iterdir())


def test_wrong_settings_are_refused():
    x = torch.zeros(3, 4, 4, 4, dtype=torch.float64)
    with pytest.raises(DataError, match="one shape"):
        Waves(x, x[:2])
    with pytest.raises(DataError, match="noise"):
        random_waves(x)
    with pytest.raises(DataError, match="peak"):
        maxwell3d(1, 4, peak=2.0)
