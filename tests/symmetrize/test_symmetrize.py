"""The wrappers make any module equivariant: images, volumes, vectors, clouds; against sums written out."""

import pytest
import torch

from torsor import Field, nn, symmetrize
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import ConfigError, FieldTypeError, GroupError
from torsor.symmetrize import act

F64 = torch.float64
GRIDS = {
    "C4": G.Cyclic(4),
    "D4": G.Dihedral(4),
    "flip": G.Reflection(1),
    "O": G.Octahedral(),
    "Td": G.TetrahedralFull(),
}


def plain(d, inputs, outputs):
    torch.manual_seed(0)
    conv = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}[d]
    first, second = conv(inputs, 5, 3, padding=1), conv(5, outputs, 3, padding=1)
    return torch.nn.Sequential(first, torch.nn.Tanh(), second).double()


def classifier(d, inputs, outputs):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(inputs * 3**d, outputs)).double()


class OnPoints(torch.nn.Module):
    """A map of clouds that looks at coordinates as they are: features -> features at every point, or one a cloud."""

    def __init__(self, rep, out, pool=False):
        super().__init__()
        torch.manual_seed(0)
        d = rep.group.dim
        self.first = torch.nn.Linear(d + rep.dim, 16).double()
        self.second = torch.nn.Linear(32, out.dim).double()
        self.out, self.pool = out, pool

    def forward(self, field):
        space = field.space
        x = torch.tanh(self.first(torch.cat([space.positions, field.tensor], 1)))
        mean = x.new_zeros(space.elements, 16).index_add(0, space.index, x) / space.sizes[:, None]
        y = self.second(torch.cat([x, mean[space.index]], 1))
        if self.pool:
            return y.new_zeros(space.elements, y.shape[1]).index_add(0, space.index, y)
        return Field(y, self.out, space)


def cloud(rep, seed=0, clouds=3, points=7):
    generator = torch.Generator().manual_seed(seed)
    kind = {"generator": generator, "dtype": F64}
    x = torch.randn(clouds * points, rep.group.dim, **kind)
    batch = torch.arange(clouds).repeat_interleave(points)
    return Field(torch.randn(clouds * points, rep.dim, **kind), rep, S.Points(x - _means(x, batch), batch))


def _means(x, batch):
    return (x.new_zeros(int(batch[-1]) + 1, x.shape[1]).index_add(0, batch, x) / batch.bincount()[:, None])[batch]


def difference(net, x, g):
    """‖N(g x) - g N(x)‖ / ‖N(x)‖."""
    left, right = net(act(net.in_rep, g, x)), act(net.out_rep, g, net(x))
    left, right = ((y.tensor if isinstance(y, Field) else y) for y in (left, right))
    return float(((left - right).norm() / right.norm()).detach())


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


def learnt(group, d=2):
    torch.manual_seed(3)
    regular = R.regular(group)
    layers = (
        nn.Conv(R.trivial(group), 2 * regular, K.Stencil(3)),
        nn.ReLU(2 * regular),
        nn.Conv(2 * regular, regular, K.Stencil(3)),
    )
    return symmetrize.Argmax(nn.Sequential(*layers).double())


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


def test_augment_draws_in_training_only():
    C4 = G.Cyclic(4)
    one, module = R.trivial(C4), plain(2, 1, 1)
    x = torch.randn(64, 1, 5, 5, dtype=F64)
    net = symmetrize.Augment(module, one, one, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net.eval()(x), module(x))
    draws = torch.stack([net.train()(x) for _ in range(200)]).mean(0)
    average = symmetrize.GroupAverage(module, one, one)(x)
    assert (draws - average).norm() < 0.15 * (module(x) - average).norm()
    a, b = net.augment(x, x)
    assert torch.equal(a, b) and not torch.equal(a, x)


def test_augment_turns_every_cloud_by_itself():
    rep = R.standard(G.SO(3))
    f = cloud(rep)
    net = symmetrize.Augment(torch.nn.Identity(), rep, rep, generator=torch.Generator().manual_seed(0))
    moved, _ = net.augment(f, f)
    assert torch.allclose(moved.tensor.norm(dim=1), f.tensor.norm(dim=1))
    assert torch.allclose(net(f).tensor, f.tensor, atol=1e-12)


def test_lie_groups_on_images_are_exact_for_the_sampled_subgroup():
    one = R.trivial(G.SO(2))
    net = symmetrize.GroupAverage(plain(2, 1, 1), one, one, samples=4)
    x = torch.randn(1, 1, 7, 7, dtype=F64)
    assert difference(net, x, G.Cyclic(4).elements()[1]) < 1e-12
    assert torch.allclose(net.weights.sum(), torch.tensor(1.0, dtype=F64))


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


def test_errors():
    C4, one = G.Cyclic(4), R.trivial(G.Cyclic(4))
    net = plain(2, 1, 1)
    with pytest.raises(GroupError, match="needs a compact group"):
        symmetrize.GroupAverage(net, R.trivial(G.O(1, 1)), R.trivial(G.O(1, 1)))
    with pytest.raises(GroupError, match="too many"):
        symmetrize.GroupAverage(net, R.trivial(G.Symmetric(20)), R.trivial(G.Symmetric(20)))
    with pytest.raises(ConfigError, match="maximum"):
        symmetrize.GroupAverage(net, one, R.standard(C4), reduce="max")
    with pytest.raises(FieldTypeError, match="one group"):
        symmetrize.Augment(net, one, R.trivial(G.Cyclic(8)))
    with pytest.raises(FieldTypeError, match="expected fields of type"):
        symmetrize.GroupAverage(net, one, one)(torch.zeros(1, 3, 5, 5))
    with pytest.raises(GroupError, match="SO\\(d\\) and O\\(d\\)"):
        symmetrize.PrincipalFrames(C4)
    with pytest.raises(FieldTypeError, match="regular field"):
        symmetrize.Argmax(nn.Conv(one, one, K.Stencil(3)))
    with pytest.raises(FieldTypeError, match="no axes"):
        symmetrize.PrincipalFrames(G.SO(2))(torch.zeros(2, 1))
