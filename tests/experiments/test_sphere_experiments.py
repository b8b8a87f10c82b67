"""The experiments on the sphere with made-up data: projections, rotations, fillings, networks, small runs."""

import importlib
import sys
from math import cos, pi, sin, tan
from pathlib import Path

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import nn
from torsor.data import rotate
from torsor.data.sphere_digits import projected, sphere_digits
from torsor.errors import DataError
from torsor.spaces.latlon import LatLon

sys.path.append(str(Path(__file__).parents[2] / "experiments"))
runs, digits, winds = (importlib.import_module(name) for name in ("point_runs", "sphere_digits", "winds"))
sys.path.pop()

pytestmark = pytest.mark.filterwarnings("ignore:no equivariant map")
QUARTER = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]], dtype=torch.float64)
"""About the pole, eastwards: axis 2 to axis 0."""


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).detach().norm() / b.detach().norm())


def made_up_digits(number=6, seed=0):
    blobs = torch.nn.functional.avg_pool2d(torch.rand(number, 1, 28, 28, generator=runs.generator(seed)), 7, 1, 3)
    blobs = (blobs - blobs.mean((2, 3), keepdim=True)).clamp(min=0) * 10
    blobs[:, :, :4], blobs[:, :, 24:], blobs[..., :4], blobs[..., 24:] = 0, 0, 0, 0
    return digits.Digits(blobs.double(), torch.arange(number) % 10)


# ------------------------------------------------------------------------------------------------ digits on the sphere


def ramps(n=1):
    """Images that are linear in the place of a pixel, measured from the centre, and 0 nowhere."""
    i = torch.arange(28, dtype=torch.float64) - 13.5
    return (100 + 2 * i[:, None] + 3 * i[None, :]).expand(n, 1, 28, 28)


@pytest.mark.parametrize("angle", [pi / 2, 1.0, 2.2])
def test_linear_images_in_closed_form(angle):
    """At colatitude θ and longitude φ the place is 14 tan(θ/2)/tan(angle/2) (cos φ, sin φ) pixels."""
    theta = torch.linspace(0.05, 0.85 * angle, 7, dtype=torch.float64)[:, None]
    phi = torch.linspace(0, 6, 11, dtype=torch.float64)[None]
    x = torch.stack([theta.sin() * phi.sin(), theta.cos() + 0 * phi, theta.sin() * phi.cos()], -1)
    r = 14 * (theta / 2).tan() / tan(angle / 2)
    expected = 100 + 2 * r * phi.cos() + 3 * r * phi.sin()
    assert apart(sphere_digits(ramps(), x, angle=angle)[0, 0], expected) < 1e-14
    g = G.SO(3).sample(1, generator=runs.generator(1)).double()
    assert apart(sphere_digits(ramps(), x @ g[0].T, g, angle)[0, 0], expected) < 1e-13  # (R f)(R x) = f(x)


def test_the_projection_keeps_angles_and_halves_pixels_at_the_equator():
    x, step = torch.nn.functional.normalize(torch.tensor([[0.6, 0.2, -0.5]], dtype=torch.float64)), 1e-6
    east = torch.nn.functional.normalize(torch.linalg.cross(torch.tensor([[0.0, 1, 0]], dtype=torch.float64), x))
    north = torch.linalg.cross(x, east)
    moves = [projected(x + step * t) - projected(x - step * t) for t in (east, north)]
    a, b = (move[0] / (2 * step) for move in moves)
    assert abs(float(a @ b)) < 1e-9 and abs(float(a.norm() - b.norm())) < 1e-9
    sizes = []
    for theta in (0.0, pi / 2):
        ends = [torch.tensor([[0.0, cos(t), sin(t)]], dtype=torch.float64) for t in (theta - step, theta + step)]
        sizes.append(float((projected(ends[1]) - projected(ends[0])).norm()))
    assert sizes[1] / sizes[0] == pytest.approx(2, rel=1e-6)


def test_a_turn_about_the_pole_turns_the_image():
    images, grid = made_up_digits().images, LatLon(12, 24).embedding
    turns = QUARTER.expand(len(images), 3, 3)
    expected = sphere_digits(torch.rot90(images, 1, (-2, -1)), grid)
    assert apart(sphere_digits(images, grid, turns), expected) < 1e-13
    assert apart(sphere_digits(images, grid, turns.mT), expected) > 0.1
    assert apart(sphere_digits(images, grid).roll(6, 3), expected) < 1e-13  # a quarter of the columns, eastwards
    assert apart(rotate(images, pi / 2), torch.rot90(images, 1, (-2, -1))) < 1e-12


def test_seen_from_outside_digits_are_not_mirrored():
    image = torch.zeros(1, 1, 28, 28, dtype=torch.float64)
    image[..., 20:24, 12:16], image[..., 12:16, 20:24] = 1.0, 2.0  # below the centre, and right of it
    t = 2 * np.arctan(8 / 14)
    below, right = torch.tensor([0, cos(t), sin(t)]), torch.tensor([sin(t), cos(t), 0])
    assert sphere_digits(image, torch.stack([below, right])).flatten().tolist() == pytest.approx([1, 2], rel=0.1)
    pole = torch.tensor([0.0, 1, 0], dtype=below.dtype)
    assert float(torch.linalg.cross(below, right) @ pole) > 0  # down × right points at the viewer


def test_wrong_shapes_are_errors():
    with pytest.raises(DataError, match="square"):
        sphere_digits(torch.zeros(2, 1, 4, 5), torch.zeros(3, 3))
    with pytest.raises(DataError, match="one rotation an image"):
        sphere_digits(torch.zeros(2, 1, 4, 4), torch.zeros(3, 3), torch.eye(3)[None])
    with pytest.raises(DataError, match="angle"):
        sphere_digits(torch.zeros(2, 1, 4, 4), torch.zeros(3, 3), angle=4.0)


def test_sixty_rotations_permute_the_vertices():
    found, x = digits.icosahedral_rotations(), digits.icosahedron_positions(2).flatten(0, 2)
    assert found.shape == (60, 3, 3) and (found.mT @ found - torch.eye(3)).abs().max() < 1e-12
    assert (torch.linalg.det(found) - 1).abs().max() < 1e-12
    assert torch.cdist(found.flatten(1), found.flatten(1)).add(10 * torch.eye(60)).min() > 0.1
    cosines = torch.einsum("kij,nj,mi->knm", found, x, x)
    near = (cosines.amax(2) - 1).abs() < 1e-9
    assert bool((near.sum(1) >= len(x) - 2).all())  # the two poles are no pixels
    axis = torch.tensor([0.0, 1, 0], dtype=torch.float64)
    assert int(((found @ axis - axis).norm(dim=1) < 1e-9).sum()) == 5


def test_networks_on_digits_have_equal_size():
    sizes = [runs.count(digits.build(network)) for network in digits.NETWORKS]
    assert max(sizes) < 1.1 * min(sizes) and 30_000 < min(sizes)


@pytest.mark.parametrize("network", digits.NETWORKS)
def test_which_rotations_leave_the_scores(network):
    torch.manual_seed(0)
    net, data = digits.build(network).double().eval(), made_up_digits()
    at = net.positions if network != "icosahedron" else net.positions.double()
    turned = data.turned(runs.generator(1))
    exact = {
        "spectral": QUARTER.expand(6, 3, 3),
        "icosahedron": data.turned(runs.generator(2), digits.icosahedral_rotations()).rotations,
        "latitudes": QUARTER.expand(6, 3, 3),
    }[network]
    if network == "spectral":
        net.areas = net.areas.double()
    features = [net.features(x.at(at)).detach() for x in (data, digits.Digits(data.images, data.labels, exact), turned)]
    assert apart(features[1], features[0]) < 1e-10
    spread = float((features[2] - features[0]).norm() / (features[0] - features[0].mean(0)).norm())
    assert spread < 0.2 if network == "spectral" else spread > 0.3


def test_ordinary_convolution_is_periodic_in_longitude():
    conv, x = digits.LatLonConv(2, 3, 5).double(), torch.randn(1, 2, 6, 8, dtype=torch.float64)
    y = conv(x)
    expected = conv.bias.clone()
    for i in range(-2, 3):
        for j in range(-2, 3):
            if 0 <= 1 + i < 6:
                expected = expected + conv.weight[:, :, i + 2, j + 2] @ x[0, :, 1 + i, (0 + j) % 8]
    assert apart(y[0, :, 1, 0], expected) < 1e-14
    assert apart(conv(x.roll(3, 3)), y.roll(3, 3)) < 1e-14 and apart(conv(x.roll(3, 2)), y.roll(3, 2)) > 0.1


def test_a_small_run_of_sphere_digits(tmp_path, monkeypatch):
    data = made_up_digits(8)
    data = digits.Digits(data.images.float(), data.labels)
    for name, value in {"EPOCHS": 1, "BATCH": 4, "TABLE": tmp_path / "t.csv", "RATES": (1e-2,)}.items():
        monkeypatch.setattr(digits, name, value)
    study = digits.study(dict.fromkeys(("train", "validation", "test"), data), tmp_path)
    study.run(("latitudes",), 1)
    study.tested("latitudes, turned", 1e-2, 0)
    rows = [study.table.tests(network)[0] for network in ("latitudes", "latitudes, turned")]
    assert all(0 <= float(row[score]) <= 1 for row in rows for score in digits.SCORES)


# --------------------------------------------------------------------------------------------------------------- winds


def linear(grid, c):
    """The tangential part of a constant vector c of R³, in the frames: (1, 2, rows, columns)."""
    return torch.einsum("xyia,i->axy", grid.frames, c)[None]


def quadratic(grid, a):
    """Half the gradient of xᵀAx on the sphere, and the same turned by 90°."""
    gradient = torch.einsum("xyia,ij,xyj->axy", grid.frames, a, grid.embedding)
    return gradient[None], torch.stack([-gradient[1], gradient[0]])[None]


def test_rotated_fields_in_closed_form():
    g, grid = G.SO(3).sample(1, generator=runs.generator(3))[0].double(), LatLon(8, 16)
    a, c = torch.randn(3, 3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    a = a + a.T
    turned = g @ a @ g.T
    pairs = [(linear(grid, c), linear(grid, g @ c))]
    pairs += list(zip(quadratic(grid, a), quadratic(grid, turned), strict=True))
    for before, after in pairs:
        moved = nn.rotated_coefficients(winds.coefficients(before, winds.VECTOR, grid, 5), winds.VECTOR, g)
        found = winds.on_grid(moved, winds.VECTOR, grid)
        assert apart(found, after) < 1e-12
    before, after = ((grid.embedding @ v)[None, None] ** 3 for v in (c, g @ c))
    moved = nn.rotated_coefficients(winds.coefficients(before, winds.SCALAR, grid, 5), winds.SCALAR, g)
    assert apart(winds.on_grid(moved, winds.SCALAR, grid), after) < 1e-12
    back = nn.rotated_coefficients(winds.coefficients(before, winds.SCALAR, grid, 5), winds.SCALAR, g.mT)
    assert apart(winds.on_grid(back, winds.SCALAR, grid), after) > 0.1


def test_mean_square_of_a_constant_vector():
    c = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    grid = LatLon(8, 16)
    found = winds.mean_square(winds.coefficients(linear(grid, c), winds.VECTOR, grid, 3))
    assert found == pytest.approx(2 / 3 * 5.25, rel=1e-13)  # a third of |c|² is radial


def test_values_at_the_poles_are_not_used():
    grid = LatLon(73, 144, "poles")
    x = linear(grid, torch.tensor([1.0, 0.3, -0.7], dtype=torch.float64))
    x = x + quadratic(grid, torch.diag(torch.tensor([1.0, -2, 1], dtype=torch.float64)))[1]
    expected = winds.coefficients(x, winds.VECTOR, grid)
    x[:, :, 0], x[:, :, -1] = 17.0, -9.0
    assert apart(winds.wind_coefficients(x), expected) < 1e-9
    assert apart(winds.coefficients(x, winds.VECTOR, grid), expected) > 1e-3


def test_the_climate_is_that_of_the_training_years():
    x = torch.randn(36, 2, dtype=torch.float64)
    found = winds.climate_removed(x, 2)
    assert torch.allclose(found[3], (x[3] - x[15]) / 2) and torch.allclose(found[27], x[27] - (x[3] + x[15]) / 2)
    other = x.clone()
    other[24:] += 1.0  # later years leave the others alone
    assert torch.equal(winds.climate_removed(other, 2)[:24], found[:24])


def test_files_are_read_at_the_right_places(tmp_path):
    """A wind and a relief that are known functions of the true longitude, in files that begin at 20° E."""
    lat, lon = (torch.arange(n, dtype=torch.float64) for n in (73, 144))
    lat, lon = (lat * 2.5 - 90)[:, None] * pi / 180, (lon * 2.5 + 20)[None] * pi / 180
    c = torch.tensor([0.4, 0.0, 1.0])  # axis 2 is at longitude 0, axis 0 at 90° E
    east = c[0] * lon.cos() - c[2] * lon.sin() + 0 * lat
    north = -lat.sin() * (c[0] * lon.sin() + c[2] * lon.cos())
    year = torch.arange(132) // 12
    field = torch.stack([east, north])[None] * (year - 3.5)[:, None, None, None]
    place = (torch.arange(1081) / 3 + 20 + 1 / 6) * pi / 180, ((torch.arange(540) + 0.5) / 3 - 90) * pi / 180
    height = 1000 * torch.cos(place[1])[:, None] * torch.sin(place[0])[None]
    np.savez(tmp_path / "monthly_winds.npz", wind=field.float().numpy())
    np.savez(tmp_path / "relief.npz", elevation=height.round().short().numpy())
    data = winds.load(tmp_path)
    assert [len(data[name].anomalies) for name in ("train", "validation", "test")] == [96, 12, 24]
    shown = winds.on_grid(data["test"].anomalies[:1], winds.VECTOR) * data["test"].unit / 5.5  # year 9 is index 9
    assert apart(shown, linear(winds.GRID, c.double())) < 1e-6
    relief = winds.on_grid(data["test"].relief, winds.SCALAR)[0, 0]
    x = winds.GRID.embedding[..., 0]  # of mean square 1/3
    assert apart(relief, x * 3**0.5) < 5e-3  # the first column of the file is a sixth of a degree off
    assert winds.mean_square(data["train"].anomalies) == pytest.approx(1)


def made_up_winds(months=6, lmax=8, seed=0):
    random = runs.generator(seed)
    l = torch.arange(lmax + 1)[:, None]
    size = winds.present(lmax) / (1 + l)
    a = torch.randn(months, 2, lmax + 1, 2 * lmax + 1, generator=random, dtype=torch.float64) * size
    relief = torch.randn(1, 1, lmax + 1, 2 * lmax + 1, generator=random, dtype=torch.float64) * size
    return winds.Winds(a / winds.mean_square(a) ** 0.5, relief / winds.mean_square(relief) ** 0.5, 2.0)


def test_cases_hide_a_disc_and_turn_as_a_whole():
    data, index = made_up_winds(), torch.arange(6)
    turns = QUARTER.expand(6, 3, 3)
    same, turned = (winds.cases(data, index, runs.generator(5), t) for t in (None, turns))
    assert float((same.known * same.disc).abs().max()) == 0 and same.inputs.shape == (6, 4, 36, 72)
    assert apart(same.measured, same.wind) == pytest.approx(winds.NOISE * 2**0.5, rel=0.1)
    for name in ("wind", "relief", "disc"):
        assert apart(getattr(turned, name), getattr(same, name).roll(18, 3)) < 1e-6
    share = (same.disc[:, 0] * winds.GRID.areas).sum((1, 2)) / (4 * pi)
    low, high = ((1 - cos(angle * pi / 180)) / 2 for angle in winds.RADII)
    assert bool(((share > 0.9 * low) & (share < 1.1 * high)).all())


def test_the_error_is_a_mean_over_the_area_of_the_discs():
    case = winds.cases(made_up_winds(), torch.arange(6), runs.generator(5))
    assert float(winds.error(case.wind + torch.tensor([3.0, 4.0])[:, None, None], case)) == pytest.approx(25, rel=1e-4)
    assert float(winds.error(case.wind + 100 * (1 - case.disc), case)) == 0
    north = (winds.GRID.latitudes > 0)[:, None] * case.disc  # the error 1 north of the equator: the share of area there
    sines = winds.GRID.areas * case.disc
    share = float((sines * (winds.GRID.latitudes > 0)[:, None]).sum() / sines.sum())
    assert float(winds.error(case.wind + north * 0.5**0.5, case)) == pytest.approx(share, rel=1e-4)


@pytest.mark.parametrize("baseline", ["smoothest", "spectrum"])
def test_fillings_are_the_posterior_mean(baseline):
    """(σ² C⁻¹ + Y W Yᵀ) a = Y W f, with the weights W of the points that are known, solved for all coefficients."""
    data = made_up_winds(4)
    case, c = winds.cases(data, torch.arange(4), runs.generator(5)), winds.variances(baseline, data)
    case = winds.Cases(*(x.double() for x in (case.wind, case.measured, case.relief, case.disc)))
    filling = winds.Filling(c, 1e-2)
    rows = winds.present(8).expand(2, -1, -1)
    y = winds.on_grid(torch.eye(rows.numel(), dtype=torch.float64)[rows.flatten()].view(-1, *rows.shape), winds.VECTOR)
    y = y.flatten(1)
    spread = c[..., None].expand(rows.shape)[rows]
    sigma = 1e-2 * float(spread.mean())
    found = filling(case)
    for one, known, measured, disc in zip(found, case.known, case.measured, case.disc, strict=True):
        w = (winds.GRID.areas * (1 - disc[0])).expand(2, -1, -1).flatten()
        a = torch.linalg.solve(torch.diag(sigma / spread) + (y * w) @ y.T, (y * w) @ measured.flatten())
        assert apart(one[:, disc[0] > 0], (a @ y).view(2, *winds.GRID.shape)[:, disc[0] > 0]) < 1e-9
        assert float((known * disc).abs().max()) == 0
    assert winds.rmse(filling, case) < winds.rmse(lambda part: torch.zeros_like(part.wind), case)


def test_networks_on_winds_have_equal_size_and_the_spectral_one_turns():
    torch.manual_seed(0)
    nets = [winds.build(network).double().eval() for network in ("spectral", "latitudes")]
    sizes = [runs.count(net) for net in nets]
    assert max(sizes) < 1.1 * min(sizes) and 30_000 < min(sizes)
    data, g = made_up_winds(1, 4), G.SO(3).sample(1, generator=runs.generator(3))[0].double()
    other = made_up_winds(1, 4, 1).relief  # takes the place of the disc, whose edge is sharp
    scalars = torch.cat([data.relief, other], 1)

    def seen(a, b):
        return torch.cat([winds.on_grid(a, 2 * winds.SCALAR), winds.on_grid(b, winds.VECTOR)], 1)

    def moved(y):
        """A field of the grid turned, up to the degree of the network."""
        a = winds.coefficients(y.detach(), winds.VECTOR, winds.GRID, winds.DEGREE)
        return winds.on_grid(nn.rotated_coefficients(a, winds.VECTOR, g), winds.VECTOR)

    x = seen(scalars, data.anomalies)
    moved_scalars = nn.rotated_coefficients(scalars, 2 * winds.SCALAR, g)
    turned = seen(moved_scalars, nn.rotated_coefficients(data.anomalies, winds.VECTOR, g))
    errors = [apart(net(turned), moved(net(x))) for net in nets]
    assert errors[0] < 0.02 and errors[1] > 0.3
    for net in nets:
        assert apart(net(x.roll(18, 3)), net(x).roll(18, 3)) < 1e-11


def test_a_small_run_of_winds(tmp_path, monkeypatch):
    for name, value in {"EPOCHS": 1, "BATCH": 2, "TABLE": tmp_path / "t.csv", "RATES": (1e-2,), "DISCS": 1}.items():
        monkeypatch.setattr(winds, name, value)
    monkeypatch.setattr(winds, "NOISES", (1e-2, 1e-1))
    data = dict.fromkeys(("train", "validation", "test"), made_up_winds(4))
    sets = winds.test_sets(data)
    study = winds.study(data, sets, tmp_path)
    study.table.add(winds.filled("spectrum", data, sets))
    study.table.add(winds.filled("no anomaly", data, sets))
    study.run(winds.NETWORKS[1:], 1)
    lines = winds.summary(study.table).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| no anomaly",
        "| spectrum",
        "| latitudes",
        "| latitudes, turned",
    ]
    zero = study.table.tests("no anomaly")[0]
    assert float(study.table.tests("spectrum")[0]["same"]) < float(zero["same"])
    assert float(zero["same"]) == pytest.approx(float(zero["turned"]), rel=0.05)
