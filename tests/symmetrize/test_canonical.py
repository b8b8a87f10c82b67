"""Canonical poses are exact where they are unique, trainable, and jump elsewhere."""

import pytest
import torch

from tests.symmetrize.modules import (
    F64,
    OnPoints,
    blob,
    canonical_image_network,
    classifier_of,
    cloud,
    difference,
    learnt,
    plain,
)
from torsor import Field, nn, symmetrize
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.symmetrize import act


@pytest.mark.parametrize("group", [G.SO(2), G.O(3)], ids=str)
def test_principal_axes_on_clouds(group):
    rep = R.trivial(group) + R.standard(group)
    net = symmetrize.Canonicalize(OnPoints(rep, rep), rep, rep, symmetrize.PrincipalAxes(group))
    for g in group.sample(6, torch.Generator().manual_seed(1)):
        assert difference(net, cloud(rep), g) < 1e-10


@pytest.mark.parametrize("group", [G.SO(2), G.O(2), G.SO(3), G.O(3)], ids=str)
def test_gram_schmidt_on_clouds(group):
    rep, number = R.trivial(group) + R.standard(group), group.dim - isinstance(group, G.SO)
    vectors = nn.Conv(rep, number * R.standard(group), K.Harmonic(radius=3.0), bias=False).double()
    canonicalizer = symmetrize.GramSchmidt(vectors)
    net = symmetrize.Canonicalize(OnPoints(rep, rep), rep, rep, canonicalizer)
    f = cloud(rep)
    for g in group.sample(4, torch.Generator().manual_seed(1)):
        assert difference(net, f, g) < 1e-9
    frames = canonicalizer(f)[0]
    assert bool(group.contains(frames).all())
    net(f).tensor.square().sum().backward()
    assert vectors.weight.grad is not None and float(vectors.weight.grad.abs().max()) > 0


@pytest.mark.parametrize("group", [G.Cyclic(4), G.Dihedral(4), G.Octahedral()], ids=str)
def test_argmax_on_grids(group):
    d, one = group.dim, R.trivial(group)
    out = one + R.standard(group)
    net = symmetrize.Canonicalize(plain(d, 1, out.dim), one, out, learnt(group))
    x = torch.randn(3, 1, *[5] * d, dtype=F64)
    for g in group.elements()[:6]:
        assert difference(net, x, g) < 1e-12
    net(x).square().sum().backward()
    grads = [p.grad for p in net.canonicalizer.parameters() if p.numel() > 4]
    assert grads and all(grad is not None and float(grad.abs().max()) > 0 for grad in grads)


@pytest.mark.parametrize("number", [41, 161])
def test_canonical_choices_jump_and_averages_do_not(number):
    """Two extents exchange their order, the axes turn by 90° at once: no finer path makes that step smaller."""
    one, so2 = R.trivial(G.SO(2)), G.SO(2)
    points = torch.tensor([[1.5, 0], [-0.75, 0], [-0.75, 0], [0, 1.48], [0, -0.53], [0, -0.95]], dtype=F64)
    path = [
        Field(torch.ones(6, 1, dtype=F64), one, S.Points(points * torch.tensor([1.0, s], dtype=F64)))
        for s in torch.linspace(0.9, 1.1, number, dtype=F64)
    ]
    module = OnPoints(one, one)
    canonical = symmetrize.Canonicalize(module, one, one, symmetrize.PrincipalAxes(so2))
    frames = symmetrize.FrameAverage(module, one, one, symmetrize.PrincipalFrames(so2))
    average = symmetrize.GroupAverage(module, one, one)
    assert symmetrize.jumps(canonical, path).max() > 0.2
    assert symmetrize.jumps(frames, path).max() > 0.02
    assert symmetrize.jumps(average, path).max() < 1 / number


def test_gradients_reach_a_canonicalizer_that_only_turns_the_image():
    """Scalars in and out: all that the frame does is to turn the pixels; its gradient against finite differences."""
    SO2 = G.SO(2)
    one, network = R.trivial(SO2), canonical_image_network()
    net = symmetrize.Canonicalize(classifier_of(25), one, one, symmetrize.GramSchmidt(network))
    x = blob() + 0.05 * torch.rand(1, 1, 25, 25, dtype=F64, generator=torch.Generator().manual_seed(1))
    net(x).sum().backward()
    gradient, step = network.weight.grad.clone(), 1e-6
    assert float(gradient.abs().max()) > 1e-6
    for k in (0, len(gradient) // 2):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                network.weight[k] += sign * step
                values.append(net(x).sum())
                network.weight[k] -= sign * step
        assert torch.allclose((values[0] - values[1]) / (2 * step), gradient[k], rtol=1e-3, atol=1e-7)


def test_moments_and_vectors_turn_images_upright_up_to_interpolation():
    """The classifier of the turned image agrees, where the bare one does not."""
    SO2 = G.SO(2)
    one, module = R.trivial(SO2), classifier_of(25)
    x, g = blob(), SO2.exp(0.9 * SO2.algebra[0])
    moved = act(one, g, x, mode="bicubic")
    bare = float((module(moved) - module(x)).abs().detach())
    frames = symmetrize.FrameAverage(module, one, one, symmetrize.PrincipalFrames(SO2), mode="bicubic", disk=True)
    axes = symmetrize.Canonicalize(module, one, one, symmetrize.PrincipalAxes(SO2), mode="bicubic", disk=True)
    for net in (frames, axes):
        assert float((net(moved) - net(x)).abs().detach()) < 0.2 * bare, bare
