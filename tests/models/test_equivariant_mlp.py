"""Equivariant MLPs: any matrix group and type, exact symmetry, float32 under boosts, allocation of channels."""

import copy

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import reps as R
from torsor.errors import ConfigError, FieldTypeError
from torsor.models import EquivariantMLP, uniform


def special(d):
    """SL(d) by its generators."""
    a = [np.outer(np.eye(d)[i], np.eye(d)[j]) for i in range(d) for j in range(d) if i != j]
    a += [np.diag(np.eye(d)[i] - np.eye(d)[i + 1]) for i in range(d - 1)]
    return G.MatrixGroup(np.array(a), np.zeros((0, d, d)))


def symplectic():
    """Sp(4) by its generators, J S with S symmetric."""
    one, zero = np.eye(2), np.zeros((2, 2))
    symmetric = [np.outer(u, v) + np.outer(v, u) for i, u in enumerate(np.eye(4)) for v in np.eye(4)[i:]]
    return G.MatrixGroup(np.block([[zero, one], [-one, zero]]) @ np.array(symmetric), np.zeros((0, 4, 4)))


def permutations(n):
    """S_n by the transpositions of neighbours."""
    swaps = np.stack([np.eye(n)[[*range(i), i + 1, i, *range(i + 2, n)]] for i in range(n - 1)])
    return G.MatrixGroup(np.zeros((0, n, n)), swaps)


GROUPS = [G.O(1, 3), G.SO(1, 2), G.O(5), G.O(3), G.Dihedral(4), special(3), symplectic(), permutations(4)]


def elements(group, number, size=0.3):
    generator = torch.Generator().manual_seed(0)
    algebra, g = group.algebra.double(), torch.eye(group.dim).double().expand(number, -1, -1)
    if len(algebra):
        coordinates = size * torch.randn(number, len(algebra), generator=generator, dtype=torch.float64)
        g = torch.linalg.matrix_exp(torch.einsum("na,aij->nij", coordinates, algebra))
    for h in group.generators.double():
        g = torch.where(torch.randint(2, (number, 1, 1), generator=generator) == 1, g @ h, g)
    return g


def boosts(number, rapidity):
    """Boosts of one rapidity in random directions: exp of the algebra elements that mix time and space."""
    n = torch.randn(number, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    a = torch.zeros(number, 4, 4, dtype=torch.float64)
    a[:, 0, 1:] = a[:, 1:, 0] = rapidity * n / n.norm(dim=1, keepdim=True)
    return torch.linalg.matrix_exp(a)


def act(rep, g, x):
    return (rep.rho(g.to(x)) @ x[..., None])[..., 0]


def error(net, g, x):
    """‖f(gx) - g f(x)‖ / ‖g f(x)‖."""
    expected = act(net.out_rep, g, net(x))
    return ((net(act(net.in_rep, g, x)) - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_equivariance_of_any_group(group):
    torch.manual_seed(0)
    vector, one = R.standard(group), R.trivial(group)
    net = EquivariantMLP(2 * vector + one + vector.dual(), one + vector + R.tensor(group, 1, 1), hidden=60).double()
    g, x = elements(group, 30), torch.randn(30, net.in_rep.dim, dtype=torch.float64)
    assert error(net, g, x) < 1e-12
    parts = net(x).split([m * term.dim for m, term in net.out_rep.terms], 1)
    assert all(part.std(0).max() > 1e-3 for part in parts)  # every output depends on the input


def test_general_linear_maps_do_not_commute_with_a_lorentz_network():
    group = G.O(1, 3)
    torch.manual_seed(0)
    net = EquivariantMLP(3 * R.standard(group), R.trivial(group)).double()
    x = torch.randn(30, 12, dtype=torch.float64)
    assert error(net, 1.2 * torch.eye(4, dtype=torch.float64), x) > 1e-3
    assert error(net, G.O(4).sample(30).double(), x) > 1e-3


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("out", ["scalar", "vector"])
def test_errors_under_moderate_boosts(dtype, bound, out):
    group = G.O(1, 3)
    torch.manual_seed(0)
    net = EquivariantMLP(4 * R.standard(group), R.trivial(group) if out == "scalar" else R.standard(group)).to(dtype)
    x = torch.randn(200, 16, dtype=torch.float64)
    with torch.no_grad():
        expected = act(net.out_rep, boosts(200, 1.0).to(dtype), net(x.to(dtype)))
        moved = net(act(net.in_rep, boosts(200, 1.0), x).to(dtype))
    assert (moved - expected).norm() < bound * expected.norm()


def test_a_subgroup_restricts_the_types():
    lorentz, rotations = G.O(1, 3), G.Trivial(1) * G.SO(3)
    full = EquivariantMLP(2 * R.standard(lorentz), R.trivial(lorentz), hidden=40)
    less = EquivariantMLP(2 * R.standard(lorentz), R.trivial(lorentz), rotations, hidden=40).double()
    assert full.in_rep.group == lorentz
    assert less.in_rep.group == less.out_rep.group == rotations
    x = torch.randn(20, 8, dtype=torch.float64)
    assert error(less, elements(rotations, 20), x) < 1e-12
    assert error(less, elements(lorentz, 20), x) > 1e-3


def test_given_hidden_types_and_layers():
    group = G.O(3)
    hidden = 8 * R.trivial(group) + 4 * R.standard(group) + 2 * R.irreps(group, 2)[-1]
    net = EquivariantMLP(2 * R.standard(group), R.trivial(group), hidden=hidden, layers=2).double()
    assert net.hidden == hidden
    assert len(net.body) == 3
    assert error(net, G.O(3).sample(10).double(), torch.randn(10, 6, dtype=torch.float64)) < 1e-12


def test_gradients_and_copies():
    group = G.O(1, 2)
    net = EquivariantMLP(2 * R.standard(group), R.trivial(group), hidden=12, layers=1).double()
    x = torch.randn(2, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(net, (x,))
    assert torch.equal(copy.deepcopy(net)(x), net(x))
    net(x).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_a_gradient_of_an_invariant_is_covariant():
    """∇(f(gx)) = gᵀ (∇f)(gx)."""
    group = G.O(1, 3)
    net = EquivariantMLP(2 * R.standard(group), R.trivial(group), hidden=40).double()
    x = torch.randn(5, 8, dtype=torch.float64, requires_grad=True)
    g = elements(group, 5)
    y = act(net.in_rep, g, x).detach().requires_grad_()
    (at_x,), (at_y,) = torch.autograd.grad(net(x).sum(), x), torch.autograd.grad(net(y).sum(), y)
    assert torch.allclose(act(net.in_rep, g.mT, at_y), at_x, atol=1e-11)


@pytest.mark.parametrize(
    ("group", "channels", "order", "expected"),
    [
        (G.O(3), 128, None, {"trivial": 44, "tensor(1,0)": 10, "tensor(2,0)": 3, "tensor(3,0)": 1}),
        (G.O(1, 3), 128, None, {"trivial": 56, "tensor(1,0)": 10, "tensor(2,0)": 2}),
        (G.O(1, 3), 128, 1, {"trivial": 64, "tensor(1,0)": 16}),
        (G.O(1, 3), 128, 0, {"trivial": 128}),
        (special(3), 90, 1, {"trivial": 45, "tensor(1,0)": 8, "tensor(0,1)": 7}),
        (G.O(1, 3), 1, None, {"trivial": 1}),
    ],
    ids=str,
)
def test_channels_are_spread_evenly_over_the_orders(group, channels, order, expected):
    rep = uniform(group, channels, order)
    assert {term.name: m for m, term in rep.terms} == expected
    assert rep.dim == channels


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_uniform_types_have_the_channels_asked_for(group):
    assert all(uniform(group, n).dim == n for n in (20, 64, 200))


def test_errors():
    vector = R.standard(G.O(1, 3))
    with pytest.raises(ConfigError, match="at least one hidden layer"):
        EquivariantMLP(vector, vector, layers=0)
    with pytest.raises(ConfigError, match="at least one channel"):
        EquivariantMLP(vector, vector, hidden=0)
    with pytest.raises(FieldTypeError, match="one group"):
        EquivariantMLP(vector, R.standard(G.O(4)))
    with pytest.raises(FieldTypeError, match="channels"):
        EquivariantMLP(vector, vector)(torch.ones(3, 5))
