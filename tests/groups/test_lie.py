"""Lie groups: membership by their defining equations, exponentials, compactness, uniform samples."""

import numpy as np
import pytest
import torch

from torsor import groups as G

J = np.array([[0, -1], [1, 0.0]])
SCALE = G.MatrixGroup([np.eye(2)], label="scalings")
SL2 = G.MatrixGroup([[[1, 0], [0, -1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]], label="SL(2)")


def boost(t: float) -> np.ndarray:
    return np.array([[np.cosh(t), np.sinh(t), 0], [np.sinh(t), np.cosh(t), 0], [0, 0, 1]])


@pytest.mark.parametrize("angle", [0.0, 1e-4, 1.0, -2.5, 7.0])
def test_exp_of_so2_turns_axis_0_towards_axis_1(angle):
    g = G.SO(2).exp(angle * G.SO(2).algebra[0])
    expected = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert (g - expected).abs().max() < 1e-14
    assert G.SO(2).contains(g) and G.O(2).contains(g)


def test_rotation_groups_by_their_equations(rng):
    q = np.linalg.qr(rng.normal(size=(40, 3, 3)))[0] * rng.choice([-1, 1], size=(40, 1, 1))
    positive = np.linalg.det(q) > 0
    assert 0 < positive.sum() < 40
    assert G.O(3).contains(q).all()
    assert np.array_equal(G.SO(3).contains(q), positive)
    for group in (G.O(3), G.SO(3)):
        assert not group.contains(1.001 * q).any()
        assert not group.contains(q + 1e-3 * rng.normal(size=q.shape)).any()
        assert not group.contains(np.zeros((3, 3)))


def test_lorentz_groups_by_their_equations():
    time, space = np.diag([-1.0, 1, 1]), np.diag([1.0, 1, -1])
    far = np.stack([boost(t) for t in (0.0, 1.0, -3.0, 6.0)])
    for h in (np.eye(3), time @ space):
        assert G.O(1, 2).contains(far @ h).all() and G.SO(1, 2).contains(far @ h).all()
    for h in (time, space):
        assert G.O(1, 2).contains(far @ h).all() and not G.SO(1, 2).contains(far @ h).any()
    assert not G.O(1, 2).contains(far + 1e-2 * np.abs(far).max((1, 2), keepdims=True) * np.eye(3)).any()
    assert not G.O(1, 2).contains(np.linalg.qr(np.arange(9).reshape(3, 3) + np.eye(3))[0])
    assert np.array_equal(G.O(1, 2).metric, np.diag([-1, 1, 1]))


def test_exp_of_the_lorentz_algebra_keeps_the_metric(rng):
    eta = np.diag([-1.0, 1, 1])
    for a in G.O(1, 2).algebra_array:
        assert np.abs(a.T @ eta + eta @ a).max() < 1e-15
    assert np.linalg.matrix_rank(G.O(1, 2).algebra_array.reshape(3, 9)) == 3
    assert np.linalg.matrix_rank(G.SO(4).algebra_array.reshape(6, 16)) == 6


def test_one_sign_only_is_the_definite_group():
    assert G.SO(0, 3) == G.SO(3) and G.O(0, 2) == G.O(2) and str(G.O(1, 3)) == "O(1,3)"
    assert G.SO(1).order == 1 and G.O(1).order == 2


CHANGE = np.array([[2, 1], [0, 0.5]])
COMPACT = {
    "SO(2)": (G.SO(2), True),
    "O(3)": (G.O(3), True),
    "conjugated SO(2)": (G.MatrixGroup([CHANGE @ J @ np.linalg.inv(CHANGE)]), True),
    "conjugated O(2)": (
        G.MatrixGroup([CHANGE @ J @ np.linalg.inv(CHANGE)], [CHANGE @ np.diag([1, -1]) @ np.linalg.inv(CHANGE)]),
        True,
    ),
    "SO(2) x C3": (G.SO(2) * G.Cyclic(3), True),
    "O(1,1)": (G.O(1, 1), False),
    "SO(1,2)": (G.SO(1, 2), False),
    "scalings": (SCALE, False),
    "spirals": (G.MatrixGroup([J + 0.1 * np.eye(2)]), False),
    "shears": (G.MatrixGroup([[[0, 1], [0, 0]]]), False),
    "SL(2)": (SL2, False),
    "SO(2) and scalings": (G.Join(G.SO(2), SCALE), False),
    "internal boosts": (G.SO(2).internal(G.SO(1, 1)), False),
}


@pytest.mark.parametrize("name", COMPACT)
def test_compactness(name):
    group, compact = COMPACT[name]
    assert group.is_compact is compact


def moments(group: G.Group, n: int = 6000) -> np.ndarray:
    """|mean of each entry|, and mean of their squares."""
    g = group.sample(n, torch.Generator().manual_seed(0)).numpy()
    return np.stack([np.abs(g.mean(0)), (g**2).mean(0)])


@pytest.mark.parametrize("group", [G.SO(2), G.O(2), G.SO(3), G.O(3), G.SO(4)], ids=str)
def test_samples_of_rotation_groups_are_uniform(group):
    """Under Haar measure E g_ij = 0 and E g_ij² = 1/d; half of O(d) reflects."""
    first, second = moments(group)
    assert first.max() < 0.05 and np.abs(second - 1 / group.dim).max() < 0.03
    negative = (torch.linalg.det(group.sample(4000)) < 0).double().mean()
    assert abs(negative - (0.5 if isinstance(group, G.O) else 0.0)) < 0.05


def test_samples_of_so3_have_haar_angles():
    """tr g = 1 + 2 cos θ with density (1 - cos θ)/π: E tr = 0, E tr² = 1, E tr³ = 1."""
    trace = G.SO(3).sample(20000, torch.Generator().manual_seed(1)).diagonal(dim1=-2, dim2=-1).sum(-1)
    for power, expected in ((1, 0.0), (2, 1.0), (3, 1.0)):
        assert abs((trace**power).mean() - expected) < 0.1


def test_samples_do_not_depend_on_the_scale_of_the_algebra():
    angle = [torch.atan2(g[:, 1, 0], g[:, 0, 0]) for g in [G.MatrixGroup([1e-3 * J]).sample(8000)]][0]
    counts = torch.histc(angle.float(), 8, -np.pi, np.pi)
    assert (counts / 1000 - 1).abs().max() < 0.15


def test_samples_reach_every_component_alike():
    group = G.SO(2) * G.Cyclic(7)
    g = group.sample(7000, torch.Generator().manual_seed(0))
    index = G.Cyclic(7).index(group.project(g)[1])
    assert np.abs(np.bincount(index, minlength=7) / 1000 - 1).max() < 0.15


def test_scale_of_samples():
    group, generator = G.O(1, 2), torch.Generator().manual_seed(0)
    near, far = group.sample(200, generator, scale=1e-3), group.sample(200, generator, scale=4.0)
    signs = near.sign() * torch.eye(3)
    assert (near.abs() - torch.eye(3)).abs().max() < 0.01 and (near - signs).abs().max() < 0.01
    assert far.abs().max() > 100 and group.contains(far).all()
    assert len({tuple(x.diagonal().tolist()) for x in signs}) == 4


def test_membership_of_a_group_known_by_generators_only(rng):
    """The numerical test agrees with the equations of O(1,2), and of SL(2): det = 1."""
    lorentz = G.MatrixGroup(G.O(1, 2).algebra, G.O(1, 2).generators)
    g = G.O(1, 2).sample(20, torch.Generator().manual_seed(0), scale=1.0)
    assert lorentz.contains(g).all()
    assert not lorentz.contains(g * 1.01).any()
    assert not lorentz.contains(rng.normal(size=(10, 3, 3))).any()
    h = rng.normal(size=(20, 2, 2))
    det = np.linalg.det(h)
    h = h[det > 0.1] / np.sqrt(det[det > 0.1])[:, None, None]
    assert SL2.contains(h).all()
    assert not SL2.contains(1.01 * h).any() and not SL2.contains(h[:, ::-1]).any()


def test_components_of_finite_groups_are_their_elements():
    for group in (G.Cyclic(8), G.Dihedral(3), G.Tetrahedral()):
        assert len(group.component_array) == group.order
