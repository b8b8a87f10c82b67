"""What all manifolds share, on affine spaces where everything is known: edges, gauges, isometries, samples, batches."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils import _pytree

from torsor import Field, check, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import FieldTypeError, KernelError, SpaceError, SparsityWarning
from torsor.spaces.structure import nearest_elements

F64 = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def cloud(group, n=30, seed=0, **kwargs):
    """Random points with random frames that the group relates."""
    x = torch.rand(n, group.dim, generator=generator(seed), dtype=F64)
    scale = None if group.is_compact else 0.4
    frames = group.action(group.sample(n, generator(seed + 1), scale=scale))
    return S.Affine(x, group, frames, torch.rand(n, generator=generator(seed + 2), dtype=F64) + 0.5, **kwargs)


def random(rep, n, seed=5):
    return torch.randn(n, rep.dim, generator=generator(seed), dtype=F64)


def literal(kernel, x, space, radius):
    """f_out(p) = Σ_q K(e_p⁻¹(x_q - x_p)) ρ(e_p⁻¹ e_q) f(q) cells_q / |det e_p|, one pair after another."""
    rows = []
    for p in range(len(space)):
        total = torch.zeros(kernel.out_rep.dim, dtype=F64)
        for q in range(len(space)):
            step = space.positions[q] - space.positions[p]
            if step.norm() <= radius:
                inverse = torch.linalg.inv(space.frames[p])
                g = inverse @ space.frames[q]
                weight = space.cells[q] / torch.linalg.det(space.frames[p]).abs()
                total = total + kernel((inverse @ step)[None])[0] @ kernel.in_rep.rho(g) @ x[q] * weight
        rows.append(total)
    return torch.stack(rows)


SO2, O2, D4 = G.SO(2), G.O(2), G.Dihedral(4)
TYPES = [
    (SO2, R.trivial(SO2) + R.irrep(SO2, 1), R.irrep(SO2, 2) + R.trivial(SO2)),
    (O2, R.trivial(O2) + R.standard(O2), R.tensor(O2, 1, 1)),
    (D4, R.regular(D4), R.regular(D4) + R.standard(D4)),
    (G.SO(3), R.trivial(G.SO(3)) + R.irrep(G.SO(3), 1), R.irrep(G.SO(3), 2)),
]


@pytest.mark.parametrize(("group", "rho_in", "rho_out"), TYPES, ids=lambda x: str(x))
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolution_is_the_literal_sum_and_knows_no_frames(group, rho_in, rho_out, depthwise):
    space = cloud(group)
    conv = nn.Conv(rho_in, rho_out, K.Harmonic(radius=0.4, depthwise=depthwise), norm="sum", dtype=F64)
    f = Field(random(rho_in, len(space)), rho_in, space)
    expected = literal(conv.kernel, f.tensor, space, 0.4) + (0 if conv.bias is None else conv.expanded_bias())
    assert torch.allclose(conv(f).tensor, expected, atol=1e-10 * float(expected.detach().abs().max()))
    report = check.gauge(conv, f)
    assert report.passed(1e-10) and report.blind > 1e-2, report


def test_minkowski_space_has_windows_and_its_gauges_are_lorentz_transformations():
    L = G.SO0(1, 1)
    rho = R.trivial(L) + R.standard(L)
    space = cloud(L, window=0.3)
    conv = nn.Conv(rho, rho, K.PseudoRiemannian(3, spacing=0.2), norm="sum", dtype=F64)
    report = check.gauge(conv, Field(random(rho, len(space)), rho, space))
    assert report.passed(1e-10), report
    with pytest.raises(SpaceError, match="window"):
        cloud(L)
    with pytest.raises(SpaceError, match="no distance"):
        space.neighbours(k=3)


def test_geometry_is_found_once_for_all_gauges(monkeypatch):
    space, calls = cloud(SO2), []
    monkeypatch.setattr(S.Affine, "connect", lambda self, *a, _f=S.Affine.connect: calls.append(1) or _f(self, *a))
    other = space.regauge(SO2.sample(30, generator()))
    for each in (space, other, space, other.restrict(G.Cyclic(4))):
        each.neighbours(0.3, norm="sum")
    assert len(calls) == 1
    assert len(space.neighbours(0.3, target=other, norm="sum")) == len(space.neighbours(0.3, norm="sum"))


def test_transporters_are_the_identity_for_no_group_and_nearest_for_finite_ones():
    space = cloud(G.Trivial(2))
    assert space.neighbours(0.3, norm="sum").g is None
    turned = S.Affine(space.positions, SO2, cloud(SO2).frames)
    crossed = turned.with_frames(turned.frames, G.Cyclic(4))
    graph, exact = crossed.neighbours(0.3, norm="sum"), turned.neighbours(0.3, norm="sum")
    angle = torch.atan2(exact.g[:, 1, 0], exact.g[:, 0, 0])
    steps = (angle / (torch.pi / 2)).round() * torch.pi / 2
    assert torch.allclose(torch.atan2(graph.g[:, 1, 0], graph.g[:, 0, 0]).cos(), steps.cos(), atol=1e-12)
    assert torch.allclose(torch.atan2(graph.g[:, 1, 0], graph.g[:, 0, 0]).sin(), steps.sin(), atol=1e-12)


def test_nearest_elements_commute_with_the_group():
    g = O2.sample(40, generator())
    a, b = D4.sample(40, generator(1)), D4.sample(40, generator(2))
    assert torch.allclose(nearest_elements(D4, a @ g @ b), a @ nearest_elements(D4, g) @ b, atol=1e-12)


def test_weights_sum_to_the_volume_of_the_ball():
    n = 40
    axis = (torch.arange(n, dtype=F64) + 0.5) / n
    x = torch.cartesian_prod(axis, axis)
    space = S.Affine(x, SO2, cells=torch.full((n * n,), 1 / n**2, dtype=F64))
    graph = space.neighbours(0.2, norm="sum")
    inner = ((x - 0.5).abs() < 0.25).all(1)
    assert (graph.sum(graph.weight)[inner] - torch.pi * 0.04).abs().max() < 0.025 * torch.pi * 0.04
    mean = space.neighbours(0.2, norm="mean")
    assert torch.allclose(mean.sum(mean.weight), torch.ones(n * n, dtype=F64))


def square(group, frames=None):
    """A grid of 5×5 points about 0, which quarter turns and flips keep."""
    axis = torch.arange(5, dtype=F64) - 2
    return S.Affine(torch.cartesian_prod(axis, axis), group, frames)


def test_isometries_move_fields_as_the_grid_does():
    rho = R.trivial(O2) + R.standard(O2)
    space = square(O2)
    f = Field(random(rho, 25), rho, space)
    image = f.tensor.T.reshape(1, 3, 5, 5)
    for g in G.Dihedral(4).elements():
        moved = Field(image, rho).transform(g).tensor[0].flatten(1).T
        assert torch.allclose(f.transform(g).tensor, moved, atol=1e-12)
    conv = nn.Conv(rho, rho, K.Harmonic(radius=1.6), dtype=F64)
    turned = space.regauge(O2.sample(25, generator()))
    report = check.isometry(conv, Field(f.tensor, rho, turned), G.Dihedral(4).elements())
    assert report.passed(1e-10) and report.blind > 1e-2, report


def test_an_isometry_must_keep_points_and_structure():
    with pytest.raises(SpaceError, match="from the nearest point"):
        square(O2).act(SO2.exp(0.3 * SO2.algebra[0]))
    with pytest.raises(SpaceError, match="structure"):
        square(SO2).act(torch.diag(torch.tensor([1.0, -1.0])))
    with pytest.raises(SpaceError, match="structure"):
        square(G.Trivial(2)).act(torch.tensor([[0.0, -1.0], [1.0, 0.0]]))


def test_a_smaller_structure_group_keeps_the_frames():
    space = square(O2).restrict(G.Cyclic(4))
    assert space.group == G.Cyclic(4) and len(space.neighbours(1.0, norm="sum")) == len(
        square(O2).neighbours(1.0, norm="sum")
    )
    with pytest.raises(SpaceError, match="subgroup"):
        space.restrict(SO2)


@pytest.mark.parametrize("mode", ["mean", "norm", "nearest"])
def test_pooling_and_interpolation_transport(mode):
    rho = R.trivial(SO2) + R.irrep(SO2, 1)
    space = cloud(SO2, 40)
    f = Field(random(rho, 40), rho, space)
    pool, up = nn.PointPool(rho, ratio=0.3, mode=mode), nn.PointInterpolate(rho)
    g = SO2.sample(40, generator(3))
    coarse, other = pool(f), pool(f.gauged(g))
    members = coarse.space.members
    back = torch.einsum("nij,nj->ni", rho.rho(g[members]), coarse.tensor)
    assert torch.allclose(other.tensor, back, atol=1e-10)
    fine = up(coarse, space)
    again = up(other, other.space.root)
    assert torch.allclose(again.tensor, torch.einsum("nij,nj->ni", rho.rho(g), fine.tensor), atol=1e-10)
    assert torch.allclose(fine.tensor[members], coarse.tensor, atol=1e-10)
    assert torch.isclose(coarse.space.cells.sum(), space.cells.sum())
    conv = nn.Conv(rho, rho, K.Harmonic(radius=0.6), dtype=F64)
    assert check.gauge(torch.nn.Sequential(conv, pool, conv), f).passed(1e-10)


def test_pooled_means_are_those_of_vectors_in_the_ambient_space():
    """A constant vector field in turning frames has the same constant as its means."""
    space, rho = cloud(SO2, 40), R.irrep(SO2, 1)
    constant = torch.einsum("nij,j->ni", space.frames.mT, torch.tensor([0.3, -2.0], dtype=F64))
    coarse = nn.PointPool(rho, n=7)(Field(constant, rho, space))
    assert torch.allclose(
        torch.einsum("nij,nj->ni", coarse.space.frames, coarse.tensor)[:, 1], torch.full((7,), -2.0).to(F64)
    )


def test_only_scalars_have_a_global_mean():
    space, rho = cloud(SO2), 2 * R.trivial(SO2)
    f = random(rho, len(space))
    pooled = nn.GlobalPool(rho)(Field(f, rho, space)).tensor
    assert torch.allclose(pooled[0], (f * space.cells[:, None]).sum(0) / space.cells.sum())
    with pytest.raises(FieldTypeError, match="scalars"):
        vector = R.irrep(SO2, 1)
        nn.GlobalPool(vector)(Field(random(vector, len(space)), vector, space))


def test_spaces_of_a_batch_do_not_see_each_other():
    rho = R.trivial(SO2) + R.irrep(SO2, 1)
    parts = [cloud(SO2, n, seed=n) for n in (20, 31)]
    conv, pool = nn.Conv(rho, rho, K.Harmonic(radius=0.4), dtype=F64), nn.PointPool(rho, n=5)
    both = S.batched(parts)
    tensors = [random(rho, len(space), seed=len(space)) for space in parts]
    net = nn.Sequential(conv, pool, nn.Conv(rho, R.trivial(SO2), K.Harmonic(radius=0.6), dtype=F64))
    joined = net(Field(torch.cat(tensors), rho, both))
    apart = torch.cat([net(Field(x, rho, space)).tensor for x, space in zip(tensors, parts, strict=True)])
    assert torch.equal(joined.tensor, apart) or torch.allclose(joined.tensor, apart, atol=1e-14)
    means = nn.GlobalPool(R.trivial(SO2))(joined)
    assert means.tensor.shape == (2, 1)
    assert check.gauge(net, Field(torch.cat(tensors), rho, both)).passed(1e-10)


@pytest.mark.parametrize(
    "make", [lambda: cloud(SO2), lambda: cloud(SO2).coarsened(7)[0], lambda: S.batched([cloud(SO2)])]
)
def test_spaces_are_pytrees_and_pickle(make):
    space = make()
    graph = space.neighbours(0.5, norm="sum")
    leaves, structure = _pytree.tree_flatten(space)
    for other in (_pytree.tree_unflatten(leaves, structure), pickle.loads(pickle.dumps(space)), space.to("cpu")):
        again = other.neighbours(0.5, norm="sum")
        assert torch.equal(again.v, graph.v) and torch.equal(again.g, graph.g) and other.group == space.group
    assert all(isinstance(leaf, torch.Tensor) for leaf in leaves)


def test_k_nearest_are_those_of_brute_force():
    space = cloud(SO2)
    graph = space.neighbours(k=3)
    distances = (space.positions[:, None] - space.positions).norm(dim=2).sort(1).values
    assert torch.allclose(graph.v.norm(dim=1).view(-1, 4).sort(1).values, distances[:, :4], atol=1e-12)
    nearest = distances[:, 1][distances[:, 1] <= 0.2]
    assert torch.isclose(space.neighbours(0.2, k=1).v.norm(dim=1).max(), nearest.max())


def test_a_field_found_in_inference_mode_still_learns():
    space = cloud(SO2)
    conv = nn.Conv(R.trivial(SO2), R.irrep(SO2, 1), K.Harmonic(radius=0.4))
    f = Field(random(R.trivial(SO2), len(space)).float(), R.trivial(SO2), space)
    with torch.inference_mode():
        conv(f)
        nn.PointPool(R.trivial(SO2), 5)(f)
    conv(f).tensor.sum().backward()
    assert conv.weight.grad.abs().sum() > 0 and f.to(dtype=torch.float32).space is space


def test_motions_with_translations_and_periods():
    chart = S.Chart.grid(S.FlatMetric(0, 2), O2, (0, 0), (2, 2), (5, 5), window=1, periodic=(True, True))
    shift = torch.eye(2), torch.tensor([0.4, 0.0])
    assert torch.equal(chart.act(shift).source.view(5, 5), torch.arange(25).view(5, 5).roll(1, 0))
    flipped = chart.act(torch.diag(torch.tensor([1.0, -1.0]))).source.view(5, 5)
    assert torch.equal(flipped, torch.arange(25).view(5, 5).flip(1))
    twice = S.Affine(torch.zeros(2, 2), SO2)
    with pytest.raises(SpaceError, match="coincide"):
        twice.act(torch.eye(2))


def test_derivatives_refuse_frames_that_share_no_distance():
    L = G.O(1, 1)
    conv = nn.Conv(R.trivial(L), R.standard(L).dual(), K.Differential(1, radius=0.5), dtype=F64)
    with pytest.raises(KernelError, match="know distances"):
        conv(Field(random(R.trivial(L), 30), R.trivial(L), cloud(L, window=0.4)))


def test_errors():
    space = cloud(SO2)
    with pytest.raises(SpaceError, match="frames of shape"):
        S.Affine(space.positions, SO2, space.frames[:3])
    with pytest.raises(SpaceError, match="relates"):
        S.Affine(space.positions, SO2, 2 * space.frames * torch.rand(30, 1, 1, generator=generator()).double())
    with pytest.raises(SpaceError, match="finite positions"):
        S.Affine(torch.full((3, 2), torch.nan), SO2)
    with pytest.raises(SpaceError, match="one a point"):
        space.regauge(SO2.sample(3))
    with pytest.raises(SpaceError, match="targets among"):
        space.neighbours(0.3, target=cloud(SO2, seed=9), norm="sum")
    with pytest.raises(SpaceError, match="lie outside"):
        space.regauge(2 * SO2.sample(30))
    with pytest.raises(SpaceError, match="frames"):
        S.batched([S.Sphere.fibonacci(9), S.Mesh.icosphere(0, SO2)])
    with pytest.warns(SparsityWarning, match="itself only"):
        cloud(SO2, seed=3).neighbours(1e-4, norm="sum")
    with pytest.raises(SpaceError, match="norm"):
        space.neighbours(0.3, norm="median")
    with pytest.raises(SpaceError, match="samples"):
        space.coarsened(31)
    with pytest.raises(SpaceError, match="indices"):
        space.subset(torch.tensor([40]))
    with pytest.raises(FieldTypeError, match="manifold"):
        check.gauge(torch.nn.Identity(), Field(torch.zeros(1, 1, 4, 4), R.trivial(SO2)))


def test_arrays_are_as_good_as_tensors():
    mesh, so2 = S.Mesh.torus(6, 5, G.SO(2)), G.SO(2)
    x, faces = mesh.positions.numpy(), mesh.faces.numpy()
    assert torch.equal(S.Mesh(x, faces, so2).positions, mesh.positions)
    assert torch.equal(S.repaired(x, faces)[1], mesh.faces)
    assert torch.equal(mesh.regauge(np.tile(np.eye(2), (30, 1, 1))).frames, mesh.frames)
    assert torch.equal(S.Sphere(np.eye(3)).positions, torch.eye(3, dtype=torch.float64))
    assert torch.equal(S.Sphere.points(2 * np.eye(3)).positions, torch.eye(3, dtype=torch.float64))
    assert len(S.Punctured(np.eye(2), G.Trivial(2))) == 2
    cone = G.Axial(G.SO(2))
    assert len(S.Punctured.shells(np.eye(3), 2, 0.5, 1.0, cone, solid_angles=np.full(3, 4 * np.pi / 3))) == 6
    strip = S.Mobius(4, 3)
    assert strip.regauge(np.tile(np.eye(2), (1, 3, 4, 1, 1))).gauge.shape == (1, 3, 4, 2, 2)
