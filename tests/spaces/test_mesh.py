"""Meshes as manifolds: gauges, isometries, structures and their obstructions, against planes, tori and spheres."""

from math import pi

import pytest
import torch

from tests.meshes import cylinder, flat_torus, moebius, plane, sphere, torus
from torsor import Field, check, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import SpaceError
from torsor.spaces.mesh_crosses import indices, smoothest
from torsor.spaces.mesh_frames import embedded
from torsor.spaces.mesh_topology import triangulate

F64 = torch.float64
SO2, O2 = G.SO(2), G.O(2)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random(rep, n, seed=5):
    return torch.randn(n, rep.dim, generator=generator(seed), dtype=F64)


def turned(space, seed=3):
    """The space in random frames."""
    return space.regauge(space.group.sample(len(space), generator(seed)))


TYPES = [
    (SO2, R.trivial(SO2) + R.irrep(SO2, 1), R.irrep(SO2, 2) + R.trivial(SO2)),
    (O2, R.trivial(O2) + R.standard(O2), R.tensor(O2, 1, 1)),
    (G.Cyclic(4), R.regular(G.Cyclic(4)), R.regular(G.Cyclic(4)) + R.standard(G.Cyclic(4))),
    (G.Dihedral(4), R.trivial(G.Dihedral(4)) + R.regular(G.Dihedral(4)), R.regular(G.Dihedral(4))),
]


@pytest.mark.parametrize(("group", "rho_in", "rho_out"), TYPES, ids=lambda x: str(x))
def test_convolution_knows_no_frames(group, rho_in, rho_out):
    mesh = S.Mesh(*torus(12, 6, 1.0, 0.25), group)
    conv = nn.Conv(rho_in, rho_out, K.Harmonic(radius=0.6), dtype=F64)
    report = check.gauge(conv, Field(random(rho_in, len(mesh)), rho_in, mesh))
    assert report.passed(1e-10) and report.blind > 1e-2, report


def test_networks_know_no_frames_through_nonlinearities_and_pooling():
    mesh = S.Mesh(*sphere(2), SO2)
    gate = nn.Gated(2 * R.trivial(SO2) + 2 * R.irrep(SO2, 1))
    conv = nn.Conv(R.trivial(SO2), gate.in_rep, K.Harmonic(radius=0.5), dtype=F64)
    pool = nn.PointPool(gate.out_rep, n=40)
    last = nn.Conv(gate.out_rep, R.trivial(SO2), K.Harmonic(radius=1.0), dtype=F64)
    net = nn.Sequential(conv, gate, pool, last, nn.GlobalPool(last.out_rep))
    assert check.gauge(net, Field(random(R.trivial(SO2), len(mesh)), R.trivial(SO2), mesh)).passed(1e-9)


def planar(n, jitter, group=SO2):
    """A flat mesh of about n² vertices in the unit square, in R³."""
    x, faces = plane(n, jitter)
    return S.Mesh(x, faces, group)


def test_a_plane_patch_is_the_plane():
    """Away from the border a mesh in the plane and its points, with frames along the axes, give the same sums."""
    mesh = planar(9, 0.25)
    frames = mesh.tangents[:, :2]
    axes = mesh.with_frames(frames.mT)  # reference coordinates of the axes: Bᵀ
    rho = R.trivial(SO2) + R.irrep(SO2, 1)
    extent = float(mesh.positions[:, 0].amax() - mesh.positions[:, 0].amin())
    radius = 0.3 * extent
    conv = nn.Conv(rho, rho, K.Harmonic(radius=radius), norm="sum", dtype=F64)
    f = random(rho, len(mesh))
    flat = S.Affine(mesh.positions[:, :2], SO2, cells=mesh.cells)
    here, there = conv(Field(f, rho, axes)).tensor, conv(Field(f, rho, flat)).tensor
    middle = mesh.positions[:, :2] - (mesh.positions[:, :2].amin(0) + mesh.positions[:, :2].amax(0)) / 2
    inner = middle.abs().amax(1) < extent / 2 - radius
    assert int(inner.sum()) > 5
    assert torch.allclose(here[inner], there[inner], atol=1e-11 * float(there.detach().abs().max()))


def test_a_flat_torus_is_the_periodic_plane():
    """Squares in R⁴, cut in two and glued in both directions: a square lattice and its periodic images."""
    n = 12
    x, faces = flat_torus(n, n)
    mesh = S.Mesh(x, faces, SO2)
    assert mesh.triangulation.euler == 0 and float(mesh.metric.defect.abs().max()) < 1e-12
    h = float((x[0] - x[1]).norm())  # of both sides of a square, cut along its diagonal
    radius = 2.3 * h
    conv = nn.Conv(R.trivial(SO2), R.trivial(SO2), K.Harmonic(radius=radius), norm="sum", dtype=F64)
    f = random(R.trivial(SO2), n * n)
    found = conv(Field(f, R.trivial(SO2), mesh)).tensor.view(n, n)
    axis = torch.arange(3 * n, dtype=F64) * h
    plane = S.Affine(
        torch.cartesian_prod(axis, axis), SO2, cells=torch.full((9 * n * n,), float(mesh.cells[0]), dtype=F64)
    )
    tiled = f.view(n, n).repeat(3, 3).view(-1, 1)
    expected = conv(Field(tiled, R.trivial(SO2), plane)).tensor.view(3 * n, 3 * n)[n : 2 * n, n : 2 * n]
    assert torch.allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_an_icosphere_converges_to_the_sphere(k):
    """A radial kernel on the linear function z: by Funk–Hecke the integral is a multiple of z, in closed form."""
    errors = []
    for level in (1, 2, 3):
        x, faces = sphere(level)
        mesh = S.Mesh(x, faces, SO2)
        graph = mesh.neighbours(1.0, norm="sum")
        r = graph.v.norm(dim=1)
        window = (1 - r.square()).clamp(min=0).square()
        z = x[:, 2].double()
        found = graph.sum(graph.weight * window * r**k * z[graph.source])
        s = torch.linspace(0, 1, 4001, dtype=F64)
        profile = (1 - s * s).square() * s**k
        factor = 2 * pi * torch.trapezoid(profile * s.cos() * s, s)
        errors.append(float((found - factor * z).norm() / (factor * z).norm()))
    assert errors[2] < errors[1] < errors[0] and errors[2] < 0.02, errors


def rotations_of_the_icosahedron():
    return G.Icosahedral().elements()


def test_isometries_of_the_icosphere():
    x, faces = sphere(1)
    mesh = turned(S.Mesh(x, faces, SO2))
    rho = R.trivial(SO2) + R.irrep(SO2, 1)
    conv = nn.Conv(rho, rho, K.Harmonic(radius=0.8), dtype=F64)
    found = [g for g in rotations_of_the_icosahedron() if _keeps(mesh, g)]
    assert len(found) >= 3
    report = check.isometry(conv, Field(random(rho, len(mesh)), rho, mesh), found[:6])
    assert report.passed(1e-9) and report.blind > 1e-2, report


def _keeps(mesh, g):
    try:
        mesh.act(g)
    except SpaceError:
        return False
    return True


def test_reflections_need_a_structure_that_allows_them():
    x, faces = sphere(1)
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0]))
    mesh = turned(S.Mesh(x, faces, O2))
    rho = R.trivial(O2) + R.standard(O2)
    conv = nn.Conv(rho, rho, K.Harmonic(radius=0.8), dtype=F64)
    assert check.isometry(conv, Field(random(rho, len(mesh)), rho, mesh), [mirror]).passed(1e-9)
    with pytest.raises(SpaceError, match="structure"):
        S.Mesh(x, faces, SO2).act(mirror)


def test_an_isometry_may_be_given_by_the_images_of_vertices():
    """A step around a cylinder, as a permutation and as the rotation that it is; a shift that is none fails."""
    x, faces = cylinder(6, 4)
    mesh, n = turned(S.Mesh(x, faces, SO2)), len(x)
    with pytest.raises(SpaceError, match="permutation"):
        mesh.act(torch.zeros(n, dtype=torch.int64))
    around, along = torch.arange(n) // 4, torch.arange(n) % 4
    step = torch.tensor(pi / 3, dtype=F64)
    turn = torch.eye(3, dtype=F64)
    turn[:2, :2] = SO2.exp(step * SO2.algebra[0])
    here, there = mesh.act((around + 1) % 6 * 4 + along), mesh.act(turn)
    assert torch.equal(here.source, there.source) and not torch.equal(here.source, torch.arange(n))
    assert torch.allclose(here.g, there.g, atol=1e-9)
    centre = torch.tensor([0.3, -1.0, 2.0], dtype=F64)
    elsewhere = mesh.with_frames(mesh.frames)
    elsewhere.positions = mesh.positions + centre
    assert torch.equal(elsewhere.act((turn, centre - turn @ centre)).source, there.source)
    with pytest.raises(SpaceError, match="no edges|lengths"):
        mesh.act(around * 4 + (along + 1) % 4)


@pytest.mark.parametrize("n", [1, 2, 4, 6])
@pytest.mark.parametrize("make", [lambda: sphere(2), lambda: torus(8, 12)])
def test_indices_of_cross_fields_add_up_to_the_euler_characteristic(n, make):
    x, faces = make()
    mesh = triangulate(faces, len(x))
    metric = embedded(mesh, x)
    found = indices(metric, smoothest(metric, n), n)
    assert abs(float(found.sum()) - mesh.euler) < 1e-9
    noise = indices(metric, pi * torch.rand(len(x), generator=generator(n), dtype=F64), n)
    assert abs(float(noise.sum()) - mesh.euler) < 1e-9 and int((noise != 0).sum()) > int((found != 0).sum())


def test_obstructed_structures_are_refused_with_the_reason():
    x, faces = sphere(2)
    for group in (G.Trivial(2), G.Dihedral(4), G.Cyclic(4)):
        with pytest.raises(SpaceError, match="Euler characteristic is 2"):
            S.Mesh(x, faces, group)
        mesh = S.Mesh(x, faces, group, singular="allow")
        assert abs(sum(mesh.singularities.values()) - 2) < 1e-9
    assert S.Mesh(*torus(8, 12), G.Trivial(2)).singularities == {}
    with pytest.raises(SpaceError, match="orient"):
        S.Mesh(*moebius(12), SO2)
    with pytest.raises(SpaceError, match="orient"):
        S.Mesh(*moebius(12), G.Trivial(2))


def test_restricting_finds_smooth_frames():
    mesh = S.Mesh(*torus(12, 6, 1.0, 0.25), O2)
    crossed = mesh.restrict(G.Dihedral(4))
    angle = crossed.neighbours(0.4, norm="sum").g
    smooth = mesh.with_frames(crossed.frames).neighbours(0.4, norm="sum").g
    assert (angle - smooth).abs().max() < 0.75  # no transporter is far from a quarter turn
    with pytest.raises(SpaceError, match="subgroup"):
        crossed.restrict(SO2)


def test_vectors_of_the_surrounding_space_come_and_go():
    mesh = turned(S.Mesh(*sphere(2), SO2))
    f = random(R.irrep(SO2, 1), len(mesh))
    there = mesh.to_ambient(f)
    assert torch.allclose(mesh.from_ambient(there), f, atol=1e-12)
    assert (there * mesh.normals).sum(1).abs().max() < 1e-12
    assert torch.allclose(there.norm(dim=1), f.norm(dim=1))


def test_files_are_read(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    x, faces = sphere(1)
    for kind in ("obj", "ply", "off", "stl"):
        path = tmp_path / f"ball.{kind}"
        trimesh.Trimesh(x.numpy(), faces.numpy(), process=False).export(str(path))
        mesh = S.Mesh.load(path, SO2)
        assert len(mesh) == len(x) and mesh.triangulation.euler == 2
    with pytest.raises(SpaceError, match="none"):
        S.Mesh.load(tmp_path / "absent.obj", SO2)
    (tmp_path / "points.obj").write_text("v 0 0 0\n")
    with pytest.raises(SpaceError, match="no faces"):
        S.Mesh.load(tmp_path / "points.obj", SO2)


def test_scaled_and_moved_meshes_answer_alike():
    """Kernels with the radius scaled along give the same, with means as weights; rigid motions change nothing."""
    x, faces = torus(8, 12)
    rho = R.trivial(SO2) + R.irrep(SO2, 1)
    f = random(rho, len(x))
    turn = G.SO(3).sample(1, generator())[0]
    conv = nn.Conv(rho, rho, K.Harmonic(radius=0.5), dtype=F64)
    answer = conv(Field(f, rho, S.Mesh(x, faces, SO2))).tensor
    moved = conv(Field(f, rho, S.Mesh(x @ turn.T.to(x) + 3.0, faces, SO2))).tensor
    assert torch.allclose(moved, answer, atol=1e-9)
    order = torch.randperm(len(x), generator=generator())
    back = order.argsort()
    renamed = S.Mesh(x[order], back[faces], SO2)
    first = S.Mesh(x, faces, SO2)
    there = renamed.tangents @ renamed.frames
    g = torch.einsum("nad,nae->nde", there, (first.tangents @ first.frames)[order])
    other = conv(Field(torch.einsum("nij,nj->ni", rho.rho(g), f[order]), rho, renamed)).tensor
    assert torch.allclose(other, torch.einsum("nij,nj->ni", rho.rho(g), answer[order]), atol=1e-9)


def test_errors():
    x, faces = sphere(1)
    with pytest.raises(SpaceError, match="R²"):
        S.Mesh(x, faces, G.SO(3))
    with pytest.raises(SpaceError, match="radius"):
        S.Mesh(x, faces, SO2).neighbours(norm="sum")
    with pytest.raises(SpaceError, match="singular"):
        S.Mesh(x, faces, SO2, singular="maybe")
    with pytest.raises(SpaceError, match="no edges"):
        order = torch.randperm(len(x), generator=generator())
        S.Mesh(x, faces, SO2).act(order)


def test_geodesics_from_either_end_agree():
    """Few sources: the geodesics start there and are read backwards."""
    mesh = turned(S.Mesh(*torus(12, 6, 1.0, 0.25), SO2))
    some = mesh.subset(torch.arange(0, len(mesh), 7))
    graph, every = some.neighbours(0.6, target=mesh, norm="sum"), mesh.neighbours(0.6, norm="sum")
    keep = torch.isin(every.source, some.members)
    assert torch.equal(graph.target, every.target[keep])
    for name in ("v", "weight", "g"):
        assert torch.allclose(getattr(graph, name), getattr(every, name)[keep], atol=1e-9), name


def test_a_mesh_moves_to_a_device_with_all_that_it_holds():
    mesh = S.Mesh(*sphere(1), SO2)
    there = mesh.to("meta")
    assert {x.device.type for x in (there.positions, there.frames, there.metric.corner, there.faces)} == {"meta"}
    assert there.group == SO2 and mesh.positions.device.type == "cpu"
    again = mesh.to("cpu").neighbours(0.7, norm="sum")
    assert torch.equal(again.v, mesh.neighbours(0.7, norm="sum").v)


@pytest.mark.parametrize("jitter", [0.0, 0.25])
def test_on_a_plane_patch_integrals_converge(jitter):
    """∫ (1 - r²/R²)² cos(3x) around the centre, by the weights of meshes that are finer and finer: order 1 or more."""
    errors, sizes, radius = [], (9, 17, 33), 0.35
    s = torch.linspace(0, radius, 20001, dtype=F64)
    bessel = torch.special.bessel_j0(3 * s)
    exact = float(2 * pi * torch.trapezoid((1 - (s / radius) ** 2) ** 2 * bessel * s, s))
    for n in sizes:
        mesh = planar(n, jitter)
        graph = mesh.neighbours(radius, norm="sum")
        centre = int((mesh.positions[:, :2] - 0.5).square().sum(1).argmin())
        rows = slice(int(graph.rows[centre]), int(graph.rows[centre + 1]))
        v = torch.einsum("ad,ed->ea", mesh.tangents[centre, :2] @ mesh.frames[centre], graph.v[rows])
        window = (1 - v.square().sum(1) / radius**2).clamp(min=0).square()
        errors.append(abs(float((graph.weight[rows] * window * (3 * v[:, 0]).cos()).sum()) / exact - 1))
    assert errors[2] < errors[0] / 3.5 and errors[2] < 1e-2, errors


def two_balls(scale=1.0):
    """Two icospheres of 42 and 12 vertices, apart."""
    (x, f), (y, h) = sphere(1), sphere(0)
    return torch.cat([x, scale * y + 5]), torch.cat([f, h + len(x)])


def test_pieces_that_lack_points_are_named_at_once():
    mesh = S.Mesh(*two_balls(0.05), SO2)
    assert mesh.pieces.unique().tolist() == [0, 1]
    assert len(mesh.neighbours(1e6)) == 42**2 + 12**2
    with pytest.raises(SpaceError, match="piece 1 of 2"):
        mesh.neighbours(k=12)
    with pytest.raises(SpaceError, match="of 2"):
        mesh.coarsened(1)
    coarse, _ = mesh.coarsened(12)
    with pytest.raises(SpaceError, match="piece"):
        coarse.neighbours(k=5, target=mesh)


def test_a_mirror_of_one_piece_leaves_the_others_alone():
    x, faces = sphere(1)
    mesh = turned(S.Mesh(torch.cat([x, x + 5]), torch.cat([faces, faces + len(x)]), O2))
    one = S.Mesh(x, faces, O2).act(torch.diag(torch.tensor([1.0, 1.0, -1.0]))).source.argsort()
    rho = R.trivial(O2) + R.standard(O2)
    conv = nn.Conv(rho, rho, K.Harmonic(radius=0.8), dtype=F64)
    image = torch.cat([torch.arange(len(x)), one + len(x)])
    assert check.isometry(conv, Field(random(rho, len(mesh)), rho, mesh), [image]).passed(1e-9)


def test_structures_stay_true_in_parts_and_batches():
    ball, ring = S.Mesh(*sphere(1), O2), S.Mesh(*torus(12, 6, 1.0, 0.25), O2)
    for space in (S.batched([ball]), ball.coarsened(20)[0]):
        with pytest.raises(SpaceError, match="singular"):
            space.restrict(G.Trivial(2))
    whole = ring.restrict(G.Cyclic(4))
    assert torch.equal(ring.subset(torch.arange(9)).restrict(G.Cyclic(4)).frames, whole.frames[:9])
    assert torch.equal(whole.restrict(G.Cyclic(2)).frames, whole.frames)


def test_frames_that_are_given_are_checked():
    x, faces = sphere(1)
    with pytest.raises(SpaceError, match="singular"):
        S.Mesh(x, faces, G.Trivial(2), frames=torch.eye(2).expand(42, 2, 2))
    with pytest.raises(SpaceError, match="orthonormal"):
        S.Mesh(x, faces, SO2, frames=2 * torch.eye(2).expand(42, 2, 2))
    with pytest.raises(SpaceError, match="orientation"):
        S.Mesh(x, faces, SO2, frames=torch.diag(torch.tensor([1.0, -1.0])).expand(42, 2, 2))
