"""Bodies under gravity and charges: conserved quantities, order of the integrator, orbits in closed form, symmetry."""

from math import pi

import pytest
import torch

from torsor import data
from torsor import groups as G
from torsor.data.nbody import accelerations, leapfrog
from torsor.errors import DataError


@pytest.mark.parametrize("law", ["gravity", "charge"])
def test_energy_is_kept_to_second_order(law):
    drifts = []
    for steps in (100, 200, 400):
        energy = data.nbody(20, law=law, times=3, interval=0.5, steps=steps, softening=0.5, seed=1).energy()
        drifts.append((energy - energy[:, :1]).abs().max().item())
    assert drifts[2] < 1e-3
    assert 3.5 < drifts[0] / drifts[1] < 4.5
    assert 3.5 < drifts[1] / drifts[2] < 4.5


@pytest.mark.parametrize("law", ["gravity", "charge"])
def test_momentum_angular_momentum_and_centre_of_mass_are_kept(law):
    motion = data.nbody(10, law=law, times=4, interval=0.3, steps=50, seed=2)
    masses = motion.masses[:, None, :, None]
    momentum = (masses * motion.velocities).sum(2)
    spin = (masses * torch.linalg.cross(motion.positions, motion.velocities)).sum(2)
    assert momentum.abs().max() < 1e-12
    assert (masses * motion.positions).sum(2).abs().max() < 1e-12
    assert (spin - spin[:, :1]).abs().max() < 1e-11


def test_two_bodies_on_a_circle_come_back_after_a_period():
    pull = accelerations(torch.ones(2).double(), torch.ones(2).double(), "gravity", 1e-9)
    x = torch.tensor([[0.5, 0.0, 0.0], [-0.5, 0.0, 0.0]], dtype=torch.float64)
    v = torch.tensor([[0.0, 0.5, 0.0], [0.0, -0.5, 0.0]], dtype=torch.float64) * 2**0.5  # v²/r = 1/(2r)², r = 1/2
    period = 2 * pi * 0.5 / (0.5 * 2**0.5)
    errors = [(leapfrog(x, v, pull, period / n, n)[0] - x).abs().max().item() for n in (200, 400)]
    assert errors[1] < 1e-3
    assert 3.8 < errors[0] / errors[1] < 4.2


def test_the_integrator_is_reversible():
    motion = data.nbody(5, times=2, steps=100, seed=3)
    pull = accelerations(motion.strengths, motion.masses, "gravity", motion.softening)
    back, _ = leapfrog(motion.positions[:, 1], -motion.velocities[:, 1], pull, 0.01, 100)
    assert (back - motion.positions[:, 0]).abs().max() < 1e-9


@pytest.mark.parametrize("law", ["gravity", "charge"])
def test_a_turned_system_moves_along_turned_paths(law):
    motion = data.nbody(5, law=law, times=2, interval=0.5, seed=4)
    g = G.O(3).sample(5, generator=torch.Generator().manual_seed(0)).mT[:, None]
    pull = accelerations(motion.strengths, motion.masses, law, motion.softening)
    x, _ = leapfrog(motion.positions[:, 0] @ g[:, 0], motion.velocities[:, 0] @ g[:, 0], pull, 0.005, 100)
    assert (x - motion.positions[:, 1] @ g[:, 0]).abs().max() < 1e-9


def test_like_charges_repel_and_masses_attract():
    x = torch.tensor([[0.0, 0, 0], [1.0, 0, 0]], dtype=torch.float64)
    one = torch.ones(2, dtype=torch.float64)
    assert accelerations(one, one, "gravity", 0.1)(x)[0, 0] > 0
    assert accelerations(one, one, "charge", 0.1)(x)[0, 0] < 0
    assert accelerations(one * torch.tensor([1.0, -1.0]), one, "charge", 0.1)(x)[0, 0] > 0


def test_seeds_fix_the_systems():
    first, again, other = (data.nbody(3, steps=5, seed=s).positions for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (3, 2, 5, 3)
    assert first.dtype == torch.float64


@pytest.mark.parametrize("wrong", [{"law": "magic"}, {"steps": 0}, {"softening": 0.0}, {"interval": -1.0}])
def test_wrong_options_are_named(wrong):
    with pytest.raises(DataError, match="expected"):
        data.nbody(2, **wrong)
