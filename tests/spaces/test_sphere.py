"""The sphere: closed forms, quadrature, gauges, rotations, and the theorem of Funk and Hecke."""

import pickle
from math import factorial, pi, sqrt

import numpy as np
import pytest
import torch
from numpy.polynomial import legendre
from torch.utils import _pytree

from torsor import Field, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.errors import SpaceError
from torsor.spaces import sphere_grids
from torsor.spaces.chart import Chart
from torsor.spaces.latlon import LatLon
from torsor.spaces.metrics import SphereMetric
from torsor.spaces.sphere import Sphere, exponential, logarithm, meridian_frames, transport

F64 = torch.float64
SO2, O2, ONE, C8 = G.SO(2), G.O(2), G.Trivial(2), G.Cyclic(8)
AXIS = torch.tensor([0.0, 1.0, 0.0], dtype=F64)


def unit(n: int, seed: int = 0) -> torch.Tensor:
    x = torch.randn(n, 3, dtype=F64, generator=torch.Generator().manual_seed(seed))
    return x / x.norm(dim=1, keepdim=True)


def turn(axis: torch.Tensor, angle: float) -> torch.Tensor:
    """Rodrigues' rotation."""
    a = torch.linalg.cross((axis / axis.norm()).expand(3, 3), torch.eye(3, dtype=F64)).T
    return torch.eye(3, dtype=F64) + np.sin(angle) * a + (1 - np.cos(angle)) * a @ a


def harmonic(x: torch.Tensor, l: int, m: int) -> torch.Tensor:
    """∝ P_l^|m|(cos θ) cos mφ or sin |m|φ about axis 1, from derivatives of Legendre polynomials."""
    p = np.polynomial.Polynomial(legendre.leg2poly([0] * l + [1])).deriv(abs(m)) if m else None
    c = torch.tensor(p.coef if p is not None else legendre.leg2poly([0] * l + [1]), dtype=F64)
    powers = torch.stack([x[:, 1] ** k for k in range(len(c))], 1)
    around = torch.complex(x[:, 2], x[:, 0]) ** abs(m)
    norm = sqrt((2 * l + 1) / (4 * pi) * factorial(l - abs(m)) / factorial(l + abs(m)) * (2 if m else 1))
    return norm * (powers @ c) * (around.imag if m < 0 else around.real)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).detach().abs().max() / b.detach().abs().max())


# ------------------------------------------------------------------------------------------------ geometry, closed form


def test_frames_point_east_and_north():
    """e = (∂x/∂φ / cos λ, ∂x/∂λ) of x(λ, φ), right-handed with the outward normal; also those of LatLon."""
    lat, lon = torch.tensor([0.3, -1.2, 0.9], dtype=F64), torch.tensor([0.0, 2.0, 5.0], dtype=F64)

    def place(lat, lon):
        return torch.stack([lat.cos() * lon.sin(), lat.sin(), lat.cos() * lon.cos()], -1)

    north, east = (torch.func.jvp(place, (lat, lon), d)[1] for d in ((1 + 0 * lat, 0 * lat), (0 * lat, 1 + 0 * lat)))
    frames = meridian_frames(place(lat, lon))
    assert torch.allclose(frames, torch.stack([east / lat.cos()[:, None], north], 2), atol=1e-14)
    assert torch.allclose(torch.linalg.cross(*frames.unbind(2)), place(lat, lon), atol=1e-14)
    poles = meridian_frames(torch.stack([AXIS, -AXIS]))
    near = meridian_frames(place(torch.tensor([pi / 2 - 1e-5, 1e-5 - pi / 2], dtype=F64), torch.zeros(2, dtype=F64)))
    assert torch.allclose(poles, near, atol=1e-4)
    for kind in ("gauss", "equiangular"):
        grid, sphere = LatLon(5, 7, kind), Sphere.latlon(5, 7, kind)
        assert torch.allclose(grid.embedding.flatten(0, 1), sphere.positions, atol=1e-14)
        assert torch.allclose(grid.frames.flatten(0, 1), sphere.frames, atol=1e-14)
        assert torch.allclose(grid.areas.expand(5, 7).flatten(), sphere.cells, atol=1e-14)


def test_logarithm_inverts_the_exponential():
    p = unit(200)
    u = torch.einsum("nij,nj->ni", meridian_frames(p), torch.randn(200, 2, dtype=F64))
    length = torch.cat([torch.logspace(-12, 0, 100, dtype=F64), torch.linspace(1, 3.1, 100, dtype=F64)])
    u = u / u.norm(dim=1, keepdim=True) * length[:, None]
    q = exponential(p, u)
    back, stretch = logarithm(p, q)
    error = (back - u).norm(dim=1) / length
    assert error[length > 1e-3].max() < 1e-12 and error[length < 1e-3].max() < 1e-4  # q holds 16 digits of p + u
    assert ((back - u).norm(dim=1) < 1e-14 / (pi - length)).all()
    assert torch.allclose(stretch, 1 / torch.sinc(length / pi), rtol=1e-11)
    same, one = logarithm(p, p)
    assert same.abs().max() == 0 and (one == 1).all()


def test_the_jacobian_is_that_of_the_logarithm():
    p, q = unit(5, 1), unit(5, 2)
    e, f = meridian_frames(p), meridian_frames(q)
    h = 1e-6
    columns = []
    for k in range(2):
        ahead, behind = (logarithm(p, exponential(q, s * h * f[:, :, k]))[0] for s in (1, -1))
        columns.append(torch.einsum("nij,ni->nj", e, (ahead - behind) / (2 * h)))
    assert torch.allclose(torch.linalg.det(torch.stack(columns, 2)).abs(), logarithm(p, q)[1], rtol=1e-7)


def test_transport_is_the_rotation_along_the_great_circle():
    p, q = unit(50, 1), unit(50, 2)
    for a, b, t in zip(p, q, transport(p, q), strict=True):
        angle = torch.atan2(torch.linalg.cross(a, b).norm(), a @ b)
        assert torch.allclose(t, turn(torch.linalg.cross(b, a), float(angle)), atol=1e-12)
    u, back = logarithm(p, q)[0], logarithm(q, p)[0]
    assert torch.allclose(torch.einsum("nij,nj->ni", transport(p, q), back), -u, atol=1e-12)


def test_a_vector_turns_by_the_area_of_a_triangle():
    """Girard: the area is the sum of the angles minus π."""
    a, b, c = (unit(20, seed) for seed in range(3))

    def corner(p, q, r):
        u, v = logarithm(p, q)[0], logarithm(p, r)[0]
        return torch.acos((u * v).sum(1) / (u.norm(dim=1) * v.norm(dim=1)))

    girard = corner(a, b, c) + corner(b, c, a) + corner(c, a, b) - pi
    area = sphere_grids.triangle_areas(a, b, c)
    assert torch.allclose(area.abs(), girard, atol=1e-10)
    e = meridian_frames(a)
    loop = e.mT @ transport(a, c) @ transport(c, b) @ transport(b, a) @ e
    turned = torch.stack([area.cos(), -area.sin(), area.sin(), area.cos()], 1).view(-1, 2, 2)
    assert torch.allclose(loop, turned, atol=1e-12)


def test_agrees_with_a_chart():
    """Colatitude and longitude with the metric dθ² + sin²θ dφ²; its frames (south, east) are ours turned by 90°."""
    chart = Chart.grid(SphereMetric(), SO2, (0.9, 0.0), (2.1, 1.5), (6, 8), window=2)
    theta, phi = chart.positions.unbind(1)
    x = torch.stack([theta.sin() * phi.sin(), theta.cos(), theta.sin() * phi.cos()], 1)
    sphere = Sphere(x, SO2, chart.cells * theta.sin())
    ours, theirs = sphere.neighbours(0.39, norm="sum"), chart.neighbours(0.39, norm="sum")
    keys = ours.target * len(x) + ours.source
    place = torch.searchsorted(keys, theirs.target * len(x) + theirs.source)
    assert torch.equal(keys[place], theirs.target * len(x) + theirs.source)
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=F64)  # (south, east) -> (east, north)
    assert ours.g is not None and theirs.g is not None
    assert torch.allclose(ours.v[place], theirs.v @ quarter.T, atol=1e-7)
    assert torch.allclose(ours.g[place], quarter @ theirs.g @ quarter.T, atol=1e-7)
    assert torch.allclose(ours.weight[place], theirs.weight, rtol=1e-6)


def test_edges_are_all_pairs_within_the_radius():
    sphere = Sphere.points(unit(60), radius=2.0)
    graph = sphere.neighbours(1.7, norm="sum")
    angle = torch.acos((sphere.positions / 2 @ sphere.positions.T / 2).clamp(-1, 1))
    p, q = (2 * angle <= 1.7).nonzero(as_tuple=True)
    assert torch.equal(graph.target, p) and torch.equal(graph.source, q)
    assert torch.allclose(graph.v.norm(dim=1), 2 * angle[p, q], atol=1e-7)
    far = angle[p, q]
    assert torch.allclose(graph.weight, sphere.cells[q] / torch.sinc(far / pi), rtol=1e-6)
    part = sphere.neighbours(1.7, target=sphere.subset(torch.tensor([5, 3])))
    assert torch.equal(part.source[part.target == 0], q[p == 5])


# ----------------------------------------------------------------------------------------------------------- quadrature

GRIDS = [
    (Sphere.latlon(6, 13), 11),
    (Sphere.latlon(7, 9, "equiangular"), 6),
    (Sphere.icosphere(0), 5),
    (Sphere.icosphere(2), 5),
    (Sphere.points(unit(400)), 6),
    (Sphere.points(unit(90) * 3.0, radius=0.5), 2),
]


@pytest.mark.parametrize(("sphere", "degree"), GRIDS, ids=str)
def test_harmonics_are_integrated_exactly(sphere, degree):
    r = sphere.radius
    assert (sphere.cells >= 0).all()
    for l in range(degree + 1):
        for m in range(-l, l + 1):
            integral = (sphere.cells * harmonic(sphere.positions / r, l, m)).sum() / r**2
            assert abs(integral - (sqrt(4 * pi) if l == 0 else 0)) < 1e-12


def test_quadrature_ends_at_the_stated_degree():
    for sphere, degree in [(Sphere.latlon(6, 13), 12), (Sphere.icosphere(1), 6)]:
        y = torch.stack([harmonic(sphere.positions, degree, m) for m in range(-degree, degree + 1)])
        assert (y @ sphere.cells).abs().max() > 1e-3


def test_areas_converge():
    """∫ exp(x·a) = 4π sinh|a|/|a|."""
    a = torch.tensor([1.0, -2.0, 1.5], dtype=F64)
    exact = 4 * pi * float(a.norm().sinh() / a.norm())

    def error(sphere):
        return abs(float((sphere.cells * (sphere.positions @ a).exp()).sum()) / exact - 1)

    assert error(Sphere.latlon(12)) < 1e-12
    assert error(Sphere.icosphere(4)) < error(Sphere.icosphere(3)) / 3.5 < 1e-4
    assert error(Sphere.fibonacci(1600)) < error(Sphere.fibonacci(400)) / 3 < 1e-3
    assert error(Sphere.points(unit(1600))) < 1e-3
    assert error(Sphere(unit(1600), cells=torch.full((1600,), 4 * pi / 1600))) > 1e-2  # the density matters


def test_the_icosphere_is_a_closed_surface():
    x, faces = sphere_grids.icosphere_mesh(2)
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(x) == 10 * 4**2 + 2 and len(x) - len(edges) // 2 + len(faces) == 2
    assert len(edges.unique(dim=0)) == len(edges)  # every edge once in each direction: oriented, closed
    assert torch.equal(edges.unique(dim=0), edges.flip(1).unique(dim=0))
    assert (torch.linalg.det(x[faces]) > 0).all() and torch.allclose(x.norm(dim=1), x.new_ones(len(x)))
    assert sphere_grids.triangle_areas(*x[faces].unbind(1)).sum() == pytest.approx(4 * pi, rel=1e-14)


# ----------------------------------------------------------------------------------------------------------- symmetries

REPS = [
    R.trivial(SO2) + R.irrep(SO2, 1) + R.irrep(SO2, 2),
    R.regular(SO2, band=2),
    R.trivial(O2) + R.standard(O2) + R.sign(O2),
    R.regular(C8),
]


def network(rep, radius: float = 0.8):
    kernel = K.Harmonic(radius=radius, degrees=2, functions=3, hidden=8, spacing=0.3)
    return nn.Sequential(nn.Conv(rep, 2 * rep, kernel), nn.Norm(2 * rep), nn.Conv(2 * rep, rep, kernel)).double()


def gradients(net, field, weights) -> torch.Tensor:
    net.zero_grad()
    (net(field).tensor * weights).sum().backward()
    return torch.cat([p.grad.flatten() for p in net.parameters()])


@pytest.mark.parametrize("rep", REPS, ids=str)
def test_outputs_and_gradients_do_not_depend_on_the_gauge(rep):
    sphere = Sphere.latlon(7, group=rep.group)
    net, f = network(rep), Field(torch.randn(len(sphere), rep.dim, dtype=F64), rep, sphere)
    g = rep.group.sample(len(sphere), torch.Generator().manual_seed(1))
    out, other = net(f), net(f.gauged(g))
    assert relative(other.tensor, out.gauged(g).tensor) < 1e-11
    assert relative(other.tensor, out.tensor) > 1e-2
    probe = Field(torch.randn_like(out.tensor), rep, sphere)
    assert relative(gradients(net, f.gauged(g), probe.gauged(g).tensor), gradients(net, f, probe.tensor)) < 1e-10


def acted(f: Field, matrix: torch.Tensor) -> Field:
    motion = f.space.act(matrix)
    values = torch.einsum("nij,nj->ni", f.rep.rho(motion.g), f.tensor[motion.source])
    return Field(values, f.rep, f.space)


@pytest.mark.parametrize("rep", [REPS[0], REPS[2]], ids=str)
def test_all_symmetries_of_the_icosphere(rep):
    group = G.Icosahedral() if rep.group == SO2 else G.Icosahedral().with_inversion()
    sphere = Sphere.icosphere(1, rep.group)
    net, f = network(rep, 1.0), Field(torch.randn(len(sphere), rep.dim, dtype=F64), rep, sphere)
    out = net(f)
    assert group.order == (60 if rep.group == SO2 else 120)
    for matrix in group.elements():
        assert relative(net(acted(f, matrix)).tensor, acted(out, matrix).tensor) < 1e-11
    if rep.group == SO2:
        with pytest.raises(SpaceError, match="structure"):
            sphere.act(-torch.eye(3))
        with pytest.raises(SpaceError, match="symmetries of the samples"):
            sphere.act(turn(AXIS, 0.3))


def moved(f: Field, matrix: torch.Tensor) -> Field:
    space, g = f.space.moved(matrix)
    return Field(torch.einsum("nij,nj->ni", f.rep.rho(g), f.tensor), f.rep, space)


@pytest.mark.parametrize("rep", REPS[:3], ids=str)
def test_commutes_with_every_rotation(rep):
    """Of the points with their fields; frames (east, north) are those of the new places. O(2) adds reflections."""
    sphere = Sphere.points(torch.cat([unit(80), AXIS[None]]), rep.group)
    net, f = network(rep), Field(torch.randn(len(sphere), rep.dim, dtype=F64), rep, sphere)
    for seed in range(3):
        matrix = G.SO(3).sample(1, torch.Generator().manual_seed(seed))[0]
        matrix = -matrix if rep.group == O2 else matrix
        assert relative(net(moved(f, matrix)).tensor, moved(net(f), matrix).tensor) < 1e-11
        assert relative(moved(net(f), matrix).tensor, net(f).tensor) > 1e-2
    rotated = Field(f.tensor, rep, sphere.moved(matrix)[0])  # without the turn of the frames
    assert relative(net(rotated).tensor, net(f).tensor) > 1e-2


@pytest.mark.parametrize("group", [ONE, C8], ids=str)
def test_frames_along_meridians_leave_rotations_about_the_axis(group):
    rep = R.regular(group) + R.trivial(group)
    sphere = Sphere.latlon(6, 12, group=group)
    net, f = network(rep), Field(torch.randn(len(sphere), rep.dim, dtype=F64), rep, sphere)
    shifted = sphere.image(f.tensor).roll(5, 2)
    turned = acted(f, turn(AXIS, 2 * pi * 5 / 12))
    assert relative(sphere.image(turned.tensor), shifted) < 1e-14  # to the east
    assert relative(net(turned).tensor, acted(net(f), turn(AXIS, 2 * pi * 5 / 12)).tensor) < 1e-11
    assert relative(net(moved(f, turn(AXIS, 0.7))).tensor, net(f).tensor) < 1e-11
    with pytest.raises(SpaceError, match="does not keep"):
        sphere.moved(turn(unit(1)[0], 0.7))


def test_the_trivial_structure_takes_any_kernel_and_carries_nothing():
    """Against the sum over edges, written out."""
    sphere, rep = Sphere.latlon(5, group=ONE), 2 * R.trivial(ONE)
    graph = sphere.neighbours(0.9, norm="sum")
    assert graph.g is None
    conv = nn.Conv(rep, rep, K.Harmonic(radius=0.9, degrees=2), norm="sum", bias=False).double()
    x = torch.randn(len(sphere), 2, dtype=F64)
    out = conv(Field(x, rep, sphere)).tensor
    expected = torch.zeros_like(out)
    kernel = conv.kernel(graph.v)
    for i in range(len(graph)):
        expected[graph.target[i]] += graph.weight[i] * kernel[i] @ x[graph.source[i]]
    assert relative(out, expected) < 1e-12


# ------------------------------------------------------------------------------------------------ known convolutions


def eigenvalue(conv, l: int) -> float:
    """2π ∫ k(θ) P_l(cos θ) θ dθ: Funk and Hecke, for the measure dv of tangent vectors."""
    nodes, weights = legendre.leggauss(200)
    theta = torch.tensor(conv.kernel.spec.radius * (nodes + 1) / 2)
    profile = conv.kernel(torch.stack([theta, 0 * theta], 1))[:, 0, 0]
    p = torch.tensor(legendre.legval(theta.cos().numpy(), [0] * l + [1]))
    return float(pi * conv.kernel.spec.radius * (torch.tensor(weights) * profile * p * theta).sum())


def smooth(rep_in, rep_out):
    kernel = K.Harmonic(radius=1.6, degrees=1, functions=2, hidden=8)
    return nn.Conv(rep_in, rep_out, kernel, norm="sum", bias=False).double()


def convolved(conv, sphere, l: int, m: int):
    """A harmonic, convolved, at some of the points, and these."""
    few = sphere.subset(torch.arange(0, len(sphere), len(sphere) // 40))
    return conv(Field(harmonic(sphere.positions, l, m)[:, None], conv.in_rep, sphere), few).tensor, few


@torch.no_grad()
def test_zonal_kernels_multiply_harmonics():
    conv, l = smooth(R.trivial(O2), R.trivial(O2)), 3
    value = eigenvalue(conv, l)

    def error(sphere):
        out, few = convolved(conv, sphere, l, 2)
        return relative(out, value * harmonic(few.positions, l, 2)[:, None])

    errors = [error(Sphere.icosphere(s, O2)) for s in (3, 4, 5)]
    assert errors[0] < 0.05 and errors[1] < errors[0] / 2.5 and errors[2] < min(errors[1] / 2.5, 3e-3)
    assert error(Sphere.fibonacci(3000, O2)) < 5e-3 and error(Sphere.latlon(40, group=O2)) < 5e-3
    assert abs(value - eigenvalue(conv, l + 1)) > 0.1 * abs(value)


@torch.no_grad()
def test_scalars_become_gradients():
    """A kernel from scalars to vectors of O(2) makes a multiple of the gradient of a harmonic."""
    conv = smooth(R.trivial(O2), R.standard(O2))

    def error(sphere):
        out, few = convolved(conv, sphere, 3, -2)
        slope = torch.func.vmap(torch.func.jacfwd(lambda y: harmonic(y[None], 3, -2)[0]))(few.positions)
        gradient = torch.einsum("nij,ni->nj", few.frames, slope)
        ratio = (out * gradient).sum() / gradient.square().sum()
        return float((out - ratio * gradient).norm() / out.norm())

    errors = [error(Sphere.icosphere(s, O2)) for s in (3, 4, 5)]
    assert errors[0] < 0.05 and errors[1] < errors[0] / 2.5 and errors[2] < min(errors[1] / 2.5, 3e-3)
    assert error(Sphere.fibonacci(3000, O2)) < 5e-3 and error(Sphere.latlon(40, group=O2)) < 5e-3


def test_pooling_carries_vectors():
    """A smooth tangent field, averaged over clusters, stays near its value at the sample, whatever the frames."""
    sphere, rep = Sphere.fibonacci(1500), R.irrep(SO2, 1)
    sphere = sphere.regauge(SO2.sample(len(sphere)))
    a = torch.tensor([0.5, -0.8, 0.3], dtype=F64)

    def killing(space):
        return torch.einsum("nij,ni->nj", space.frames, torch.linalg.cross(a.expand(len(space), 3), space.positions))

    coarse, graph = sphere.coarsened(60)
    assert graph.g is not None and float(coarse.cells.sum()) == pytest.approx(4 * pi)
    angle = torch.acos((coarse.positions @ sphere.positions.T).clamp(-1, 1))
    assert torch.equal(graph.target[graph.source.argsort()], angle.argmin(0))
    carried = torch.einsum("eij,ej->ei", rep.rho(graph.g), killing(sphere)[graph.source])
    pooled = graph.sum(graph.weight[:, None] * carried)
    plain = graph.sum(graph.weight[:, None] * killing(sphere)[graph.source])
    assert relative(pooled, killing(coarse)) < 0.1 < 0.5 < relative(plain, killing(coarse))
    conv = nn.Conv(rep, rep, K.Harmonic(radius=1.0, degrees=2)).double()
    out = conv(Field(killing(coarse), rep, coarse))
    again, few = coarse.coarsened(4)
    assert len(again) == 4 and len(few) == 60 and out.tensor.isfinite().all()


# ----------------------------------------------------------------------------------------------------------- the object


def test_the_nearest_k_up_to_all_but_the_antipode():
    sphere = Sphere.icosphere(1)
    graph = sphere.neighbours(k=40)
    distance = torch.cdist(sphere.positions, sphere.positions)
    assert (graph.degree == 41).all() and float(distance[graph.target, graph.source].max()) < 1.999
    few = sphere.neighbours(k=5)
    assert torch.equal(few.target, torch.arange(42).repeat_interleave(6))
    reach = distance.sort(1).values[:, 5]
    assert (distance[few.target, few.source] < reach[few.target] + 1e-9).all()


def test_survives_pickle_and_pytrees():
    sphere = Sphere.latlon(4, 9, group=O2, radius=2.0)
    leaves, spec = _pytree.tree_flatten(sphere)
    for other in (pickle.loads(pickle.dumps(sphere)), _pytree.tree_unflatten(leaves, spec), sphere.to("cpu")):
        assert (other.radius, other.shape, other.group) == (2.0, (4, 9), O2)
        assert torch.equal(other.neighbours(1.5, norm="sum").v, sphere.neighbours(1.5, norm="sum").v)


# ----------------------------------------------------------------------------------------------------- what is refused


def test_errors():
    with pytest.raises(SpaceError, match="Euler characteristic"):
        Sphere.icosphere(1, ONE)
    with pytest.raises(SpaceError, match="Euler characteristic"):
        Sphere.icosphere(1).restrict(G.Cyclic(6))
    with pytest.raises(SpaceError, match="distance 1 from the origin"):
        Sphere(2 * unit(5))
    with pytest.raises(SpaceError, match="of the plane"):
        Sphere(unit(5), G.SO(3))
    with pytest.raises(SpaceError, match="shortest geodesic"):
        Sphere(unit(5)).neighbours(3.2, norm="sum")
    with pytest.raises(SpaceError, match="orthonormal"):
        Sphere(unit(5), frames=2 * meridian_frames(unit(5)))
    mixed = meridian_frames(unit(5)) * torch.tensor([1.0, 1, 1, -1, 1], dtype=F64)[:, None, None].expand(5, 3, 2)
    mixed[0] = mixed[0].flip(1)
    with pytest.raises(SpaceError, match="orientation"):
        Sphere(unit(5), frames=mixed)
    with pytest.raises(SpaceError, match="kind"):
        Sphere.latlon(4, kind="healpix")
    with pytest.raises(SpaceError, match="latlon"):
        Sphere.fibonacci(8).image(torch.zeros(8, 1))
    grid = Sphere.latlon(3, 5, group=ONE)
    x = torch.arange(30.0).view(15, 2)
    assert torch.equal(grid.features(grid.image(x)), x) and grid.image(x)[1, 2, 4] == x[14, 1]
    assert grid.image(grid.positions)[1, 0, 0] < -0.7  # row 0 is in the south


@pytest.mark.parametrize("group", [SO2, O2], ids=str)
def test_derivatives_are_covariant_on_the_sphere(group):
    """In normal coordinates at p derivatives along geodesics: ∇z is the tangent part of e_z, Δ z = -2 z, ∇·∇ = Δ."""
    errors = []
    for level in (2, 3):
        sphere = Sphere.icosphere(level, group)
        z = Field(sphere.positions[:, 2:].clone(), R.trivial(group), sphere)
        gradient, laplacian = (f(group).kernel(dtype=F64) for f in (K.operators.gradient, K.operators.laplacian))
        expected = sphere.frames.mT @ torch.tensor([0.0, 0.0, 1.0], dtype=F64)
        graph = sphere.neighbours(k=24, norm="one")
        found, second = gradient.apply_to(z.tensor, graph).detach(), laplacian.apply_to(z.tensor, graph).detach()
        errors.append((relative(found, expected), relative(second, -2 * z.tensor)))
    (a, b), (c, d) = errors
    assert c < 0.4 * a and c < 1e-3 and d < 0.6 * b and d < 2e-2, errors
