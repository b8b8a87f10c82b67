"""Fields of moving charges against textbooks, against representations of the Lorentz group, and against Maxwell."""

from math import pi

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import reps as R
from torsor.data import Charges, boost, em_fields
from torsor.data.charges import minkowski
from torsor.errors import DataError

LORENTZ, BIVECTOR = G.O(1, 3), R.exterior(G.O(1, 3), 2)


def random_charges(samples=4, n=3, acceleration=0.05, seed=0):
    torch.manual_seed(seed)
    q, event = torch.randn(samples, n, dtype=torch.float64), 2 * torch.randn(samples, n, 4, dtype=torch.float64)
    v, a = (s * torch.randn(samples, n, 3, dtype=torch.float64).clamp(-1.5, 1.5) for s in (0.3, acceleration))
    return Charges.moving(q, event, v, a)


def one(q=1.0, event=(0.0, 0, 0, 0), v=(0.0, 0, 0), a=(0.0, 0, 0)):
    q, event, v, a = (torch.tensor(x, dtype=torch.float64) for x in ([q], [event], [v], [a]))
    return Charges.moving(q, event, v, a)


def act(matrix, x):
    return (matrix @ x.unsqueeze(-1)).squeeze(-1)


def split(f):
    """E and B of F = (E₁, E₂, E₃, B₃, −B₂, B₁)."""
    return f[..., :3], torch.stack([f[..., 5], -f[..., 4], f[..., 3]], -1)


def sphere(order=24):
    """Unit vectors and weights of a quadrature on the sphere, the weights summing to 4π."""
    z, w = np.polynomial.legendre.leggauss(order)
    phi = 2 * pi * np.arange(2 * order) / (2 * order)
    s = np.sqrt(1 - z**2)[:, None]
    n = np.stack([s * np.cos(phi), s * np.sin(phi), np.broadcast_to(z[:, None], (order, 2 * order))], -1)
    return torch.from_numpy(n.reshape(-1, 3)), torch.from_numpy(np.repeat(w * pi / order, 2 * order))


# ------------------------------------------------------------------------------------------------------- closed forms


def test_a_charge_at_rest_has_the_field_of_coulomb():
    x = torch.randn(20, 4, dtype=torch.float64)
    e, b = split(one(q=-2.0).field(x))
    assert torch.allclose(e, -2 * x[:, 1:] / x[:, 1:].norm(dim=1, keepdim=True) ** 3, rtol=1e-11)
    assert b.abs().max() == 0


@pytest.mark.parametrize("v", [(0.5, 0.0, 0.0), (0.3, -0.6, 0.5), (0.0, 0.0, 0.99)])
def test_a_uniform_charge_has_the_field_of_heaviside(v):
    x, velocity = 3 * torch.randn(50, 4, dtype=torch.float64), torch.tensor(v, dtype=torch.float64)
    e, b = split(one(v=v).field(x))
    now = x[:, 1:] - x[:, :1] * velocity  # from the present place of the charge
    v2 = velocity.square().sum()
    sine2 = 1 - (now @ velocity) ** 2 / (now.square().sum(1) * v2)
    expected = now * ((1 - v2) / (1 - v2 * sine2) ** 1.5 / now.norm(dim=1) ** 3)[:, None]
    assert torch.allclose(e, expected, rtol=1e-9, atol=1e-12)
    assert torch.allclose(b, torch.linalg.cross(velocity.expand_as(e), expected), rtol=1e-9, atol=1e-12)


def test_an_accelerated_charge_has_the_field_of_born():
    scale = 2.0  # 1/α; the charge is at (t, 0, 0, √(scale² + t²))
    charge = one(event=(0.0, 0, 0, scale), a=(0.0, 0, 1 / scale))
    x = 2 * torch.randn(200, 4, dtype=torch.float64)
    x = x[x[:, 0] + x[:, 3] > 0.1]
    t, z, rho2 = x[:, 0], x[:, 3], x[:, 1] ** 2 + x[:, 2] ** 2
    xi = ((scale**2 + t**2 - rho2 - z**2) ** 2 + 4 * scale**2 * rho2).sqrt()
    along = -4 * scale**2 * (scale**2 + t**2 + rho2 - z**2) / xi**3
    across, magnetic = 8 * scale**2 * z / xi**3, 8 * scale**2 * t / xi**3
    e, b = split(charge.field(x))
    assert torch.allclose(e[:, 2], along, rtol=1e-8, atol=1e-12)
    assert torch.allclose(e[:, :2], across[:, None] * x[:, 1:3], rtol=1e-8, atol=1e-12)
    assert torch.allclose(b[:, :2], magnetic[:, None] * torch.stack([-x[:, 2], x[:, 1]], 1), rtol=1e-8, atol=1e-12)
    assert b[:, 2].abs().max() < 1e-12


def test_nothing_is_seen_beyond_the_horizon():
    charge = one(event=(0.0, 0, 0, 2.0), a=(0.0, 0, 0.5))
    assert charge.field(torch.tensor([[0.0, 0.3, 0.2, -0.1]])).abs().max() == 0


@pytest.mark.parametrize("acceleration", [0.0, 1e-9, 0.1])
def test_worldlines_have_constant_proper_acceleration(acceleration):
    charges, tau, step = random_charges(acceleration=acceleration), torch.linspace(-2, 2, 3), 1e-3
    for now in tau.double():
        before, here, after = (
            charges.at(torch.full((4, 3), float(now) + h, dtype=torch.float64)) for h in (-step, 0.0, step)
        )
        u, a = (after - before) / (2 * step), (after - 2 * here + before) / step**2
        assert (minkowski(u, u) + 1).abs().max() < 1e-5
        assert (minkowski(a, a).clamp(min=0).sqrt() - charges.acceleration).abs().max() < 1e-5


def test_an_accelerated_charge_radiates_as_larmor_says():
    n, w = sphere()
    alpha, radius, q = 0.1, 7.0, 1.5
    charge = one(q, (0.0, 0, 0, 0), (0.0, 0, 0), (0.0, alpha, 0.0))
    x = torch.cat([torch.full((len(n), 1), radius, dtype=torch.float64), radius * n], 1)  # the light of τ = 0
    e, b = split(charge.field(x))
    power = radius**2 * (w * (torch.linalg.cross(e, b) * n).sum(1)).sum() / (4 * pi)
    assert float(power) == pytest.approx(2 / 3 * q**2 * alpha**2, rel=1e-10)


@pytest.mark.parametrize("inside", [True, False])
def test_the_flux_through_a_sphere_is_the_charge_inside(inside):
    n, w = sphere(40)
    place = (0.1, 0.3, -0.2, 0.1) if inside else (0.1, 3.0, 2.0, 0.0)
    charge = one(1.7, place, (0.4, 0.1, -0.3), (0.02, 0.05, 0.0))
    e, _ = split(charge.field(torch.cat([torch.zeros(len(n), 1, dtype=torch.float64), 1.5 * n], 1)))
    flux = 1.5**2 * (w * (e * n).sum(1)).sum()
    assert float(flux) == pytest.approx(4 * pi * 1.7 if inside else 0.0, abs=1e-6)


# -------------------------------------------------------------------------------------------------- Poincaré, Maxwell


@pytest.mark.parametrize("rapidity", [0.0, 0.5, 2.0])
def test_a_boosted_coulomb_field_is_the_representation_applied(rapidity):
    charge, a = one(), torch.zeros(4, 4, dtype=torch.float64)
    a[0, 2] = a[2, 0] = rapidity
    g, x = LORENTZ.exp(a), torch.randn(100, 4, dtype=torch.float64)
    moved = charge.transform(g).field(act(g, x))
    expected = act(BIVECTOR.rho(g), charge.field(x))
    assert (moved - expected).abs().max() < 1e-12 * expected.abs().max()


@pytest.mark.parametrize("scale", [0.1, 0.7, 1.5])
def test_fields_are_covariant_under_the_poincare_group(scale):
    """Reflections of space and of time included; the reversal of time needs advanced fields, which it gets."""
    charges, g = random_charges(), LORENTZ.sample(4, scale=scale)
    shift, x = torch.randn(2, 4, 4, dtype=torch.float64)
    x = x.unsqueeze(1) * torch.rand(1, 30, 1, dtype=torch.float64)
    moved = charges.transform(g, shift).field(act(g.unsqueeze(1), x) + shift.unsqueeze(1))
    expected = act(BIVECTOR.rho(g).unsqueeze(1), charges.field(x))
    assert (moved - expected).abs().max() < 1e-11 * expected.abs().max() * g.abs().max() ** 2


def maxwell(charges, x, h):
    """dF and d*F by central differences of step h at events x, relative to the size of ∂F: two numbers."""
    steps = h * torch.eye(4, dtype=torch.float64)
    d = torch.stack([(charges.field(x + s) - charges.field(x - s)) / (2 * h) for s in steps])  # (4, samples, m, 6)
    e, b = split(d)
    divergence = [f[1, ..., 0] + f[2, ..., 1] + f[3, ..., 2] for f in (e, b)]
    curl_e, curl_b = (
        torch.stack([f[i + 1, ..., j] - f[j + 1, ..., i] for i, j in ((1, 2), (2, 0), (0, 1))], -1) for f in (e, b)
    )
    homogeneous = torch.cat([(curl_e + b[0]), divergence[1][..., None]], -1)
    sourced = torch.cat([(curl_b - e[0]), divergence[0][..., None]], -1)
    return [float(x.abs().max() / d.abs().max()) for x in (homogeneous, sourced)]


def test_fields_satisfy_maxwells_equations_to_the_order_of_the_discretisation():
    charges, x = random_charges(seed=1), torch.randn(60, 4, dtype=torch.float64)
    away = (charges.field(x).norm(dim=-1).amax(0) < 5).nonzero()[:, 0]
    coarse, fine = (maxwell(charges, x[away], h) for h in (0.02, 0.01))
    for c, f in zip(coarse, fine, strict=True):
        assert f < 1e-2
        assert 3.6 < c / f < 4.4


# ------------------------------------------------------------------------------------------------------------- errors


def test_wrong_charges_are_refused():
    with pytest.raises(DataError, match="below that of light"):
        one(v=(0.8, 0.6, 0.1))
    q, zero = torch.ones(2, dtype=torch.float64), torch.zeros(2, 4, dtype=torch.float64)
    with pytest.raises(DataError, match="orthonormal|η"):
        Charges(q, zero, zero, zero, 0 * q)
    with pytest.raises(DataError, match=r"\(2, 4\)"):
        Charges(q, zero[:, :3], zero, zero, 0 * q)
    with pytest.raises(DataError, match="speed"):
        em_fields(2, speed=1.0)
    with pytest.raises(DataError, match="future"):
        em_fields(2, size=4, future=4)


# -------------------------------------------------------------------------------------------------- the data on R^{1,2}

PLANE = R.exterior(G.O(1, 2), 2)


def turn(angle):
    c, s = np.cos(angle), np.sin(angle)
    return torch.tensor([[1, 0, 0], [0, c, -s], [0, s, c]], dtype=torch.float64)


def test_mirrored_charges_have_a_planar_field_in_the_plane():
    data = em_fields(3, size=6)
    x = torch.cat([data.events.reshape(-1, 3), torch.zeros(6**3, 1, dtype=torch.float64)], 1)
    full = data.charges.field(x)
    assert full[..., [2, 4, 5]].abs().max() < 1e-15
    assert torch.equal(full[..., [0, 1, 3]].mT.reshape(3, 3, 6, 6, 6), data.fields())
    assert data.fields().square().mean() > 1e-4


@pytest.mark.parametrize("rapidity", [0.25, 1.0])
def test_boosted_copies_are_exact(rapidity):
    data = em_fields(5, size=6)
    g = boost(rapidity, torch.arange(5)) @ turn(0.3)
    x, copy = data.events.reshape(-1, 3), data.transformed(g)
    source = torch.stack([data[i : i + 1].fields(x @ torch.linalg.inv(g[i]).T)[0] for i in range(5)])
    expected = act(PLANE.rho(g).unsqueeze(1), source)
    assert (copy.fields(x) - expected).abs().max() < 1e-12 * expected.abs().max()
    assert (copy.fields() - copy.fields(x).mT.reshape(5, 3, 6, 6, 6)).abs().max() == 0
    assert G.O(1, 2).contains(g).all()


def test_a_quarter_turn_of_the_charges_is_rot90():
    data = em_fields(4, size=6)
    g = turn(pi / 2)
    expected = torch.einsum("ij,njtxy->nitxy", PLANE.rho(g), torch.rot90(data.fields(), 1, (-2, -1)))
    assert (data.transformed(g).fields() - expected).abs().max() < 1e-13


def test_the_past_is_cut_off_by_the_plane_and_moves_with_it():
    data = em_fields(2, size=8, future=3)
    assert torch.equal(data.past()[0, 0, :, 3, 4], torch.arange(8) < 5)
    assert torch.equal(data.scored(), ~data.past())
    g = boost(0.8, 0.4)
    x = data.events.reshape(-1, 3) @ torch.linalg.inv(g).T
    moved = data.transformed(turn(1.0)).transformed(g @ turn(-1.0))
    assert torch.equal(moved.past()[0].flatten(), x[:, 0] < 1.0)
    inside = (x[:, 0] >= 1.0) & (x.abs() <= 4.0).all(1)
    assert torch.equal(moved.scored()[0].flatten(), inside)
    assert 10 < inside.sum() < (~moved.past()[0]).sum()


def test_a_longer_draw_begins_like_a_shorter_one_and_seeds_differ():
    long, short = em_fields(20, size=4), em_fields(3, size=4)
    assert torch.equal(long.fields()[:3], short.fields())
    assert (em_fields(3, size=4, seed=1).fields() - short.fields()).abs().max() > 1e-3


def test_the_distribution_does_not_know_directions_of_space():
    data = em_fields(3000, size=4)
    f = data.fields(torch.zeros(1, 3))[:, 0]
    x, y, b = f.square().mean(0)
    assert float(x / y) == pytest.approx(1, abs=0.15)
    assert f.mean(0).abs().max() < 4 * f.std() / 3000**0.5
    assert 0 < b < x / 2
