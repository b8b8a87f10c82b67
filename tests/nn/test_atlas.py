"""Convolution and pooling on atlases: against covering spaces and literal sums, in any gauge, under every symmetry."""

import pickle
from copy import deepcopy

import pytest
import torch

from torsor import check, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.errors import FieldTypeError, KernelError, SpaceError
from torsor.fields import Field
from torsor.nn.atlas import AtlasGlobalPool, AtlasPool, AtlasUnpool, conv_on_atlas, literal_conv
from torsor.spaces.atlas import Atlas
from torsor.spaces.gluing import HEXAGONAL, Gluing, Seam
from torsor.spaces.icosahedron import Icosahedron
from torsor.spaces.strips import Cylinder, Klein, LogPolar, Mobius, Torus

pytestmark = pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")
FLIP, C6, D6, E = G.Reflection(2, 0), G.Cyclic(6), G.Dihedral(6), G.Trivial(2)
HEX = K.Stencil(3, HEXAGONAL)


def types(group: G.Group) -> R.Representation:
    """Scalars, signs or vectors, and regular fields."""
    if group == E:
        return 2 * R.trivial(E)
    second = R.sign(FLIP) if group == FLIP else R.standard(group)
    third = R.regular(group) if group.is_finite else R.irrep(group, 0, 0)
    return R.trivial(group) + second + third


def layer(rep_in, rep_out, kernel, **options) -> nn.Conv:
    conv = nn.Conv(rep_in, rep_out, kernel, dtype=torch.float64, **options)
    if conv.bias is not None:
        torch.nn.init.normal_(conv.bias)
    return conv


def draw(atlas, rep, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, rep.dim, *atlas.shape, dtype=torch.float64)


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


CASES = {
    "mobius": (Mobius(8, 5), K.Stencil(3), {}),
    "mobius harmonic": (Mobius(8, 5), K.Harmonic(5), {}),
    "mobius dilated": (Mobius(8, 5), K.Stencil(3), {"dilation": 2}),
    "mobius O(2)": (Mobius(8, 5, G.O(2)), K.Harmonic(5, moments=-1), {}),
    "mobius {e}": (Mobius(6, 4, E, singular="allow"), K.Stencil((3, 5)), {}),
    "klein": (Klein(6, 4), K.Stencil(5), {}),
    "torus": (Torus(5, 5, G.Dihedral(4)), K.Stencil(3), {}),
    "log-polar": (LogPolar(4, 8, 0.1, 1.0), K.Stencil(3), {}),
    "icosahedron 1": (Icosahedron(1), HEX, {}),
    "icosahedron 2": (Icosahedron(2), HEX, {}),
    "icosahedron D6": (Icosahedron(2, D6), HEX, {}),
    "icosahedron {e}": (Icosahedron(2, E), HEX, {}),
    "icosahedron wide": (Icosahedron(2), K.Stencil(5, HEXAGONAL), {}),
    "icosahedron {e} wide": (Icosahedron(1, E), K.Stencil(5, HEXAGONAL), {}),
    "icosahedron 1x1": (Icosahedron(1), K.Stencil(1, HEXAGONAL), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_the_literal_sum_of_the_kernel_function(name):
    """Σ K(v) ρ(g) f over the edges by `SteerableKernel.apply_to`, outputs and gradients."""
    atlas, kernel, options = CASES[name]
    if kernel == K.Harmonic(5):
        kernel = K.Harmonic(5, moments=-1)  # others have a stencil that is not K at its offsets
    rep = types(atlas.group)
    conv, x = layer(rep, rep, kernel, **options), draw(atlas, rep).requires_grad_()
    graph = atlas.neighbours(conv.kernel.sizes, conv.dilation)
    unit = torch.tensor(HEXAGONAL if "icosahedron" in name else ((1.0, 0.0), (0.0, 1.0)), dtype=torch.float64)
    scale = unit @ torch.linalg.inv(torch.from_numpy(atlas.gluing.basis))  # log-polar steps are no unit steps
    seen = type(graph).from_edges(
        graph.target,
        graph.source,
        graph.v @ scale.mT / torch.tensor(conv.dilation),
        targets=len(atlas),
        sources=len(atlas),
        g=graph.g,
    )
    flat = [K.base.SteerableKernel.apply_to(conv.kernel, f.flatten(1).mT, seen) for f in x]
    expected = torch.stack(flat).mT.unflatten(2, atlas.shape) + conv.expanded_bias().view(-1, 1, 1, 1)
    expected = atlas.masking(expected)
    found = conv_on_atlas(conv, x, atlas)
    cotangent = torch.randn_like(found)
    assert apart(found, expected) < 1e-12 and apart(literal_conv(conv, x, atlas), expected) < 1e-12
    wrt = (x, *conv.parameters())
    for a, b in zip(*(torch.autograd.grad(y, wrt, cotangent) for y in (found, expected)), strict=True):
        assert apart(a, b) < 1e-12


@pytest.mark.parametrize("name", CASES)
def test_no_answer_depends_on_the_gauge(name):
    atlas, kernel, options = CASES[name]
    rep = types(atlas.group)
    conv, x = layer(rep, rep, kernel, **options), draw(atlas, rep)
    y, cotangent = conv_on_atlas(conv, x, atlas), draw(atlas, rep)
    g = atlas.group.sample(len(atlas)).view(*atlas.shape, 2, 2)
    other = atlas.regauge(g)
    moved = conv_on_atlas(conv, atlas.transform(x, rep, g), other)
    assert apart(moved, atlas.transform(y, rep, g)) < 1e-12
    plain = torch.autograd.grad(y, list(conv.parameters()), cotangent)
    changed = torch.autograd.grad(moved, list(conv.parameters()), atlas.transform(cotangent, rep, g))
    for a, b in zip(changed, plain, strict=True):  # every ρ here is orthogonal
        assert apart(a, b) < 1e-11


@pytest.mark.parametrize("name", CASES)
def test_commutes_with_every_symmetry(name):
    atlas, kernel, options = CASES[name]
    rep = types(atlas.group)
    conv, x, cotangent = layer(rep, rep, kernel, **options), draw(atlas, rep, 1), draw(atlas, rep, 1)
    y = conv_on_atlas(conv, x, atlas)
    plain = torch.autograd.grad(y, list(conv.parameters()), cotangent)
    motions = atlas.symmetries()
    for motion in motions if len(motions) < 100 else motions[::5]:
        moved = conv_on_atlas(conv, atlas.move(x, rep, motion), atlas)
        assert apart(moved, atlas.move(y, rep, motion)) < 1e-12
        gradients = torch.autograd.grad(moved, list(conv.parameters()), atlas.move(cotangent, rep, motion))
        assert max(apart(a, b) for a, b in zip(gradients, plain, strict=True)) < 1e-11
    assert len(motions) == 1 or apart(atlas.move(x, rep, motions[-1]), x) > 0.1


@pytest.mark.parametrize(("r", "group"), [(3, C6), (4, C6), (5, C6), (3, D6), (5, D6)], ids=str)
def test_the_icosahedron_at_every_resolution(r, group):
    """All rotations, and with D_6 all isometries; plain padding with zeros, the negative control, does not commute."""
    atlas = Icosahedron(r, group)
    rep = R.standard(group)
    conv, x = layer(R.trivial(group) + rep, rep, HEX), draw(atlas, R.trivial(group) + rep, 1)
    y = conv_on_atlas(conv, x, atlas)
    cut = torch.nn.functional.conv2d(atlas.masking(x)[0].transpose(0, 1), conv.kernel.stencil(), padding=1)
    cut = atlas.masking(cut.transpose(0, 1)[None])
    motions = atlas.symmetries()
    assert len(motions) == (60 if group == C6 else 120)
    worst = 0.0
    for motion in motions if r < 5 else motions[::7]:
        moved = atlas.move(x, conv.in_rep, motion)
        assert apart(conv_on_atlas(conv, moved, atlas), atlas.move(y, rep, motion)) < 1e-12
        other = torch.nn.functional.conv2d(atlas.masking(moved)[0].transpose(0, 1), conv.kernel.stencil(), padding=1)
        worst = max(worst, apart(atlas.masking(other.transpose(0, 1)[None]), atlas.move(cut, rep, motion)))
    assert worst > 0.1


def test_the_torus_is_a_circular_convolution():
    atlas, rep = Torus(7, 6, G.Cyclic(4)), types(G.Cyclic(4))
    conv, x = layer(rep, rep, K.Stencil(5)), draw(atlas, rep)
    padded = torch.nn.functional.pad(x[:, :, 0], (2, 2, 2, 2), "circular")
    expected = torch.nn.functional.conv2d(padded, conv.kernel.stencil(), conv.expanded_bias())
    assert torch.equal(conv_on_atlas(conv, x, atlas)[:, :, 0], expected)


@pytest.mark.parametrize("closed", [False, True])
def test_strips_are_their_covering_spaces(closed):
    """The field lifted to the plane by hand: every second copy is flipped, with signs for odd components."""
    rep = R.trivial(FLIP) + R.sign(FLIP) + R.regular(FLIP)
    atlas = (Klein if closed else Mobius)(6, 4)
    conv, x = layer(rep, rep, K.Stencil(5)), draw(atlas, rep)
    swapped = x[:, [0, 1, 3, 2], 0].flip(-2) * torch.tensor([1.0, -1, 1, 1]).view(-1, 1, 1)
    lifted = torch.cat([swapped, x[:, :, 0], swapped], -1)
    lifted = torch.nn.functional.pad(lifted, (0, 0, 2, 2), "circular" if closed else "constant")
    expected = torch.nn.functional.conv2d(lifted, conv.kernel.stencil(), conv.expanded_bias())
    assert apart(conv_on_atlas(conv, x, atlas)[:, :, 0], expected[..., 4:10]) < 1e-14
    plain = torch.cat([x[:, :, 0].flip(-2)] * 3, -1)  # without the transport
    plain[..., 6:12] = x[:, :, 0]
    plain = torch.nn.functional.pad(plain, (0, 0, 2, 2), "circular" if closed else "constant")
    wrong = torch.nn.functional.conv2d(plain, conv.kernel.stencil(), conv.expanded_bias())
    assert apart(wrong[..., 4:10], expected[..., 4:10]) > 0.1


def test_a_rotation_of_the_punctured_plane():
    """Shifts along φ rotate; a function of (log r, φ) moves with them."""
    atlas = LogPolar(5, 12, 0.1, 1.0)
    rep = R.trivial(E)
    conv, x = layer(rep, rep, K.Stencil(3)), draw(atlas, rep)
    for s in range(12):
        y = conv_on_atlas(conv, x.roll(s, -1), atlas)
        assert torch.equal(y, conv_on_atlas(conv, x, atlas).roll(s, -1))
        assert torch.equal(x.roll(s, -1), atlas.move(x, rep, atlas.shift(s)))


def test_float32_and_nothing_at_corners():
    atlas, rep = Icosahedron(2), types(C6)
    conv, x = nn.Conv(rep, rep, HEX), draw(atlas, rep).float()
    y = conv_on_atlas(conv, x, atlas)
    assert y.dtype == torch.float32 and not y[:, :, ~atlas.mask].any() and y[:, :, atlas.mask].all()
    x[:, :, ~atlas.mask] = 7.0  # what stands at masked pixels is not read
    assert torch.equal(conv_on_atlas(conv, x, atlas), y)
    expected = conv_on_atlas(conv.double(), x.double(), atlas)
    assert apart(y.double(), expected) < 1e-5


@pytest.mark.parametrize("name", ["mobius", "icosahedron wide"])
def test_compiled_copied_and_first_used_for_inference(name):
    """Found in inference mode, the padding serves training; one call makes it ready for torch.compile."""
    atlas, kernel, _ = CASES[name]
    atlas, rep = pickle.loads(pickle.dumps(atlas)), types(atlas.group)
    conv, x = layer(rep, rep, kernel), draw(atlas, rep)
    with torch.inference_mode():
        expected = conv_on_atlas(conv, x, atlas).clone()
    compiled = torch.compile(lambda x: conv_on_atlas(conv, x, atlas), fullgraph=True, backend="eager")
    y = compiled(x.requires_grad_())
    assert torch.equal(y, conv_on_atlas(conv, x, deepcopy(atlas))) and apart(y.detach(), expected) < 1e-14
    y.sum().backward()
    assert x.grad is not None and x.grad.abs().max() > 0


# -------------------------------------------------------------------------------------------------------- pooling


@pytest.mark.parametrize("mode", ["mean", "max"])
@pytest.mark.parametrize("group", [C6, D6], ids=str)
def test_pooling_of_the_icosahedron_commutes_with_all_rotations(group, mode):
    fine, rep = Icosahedron(2, group), R.trivial(group) + R.regular(group)
    coarse, x, pool = fine.coarsened(), draw(fine, rep), AtlasPool(rep, mode=mode)
    y = pool(x, fine)
    assert y.shape[2:] == coarse.shape and not y[:, :, ~coarse.mask].any()
    for motion in fine.symmetries()[:: group.order // 3]:
        moved = pool(fine.move(x, rep, motion), fine)
        assert apart(moved, coarse.move(y, rep, matching(fine, coarse, motion))) < 1e-12


def test_the_mean_is_that_of_seven_vertices():
    """Constant scalars stay, and a random one is averaged over the nearest points in R³, corners left out."""
    atlas, rep = Icosahedron(2), R.trivial(C6)
    x, coarse = draw(atlas, rep, 1), atlas.coarsened()
    y = AtlasPool(rep)(x, atlas).flatten()
    fine, seen = atlas.embedding.flatten(0, 2), atlas.mask.flatten()
    distance = torch.cdist(coarse.embedding.flatten(0, 2), fine)
    near = (distance < 1.01 * float((2 - 2 / 5**0.5) ** 0.5) / 4) & seen
    expected = (near.double() @ x.flatten()) / near.sum(1)
    inside = coarse.mask.flatten()
    assert (y - expected)[inside].abs().max() < 1e-14
    highest = AtlasPool(rep, mode="max")(x, atlas).flatten()
    assert (highest - x.flatten().where(near, -torch.inf).amax(1))[inside].abs().max() == 0


@pytest.mark.parametrize("mode", ["mean", "max"])
def test_pooling_of_strips(mode):
    fine, rep = Mobius(8, 4), R.trivial(FLIP) + R.regular(FLIP)
    coarse, x, pool = fine.coarsened(), draw(fine, rep), AtlasPool(rep, mode=mode)
    y = pool(x, fine)
    plain = torch.nn.functional.avg_pool2d if mode == "mean" else torch.nn.functional.max_pool2d
    assert torch.equal(y[:, :, 0], plain(x[:, :, 0], 2))
    for s in range(8):
        moved = pool(fine.move(x, rep, fine.shift(2 * s)), fine)
        assert apart(moved, coarse.move(y, rep, coarse.shift(s))) < 1e-14
    g = fine.group.sample(len(fine)).view(*fine.shape, 2, 2)
    field = Field(fine.transform(x, rep, g), rep, fine.regauge(g))
    assert apart(pool(field).tensor, y) < 1e-14 and pool(field).space.gluing == coarse.gluing


def matching(fine, coarse, motion):
    """The symmetry of the coarse vertices that moves them as one of the fine ones does, by their places in R³."""
    ends = coarse.embedding.flatten(0, 2)
    there = fine.embedding.flatten(0, 2)[motion.source].view(*fine.shape, 3)[:, ::2, ::2].flatten(0, 2)
    same = [m for m in coarse.symmetries() if (ends[m.source] - there)[coarse.mask.flatten()].abs().max() < 1e-9]
    assert len(same) == 1
    return same[0]


@pytest.mark.parametrize("fine", [Icosahedron(2), Icosahedron(2, D6), Mobius(8, 4)], ids=str)
def test_unpooling_commutes_and_keeps_constants(fine):
    rep = R.trivial(fine.group) + R.regular(fine.group)
    coarse, unpool = fine.coarsened(), AtlasUnpool(rep)
    x = coarse.masking(draw(coarse, rep))
    y = unpool(x, fine)
    assert apart(AtlasPool(rep)(y, fine), x) < 1e-14 if fine.mask is None else torch.equal(y[..., ::2, ::2], x)
    ones = unpool(coarse.masking(torch.ones_like(x)), fine)
    assert apart(ones[:, :1], fine.masking(torch.ones_like(ones[:, :1]))) < 1e-14
    if fine.mask is None:
        pairs = [(fine.shift(2 * s), coarse.shift(s)) for s in range(8)]
    else:
        pairs = [(motion, matching(fine, coarse, motion)) for motion in fine.symmetries()[:: fine.group.order // 2]]
    for above, below in pairs:
        assert apart(unpool(coarse.move(x, rep, below), fine), fine.move(y, rep, above)) < 1e-12
    g = coarse.group.sample(len(coarse)).view(*coarse.shape, 2, 2)
    field = Field(coarse.transform(x, rep, g), rep, coarse.regauge(g))
    assert apart(unpool(field, fine).tensor, y) < 1e-14


@pytest.mark.parametrize("atlas", [Mobius(6, 4), Icosahedron(2)], ids=str)
def test_global_pooling(atlas):
    rep = 2 * R.trivial(atlas.group)
    x = draw(atlas, rep)
    flat = x.flatten(2) if atlas.mask is None else x[:, :, atlas.mask]
    assert apart(AtlasGlobalPool(rep)(x, atlas), flat.mean(2)) < 1e-14
    assert torch.equal(AtlasGlobalPool(rep, "max")(Field(x, rep, atlas)), flat.amax(2))


def test_errors():
    rep, x = R.trivial(FLIP), torch.zeros(1, 1, 1, 4, 6)
    atlas = Mobius(6, 4)
    for options in ({"stride": 2}, {"padding": 0}):
        with pytest.raises(FieldTypeError, match="AtlasPool makes the charts coarser"):
            conv_on_atlas(nn.Conv(rep, rep, K.Stencil(3), **options), x, atlas)
    with pytest.raises(FieldTypeError, match="groups=1"):
        conv_on_atlas(nn.Conv(2 * rep, 2 * rep, K.Stencil(3), groups=2), x, atlas)
    with pytest.raises(SpaceError, match="two odd sizes"):
        conv_on_atlas(nn.Conv(rep, rep, K.Stencil(4)), x, atlas)
    with pytest.raises(SpaceError, match="structure group of the atlas"):
        conv_on_atlas(nn.Conv(R.trivial(G.SO(2)), R.trivial(G.SO(2)), K.Harmonic(3)), x, atlas)
    two = R.trivial(G.Cyclic(2))
    with pytest.raises(KernelError, match="on the lattice of the atlas"):
        conv_on_atlas(nn.Conv(two, two, HEX), x, Torus(6, 4, G.Cyclic(2)))
    with pytest.raises(FieldTypeError, match="no common mean"):
        AtlasGlobalPool(R.sign(FLIP))
    with pytest.raises(FieldTypeError, match="permutation representation"):
        AtlasPool(R.sign(FLIP), mode="max")
    with pytest.raises(FieldTypeError, match="mode"):
        AtlasPool(rep, mode="median")
    with pytest.raises(FieldTypeError, match="mode"):
        AtlasGlobalPool(rep, mode="median")
    with pytest.raises(SpaceError, match="a tensor and its Atlas"):
        AtlasPool(rep)(x)
    with pytest.raises(FieldTypeError, match="a factor of 2"):
        AtlasPool(R.trivial(C6), 4)(torch.zeros(1, 1, 5, 8, 16), Icosahedron(3))
    O2 = G.O(2)
    conv = nn.Conv(R.trivial(O2), R.trivial(O2), K.Harmonic(3))
    strip = Mobius(6, 4, O2)
    turned = strip.regauge(O2.sample(24).view(1, 4, 6, 2, 2))
    with pytest.raises(KernelError, match="moments=-1"):
        conv_on_atlas(conv, x, turned)


def test_layers_of_grids_that_an_atlas_cannot_have_are_refused():
    one, c4, c6 = (R.trivial(group) for group in (G.Trivial(2), G.Cyclic(4), G.Cyclic(6)))
    x = Field(torch.zeros(1, 1, 1, 5, 6), one, Cylinder(6, 5))
    with pytest.raises(FieldTypeError, match="padding_mode"):
        nn.Conv(one, one, K.Stencil(3), padding_mode="circular")(x)
    with pytest.raises(FieldTypeError, match="one dilation"):
        nn.Conv(c4, c4, K.Stencil(3), dilation=(1, 2))
    nn.Conv(one, one, K.Stencil(3), dilation=(1, 2))(x)
    seams = tuple(Seam.of_sides((4, 4), 0, (axis, 1), 0, (axis, 0)) for axis in (0, 1))
    hexagons = Atlas(Gluing(1, (4, 4), seams, HEXAGONAL), G.Cyclic(6))
    with pytest.raises(SpaceError, match="windows of 2 × 2 cells"):
        nn.AtlasPool(c6, 2)(Field(torch.zeros(1, 1, 1, 4, 4), c6, hexagons))


def test_unpooling_returns_to_the_atlas_that_it_is_given():
    """In its gauge, so that a skip connection can be added."""
    so2 = G.SO(2)
    rep, torus = R.trivial(so2) + R.irrep(so2, 1), Torus(6, 4, so2)
    pool, unpool = nn.AtlasPool(rep), nn.AtlasUnpool(rep)

    class Skip(torch.nn.Module):
        def forward(self, x):
            return x + unpool(pool(x), x.space)

    field = Field(torch.randn(1, rep.dim, *torus.shape, dtype=torch.float64), rep, torus)
    assert check.gauge(Skip(), field).passed()
    assert (pool(field) + pool(field)).tensor.shape == (1, 3, 1, 2, 3)
    with pytest.raises(SpaceError, match="finer atlas"):
        unpool(pool(field))


def test_masked_pixels_are_no_failure_of_a_check():
    c6 = G.Cyclic(6)
    ball, rep = Icosahedron(1, c6), R.regular(c6)
    for layer in (nn.ReLU(rep), nn.Linear(rep, rep)):
        report = check.isometry(layer, Field(torch.zeros(1, 6, *ball.shape), rep, ball), ball.symmetries()[:3])
        assert report.passed()
