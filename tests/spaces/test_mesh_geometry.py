"""Triangle meshes: topology, angles and transport, geodesic logarithms, against closed forms."""

import sys
from math import pi, sin, sqrt, tau

import pytest
import torch

from tests import meshes
from torsor.errors import MissingExtraError, SpaceError
from torsor.spaces import mesh_logarithm
from torsor.spaces.mesh_frames import embedded, measured, tangent_bases, vertex_normals, wrapped
from torsor.spaces.mesh_logarithm import logarithms
from torsor.spaces.mesh_topology import after, repaired, triangulate

F64 = torch.float64


def geometry(mesh):
    x, faces = mesh
    return embedded(triangulate(faces, len(x)), x)


def pair(a, b):
    """Two meshes side by side."""
    return torch.cat([a[0], b[0]]), torch.cat([a[1], b[1] + len(a[0])])


def rotation(seed):
    q = torch.linalg.qr(torch.randn(3, 3, dtype=F64, generator=torch.Generator().manual_seed(seed)))[0]
    return q * torch.linalg.det(q)


def direction(u):
    return torch.atan2(u[:, 1], u[:, 0])


# mesh, Euler characteristic, lengths of the boundary loops, components
SURFACES = {
    "plane": (meshes.plane(6), 1, [20], 1),
    "sphere": (meshes.sphere(1), 2, [], 1),
    "torus": (meshes.torus(9, 7), 0, [], 1),
    "flat torus": (meshes.flat_torus(7, 5), 0, [], 1),
    "cylinder": (meshes.cylinder(8, 4), 0, [8, 8], 1),
    "cube": (meshes.cube(3), 2, [], 1),
    "two": (pair(meshes.plane(4), meshes.sphere(0)), 3, [12], 2),
}
surfaces = pytest.mark.parametrize("name", SURFACES)


# topology


@surfaces
def test_topology_is_known(name):
    (x, faces), euler, loops, components = SURFACES[name]
    mesh = triangulate(faces, len(x))
    assert mesh.euler == euler
    assert [len(loop) for loop in mesh.boundary_loops] == loops
    assert int(mesh.component.max()) + 1 == components
    assert int(mesh.boundary.sum()) == sum(loops)
    assert len(mesh.edges) == len({frozenset(s) for f in faces.tolist() for s in ((f[0], f[1]), f[1:], f[::2])})
    h = torch.arange(len(mesh.tail))
    assert torch.equal(mesh.twin[mesh.twin], h) and bool((mesh.twin != h).all())
    assert torch.equal(mesh.tail[after(h[: mesh.inner])], mesh.head[: mesh.inner])


def test_rings_turn_counter_clockwise_and_boundaries_have_the_surface_on_the_right():
    x, faces = meshes.plane(6)
    mesh = triangulate(faces, len(x))
    assert sorted(mesh.ring.tolist()) == list(range(len(mesh.ring)))
    for i in range(len(x)):
        ring = mesh.ring[mesh.rows[i] : mesh.rows[i + 1]]
        assert bool((mesh.tail[ring] == i).all())
        edge = x[mesh.head[ring]] - x[i]
        turns = torch.remainder(direction(edge).diff(), tau)
        assert bool((turns < pi).all())
        assert float(turns.sum()) < tau
    (loop,) = mesh.boundary_loops
    a, b = x[loop], x[loop.roll(-1)]
    assert torch.isclose((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / 2, torch.tensor(-1.0, dtype=F64))


BAD = {
    "a face of length four": ([[0, 1, 2, 3]], 4, "expected faces"),
    "an index out of range": ([[0, 1, 4]], 4, r"0 … 3, got 0 … 4"),
    "a repeated vertex": ([[0, 1, 2], [1, 1, 2]], 3, r"1 faces that repeat a vertex: 1; .*repaired"),
    "a repeated face": ([[0, 1, 2], [0, 2, 3], [1, 2, 0]], 4, r"2 faces that have the three .*: 0, 2; .*repaired"),
    "three faces at an edge": ([[0, 1, 2], [1, 0, 3], [0, 1, 4]], 5, r"3 faces at an edge of more .*: 0, 1, 2; "),
    "opposite senses": ([[0, 1, 2], [1, 2, 3]], 4, r"2 faces that run around .*: 0, 1; .*repaired"),
    "two fans at one vertex": ([[0, 1, 2], [0, 3, 4]], 5, r"1 vertices where parts .*: 0; "),
    "an unused vertex": ([[0, 1, 2]], 5, r"2 vertices that belong to no face: 3, 4; .*repaired"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_surface_is_refused_by_name(name):
    faces, n, message = BAD[name]
    with pytest.raises(SpaceError, match=message):
        triangulate(torch.tensor(faces), n)


def test_the_moebius_strip_is_refused_and_stays_refused_after_repair():
    x, faces = meshes.moebius(9)
    for f in (faces, repaired(x, faces)[1]):
        with pytest.raises(SpaceError, match=r"36 faces of a surface that has no orientation.*0, 1, 2, 3, 4, …"):
            triangulate(f, len(x))


def test_bad_positions_are_refused_by_name():
    x, faces = meshes.plane(4)
    mesh = triangulate(faces, len(x))
    hole = x.clone()
    hole[5, 1] = torch.nan
    with pytest.raises(SpaceError, match=r"1 vertices whose position is not finite: 5"):
        embedded(mesh, hole)
    with pytest.raises(SpaceError, match=r"1 vertices whose position is not finite: 5"):
        repaired(hole, faces)
    needle = torch.tensor([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0]], dtype=F64)
    fan = triangulate(torch.tensor([[0, 1, 3], [1, 2, 3], [0, 2, 1]]), 4)
    with pytest.raises(SpaceError, match=r"1 faces of area zero: 2; .*repaired"):
        embedded(fan, needle)
    with pytest.raises(SpaceError, match="16 vertices, got 15"):
        embedded(mesh, x[:15])


def test_repair_gives_back_the_surface_of_a_soup_of_triangles():
    x, faces = meshes.sphere(1)
    soup = x[faces].reshape(-1, 3)
    own = torch.arange(len(soup)).view(-1, 3)
    own[3], own[7] = own[3].flip(0), own[7].flip(0)
    flat = torch.tensor([[0, 0, 1], [0, 1, len(soup)]])  # a repeated vertex; three points of a line
    own = torch.cat([own, own[5:6].roll(1, 1), flat])
    soup = torch.cat([soup, (soup[0:1] + soup[1:2]) / 2, soup[:1] + 9])
    clean, fixed, index = repaired(soup, own)
    mesh = triangulate(fixed, len(clean))
    assert (len(clean), len(fixed), mesh.euler) == (len(x), len(faces), 2)
    assert torch.equal(clean[index[:-2]], soup[:-2]) and index[-2:].tolist() == [-1, -1]
    assert float(embedded(mesh, clean).faces.sum()) == pytest.approx(float(geometry((x, faces)).faces.sum()))


def test_repair_takes_fins_away_but_keeps_one_of_two_equal_faces():
    x, faces = meshes.sphere(1)
    a, b, _ = faces[0].tolist()
    fin = torch.tensor([[b, a, len(x)], [a, b, len(x)]])
    finned = torch.cat([x, x[:1] * 1.1])
    clean, fixed, index = repaired(finned, torch.cat([faces, fin, faces[7:8].flip(1)]))
    assert torch.equal(clean, x) and torch.equal(fixed, faces)
    assert index[-1] == -1
    twice = torch.cat([faces, faces[:1].roll(1, 1), fin])  # a copy beside a fin is no fin
    assert torch.equal(repaired(finned, twice)[1], faces)
    sides = torch.cat([faces, faces.flip(1), fin])
    assert torch.equal(repaired(finned, sides)[1], faces)


# frames


@surfaces
def test_gauss_bonnet(name):
    mesh, euler, loops, _ = SURFACES[name]
    metric = geometry(mesh)
    assert abs(float(metric.defect.sum()) - tau * euler) < 1e-11
    if not loops:
        assert abs(float(metric.holonomy.sum()) - tau * euler) < 1e-11


@surfaces
def test_corners_and_areas(name):
    (x, faces), *_ = SURFACES[name]
    metric = geometry((x, faces))
    a, b = (x[faces.roll(-k, 1)] - x[faces] for k in (1, 2))
    cosine = (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))
    assert torch.allclose(metric.corner.view(-1, 3), cosine.arccos(), atol=1e-12)
    area = (a.norm(dim=-1) * b.norm(dim=-1) * (1 - cosine**2).sqrt() / 2)[:, 0]
    assert torch.allclose(metric.faces, area, atol=1e-12)
    for cells in (metric.barycentric, metric.voronoi):
        assert float(cells.sum()) == pytest.approx(float(area.sum()), rel=1e-12)
        assert bool((cells > 0).all())


def test_voronoi_cells_of_the_square_and_of_the_hexagonal_lattice():
    x, faces = meshes.plane(5, 0.0)
    inner = ~triangulate(faces, 25).boundary
    assert torch.allclose(geometry((x, faces)).voronoi[inner], torch.tensor(1 / 16, dtype=F64))
    hexagonal = x @ torch.tensor([[1, 0, 0], [-0.5, sqrt(3) / 2, 0], [0, 0, 1]], dtype=F64)
    assert torch.allclose(geometry((hexagonal, faces)).voronoi[inner], torch.tensor(sqrt(3) / 32, dtype=F64))


def test_angles_of_the_icosahedron_and_of_a_boundary():
    metric = geometry(meshes.sphere(0))
    assert torch.allclose(metric.angle[metric.triangulation.ring].view(12, 5), torch.arange(5).double() * tau / 5)
    assert torch.allclose(metric.defect, torch.tensor(pi / 3, dtype=F64))
    metric = geometry(meshes.plane(3, 0.0))
    corner = metric.triangulation.ring[: metric.triangulation.rows[1]]
    assert torch.allclose(metric.angle[corner], torch.tensor([0, pi / 4, pi / 2], dtype=F64))


def test_transport_along_edges_is_that_of_the_plane():
    x, faces = meshes.plane(6)
    x = x @ rotation(0).mT
    metric = geometry((x, faces))
    mesh, b = metric.triangulation, tangent_bases(metric, x)
    assert torch.allclose(b.mT @ b, torch.eye(2, dtype=F64).expand(len(x), 2, 2), atol=1e-12)
    assert torch.allclose(torch.linalg.cross(b[..., 0], b[..., 1]), vertex_normals(mesh, x), atol=1e-12)
    assert torch.allclose(vertex_normals(mesh, x), rotation(0)[:, 2].expand(len(x), 3), atol=1e-12)
    edge = torch.stack([metric.angle.cos(), metric.angle.sin()], 1) * metric.lengths[:, None]
    assert torch.allclose(torch.einsum("hij,hj->hi", b[mesh.tail], edge), x[mesh.head] - x[mesh.tail], atol=1e-12)
    turned = b[mesh.head] @ turn(metric.transport)
    assert torch.allclose(turned, b[mesh.tail], atol=1e-12)
    flat = ~mesh.boundary[faces].any(1)
    assert float(metric.holonomy[flat].abs().max()) < 1e-12


def test_tangent_bases_in_any_dimension_follow_the_edges():
    x, faces = meshes.flat_torus(40, 40)
    metric = geometry((x, faces))
    b = tangent_bases(metric, x)
    assert torch.allclose(b.mT @ b, torch.eye(2, dtype=F64).expand(len(x), 2, 2), atol=1e-12)
    radial = (x.view(-1, 2, 2, 1) * b.view(-1, 2, 2, 2)).sum(2)  # along the radii of the two circles
    assert float(radial.abs().max()) < 1e-12
    flat = x[:, :2] * 0 + meshes.plane(40)[0][:, :2]
    metric = geometry((flat, meshes.grid(40, 40)))
    h = metric.triangulation.ring[metric.triangulation.rows[:-1]]
    first = flat[metric.triangulation.head[h]] - flat
    assert torch.allclose(tangent_bases(metric, flat)[..., 0], first / first.norm(dim=1)[:, None], atol=1e-12)


def turn(angle):
    return torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).view(*angle.shape, 2, 2)


def test_transport_around_a_face_turns_by_its_curvature():
    """Σ transport = holonomy modulo 2π on any mesh, and on the sphere it is the area of the triangle, anticlockwise."""
    metric = geometry(meshes.sphere(2))
    around = metric.transport.view(-1, 3).sum(1)
    assert float(wrapped(around - metric.holonomy).abs().max()) < 1e-12
    assert torch.allclose(metric.holonomy, metric.faces, rtol=0.1)
    assert float(wrapped(around + metric.holonomy).abs().min()) > 1e-2  # negative control: the other sense


@pytest.mark.parametrize("angle", [4.0, 6.0, 7.0])
def test_transport_around_the_tip_of_a_cone_turns_by_its_defect(angle):
    metric = cone_metric(9, angle, 3)[0]
    mesh = metric.triangulation
    loop = torch.arange(10, 19)  # the second ring; the rings at its sides are flat
    h = [int(((mesh.tail == a) & (mesh.head == b)).nonzero()) for a, b in zip(loop, loop.roll(-1), strict=True)]
    assert abs(float(wrapped(metric.transport[h].sum() - (tau - angle)))) < 1e-12
    assert abs(float(metric.defect[0]) - (tau - angle)) < 1e-12
    assert float(metric.defect[1:19].abs().max()) < 1e-12


def cone_metric(sides, angle, rings):
    """A cone of a total angle, and the polar coordinates of its vertices."""
    x, faces = meshes.cone(sides, angle, rings)
    mesh = triangulate(faces, len(x))
    (r, s), (a, b) = x[mesh.tail].unbind(1), x[mesh.head].unbind(1)
    apart = torch.remainder(s - b, angle)
    apart = torch.minimum(apart, angle - apart) * (r * a > 0)
    return measured(mesh, (r**2 + a**2 - 2 * r * a * apart.cos()).sqrt()), x


def test_lengths_that_are_no_metric_are_refused():
    x, faces = meshes.sphere(0)
    mesh = triangulate(faces, len(x))
    lengths = embedded(mesh, x).lengths
    with pytest.raises(SpaceError, match="the same for twins"):
        measured(mesh, lengths * (1 + torch.rand(len(lengths))))
    lengths[torch.tensor([0, int(mesh.twin[0])])] *= 2.1
    with pytest.raises(SpaceError, match="2 faces of area zero: 0, "):
        measured(mesh, lengths)
    with pytest.raises(SpaceError, match="expected positions in R³"):
        vertex_normals(mesh, x[:, :2])


# logarithms


def complete(metric, pairs, distance, radius):
    """The pairs are exactly those within the radius, in order."""
    expected = (distance <= radius).nonzero()
    assert torch.equal(torch.stack([pairs.p, pairs.q], 1), expected)
    assert float((pairs.u.norm(dim=1) - distance[pairs.p, pairs.q]).abs().max()) < 1e-12


@pytest.mark.parametrize("stretch", [1.0, 40.0])
def test_logarithms_of_the_plane_are_differences(stretch):
    """Also where all faces are needles, and at the boundary."""
    x, faces = meshes.plane(13)
    x = x * torch.tensor([1.0, stretch, 1.0])
    y = x @ rotation(1).mT
    metric = geometry((y, faces))
    pairs, b = logarithms(metric, 0.301 * sqrt(stretch)), tangent_bases(metric, y)
    complete(metric, pairs, (x[:, None] - x).norm(dim=2), 0.301 * sqrt(stretch))
    p, q, u, angle = pairs
    assert float((torch.einsum("eij,ej->ei", b[p], u) - (y[q] - y[p])).abs().max()) < 1e-12 * stretch
    assert torch.allclose(b[p] @ turn(angle), b[q], atol=1e-9 * stretch)


def test_logarithms_of_a_regular_grid_pass_through_vertices():
    x, faces = meshes.plane(9, 0.0)
    complete(None, logarithms(geometry((x, faces)), 0.625), (x[:, None] - x).norm(dim=2), 0.625 + 1e-9)


def test_logarithms_of_the_flat_torus_wrap_around():
    n, m = 12, 15
    metric = geometry(meshes.flat_torus(n, m))
    step = torch.tensor([2 * torch.sin(torch.tensor(pi / k, dtype=F64)) for k in (n, m)], dtype=F64)
    index = torch.stack(torch.meshgrid(torch.arange(n), torch.arange(m), indexing="ij"), -1).view(-1, 2)
    size = torch.tensor([n, m])
    between = torch.remainder(index[None] - index[:, None] + size // 2, size) - size // 2
    complete(metric, logarithms(metric, 1.2), (between * step).norm(dim=2), 1.2)
    p, q, u, angle = logarithms(metric, 1.2)
    mesh = metric.triangulation
    first = mesh.ring[mesh.rows[:-1]]
    axis = direction(between[mesh.tail[first], mesh.head[first]] * step)  # the direction of the basis in the plane
    true = between[p, q] * step
    assert float((torch.einsum("eij,ej->ei", turn(axis[p]), u) - true).abs().max()) < 1e-12
    assert float(wrapped(angle - (axis[q] - axis[p])).abs().max()) < 1e-10


def test_distances_on_the_cube():
    """Between a point of the top and one of the side x = 1: the least of three developments."""
    x, faces = meshes.cube(6)
    pairs = logarithms(geometry((x, faces)), 1.2)
    top = (x[:, 2] == 1) & (x[:, 0] < 1) & (x[:, 1] > 0) & (x[:, 1] < 1)
    side = (x[:, 0] == 1) & (x[:, 2] < 1) & (x[:, 2] > 0)
    some = top[pairs.p] & side[pairs.q]
    (a, b, _), (_, c, d) = x[pairs.p[some]].unbind(1), x[pairs.q[some]].unbind(1)
    straight = ((1 - a) + (1 - d)) ** 2 + (b - c) ** 2
    front, back = (1 + c - a) ** 2 + (1 + b - d) ** 2, (2 - c - a) ** 2 + (2 - b - d) ** 2
    true = torch.stack([straight, front, back]).amin(0).sqrt()
    assert int((front.minimum(back) < straight - 1e-9).sum()) > 5 and len(true) > 100
    assert float((pairs.u[some].norm(dim=1) - true).abs().max()) < 1e-12


def test_geodesics_bend_at_a_corner_of_the_boundary():
    """A square without its upper right quarter: around the corner c the distance is |p - c| + |c - q|, towards c."""
    x, faces = meshes.plane(11, 0.0)
    x, faces, _ = repaired(x, faces[~(x[faces][:, :, :2] > 0.49).all(2).all(1)])
    metric, (p, q) = geometry((x, faces)), x[:, :2].unbind(1)
    c = int(((x[:, :2] - 0.5).abs() < 1e-9).all(1).nonzero())
    to_c, to_q = x[c] - x, x - x[:, None]  # to_q[i, j] leads from i to j
    beyond = to_q[..., 0] * to_c[:, None, 1] - to_q[..., 1] * to_c[:, None, 0] < -1e-9  # c is on the right
    hidden = (q[:, None] > 0.51) & (p > 0.51) & beyond
    hidden = hidden | hidden.T
    distance = torch.where(hidden, to_c.norm(dim=1)[:, None] + to_c.norm(dim=1), to_q.norm(dim=2))
    assert int(hidden.sum()) > 500
    radius = 0.6321
    pairs = logarithms(metric, radius)
    complete(metric, pairs, distance, radius)
    e = hidden[pairs.p, pairs.q]
    toward = torch.where(e[:, None], to_c[pairs.p], to_q[pairs.p, pairs.q])
    true = torch.nn.functional.normalize(toward, dim=1) * pairs.u.norm(dim=1, keepdim=True)
    u = torch.einsum("eij,ej->ei", plane_bases(metric, x)[pairs.p], pairs.u)
    assert float((u - true).abs().max()) < 1e-12
    assert int(e.sum()) > 100


def plane_bases(metric, x):
    """The reference bases of a mesh in the plane z = 0, from their first half-edges."""
    mesh = metric.triangulation
    h = mesh.ring[mesh.rows[:-1]]
    first = torch.nn.functional.normalize(x[mesh.head[h]] - x, dim=1)
    return torch.stack([first, first[:, [1, 0, 2]] * torch.tensor([-1.0, 1.0, 1.0])], 2)


@pytest.mark.parametrize("angle", [2.0, 5.0, 6.2, 7.0, 11.0])
def test_distances_and_directions_on_a_cone(angle):
    """Law of cosines of the lesser of the two angles between p and q; from π on through the tip, which needs ≥ 2π."""
    metric, x = cone_metric(9, angle, 4)
    (r, s), radius = x.unbind(1), 0.99
    apart = torch.remainder(s[None] - s[:, None], angle)
    apart = torch.minimum(apart, angle - apart) * (r[:, None] * r > 0)
    across = (r[:, None] ** 2 + r**2 - 2 * r[:, None] * r * apart.cos()).clamp(min=0).sqrt()
    distance = torch.where(apart < pi, across, r[:, None] + r)
    # the outer boundary is a polygon, not convex where a chord would leave the cone: compare the inner vertices
    pairs = logarithms(metric, radius)
    inner = (r[pairs.p] < 0.8) & (r[pairs.q] < 0.8)
    assert float((pairs.u.norm(dim=1) - distance[pairs.p, pairs.q])[inner].abs().max()) < 1e-9
    assert int(inner.sum()) == int((distance <= radius)[r < 0.8][:, r < 0.8].sum())


def test_of_two_geodesics_around_a_cone_the_middle_is_taken():
    """Opposite points of a cone with an even number of sides: the direction is that of the tip."""
    metric, _ = cone_metric(8, 5.0, 3)
    pairs = logarithms(metric, 1.0)
    i, j = 1, 5  # on the inner ring, half the cone apart
    e = ((pairs.p == i) & (pairs.q == j)).nonzero()[0, 0]
    tip = ((pairs.p == i) & (pairs.q == 0)).nonzero()[0, 0]
    assert abs(float(wrapped(direction(pairs.u)[e] - direction(pairs.u)[tip]))) < 1e-12
    assert float(pairs.u[e].norm()) == pytest.approx(2 / 3 * sin(1.25), rel=1e-12)


def sphere_errors(level, radius, targets=160):
    """The largest errors of distance and position, relative to the radius, of direction and of transport."""
    x, faces = meshes.sphere(level)
    metric = geometry((x, faces))
    b = tangent_bases(metric, x)
    b = b - x[:, :, None] * (x[:, None] @ b)
    b = torch.linalg.qr(b)[0] * torch.sign(torch.linalg.qr(b)[1].diagonal(dim1=1, dim2=2))[:, None]
    p, q, u, angle = logarithms(metric, radius, targets=torch.arange(0, len(x), max(1, len(x) // targets)))
    p, q, u, angle = p[p != q], q[p != q], u[p != q], angle[p != q]
    c = (x[p] * x[q]).sum(1, keepdim=True)
    out, back = ((a - c * o) / (a - c * o).norm(dim=1, keepdim=True) for a, o in ((x[q], x[p]), (x[p], x[q])))
    distance = torch.linalg.cross(x[p], x[q]).norm(dim=1)
    distance = torch.atan2(distance, c[:, 0])
    at_p, at_q = (torch.einsum("eji,ej->ei", b[o], a) for o, a in ((p, out), (q, -back)))
    far = distance > radius / 2
    return [
        float(error.max())
        for error in (
            (u.norm(dim=1) - distance).abs() / radius,
            (u - distance[:, None] * at_p).norm(dim=1) / radius,
            wrapped(direction(u) - direction(at_p)).abs()[far],
            wrapped(angle - (direction(at_p) - direction(at_q))).abs()[far],
            -wrapped(angle + (direction(at_p) - direction(at_q))).abs()[far].mean(),
        )
    ]


def test_convergence_to_the_sphere():
    """At a fixed number of rings everything has order 2; at a fixed radius distances 2, directions and transport 1."""
    at_rings = [sphere_errors(level, 3.8 / 2**level) for level in (2, 3, 4)]
    for a, b in zip(at_rings[:-1], at_rings[1:], strict=True):
        assert all(coarse / fine > 2**1.8 for coarse, fine in zip(a[:4], b[:4], strict=True))
    assert at_rings[-1][0] < 1e-3 and max(at_rings[-1][:4]) < 1e-2
    assert -at_rings[-1][4] > 1  # negative control: transport in the other sense
    fixed = [sphere_errors(level, 0.5, 40) for level in (3, 4, 5)]
    assert fixed[0][0] / fixed[2][0] > 4**1.75
    assert all(coarse / fine > 4**0.75 for coarse, fine in zip(fixed[0][1:4], fixed[2][1:4], strict=True))


def bumpy(level=2):
    x, faces = meshes.sphere(level)
    return x * (1 + 0.1 * torch.sin(3 * x[:, :1] + 2 * x[:, 1:2]) + 0.05 * torch.cos(5 * x[:, 2:])), faces


@pytest.mark.parametrize("mesh", [meshes.sphere(2), bumpy()], ids=["ties", "no ties"])
def test_numbering_motion_and_scale(mesh):
    x, faces = mesh
    p, q, u, angle = logarithms(geometry(mesh), 0.7)
    n = len(x)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    index = order.argsort()
    moved = 2.5 * x[order] @ rotation(2).mT + torch.tensor([1.0, 2.0, 3.0])
    a, b, w, turned = logarithms(geometry((moved, index[faces])), 2.5 * 0.7)
    back = (order[a] * n + order[b]).argsort()
    assert torch.equal(order[a][back], p) and torch.equal(order[b][back], q)
    assert float((w[back] / 2.5 - u).abs().max()) < 1e-10
    assert float(wrapped(turned[back] - angle).abs().max()) < 1e-10
    # faces in another order: another basis, the same vectors
    shuffled = torch.randperm(len(faces), generator=torch.Generator().manual_seed(1))
    metric, other = geometry(mesh), geometry((x, faces[shuffled].roll(1, 1)))
    a, b, w, turned = logarithms(other, 0.7)
    assert torch.equal(a, p) and torch.equal(b, q)
    old, new = tangent_bases(metric, x), tangent_bases(other, x)
    assert float((torch.einsum("eij,ej->ei", old[p], u) - torch.einsum("eij,ej->ei", new[p], w)).abs().max()) < 1e-10
    assert float((old[p] @ turn(angle) @ old[q].mT - new[p] @ turn(turned) @ new[q].mT).abs().max()) < 1e-10


def test_reversal_subsets_and_chunks(monkeypatch):
    metric = geometry(bumpy())
    n = metric.triangulation.vertices
    p, q, u, angle = logarithms(metric, 0.6)
    order = (q * n + p).argsort()
    assert torch.equal(q[order], p)
    assert torch.allclose(u[order].norm(dim=1), u.norm(dim=1), rtol=1e-12)
    assert float(wrapped(angle[order] + angle).abs().max()) < 1e-9
    some, few = torch.tensor([40, 3, 17]), torch.tensor([3, 9, 60, 41, 5])
    part = logarithms(metric, 0.6, targets=some, sources=few)
    mask = torch.isin(p, some) & torch.isin(q, few)
    monkeypatch.setattr(mesh_logarithm, "CHUNK", 1)
    for pieces, whole in ((part, mask), (logarithms(metric, 0.6), torch.ones_like(mask))):
        assert all(torch.equal(a, b[whole]) for a, b in zip(pieces, (p, q, u, angle), strict=True))


def test_edges_have_the_transport_of_edges():
    metric = geometry(bumpy())
    mesh = metric.triangulation
    p, q, u, angle = logarithms(metric, float(metric.lengths.max()))
    place = {edge: e for e, edge in enumerate(zip(p.tolist(), q.tolist(), strict=True))}
    e = torch.tensor([place[edge] for edge in zip(mesh.tail.tolist(), mesh.head.tolist(), strict=True)])
    straight = (u[e].norm(dim=1) - metric.lengths).abs() < 1e-12  # an edge need not be the shortest path
    assert float(straight.double().mean()) > 0.9
    assert float(wrapped(direction(u[e]) - metric.angle)[straight].abs().max()) < 1e-10
    assert float(wrapped(angle[e] + metric.transport)[straight].abs().max()) < 1e-10


def test_components_never_meet():
    mesh = pair(meshes.sphere(1), meshes.sphere(1))
    p, q, *_ = logarithms(geometry(mesh), 2.0)
    assert bool(((p < 42) == (q < 42)).all()) and len(p) > 1000


def test_bad_arguments(monkeypatch):
    x, faces = meshes.sphere(0)
    metric = geometry((x, faces))
    for radius in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SpaceError, match="finite radius > 0"):
            logarithms(metric, radius)
    with pytest.raises(SpaceError, match=r"targets .* 0 … 11"):
        logarithms(metric, 1.0, targets=torch.tensor([12]))
    with pytest.raises(SpaceError, match='"exact" or "heat"'):
        logarithms(metric, 1.0, method="warm")
    with pytest.raises(SpaceError, match="positions"):
        logarithms(metric, 1.0, method="heat")
    monkeypatch.setitem(sys.modules, "potpourri3d", None)
    with pytest.raises(MissingExtraError, match=r"torsor\[mesh\]"):
        logarithms(metric, 1.0, method="heat", positions=x)


@pytest.mark.parametrize("mesh", [meshes.torus(20, 12), meshes.cylinder(14, 6)], ids=["torus", "cylinder"])
def test_distances_are_those_of_geodesics_by_edge_flips(mesh):
    """Edge flips find a straight geodesic, which may not be the shortest: it is never shorter, and seldom longer."""
    flips = pytest.importorskip("potpourri3d").EdgeFlipGeodesicSolver(mesh[0].numpy(), mesh[1].numpy())
    p, q, u, _ = logarithms(geometry(mesh), 0.8, targets=torch.tensor([0, 5, 31]))
    p, q, distance = p[p != q], q[p != q], u[p != q].norm(dim=1)
    paths = [torch.from_numpy(flips.find_geodesic_path(*ends)) for ends in zip(p.tolist(), q.tolist(), strict=True)]
    excess = torch.stack([path.diff(dim=0).norm(dim=1).sum() for path in paths]) - distance
    assert float(excess.min()) > -1e-9
    assert float((excess < 1e-9).double().mean()) > 0.95


def test_the_vector_heat_method_agrees():
    pytest.importorskip("potpourri3d")
    x, faces = meshes.sphere(3)
    metric, targets = geometry((x, faces)), torch.arange(0, 642, 80)
    exact = logarithms(metric, 0.6, targets=targets)
    heat = logarithms(metric, 0.7, targets=targets, method="heat", positions=x)
    n = len(x)
    place = torch.searchsorted(heat.p * n + heat.q, exact.p * n + exact.q)
    assert torch.equal(heat.q[place], exact.q)
    assert float((heat.u[place] - exact.u).norm(dim=1).mean()) < 0.02
    assert float(wrapped(heat.angle[place] - exact.angle).abs().mean()) < 0.02
    assert float(wrapped(heat.angle[place] + exact.angle).abs().mean()) > 0.5  # negative control
