"""Averages over groups and frames, against sums written out."""

import pytest
import torch

from tests.symmetrize.modules import F64, GRIDS, OnPoints, classifier, cloud, difference, learnt, plain
from torsor import Field, check, nn, symmetrize
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.symmetrize import act


@pytest.mark.parametrize("group", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("space", [True, False], ids=["segmentation", "global"])
def test_group_average_on_grids(group, space):
    """Scalars and vectors in, scalars and vectors out: turned back in space and in the channels."""
    d = group.dim
    rep = R.trivial(group) + R.standard(group)
    module = plain(d, rep.dim, rep.dim) if space else classifier(d, rep.dim, rep.dim)
    net = symmetrize.GroupAverage(module, rep, rep)
    x = torch.randn(2, rep.dim, *[3] * d, dtype=F64)
    for g in group.elements():
        assert difference(net, x, g) < 1e-12
    if group.order > 2:
        assert (
            difference(
                symmetrize.GroupAverage(module, rep.restrict(G.Trivial(d)), rep.restrict(G.Trivial(d))),
                x,
                group.elements()[0],
            )
            < 1e-12
        )
    bare = symmetrize.Augment(module, rep, rep).eval()
    assert max(difference(bare, x, g) for g in group.elements()) > 1e-2


def test_group_average_is_the_sum_written_out():
    C4 = G.Cyclic(4)
    rep, module = R.standard(C4), plain(2, 2, 2)
    x, expected = torch.randn(2, 2, 5, 5, dtype=F64), torch.zeros(2, 2, 5, 5, dtype=F64)
    for k in range(4):
        c, s = [(1, 0), (0, 1), (-1, 0), (0, -1)][k]
        turned = torch.rot90(x, k, (-2, -1))
        y = module(torch.stack([c * turned[:, 0] - s * turned[:, 1], s * turned[:, 0] + c * turned[:, 1]], 1))
        y = torch.rot90(y, -k, (-2, -1))
        expected = expected + torch.stack([c * y[:, 0] + s * y[:, 1], -s * y[:, 0] + c * y[:, 1]], 1) / 4
    assert torch.allclose(symmetrize.GroupAverage(module, rep, rep)(x), expected, atol=1e-12)


def test_an_equivariant_module_is_its_own_average():
    C4 = G.Cyclic(4)
    rep = R.regular(C4)
    conv = nn.Conv(rep, rep, K.Stencil(3)).double()
    x = torch.randn(2, 4, 5, 5, dtype=F64)
    assert torch.allclose(symmetrize.GroupAverage(conv, rep, rep)(x), conv(x), atol=1e-12)


def test_maximum_over_the_group():
    C4 = G.Cyclic(4)
    one, module = R.trivial(C4), classifier(2, 1, 3)
    net = symmetrize.GroupAverage(module, one, 3 * one, reduce="max")
    x = torch.randn(2, 1, 3, 3, dtype=F64)
    expected = torch.stack([module(torch.rot90(x, k, (-2, -1))) for k in range(4)]).amax(0)
    assert torch.equal(net(x), expected)


@pytest.mark.parametrize("group", [G.SO(2), G.O(2), G.SO(3), G.O(3)], ids=str)
@pytest.mark.parametrize("pool", [False, True])
def test_frames_on_clouds(group, pool):
    """Exact under all of SO(d) and O(d), with the gradients in positions and features."""
    rep = R.trivial(group) + R.standard(group)
    net = symmetrize.FrameAverage(OnPoints(rep, rep, pool), rep, rep, symmetrize.PrincipalFrames(group))
    f = cloud(rep)
    for g in group.sample(4, torch.Generator().manual_seed(1)):
        assert difference(net, f, g) < 1e-10
        moved = act(rep, g, f)
        grads = []
        for field in (f, moved):
            p, x = field.space.positions.clone().requires_grad_(), field.tensor.clone().requires_grad_()
            y = net(Field(x, rep, S.Points(p, field.space.batch)))
            y = y if pool else y.tensor
            grads.append(torch.autograd.grad(y[:, 0].square().sum(), (p, x)))
        assert torch.allclose(grads[0][0] @ g.T, grads[1][0], atol=1e-8)
        assert torch.allclose(grads[0][1] @ rep.rho(g).T, grads[1][1], atol=1e-9)


def test_lie_groups_on_images_are_exact_for_the_sampled_subgroup():
    one = R.trivial(G.SO(2))
    net = symmetrize.GroupAverage(plain(2, 1, 1), one, one, samples=4)
    x = torch.randn(1, 1, 7, 7, dtype=F64)
    assert difference(net, x, G.Cyclic(4).elements()[1]) < 1e-12
    assert torch.allclose(net.weights.sum(), torch.tensor(1.0, dtype=F64))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_scored_frames(temperature):
    """Exact, also where all elements tie; trainable where they are weighted."""
    C4 = G.Cyclic(4)
    one, out = R.trivial(C4), R.trivial(C4) + R.standard(C4)
    network = learnt(C4).network
    net = symmetrize.FrameAverage(plain(2, 1, 3), one, out, symmetrize.ScoredFrames(network, temperature))
    x = torch.randn(3, 1, 5, 5, dtype=F64)
    x[1] = sum(torch.rot90(x[1], k, (-2, -1)) for k in range(4))
    for g in C4.elements():
        assert difference(net, x, g) < 1e-12
    weights = net.frames(x)[1]
    assert torch.allclose(weights[1], torch.full((4,), 0.25, dtype=F64))
    assert torch.allclose(weights.sum(1), torch.ones(3, dtype=F64))
    if temperature:
        net(x).square().sum().backward()
        assert all(float(p.grad.abs().max()) > 0 for p in network.parameters() if p.numel() > 4)
    else:
        assert float(weights[0].max()) == 1.0
        argmax = symmetrize.Canonicalize(net.module, one, out, symmetrize.Argmax(network))
        assert torch.allclose(net(x)[0], argmax(x)[0])
        turned = argmax(torch.rot90(x, 1, (-2, -1)))[1] - act(out, C4.elements()[1], argmax(x))[1]
        assert turned.norm() > 1e-2  # a tie is where one choice fails


def test_centred_clouds_move_with_all_isometries():
    O3 = G.O(3)
    rep = R.trivial(O3) + R.standard(O3)
    inner = symmetrize.FrameAverage(OnPoints(rep, rep), rep, rep, symmetrize.PrincipalFrames(O3))
    net, f = symmetrize.Centred(inner), cloud(rep)
    g, t = O3.sample(1)[0], torch.tensor([5.0, -3.0, 2.0], dtype=F64)
    moved = Field(f.tensor @ rep.rho(g).T, rep, f.space.moved(g, t))
    left, right = net(moved), net(f)
    assert torch.allclose(left.tensor, right.tensor @ rep.rho(g).T, atol=1e-11)
    assert torch.allclose(left.space.positions, right.space.positions @ g.T + t, atol=1e-11)
    assert not torch.allclose(inner(moved).tensor, left.tensor, atol=1e-2)


def test_fields_on_grids_and_spacings():
    """A quarter turn of pixels 1 × ½ is a resampling; a reflection is exact."""
    flip = G.Reflection(2)
    rep, space = R.trivial(flip) + R.standard(flip), S.Grid(2, (1.0, 0.5))
    net = symmetrize.GroupAverage(plain(2, 3, 3), rep, rep, space=space, mode="nearest")
    f = Field(torch.randn(2, 3, 5, 7, dtype=F64), rep, space)
    y = net(f)
    assert isinstance(y, Field) and y.space == space and torch.equal(y.tensor, net(f.tensor))
    pooled = symmetrize.GroupAverage(classifier(2, 3, 3), rep, rep)(Field(torch.ones(1, 3, 3, 3, dtype=F64), rep))
    assert pooled.shape == (1, 3)


def test_the_inscribed_disk():
    mask = symmetrize.inscribed((9, 9))
    assert mask[4, 4] == 1 and mask[0, 0] == 0 and torch.equal(mask, torch.rot90(mask))
    one, module = R.trivial(G.Cyclic(4)), plain(2, 1, 1)
    net = symmetrize.GroupAverage(module, one, one, disk=True)
    x = torch.randn(1, 1, 9, 9, dtype=F64)
    expected = mask * sum(torch.rot90(module(torch.rot90(mask * x, k, (-2, -1))), -k, (-2, -1)) for k in range(4)) / 4
    assert torch.allclose(net(x), expected, atol=1e-14)


def test_compact_groups_of_other_kinds():
    """Axial and product groups average over fixed random elements, and say so by an error that is not rounding."""
    group = G.Axial(G.SO(2))
    rep = R.trivial(group) + R.standard(group)
    net = symmetrize.GroupAverage(OnPoints(rep, rep), rep, rep, samples=256)
    f, g = cloud(rep), group.sample(1, torch.Generator().manual_seed(5))[0]
    bare = symmetrize.Augment(net.module, rep, rep).eval()
    assert difference(net, f, g) < 0.3 * difference(bare, f, g)


@pytest.mark.parametrize("group", [G.SO(3), G.O(3)], ids=str)
def test_the_quadrature_of_rotations_converges(group):
    rep = R.standard(group)
    f, g = cloud(rep), group.sample(1, torch.Generator().manual_seed(5))[0]
    errors = [
        difference(symmetrize.GroupAverage(OnPoints(rep, rep, True), rep, rep, samples=n), f, g) for n in (2, 4, 8)
    ]
    assert errors[0] > 2 * errors[1] > 16 * errors[2], errors


def test_check_equivariance_takes_wrappers():
    one = R.trivial(G.Cyclic(4))
    report = check.equivariance(symmetrize.GroupAverage(plain(2, 1, 1).float(), one, one), size=9)
    assert report.passed()
