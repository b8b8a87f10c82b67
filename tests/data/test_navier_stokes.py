"""Fluids against exact solutions, conservation laws, finite differences and the symmetries of the square."""

from math import pi

import numpy as np
import pytest
import torch

from torsor.data import Flow, navier_stokes, random_flow
from torsor.errors import DataError


def square(n):
    x = 2 * pi * torch.arange(n, dtype=torch.float64) / n
    return torch.meshgrid(x, x, indexing="ij")


def smooth(n, **settings):
    """A flow that is the same function on every grid."""
    x, y = square(n)
    omega = (x + 2 * y).cos() + 0.7 * (2 * x - y + 1).sin() - 0.5 * (3 * y).cos() + 0.3 * (2 * x + 2).sin()
    return Flow(omega, (x - y).sin() + 0.5 * (2 * x + y).cos(), **settings)


def noise(samples=2, n=32, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((samples, 2, n, n)))


@pytest.mark.parametrize("waves", [1, 3])
def test_taylor_green_vortices_decay_exactly(waves):
    x, y = square(24)
    omega, nu, time = 2 * waves * (waves * x).cos() * (waves * y).cos(), 0.05, 0.7
    flow = Flow(omega, omega.clone(), nu, nu)
    u = flow.velocity()
    assert torch.allclose(u[0], -(waves * x).cos() * (waves * y).sin(), atol=1e-13)
    assert torch.allclose(u[1], (waves * x).sin() * (waves * y).cos(), atol=1e-13)
    expected = omega * np.exp(-2 * waves**2 * nu * time)
    assert (flow.evolve(time).vorticity - expected).abs().max() < 1e-12


def test_a_scalar_in_a_fluid_at_rest_diffuses_exactly():
    x, _ = square(16)
    flow = Flow(0 * x, (3 * x).cos(), 0.1, 0.02).evolve(2.0)
    assert torch.allclose(flow.scalar, (3 * x).cos() * np.exp(-9 * 0.02 * 2.0), atol=1e-13)


def test_a_scalar_that_begins_as_the_vorticity_stays_so():
    flow = random_flow(noise(), viscosity=1e-3, diffusivity=1e-3)
    flow = Flow(flow.vorticity, flow.vorticity.clone(), 1e-3, 1e-3).evolve(1.0)
    assert torch.allclose(flow.scalar, flow.vorticity, atol=1e-11)


def test_velocities_have_no_divergence_and_the_right_curl():
    u = smooth(32).velocity()
    spectrum = torch.fft.fft2(u)
    k = torch.fft.fftfreq(32, 1 / 32, dtype=torch.float64)
    d0, d1 = 1j * k[:, None], 1j * k
    assert torch.fft.ifft2(d0 * spectrum[0] + d1 * spectrum[1]).abs().max() < 1e-13
    assert (torch.fft.ifft2(d0 * spectrum[1] - d1 * spectrum[0]).real - smooth(32).vorticity).abs().max() < 1e-12


def test_energy_and_enstrophy_are_kept_without_viscosity_and_energy_decays_as_it_must():
    ideal = smooth(48, viscosity=0.0, diffusivity=0.0)
    later = ideal.evolve(0.4, courant=0.1)
    for before, after in ((ideal.velocity(), later.velocity()), (ideal.vorticity, later.vorticity)):
        assert float(after.square().mean() / before.square().mean()) == pytest.approx(1, abs=1e-6)
    nu, h = 0.03, 1e-3
    flow = smooth(48, viscosity=nu)
    energies = [float(flow.evolve(t).velocity().square().sum(0).mean()) / 2 for t in (0.1 - h, 0.1 + h)]
    enstrophy = float(flow.evolve(0.1).vorticity.square().mean())
    assert (energies[1] - energies[0]) / (2 * h) == pytest.approx(-nu * enstrophy, rel=1e-6)


def residual(n, h):
    """Of both equations, by central differences in space and time, relative to the advection."""
    states = [smooth(n, viscosity=0.01, diffusivity=0.02).evolve(t, courant=0.05) for t in (0.2 - h, 0.2, 0.2 + h)]
    dx, u = 2 * pi / n, states[1].velocity()
    wrong, size = [], []
    for name, rate in (("vorticity", 0.01), ("scalar", 0.02)):
        before, here, after = (getattr(state, name) for state in states)
        east, west = here.roll(-1, (0)), here.roll(1, (0))
        north, south = here.roll(-1, 1), here.roll(1, 1)
        advection = (u[0] * (east - west) + u[1] * (north - south)) / (2 * dx)
        laplacian = (east + west + north + south - 4 * here) / dx**2
        wrong.append((after - before) / (2 * h) + advection - rate * laplacian)
        size.append(advection)
    return float(torch.stack(wrong).abs().max() / torch.stack(size).abs().max())


def test_the_equations_hold_to_the_order_of_finite_differences():
    coarse, fine = residual(32, 0.02), residual(64, 0.01)
    assert fine < 0.02
    assert 3.5 < coarse / fine < 4.5


def test_steps_of_time_are_of_fourth_order():
    exact, *found = (smooth(24).evolve(1.0, courant).vorticity for courant in (0.02, 0.4, 0.2))
    coarse, fine = ((x - exact).abs().max() for x in found)
    assert 12 < float(coarse / fine) < 20


@pytest.mark.parametrize("turns, flip", [(k, f) for k in range(4) for f in (False, True)])
def test_draws_and_evolution_commute_with_the_symmetries_of_the_square(turns, flip):
    """Vorticity is a pseudoscalar, s a scalar, u a vector."""
    sign = -1.0 if flip else 1.0

    def act(x):
        x = torch.rot90(x, turns, (-2, -1))
        return x.flip(-1) if flip else x

    def vectors(u):
        a, b = act(u).unbind(-3)
        for _ in range(turns):
            a, b = -b, a
        return torch.stack([a, -b if flip else b], -3)

    w = noise()
    moved = random_flow(act(w) * torch.tensor([sign, 1.0]).view(2, 1, 1), viscosity=1e-3).evolve(0.5)
    flow = random_flow(w, viscosity=1e-3).evolve(0.5)
    assert (moved.vorticity - sign * act(flow.vorticity)).abs().max() < 1e-12 * flow.vorticity.abs().max()
    assert (moved.scalar - act(flow.scalar)).abs().max() < 1e-12 * flow.scalar.abs().max()
    assert (moved.velocity() - vectors(flow.velocity())).abs().max() < 1e-12


def test_evolution_commutes_with_translations():
    flow = random_flow(noise())
    shift = {"shifts": (3, -5), "dims": (-2, -1)}
    moved = Flow(flow.vorticity.roll(**shift), flow.scalar.roll(**shift), flow.viscosity, flow.diffusivity).evolve(0.5)
    assert (moved.vorticity - flow.evolve(0.5).vorticity.roll(**shift)).abs().max() < 1e-12 * 30


def test_random_flows_have_the_speed_that_was_asked_for():
    flow = random_flow(noise(60, 24), speed=2.0)
    assert float(flow.velocity().square().sum(-3).mean()) == pytest.approx(4.0, rel=0.05)
    assert float(flow.scalar.square().mean()) == pytest.approx(1.0, rel=0.05)
    assert flow.vorticity.mean((-2, -1)).abs().max() < 1e-12


def test_data_are_seeded_and_do_not_depend_on_chunks():
    data = navier_stokes(5, 16, (0.0, 0.3), seed=3, chunk=2)
    again = navier_stokes(4, 16, (0.0, 0.3), seed=3, chunk=4)
    assert {name: tuple(x.shape) for name, x in data.items()} == {
        "velocity": (5, 2, 2, 16, 16),
        "vorticity": (5, 2, 16, 16),
        "scalar": (5, 2, 16, 16),
    }
    assert torch.equal(data["velocity"][:4, 0], again["velocity"][:, 0])
    assert torch.allclose(data["velocity"][:4], again["velocity"], atol=1e-4)  # the steps of time may differ
    assert (navier_stokes(1, 16, (0.3,), seed=4)["scalar"] - data["scalar"][:1, 1:]).abs().max() > 0.1


def test_wrong_settings_are_refused():
    x = torch.zeros(8, 8, dtype=torch.float64)
    with pytest.raises(DataError, match="one shape"):
        Flow(x, x[:4])
    with pytest.raises(DataError, match="viscosity"):
        Flow(x, x, viscosity=-1.0)
    with pytest.raises(DataError, match="peak"):
        random_flow(noise(n=8), peak=4.0)
    with pytest.raises(DataError, match="ascending"):
        navier_stokes(1, 16, (1.0, 0.5))
    with pytest.raises(DataError, match="time"):
        Flow(x, x).evolve(-1.0)
