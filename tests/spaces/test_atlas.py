"""Charts that are glued: lines across seams against covering spaces and R³, cone points, symmetries, obstructions."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from torch.utils import _pytree

from torsor import Field, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.errors import SpaceError
from torsor.spaces.atlas import Atlas
from torsor.spaces.gluing import HEXAGONAL, SQUARE, Gluing, Seam, sights, unit_steps
from torsor.spaces.icosahedron import Icosahedron, sphere_positions
from torsor.spaces.strips import Cylinder, Klein, LogPolar, Mobius, Torus
from torsor.symbolic import Symbolic

H, W = 4, 6
FLIP = np.diag([-1.0, 1.0])
OFFSETS = tuple((a, b) for a in range(-5, 6) for b in range(-8, 9))


def cover(kind: str, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pixel (-1 outside) of a point of the universal cover Z², and whether the frame there is reflected."""
    turns = np.floor_divide(j, W) if kind != "plane" else np.zeros_like(j)
    flipped = (turns % 2 == 1) & (kind in ("mobius", "klein"))
    if kind in ("torus", "klein"):
        i = i % H
    outside = (i < 0) | (i >= H)
    i = np.where(flipped, H - 1 - i, i)
    return np.where(outside, -1, i * W + j % W), flipped


SPACES = {
    "mobius": Mobius(W, H),
    "klein": Klein(W, H),
    "torus": Torus(W, H),
    "cylinder": Cylinder(W, H),
}


@pytest.mark.parametrize("kind", SPACES)
def test_lines_are_those_of_the_covering_space(kind):
    """Far beyond the seams: several times around."""
    gluing = SPACES[kind].gluing
    sight = sights(gluing, OFFSETS)
    i, j = np.indices((H, W)).reshape(2, -1)
    for k, (a, b) in enumerate(OFFSETS):
        pixel, flipped = cover(kind, i + a, j + b)
        assert (sight.source[:, k] == pixel).all()
        g = gluing.elements[sight.turn[:, k]]
        expected = np.where(flipped[:, None, None], FLIP, np.eye(2))
        assert (g == expected)[pixel >= 0].all()


def test_padding_is_circular_on_the_torus_and_crossed_on_the_mobius_strip():
    x = torch.randn(2, 3, 1, H, W, dtype=torch.float64)
    torus, group = SPACES["torus"], G.Trivial(2)
    expected = torch.nn.functional.pad(x[:, :, 0], (2, 2, 2, 2), "circular")[:, :, None]
    assert torch.equal(torus.pad(x, 3 * R.trivial(group), 2), expected)
    flip = G.Reflection(2, 0)
    padded = SPACES["mobius"].pad(x, 2 * R.trivial(flip) + R.sign(flip), (0, 1))
    right = x[..., :1].flip(-2) * torch.tensor([1.0, 1.0, -1.0]).view(1, 3, 1, 1, 1)
    left = x[..., -1:].flip(-2) * torch.tensor([1.0, 1.0, -1.0]).view(1, 3, 1, 1, 1)
    assert torch.equal(padded, torch.cat([left, x, right], dim=-1))


def test_the_mobius_strip_is_symmetric_under_2L_shifts():
    atlas, rep = SPACES["mobius"], R.trivial(G.Reflection(2, 0)) + R.sign(G.Reflection(2, 0))
    x = torch.randn(1, 2, 1, H, W, dtype=torch.float64)
    found = atlas.symmetries()
    assert len(found) == 2 * W
    i, j = np.indices((H, W)).reshape(2, -1)
    for s in range(2 * W):
        pixel, flipped = cover("mobius", i, j - s)
        expected = x.flatten(3)[..., pixel].view_as(x).clone()
        expected[:, 1] *= torch.tensor(1.0 - 2.0 * flipped).view(1, H, W)
        assert torch.equal(atlas.move(x, rep, atlas.shift(s)), expected)
    assert torch.equal(atlas.move(x, rep, atlas.shift(W))[:, 0], x[:, 0].flip(-2))  # once around: reflected
    assert torch.equal(atlas.move(x, rep, atlas.shift(-3)), atlas.move(x, rep, atlas.shift(2 * W - 3)))
    assert len(Mobius(W, H, G.Dihedral(2)).symmetries()) == 4 * W  # and reflections along the strip


@pytest.mark.parametrize(
    ("atlas", "number"),
    [
        (Torus(4, 4), 16),
        (Torus(4, 4, G.Cyclic(4)), 64),
        (Torus(4, 4, G.Dihedral(4)), 128),
        (Torus(5, 4, G.Dihedral(4)), 80),  # quarter turns do not fit a rectangle
        (Cylinder(6, 3), 6),
        (Cylinder(6, 3, G.Dihedral(2)), 24),
        (LogPolar(3, 8, 0.1, 1.0), 8),
        (Klein(6, 4), 24),  # shifts by 0 … 2L - 1 along, by 0 and W/2 across
    ],
    ids=str,
)
def test_numbers_of_symmetries(atlas, number):
    motions = atlas.symmetries()
    assert len(motions) == number
    assert torch.equal(motions[0].source, torch.arange(len(atlas))) and (motions[0].g == torch.eye(2)).all()
    assert len({tuple(m.source.tolist()) for m in motions}) == number
    for m in motions:
        assert torch.equal(m.source.sort().values, torch.arange(len(atlas))) and atlas.group.contains(m.g).all()


# ---------------------------------------------------------------------------------------------------- icosahedron


def corners() -> np.ndarray:
    """The twelve corners (0, ±1, ±φ) and cyclic, scaled to length 1, and turned so that one is the north pole."""
    golden = (1 + 5**0.5) / 2
    found = [np.roll([0, a, b * golden], s) for s in range(3) for a in (1, -1) for b in (1, -1)]
    x = np.array(found) / np.sqrt(1 + golden**2)
    north = x[0]
    near = x[np.argsort(-(x @ north))[1]]
    side = near - (near @ north) * north
    side /= np.linalg.norm(side)
    return x @ np.stack([np.cross(north, side), north, side], axis=1)  # the pole is axis 1


def isometries() -> np.ndarray:
    """All 120 orthogonal matrices that permute the corners."""
    x = corners()
    first = next(x[[0, a, b]] for a, b in permutations(range(1, 12), 2) if is_face(x[[0, a, b]]))
    found = []
    for index in permutations(range(12), 3):
        if is_face(x[list(index)]):
            found.append(x[list(index)].T @ np.linalg.inv(first.T))
    return np.array(found)


def is_face(x: np.ndarray) -> bool:
    return bool(np.abs((x @ x.T)[[0, 0, 1], [1, 2, 2]] - 5**-0.5).max() < 1e-9)


ISOMETRIES = isometries()


def test_the_oracle():
    assert len(ISOMETRIES) == 120 and (np.linalg.det(ISOMETRIES) > 0).sum() == 60
    assert np.abs(ISOMETRIES @ ISOMETRIES.swapaxes(1, 2) - np.eye(3)).max() < 1e-12


@pytest.mark.parametrize("r", [1, 2, 3])
def test_vertices_of_the_icosahedron(r):
    """10·4^r + 2 distinct points with the poles; every step is one edge long; 6 neighbours, at corners 5."""
    atlas = Icosahedron(r)
    x = atlas.embedding.flatten(0, 2)
    poles = torch.tensor([[0.0, 1, 0], [0, -1, 0]], dtype=torch.float64)
    assert torch.cdist(x, torch.cat([x, poles])).fill_diagonal_(1.0).min() > 0.5 / 2**r
    masked = x[list(atlas.masked)]
    expected = torch.from_numpy(corners())
    assert torch.cdist(torch.cat([masked, poles]), expected).min(1).values.max() < 1e-12 and len(masked) == 10
    edge = float((2 - 2 / 5**0.5) ** 0.5) / 2**r
    sight = sights(atlas.gluing, unit_steps(atlas.gluing))
    for p in set(range(len(atlas))) - set(atlas.masked):
        near = set(torch.nonzero((x - x[p]).norm(dim=-1) < 1.01 * edge)[:, 0].tolist())
        found = set(sight.source[p][sight.source[p] >= 0].tolist())
        assert near - {p, *atlas.masked} == found - set(atlas.masked)
    assert (sphere_positions(atlas).norm(dim=-1) - 1).abs().max() < 1e-12


def test_a_loop_around_a_corner_turns_by_60_degrees_and_around_others_not():
    """Gauss–Bonnet: twelve corners of defect 60°, 4π in all."""
    atlas = Icosahedron(3)
    gluing, steps = atlas.gluing, unit_steps(atlas.gluing)
    sight = sights(gluing, steps)
    hexagon = [(1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1)]  # counter-clockwise

    def loop(start: int, first: int, length: int) -> tuple[bool, float]:
        """Walk straight steps, turning left by 60° after each; whether it closes, and the angle of the transport."""
        pixel, frame = start, 0  # A from the first frame to the present one
        for k in range(length):
            a, b = gluing.turns[frame] @ np.array(hexagon[(first + k) % 6])
            at = steps.index((int(a), int(b)))
            if sight.source[pixel, at] < 0 or sight.source[pixel, at] in atlas.masked:
                return False, 0.0
            pixel, frame = int(sight.source[pixel, at]), int(gluing.product[sight.turn[pixel, at], frame])
        g = gluing.elements[frame]
        return pixel == start, float(np.degrees(np.arctan2(g[1, 0], g[0, 0])))

    starts = [(p, first) for p in range(len(atlas)) if p not in atlas.masked for first in range(6)]
    pentagons = [angle for closed, angle in (loop(*start, 5) for start in starts) if closed]
    hexagons = [angle for closed, angle in (loop(*start, 6) for start in starts) if closed]
    assert len(pentagons) == 12 * 5 and np.abs(np.array(pentagons) + 60).max() < 1e-9
    regular = len(atlas) + 2 - 12 - 12 * 5  # vertices without a corner among their neighbours
    assert len(hexagons) == 6 * regular and np.abs(hexagons).max() < 1e-9


@pytest.mark.parametrize(("group", "number"), [(G.Cyclic(6), 60), (G.Dihedral(6), 120)], ids=str)
def test_isometries_of_the_icosahedron_move_pixels_and_frames(group, number):
    """Against R³: positions to rounding, and frames inside the faces as vectors of R³."""
    atlas = Icosahedron(3, group)
    assert len(atlas.symmetries()) == number
    x, seen = atlas.embedding.flatten(0, 2), torch.ones(len(atlas), dtype=torch.bool)
    seen[list(atlas.masked)] = False
    frames, inner = face_frames(atlas)
    assert inner.sum() > 100
    assert (torch.linalg.det(torch.cat([frames, x[:, :, None]], 2)[inner]) > 0).all()  # e_0 × e_1 points outward
    rotations = [torch.from_numpy(g) for g in ISOMETRIES if number == 120 or np.linalg.det(g) > 0]
    sources = set()
    for g in rotations:
        motion = atlas.act(g)
        sources.add(tuple(motion.source.tolist()))
        assert ((x[motion.source] @ g.mT - x)[seen]).abs().max() < 1e-12
        both = inner & inner[motion.source]
        expected = frames.mT @ g @ frames[motion.source]
        assert (motion.g - expected)[both].abs().max() < 1e-12 and both.sum() > 60
    assert len(sources) == number


def face_frames(atlas: Atlas) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames in R³ (n, 3, 2) of pixels inside a face, whose neighbours lie in their plane, from the positions alone."""
    x, basis = atlas.embedding, torch.from_numpy(atlas.gluing.basis)
    a, b = x.roll(-1, 1) - x, x.roll(-1, 2) - x
    flat = [(a + x.roll(1, 1) - x), (b + x.roll(1, 2) - x)]
    inner = torch.stack([f.norm(dim=-1) < 1e-12 for f in flat]).all(0)
    inner[:, [0, -1]] = False
    inner[:, :, [0, -1]] = False
    edge = a[inner].norm(dim=-1).mean()
    frames = torch.stack([a, b], -1) / edge @ torch.linalg.inv(basis)
    return frames.flatten(0, 2), inner.flatten()


def test_wrong_isometries():
    atlas = Icosahedron(1)
    with pytest.raises(SpaceError, match="permutes the pixels"):
        atlas.act(torch.from_numpy(ISOMETRIES[np.linalg.det(ISOMETRIES) < 0][0]))  # a reflection, and C_6
    with pytest.raises(SpaceError, match="permutes the pixels"):
        atlas.act(torch.linalg.matrix_exp(0.1 * torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 0]])).double())
    with pytest.raises(SpaceError, match="an embedding"):
        Atlas(atlas.gluing, G.Cyclic(6)).act(torch.eye(3))
    with pytest.raises(SpaceError, match="resolution of at least 1"):
        Icosahedron(0)


def test_without_rotations_only_the_five_about_the_poles_remain():
    atlas = Icosahedron(2, G.Trivial(2))
    assert len(atlas.symmetries()) == 5 and not atlas.transports and atlas.neighbours(3).g is None
    x = atlas.embedding.flatten(0, 2)
    for motion in atlas.symmetries():
        assert ((x[motion.source] - x)[:, 1]).abs().max() < 1e-12
        assert torch.equal(motion.g, torch.eye(2).double().expand_as(motion.g))


def test_lines_end_at_cone_points():
    """Two steps straight through a corner see nothing; beside it they do."""
    atlas, n = Icosahedron(3), 8
    sight = sights(atlas.gluing, ((0, 2), (2, 2)))
    before = n - 1  # chart 0, (0, n - 1): the corner is (0, n)
    assert sight.source[before, 0] == -2 and sight.source[before, 1] >= 0
    graph = atlas.neighbours(5)
    assert graph.degree[before] < 19 and graph.degree.max() == 19 and not graph.degree[list(atlas.masked)].any()


# ---------------------------------------------------------------------------------------------------- obstructions


@pytest.mark.parametrize("space", [Mobius, Klein])
@pytest.mark.parametrize("group", [G.SO(2), G.Trivial(2), G.Cyclic(4), G.Reflection(2, 1)], ids=str)
def test_no_orientation(space, group):
    with pytest.raises(SpaceError, match=r"no orientation.*smallest group that works is R\(axis 0 of 2\)"):
        space(6, 4, group)


@pytest.mark.parametrize("group", [G.O(2), G.Reflection(2, 0), G.Dihedral(2), G.Dihedral(4), G.Dihedral(1)], ids=str)
def test_groups_of_the_mobius_strip(group):
    if group == G.Dihedral(1):  # flips the other axis
        with pytest.raises(SpaceError, match="no orientation"):
            Mobius(6, 4, group)
    else:
        assert Mobius(6, 4, group).group == group


def test_other_obstructions():
    with pytest.raises(SpaceError, match="smallest group that works is C6"):
        Icosahedron(1, G.Dihedral(4))
    with pytest.raises(SpaceError, match="no orientation"):
        Mobius(6, 4, G.Dihedral(4)).restrict(G.Cyclic(4))
    with pytest.raises(SpaceError, match="expected a subgroup"):
        Mobius(6, 4).restrict(G.O(2))
    assert Mobius(6, 4, G.Trivial(2), singular="allow").neighbours(3).g is None
    assert Mobius(6, 4, G.O(2)).restrict(G.Reflection(2, 0)).group == G.Reflection(2, 0)


def seam(**changes) -> Seam:
    parts = {"chart": 0, "start": (0, 6), "stop": (4, 6), "other": 0, "begin": (0, 0), "end": (4, 0)} | changes
    return Seam(**parts)


@pytest.mark.parametrize(
    ("seams", "message"),
    [
        ([seam(stop=(3, 6))], "no automorphism"),
        ([seam(start=(1, 5))], "a segment of a side"),
        ([seam(other=1)], "of 1 charts"),
        ([seam(), seam()], "glued twice"),
    ],
)
def test_wrong_seams(seams, message):
    with pytest.raises(SpaceError, match=message):
        Gluing(1, (4, 6), tuple(seams))


def test_wrong_atlases():
    gluing = SPACES["torus"].gluing
    with pytest.raises(SpaceError, match=r"matrices \(2, 2\)"):
        Atlas(gluing, G.SO(3))
    with pytest.raises(SpaceError, match='singular=None or "allow"'):
        Atlas(gluing, G.Trivial(2), singular="yes")
    with pytest.raises(SpaceError, match="gauge of shape"):
        Atlas(gluing, G.Trivial(2), gauge=torch.eye(2))
    with pytest.raises(SpaceError, match="two odd sizes"):
        Torus(6, 4).window(4)
    with pytest.raises(SpaceError, match="no symmetry|leave the atlas"):
        Cylinder(6, 4).shift(1, axis=0)
    with pytest.raises(SpaceError, match="got shape"):
        Torus(6, 4).pad(torch.zeros(1, 1, 4, 6), R.trivial(G.Trivial(2)), 1)
    with pytest.raises(SpaceError, match="the structure group of the atlas"):
        Torus(6, 4).pad(torch.zeros(1, 1, 1, 4, 6), R.trivial(G.SO(2)), 1)
    with pytest.raises(SpaceError, match="elements of"):
        Mobius(6, 4).regauge(torch.eye(2).expand(1, 4, 5, 2, 2))
    with pytest.raises(SpaceError, match="0 < r_min"):
        LogPolar(3, 8, 1.0, 0.5)
    with pytest.raises(SpaceError, match="positive determinant"):
        Gluing(1, (4, 6), (seam(),), ((0.0, 1.0), (1.0, 0.0)))


def test_two_squares_glued_to_a_pillow():
    """The generator knows no space: two squares that share all sides, a pillow with four cone points of 180°."""
    shape = (4, 4)
    sides = [((0, 0), (4, 0)), ((4, 0), (4, 4)), ((4, 4), (0, 4)), ((0, 4), (0, 0))]
    mirrored = [((b[0], 4 - b[1]), (a[0], 4 - a[1])) for a, b in sides]  # the back, seen from outside
    seams = tuple(Seam(0, a, b, 1, d, c) for (a, b), (c, d) in zip(sides, mirrored, strict=True))
    atlas = Atlas(Gluing(2, shape, seams), G.Cyclic(2))
    assert len(atlas.symmetries()) == 4  # C_2 acts freely on flags: half turns of the pillow, those in C_2
    with pytest.raises(SpaceError, match="smallest group that works is C2"):
        Atlas(Gluing(2, shape, seams), G.Trivial(2))


# ---------------------------------------------------------------------------------------------------- the rest


def test_embeddings_are_continuous_across_seams():
    """A step is nowhere much longer than elsewhere."""
    for atlas in (Mobius(40, 8), Torus(40, 20), Klein(60, 40), Cylinder(40, 5), LogPolar(5, 40, 0.5, 1.0)):
        x, sight = atlas.embedding.flatten(0, 2), sights(atlas.gluing, ((0, 1),))
        steps = (x[sight.source[:, 0]] - x).norm(dim=-1).view(atlas.gluing.shape)
        assert (steps[:, -1] < 1.2 * steps[:, :-1].max()).all()


def test_log_polar_steps_are_logarithms():
    atlas = LogPolar(6, 12, 0.5, 4.0)
    graph = atlas.neighbours(3)
    x = atlas.embedding.flatten(0, 2)
    radius, angle = x.norm(dim=-1), torch.atan2(x[:, 1], x[:, 0])
    dr = (radius[graph.source] / radius[graph.target]).log()
    turn = torch.remainder(angle[graph.source] - angle[graph.target] + torch.pi, 2 * torch.pi) - torch.pi
    assert (graph.v - torch.stack([dr, turn], -1)).abs().max() < 1e-12 and graph.g is None


def test_coarsened():
    coarse = Mobius(8, 4).coarsened(2)
    assert replace(coarse.gluing, lattice=SQUARE) == Mobius(4, 2).gluing and len(coarse.symmetries()) == 8
    for r in (2, 3):
        fine, other = Icosahedron(r).coarsened(2), Icosahedron(r - 1)
        assert replace(fine.gluing, lattice=HEXAGONAL) == other.gluing and fine.masked == other.masked
        assert np.allclose(fine.gluing.basis, 2 * other.gluing.basis)
        assert (fine.embedding - other.embedding).abs().max() < 1e-15
    with pytest.raises(SpaceError, match="a factor of 2 divides"):
        Mobius(6, 5).coarsened(2)


def test_a_pytree_and_symbolic_gluings():
    atlas = Icosahedron(1)
    g = atlas.group.sample(len(atlas)).view(*atlas.shape, 2, 2)
    for space in (atlas, atlas.regauge(g), Atlas(atlas.gluing, G.Cyclic(6))):
        leaves, tree = _pytree.tree_flatten(space)
        again = _pytree.tree_unflatten(leaves, tree)
        assert again.gluing == space.gluing and again.masked == space.masked and again.shape == space.shape
        assert (again.gauge is None) == (space.gauge is None)
    assert Symbolic.from_dict(atlas.gluing.to_dict()) == atlas.gluing
    assert atlas.gluing.lattice == HEXAGONAL and "5 charts of 2 × 4, C6" in repr(atlas)


def test_changes_of_gauge_compose():
    atlas, rep = Mobius(5, 3, G.O(2)), R.irrep(G.O(2), 1, 1)
    g, h = (atlas.group.sample(15).view(1, 3, 5, 2, 2) for _ in range(2))
    assert (atlas.regauge(g).regauge(h).gauge - h @ g).abs().max() < 1e-15
    x = torch.randn(2, 2, 1, 3, 5, dtype=torch.float64)
    there = atlas.transform(x, rep, g)
    assert (atlas.regauge(g).transform(there, rep) - x).abs().max() < 1e-12
    assert (there - x).abs().max() > 0.1
    m, n = atlas.shift(2), atlas.regauge(g).shift(2)
    moved = atlas.regauge(g).move(there, rep, n)
    assert (moved - atlas.transform(atlas.move(x, rep, m), rep, g)).abs().max() < 1e-12


@pytest.mark.parametrize("size", [3, 5])
def test_vertices_on_a_boundary_see_along_it(size):
    """Pixels on the corners of the lattice, zeros beyond: the ordinary convolution."""
    atlas = Atlas(Gluing(1, (4, 5), (), SQUARE, (0.0, 0.0)), G.Trivial(2))
    rep = R.trivial(G.Trivial(2))
    conv = nn.Conv(rep, rep, K.Stencil(size)).double()
    x = torch.randn(1, 1, 4, 5, dtype=torch.float64)
    y = conv(Field(x[:, :, None], rep, atlas)).tensor[:, :, 0]
    assert (y - conv(x)).abs().max() < 1e-12


def test_coarser_pixels_are_larger():
    fine = LogPolar(8, 16, 1.0, 4.0)
    coarse, other = fine.coarsened(2), LogPolar(4, 8, 1.0, 4.0)
    assert np.allclose(coarse.gluing.basis, other.gluing.basis)
    assert coarse is fine.coarsened(2)


def test_a_margin_may_differ_between_the_axes():
    rep = R.trivial(G.Cyclic(4))
    torus = Torus(6, 5, G.Cyclic(4))
    x = torch.randn(1, 1, 1, 5, 6)
    expected = torch.nn.functional.pad(x[:, :, 0], (2, 2, 1, 1), mode="circular")
    assert torch.equal(torus.pad(x, rep, (1, 2))[:, :, 0], expected)
    with pytest.raises(SpaceError, match="margin"):
        torus.pad(x, rep, -1)


@pytest.mark.parametrize("group", [G.Cyclic(6), G.Dihedral(6)], ids=str)
def test_matrices_of_the_icosahedron_are_its_group(group):
    ball = Icosahedron(1, group)
    matrices = ball.matrices()
    turns = torch.linalg.det(matrices).round()
    assert len(matrices) == 60 * (1 if group == G.Cyclic(6) else 2) and int((turns > 0).sum()) == 60
    traces = torch.einsum("nii->n", matrices)[turns > 0]  # the classes: 1, 12 + 12, 20, 15
    golden = (1 + 5**0.5) / 2
    for trace, number in ((3, 1), (golden, 12), (1 - golden, 12), (0, 20), (-1, 15)):
        assert int(((traces - trace).abs() < 1e-9).sum()) == number
    for matrix, motion in zip(matrices, ball.symmetries(), strict=True):
        assert torch.equal(ball.act(matrix).source, motion.source)
    with pytest.raises(SpaceError, match="all symmetries are isometries"):
        Mobius(6, 4).matrices()
