"""The punctured plane and space: edges by hand, gauges, global symmetries, the log-polar image."""

import pickle
from itertools import permutations, product
from math import exp, log, pi

import pytest
import torch

from torsor import Field, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.errors import SpaceError
from torsor.spaces.punctured import Punctured

F64 = torch.float64
E2, FLIP = G.Trivial(2), G.Reflection(2)
CONE, TURN = G.Axial(G.O(2)), G.Axial(G.SO(2))
KINDS = [
    ("polar", E2),
    ("polar", FLIP),
    ("log-polar", E2),
    ("log-polar", FLIP),
    ("radial", CONE),
    ("radial", TURN),
    ("log-radial", CONE),
    ("log-radial", TURN),
    ("cubed-sphere", G.Trivial(3)),
]
GAUGED = [case for case in KINDS if case[1].order != 1]
KERNELS = [K.Harmonic(radius=0.8, spacing=0.4), K.Implicit(radius=0.8, spacing=0.4)]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def cloud(d, n=40):
    """Points with 0.5 < |x| < 1.5, no two of them in opposite directions."""
    x = torch.randn(n, d, dtype=F64, generator=seeded(1))
    r = 0.5 + torch.rand(n, 1, dtype=F64, generator=seeded(2))
    return r * x / x.norm(dim=1, keepdim=True)


def space(kind, group, n=40):
    x = cloud(2 if "polar" in kind else 3, n)
    return Punctured(x, group, kind, 0.01 + torch.rand(n, dtype=F64, generator=seeded(3)))


def types(group):
    """A type with every irrep of low frequency."""
    return 2 * R.trivial(group) if group.order == 1 else sum(R.irreps(group, 2)[1:], R.irreps(group, 2)[0])


def layer(group, kernel, **options):
    torch.manual_seed(0)
    return nn.Conv(types(group), types(group), kernel, **options).double()


def features(s):
    return torch.randn(len(s), types(s.group).dim, dtype=F64, generator=seeded(4))


def apart(a, b):
    return float((a - b).detach().abs().max() / b.detach().abs().max())


def rotation(d, seed=5):
    return G.SO(d).sample(1, seeded(seed))[0]


# ------------------------------------------------------------------------------------------------ edges by hand


@pytest.mark.parametrize("group", [E2, FLIP])
@pytest.mark.parametrize("kind", ["polar", "log-polar"])
def test_edges_of_the_plane_are_those_of_trigonometry(kind, group):
    """From r and φ alone: the law of cosines, and differences on the cylinder; all pairs by force."""
    n = 30
    r, phi = 0.3 + torch.rand(n, dtype=F64, generator=seeded()), 2 * pi * torch.rand(n, dtype=F64, generator=seeded(1))
    cells = torch.rand(n, dtype=F64, generator=seeded(2))
    s = Punctured(torch.stack([r * phi.cos(), r * phi.sin()], 1), group, kind, cells)
    sign = torch.ones(n, dtype=F64) if group is E2 else 1 - 2.0 * torch.randint(2, (n,), generator=seeded(3)).double()
    s = s.regauge(torch.diag_embed(torch.stack([torch.ones_like(sign), sign], 1)))
    turn = phi[None] - phi[:, None]
    turn = torch.where(turn > pi, turn - 2 * pi, torch.where(turn < -pi, turn + 2 * pi, turn))
    if kind == "log-polar":
        v = torch.stack([(r[None] / r[:, None]).log(), turn], -1)
    else:
        v = torch.stack([r[None] * turn.cos() - r[:, None], r[None] * turn.sin()], -1)
    distance = v.norm(dim=-1)
    v = v * torch.stack([torch.ones(n, n, dtype=F64), sign[:, None].expand(n, n)], -1)
    graph = s.neighbours(0.9, norm="sum")
    p, q = (distance <= 0.9).nonzero(as_tuple=True)
    assert torch.equal(graph.target, p) and torch.equal(graph.source, q)
    assert apart(graph.v, v[p, q]) < 1e-12
    assert apart(graph.weight, cells[q]) < 1e-12
    if group is E2:
        assert graph.g is None
    else:
        expected = torch.diag_embed(torch.stack([torch.ones(len(p), dtype=F64), sign[p] * sign[q]], 1))
        assert graph.g is not None and apart(graph.g, expected) < 1e-12


def rodrigues(q, p):
    """exp(θ [n]×) with n ∝ q × p."""
    a, b = q / q.norm(), p / p.norm()
    axis = torch.linalg.cross(a, b)
    if float(axis.norm()) < 1e-12:
        return torch.eye(3, dtype=F64)
    theta = torch.atan2(axis.norm(), a @ b)
    x, y, z = axis / axis.norm()
    generator = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=F64)
    return torch.linalg.matrix_exp(theta * generator)


@pytest.mark.parametrize("group", [CONE, TURN])
def test_radial_edges_are_carried_by_the_rotation_of_directions(group):
    s = space("radial", group)
    assert apart(torch.linalg.det(s.frames), torch.ones(40, dtype=F64)) < 1e-12
    s = s.regauge(group.sample(40, seeded()))
    graph = s.neighbours(0.8, norm="sum")
    x, e = s.positions, s.frames
    assert apart(e.mT @ e, torch.eye(3, dtype=F64).expand_as(e)) < 1e-12
    assert apart(e[:, :, 2], x / x.norm(dim=1, keepdim=True)) < 1e-12
    far = (x[None] - x[:, None]).norm(dim=-1)
    assert len(graph) == int((far <= 0.8).sum()) > 100
    for i, (p, q) in enumerate(zip(graph.target, graph.source, strict=True)):
        assert (graph.v[i] - e[p].T @ (x[q] - x[p])).abs().max() < 1e-12
        assert (graph.g[i] - e[p].T @ rodrigues(x[q], x[p]) @ e[q]).abs().max() < 1e-12
    assert bool(group.contains(graph.g, 1e-10).all())
    assert apart(graph.weight, s.cells[graph.source]) < 1e-12


def test_cubed_sphere_frames_follow_the_coordinates_of_the_faces():
    """r and the second coordinate do not change along t₁, the first one grows; the second grows along t₂."""
    formulas = [  # the face's (X, Y), as published
        lambda x, y, z: (y / x, z / x),
        lambda x, y, z: (-x / y, z / y),
        lambda x, y, z: (y / z, -x / z),
        lambda x, y, z: (y / x, -z / x),
        lambda x, y, z: (-x / y, -z / y),
        lambda x, y, z: (-y / z, -x / z),
    ]
    s = Punctured(cloud(3, 60), G.Trivial(3))
    seen = set()
    for x, e in zip(s.positions, s.frames, strict=True):
        axis = max(range(3), key=lambda i, x=x: abs(float(x[i])))
        number = axis + 3 * bool(x[axis] < 0)
        seen.add(number)
        slope = torch.func.jacrev(lambda x, n=number: torch.stack(formulas[n](*x)))(x) @ e
        assert slope[1, 0].abs() < 1e-12 and slope[0, 0] > 0 and slope[1, 1] > 0
        assert (e[:, 2] - x / x.norm()).abs().max() < 1e-12
        assert (e.T @ e - torch.eye(3, dtype=F64)).abs().max() < 1e-12 and torch.linalg.det(e) > 0
    assert seen == set(range(6))


def test_no_symmetry_of_the_cube_keeps_its_frames():
    x = cloud(3, 60)
    kept = []
    for order, signs in product(permutations(range(3)), product([1.0, -1.0], repeat=3)):
        a = torch.diag(torch.tensor(signs, dtype=F64))[:, list(order)]
        frames = a @ Punctured(x, G.Trivial(3)).frames
        kept.append(bool((frames - Punctured(x @ a.T, G.Trivial(3)).frames).abs().max() < 1e-9))
    assert sum(kept) == 1 and kept[0]  # the identity


def test_points_on_edges_of_the_cube_belong_to_the_first_axis():
    x = torch.tensor([[1.0, 1.0, 1.0], [1.0 - 1e-14, 1.0, 0.2], [-1.0, 1.0, 0.1], [0.1, 1.0, -1.0]], dtype=F64)
    first = Punctured(x, G.Trivial(3)).frames[:, :, 0]
    seed = torch.tensor([[0, 1, 0], [0, 1, 0], [0, -1, 0], [-1, 0, 0]], dtype=F64)
    expected = seed - (seed * x).sum(1, keepdim=True) * x / x.square().sum(1, keepdim=True)
    assert apart(first, expected / expected.norm(dim=1, keepdim=True)) < 1e-12


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("kind", "group"), KINDS)
def test_convolution_is_the_formula_edge_by_edge(kind, group, kernel):
    """Σ K(v) ρ(g) f w over all pairs, with frames, transport and logarithm written down again."""
    s, conv = space(kind, group, 24), layer(group, kernel, norm="sum", bias=False)
    if group.order != 1:
        s = s.regauge(group.sample(len(s), seeded(6)))
    f, x, e = features(s), s.positions, s.frames
    out = torch.zeros_like(f)
    for p, q in product(range(len(s)), repeat=2):
        a, b, stretch = x[p], x[q], 1.0
        if x.shape[1] == 2:  # by complex numbers
            ratio = complex(*b.tolist()) / complex(*a.tolist())
            turn = torch.tensor([[ratio.real, ratio.imag], [-ratio.imag, ratio.real]], dtype=F64)  # x_q ↦ x_p, scaled
            carry = turn / abs(ratio) if kind == "polar" else turn / abs(ratio) ** 2
            polar = torch.tensor(ratio, dtype=torch.complex128).log()
            cylinder = torch.stack([a, torch.stack([-a[1], a[0]])], 1) @ torch.view_as_real(polar)
            u = b - a if kind == "polar" else cylinder
        elif kind == "log-radial":  # the cylinder over the sphere, by the angle between directions
            ratio, axis = b.norm() / a.norm(), a / a.norm()
            side = b - (b @ axis) * axis
            angle = torch.atan2(side.norm(), b @ axis)
            carry = rodrigues(b, a) / ratio
            u = a.norm() * (ratio.log() * axis + (angle * side / side.norm() if p != q else 0))
            stretch = 1.0 if p == q else float(angle / angle.sin())
        else:
            carry, u = rodrigues(b, a), b - a
        v = torch.linalg.solve(e[p], u)
        if float(v.norm()) < 0.8:
            g = torch.eye(len(a), dtype=F64) if group.order == 1 else torch.linalg.solve(e[p], carry @ e[q])
            out[p] += conv.kernel(v) @ conv.in_rep.rho(g) @ f[q] * s.cells[q] * stretch
    assert apart(conv(Field(f, conv.in_rep, s)).tensor, out) < 1e-10


# ------------------------------------------------------------------------------------------------------- gauges


GRID = Punctured.polar_grid(5, 12, 1.0, exp(1.0), FLIP, kind="log-polar")
LATTICE = K.Stencil(3, lattice=((0.2, 0.0), (0.0, pi / 6)))
CASES = [(space(*case), kernel) for case in GAUGED for kernel in KERNELS] + [(GRID, LATTICE)]


@pytest.mark.parametrize(("s", "kernel"), CASES, ids=str)
def test_gauge_transformations_with_gradients(s, kernel):
    group = s.group
    conv = layer(group, kernel)
    rep, f, slope = conv.in_rep, features(s), features(s).flip(0)
    g = group.sample(len(s), seeded(7))
    rho = rep.rho(g)

    def run(field, slope):
        out = conv(field).tensor
        return out.detach(), torch.autograd.grad((out * slope).sum(), list(conv.parameters()))

    out, gradients = run(Field(f, rep, s), slope)
    field = Field(f, rep, s).gauged(g)
    other, others = run(field, torch.einsum("nij,nj->ni", rho, slope))
    assert apart(other, torch.einsum("nij,nj->ni", rho, out)) < 1e-10
    for a, b in zip(others, gradients, strict=True):
        assert apart(a, b) < 1e-10
    assert apart(conv(Field(f, rep, field.space)).tensor, out) > 1e-2  # other frames, same coefficients


# --------------------------------------------------------------------------------------------- global symmetries

ROTATE, MIRROR = rotation(2), rotation(2) @ torch.diag(torch.tensor([1.0, -1.0], dtype=F64))
SHEAR = torch.tensor([[1.0, 0.4], [0.0, 1.0]], dtype=F64)
SPIN, SPIN_MIRROR = rotation(3), -rotation(3, 6)
YES = [
    ("polar", E2, ROTATE),
    ("polar", FLIP, ROTATE),
    ("polar", FLIP, MIRROR),
    ("log-polar", E2, 1.7 * ROTATE),
    ("log-polar", FLIP, 0.6 * MIRROR),
    ("radial", CONE, SPIN),
    ("radial", CONE, SPIN_MIRROR),
    ("radial", TURN, SPIN),
    ("log-radial", CONE, 1.7 * SPIN),
    ("log-radial", CONE, 0.6 * SPIN_MIRROR),
    ("log-radial", TURN, 1.7 * SPIN),
]
NO = [
    ("polar", E2, 1.7 * ROTATE),
    ("polar", FLIP, SHEAR),
    ("log-polar", FLIP, SHEAR),
    ("radial", CONE, 1.5 * SPIN),
    ("cubed-sphere", G.Trivial(3), SPIN),
]


def symmetry_error(s, a, kernel):
    """|conv(A f) - A conv(f)| relative, A carrying points and frames; a relation of frames only where there is one."""
    conv, (moved, g) = layer(s.group, kernel), s.moved(a)
    g = torch.where(s.group.contains(g)[:, None, None], g, torch.eye(s.dim, dtype=F64))
    rho = conv.in_rep.rho(g)
    f = features(s)
    push = lambda t: torch.einsum("nij,nj->ni", rho, t)  # noqa: E731
    return apart(conv(Field(push(f), conv.in_rep, moved)).tensor, push(conv(Field(f, conv.in_rep, s)).tensor))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("kind", "group", "a"), YES)
def test_global_symmetries(kind, group, a, kernel):
    s = space(kind, group)
    g = s.moved(a)[1]
    assert bool(group.contains(g, 1e-10).all())  # an automorphism of the structure
    assert symmetry_error(s, a, kernel) < 1e-10


@pytest.mark.parametrize(("kind", "group", "a"), NO)
def test_other_maps_are_no_symmetries(kind, group, a):
    assert symmetry_error(space(kind, group), a, KERNELS[0]) > 1e-2


@pytest.mark.parametrize(("kind", "group"), KINDS)
def test_translations_are_no_symmetries(kind, group):
    s, conv = space(kind, group), layer(group, KERNELS[0])
    there = Punctured(s.positions + 0.3, group, kind, s.cells)
    f = features(s)
    assert apart(conv(Field(f, conv.in_rep, there)).tensor, conv(Field(f, conv.in_rep, s)).tensor) > 1e-2


def test_mirrors_are_no_symmetries_of_frames_without_reflections():
    s = space("polar", E2)
    assert symmetry_error(s, MIRROR, KERNELS[0]) > 1e-2
    conv = nn.Conv(R.trivial(TURN), R.trivial(TURN), K.Harmonic(radius=0.8)).double()
    f, s = torch.randn(40, 1, dtype=F64, generator=seeded()), space("radial", TURN)
    # scalars alone see no difference between SO(2) and O(2) about the radius
    moved = Field(f, conv.in_rep, s.moved(SPIN_MIRROR)[0])
    assert apart(conv(moved).tensor, conv(Field(f, conv.in_rep, s)).tensor) < 1e-10
    assert symmetry_error(s, SPIN_MIRROR, KERNELS[0]) > 1e-2


@pytest.mark.parametrize("kind", ["polar", "log-polar"])
def test_rotations_and_reflections_of_a_grid_act_on_fields(kind):
    s = Punctured.polar_grid(4, 12, 0.5, 1.5, FLIP, kind=kind)
    conv, f = layer(FLIP, KERNELS[0]), features(s)
    turn = torch.matrix_exp(5 * pi / 6 * torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=F64))
    mirror = turn @ torch.diag(torch.tensor([1.0, -1.0], dtype=F64))
    image = torch.arange(48).view(4, 12)
    for a, source in ((turn, image.roll(5, 1)), (mirror, image.flip(1).roll(6, 1))):
        motion = s.act(a)
        assert torch.equal(motion.source, source.flatten())
        sign = torch.linalg.det(a)
        assert apart(motion.g, torch.diag(torch.stack([sign.abs(), sign])).expand(48, 2, 2)) < 1e-12
        push = lambda t, m=motion: torch.einsum("nij,nj->ni", conv.in_rep.rho(m.g), t[m.source])  # noqa: E731
        y, moved = (conv(Field(x, conv.in_rep, s)).tensor for x in (f, push(f)))
        assert apart(moved, push(y)) < 1e-10
    with pytest.raises(SpaceError, match="structure"):
        Punctured.polar_grid(4, 12, 0.5, 1.5, kind=kind).act(mirror)
    with pytest.raises(SpaceError, match="nearest point"):
        s.act(rotation(2))


def test_rotations_of_octahedral_shells_act_on_fields():
    directions = torch.cat([torch.eye(3), -torch.eye(3), torch.tensor(list(product([1.0, -1.0], repeat=3)))])
    s = Punctured.shells(directions, 3, 0.5, 1.7, CONE, antipodes="skip")
    conv, f = layer(CONE, K.Harmonic(radius=1.2)), features(s)
    for a in (*G.Octahedral().sample(2, seeded()), -torch.eye(3, dtype=F64)):
        motion = s.act(a)
        push = lambda t, m=motion: torch.einsum("nij,nj->ni", conv.in_rep.rho(m.g), t[m.source])  # noqa: E731
        assert apart(conv(Field(push(f), conv.in_rep, s)).tensor, push(conv(Field(f, conv.in_rep, s)).tensor)) < 1e-10


# ------------------------------------------------------------------------------------------------ log-polar image


@pytest.mark.parametrize("group", [E2, FLIP])
def test_log_polar_grid_is_an_image_that_closes_up(group):
    """Away from the ends the convolution is conv2d of the (log r, φ) image, circular in φ."""
    n_r, n_phi, step = 9, 16, 0.25
    s = Punctured.polar_grid(n_r, n_phi, 0.3, 0.3 * exp(n_r * step), group, kind="log-polar")
    kernel = K.Stencil(5, lattice=((step, 0.0), (0.0, 2 * pi / n_phi)))
    conv = layer(group, kernel, norm="sum", bias=False)
    x = features(s)
    image = x.T.unflatten(1, (n_r, n_phi))
    padded = torch.cat([image[..., -2:], image, image[..., :2]], -1)
    expected = torch.nn.functional.conv2d(padded[None], conv.kernel.stencil())[0] * step * 2 * pi / n_phi
    y = conv(Field(x, conv.in_rep, s)).tensor.T.unflatten(1, (n_r, n_phi))
    assert apart(y[:, 2:-2], expected) < 1e-10
    # a dilation by a step moves the image by a ring, and the output with it
    z = conv(Field(image.roll(1, 1).flatten(1).T, conv.in_rep, s)).tensor.T.unflatten(1, (n_r, n_phi))
    assert apart(z[:, 3:-2], y[:, 2:-3]) < 1e-10


def test_half_a_turn_is_met_both_ways_round():
    s = Punctured.polar_grid(1, 4, 1.0, 2.0, kind="log-polar")
    graph = s.neighbours(3.2, norm="sum")
    assert graph.degree.tolist() == [5] * 4
    assert apart(graph.sum(graph.weight), torch.full((4,), 2 * pi * log(2), dtype=F64)) < 1e-12
    assert graph.sum(graph.v * graph.weight[:, None]).abs().max() < 1e-12
    assert Punctured.polar_grid(1, 4, 1.0, 2.0).neighbours(9.0, norm="sum").degree.tolist() == [4] * 4


# ---------------------------------------------------------------------------------------------- grids and the rest


def test_cells_sum_to_the_volume():
    for spacing in ("linear", "log"):
        s = Punctured.polar_grid(5, 7, 0.5, 2.0, spacing=spacing)
        assert abs(float(s.cells.sum()) - pi * (4 - 0.25)) < 1e-12
        assert (
            abs(float(Punctured.shells(20, 4, 0.5, 2.0, CONE, spacing=spacing).cells.sum()) - 4 * pi / 3 * 7.875)
            < 1e-12
        )
        s = Punctured.polar_grid(5, 7, 0.5, 2.0, kind="log-polar", spacing=spacing)
        assert abs(float(s.cells.sum()) - 2 * pi * log(4)) < 1e-12
        s = Punctured.shells(20, 4, 0.5, 2.0, CONE, "log-radial", spacing=spacing)
        assert abs(float(s.cells.sum()) - 4 * pi * log(4)) < 1e-12
    r = Punctured.polar_grid(3, 4, 1.0, 8.0, spacing="log").positions.norm(dim=1)[::4]
    assert apart(r, torch.tensor([2**0.5, 2 * 2**0.5, 4 * 2**0.5], dtype=F64)) < 1e-12


def test_moved_cells_are_those_of_the_moved_points():
    """A grid turned and dilated is a grid of another ring, in both metrics; a linear map keeps ∫ f dx."""
    for kind in ("polar", "log-polar"):
        s = Punctured.polar_grid(3, 8, 1.0, 2.0, kind=kind, spacing="log")
        other = Punctured.polar_grid(3, 8, 1.5, 3.0, kind=kind, spacing="log")
        moved, _ = s.moved(1.5 * torch.eye(2, dtype=F64))
        assert max(apart(moved.positions, other.positions), apart(moved.cells, other.cells)) < 1e-12
    for kind in ("radial", "log-radial"):
        s, other = (Punctured.shells(9, 3, a, 2 * a, CONE, kind, spacing="log") for a in (1.0, 1.5))
        assert apart(s.moved(1.5 * torch.eye(3, dtype=F64))[0].cells, other.cells) < 1e-12


def test_log_radial_weights_integrate_over_a_ball_of_the_cylinder():
    """Σ w v vᵀ over a ball of radius ρ is its second moment, 4π ρ⁵/15, as the points become dense."""
    s = Punctured.shells(3000, 60, 0.5, 2.0, CONE, "log-radial")
    middle = (s.positions.norm(dim=1) - 1).abs().argmin()[None]
    graph = s.neighbours(0.6, target=s.subset(middle), norm="sum")
    moments = torch.einsum("e,ei,ej->ij", graph.weight, graph.v, graph.v) / (4 * pi * 0.6**5 / 15)
    assert (moments - torch.eye(3, dtype=F64)).abs().max() < 0.03


def test_shells_of_a_spiral_cover_the_sphere():
    u = Punctured.shells(500, 1, 0.5, 1.5, CONE).positions
    assert (u.norm(dim=1) - 1).abs().max() < 1e-12
    moments = u.T @ u / 500
    assert u.mean(0).abs().max() < 2e-3 and (moments - torch.eye(3, dtype=F64) / 3).abs().max() < 2e-3


def test_opposite_directions_have_no_radial_transport():
    x = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0], [0.0, 0.1, 1.0]], dtype=F64)
    s = Punctured(x, CONE)
    assert len(s.neighbours(1.9, norm="sum")) == 5
    with pytest.raises(SpaceError, match="points 0 and 1"):
        s.neighbours(2.1, norm="sum")
    assert len(Punctured(x, CONE, antipodes="skip").neighbours(2.1, norm="sum")) == 7
    with pytest.raises(SpaceError, match="a radius of less than π"):
        Punctured(x, CONE, "log-radial").neighbours(3.2, norm="sum")
    assert len(Punctured(x, CONE, "log-radial", antipodes="skip").neighbours(3.2, norm="sum")) == 7
    assert len(Punctured(x, G.Trivial(3)).neighbours(2.1, norm="sum")) == 9
    near = Punctured(torch.tensor([[0.0, 0.0, 1.0], [1e-4, 0.0, -1.0]], dtype=F64), CONE).neighbours(3.0, norm="sum")
    assert near.g is not None and bool(CONE.contains(near.g, 1e-12).all())


def test_subsets_coarser_points_and_nearest_neighbours():
    for kind, group in KINDS:
        s = space(kind, group)
        whole, part = s.neighbours(0.8, norm="sum"), s.subset(torch.arange(0, 40, 2)).neighbours(0.8, norm="sum")
        keep = (whole.target % 2 == 0) & (whole.source % 2 == 0)
        assert apart(part.v, whole.v[keep]) < 1e-14
        coarse, graph = s.coarsened(8)
        assert len(coarse) == 8 and len(graph) == 40 and bool((graph.source.bincount() == 1).all())
        assert s.neighbours(k=4).degree.tolist() == [5] * 40


def test_copies():
    s = space("radial", CONE)
    other = pickle.loads(pickle.dumps(s))
    assert torch.equal(other.neighbours(0.8, norm="sum").v, s.neighbours(0.8, norm="sum").v)
    assert repr(s.to("cpu")) == "Punctured(40 points, radial, C∞v)"
    assert s.restrict(TURN).group == TURN


def test_errors():
    x, y = cloud(2), cloud(3)
    for call, message in (
        (lambda: Punctured(torch.cat([x, torch.zeros(1, 2)]), E2), r"points \[40\]"),
        (lambda: Punctured(torch.zeros(3, 4), E2), r"\(3, 4\)"),
        (lambda: Punctured(x, G.SO(2)), r"polar: \{e\}, R"),
        (lambda: Punctured(x, G.Reflection(2, 0)), r"got R"),
        (lambda: Punctured(y, G.O(3)), r"radial: C∞v"),
        (lambda: Punctured(y, CONE, "cubed-sphere"), r"cubed-sphere: \{e\}"),
        (lambda: Punctured(y, CONE, "polar"), "among"),
        (lambda: Punctured(y, CONE, antipodes="both"), "antipodes"),
        (lambda: Punctured(x, E2).neighbours(norm="sum"), "radius or k"),
        (lambda: Punctured(x, E2).moved(torch.zeros(2, 2)), "invertible"),
        (lambda: Punctured.polar_grid(0, 4, 1.0, 2.0), "at least one radius"),
        (lambda: Punctured.polar_grid(2, 0, 1.0, 2.0), "n_phi"),
        (lambda: Punctured.polar_grid(2, 4, 0.0, 2.0), "0 < r_min"),
        (lambda: Punctured.polar_grid(2, 4, 1.0, 2.0, spacing="square"), "spacing"),
        (lambda: Punctured.shells(-1, 2, 1.0, 2.0, CONE), "directions"),
        (lambda: Punctured.shells(torch.zeros(3, 2), 2, 1.0, 2.0, CONE), "directions"),
        (lambda: Punctured.shells(4, 2, 1.0, 2.0, CONE, solid_angles=torch.ones(3)), "solid angles"),
    ):
        with pytest.raises(SpaceError, match=message):
            call()


def cylinder_distances(s):
    """(n, n) in the metrics dr²/r² + dφ² and dr²/r² + dΩ²."""
    x, r = s.positions / s.positions.norm(dim=1, keepdim=True), s.positions.norm(dim=1).log()
    angle = torch.atan2((x[:, None] - x[None]).norm(dim=2), (x[:, None] + x[None]).norm(dim=2)) * 2
    return ((r[:, None] - r[None]) ** 2 + angle**2).sqrt()


@pytest.mark.parametrize("s", [space("log-polar", FLIP), space("log-radial", TURN)], ids=str)
def test_clusters_and_nearest_points_are_those_of_the_metric(s):
    distance = cylinder_distances(s)
    coarse, graph = s.coarsened(8)
    nearest = distance[coarse.members].min(0).values
    assert apart(distance[coarse.members[graph.target], graph.source], nearest[graph.source]) < 1e-9
    few = s.subset(torch.tensor([3, 11, 30]))
    graph = s.neighbours(k=4, target=few)
    found = distance[few.members[graph.target], graph.source].view(3, 5).sort(1).values
    assert apart(found, distance[few.members].sort(1).values[:, :5]) < 1e-9


def test_opposite_points_matter_only_where_they_are_chosen():
    """The search for the nearest goes farther than the nearest; a chord is shorter than an arc."""
    axes = torch.cat([torch.eye(3, dtype=F64), -torch.eye(3, dtype=F64)])
    assert len(Punctured(axes, CONE, "log-radial").neighbours(2.5)) == 6 * 5
    shells = Punctured.shells(axes, 3, 0.5, 2.0, TURN, "radial")
    assert shells.neighbours(k=2).degree.tolist() == [3] * 18
    with pytest.raises(SpaceError, match="opposite directions"):
        shells.neighbours(k=12)


def test_a_smaller_group_has_to_fit_the_frames():
    s = space("radial", TURN)
    with pytest.raises(SpaceError, match="frames of E.3 without 0 allow"):
        s.restrict(G.Trivial(3))
    assert space("polar", FLIP).restrict(E2).group == E2
