"""Implicit kernels: steerability with attributes, dependence, grids and points, gradients, what they fit, errors."""

import copy
import pickle

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import KernelError
from torsor.fibre.product import FieldProduct
from torsor.kernels.wigner_eckart import Harmonics
from torsor.linalg import harmonics
from torsor.symbolic import Symbolic

S2, O2, S3, O3, C8, D4 = G.SO(2), G.O(2), G.SO(3), G.O(3), G.Cyclic(8), G.Dihedral(4)
LINE, CYLINDER, OCTAHEDRAL = G.Reflection(1), G.SO(2) * G.Reflection(1), G.Octahedral().with_inversion()


def vector(group):
    return R.standard(group)


CASES = {  # name -> (ρ_in, ρ_out, attributes, options)
    "SO(2)": (R.trivial(S2) + 2 * R.irrep(S2, 1), R.irrep(S2, 2) + R.irrep(S2, 1), vector(S2) + R.irrep(S2, 3), {}),
    "O(2)": (R.trivial(O2) + 2 * vector(O2), R.symmetric(O2) + R.sign(O2), 2 * vector(O2), {}),
    "C8 regular": (2 * R.regular(C8), R.regular(C8) + R.trivial(C8), R.regular(C8), {}),
    "D4": (R.regular(D4) + vector(D4), R.symmetric(D4) + R.sign(D4), vector(D4), {"layers": 1}),
    "D4 irreps": (R.regular(D4), R.symmetric(D4), vector(D4), {"hidden": 8 * R.trivial(D4) + 3 * vector(D4)}),
    "SO(3)": (R.trivial(S3) + 2 * vector(S3), R.irrep(S3, 2) + vector(S3), 2 * R.irrep(S3, 1), {"degrees": 3}),
    "O(3)": (R.trivial(O3) + vector(O3), R.symmetric(O3) + R.irrep(O3, "1e"), vector(O3) + R.irrep(O3, "1e"), {}),
    "Oh": (vector(OCTAHEDRAL), R.symmetric(OCTAHEDRAL), vector(OCTAHEDRAL), {"hidden": 4}),
    "cylinder": (vector(CYLINDER), vector(CYLINDER) + R.trivial(CYLINDER), vector(CYLINDER), {}),
    "line": (R.regular(LINE), R.regular(LINE) + R.sign(LINE), R.sign(LINE), {}),
    "unconstrained": (2 * R.trivial(G.Trivial(2)), 3 * R.trivial(G.Trivial(2)), R.trivial(G.Trivial(2)), {}),
}


def build(name: str, conditioned: bool, **options) -> tuple[K.SteerableKernel, torch.Tensor, torch.Tensor | None]:
    """The kernel of a case with 12 points, the origin among them, and attributes."""
    rho_in, rho_out, attributes, own = CASES[name]
    kernel = K.Implicit(2.0, attributes if conditioned else None, **{**own, **options})(
        rho_in, rho_out, dtype=torch.float64
    )
    v = 0.8 * torch.randn(12, rho_in.group.dim, dtype=torch.float64)
    v[0] = 0
    return kernel, v, torch.randn(12, attributes.dim, dtype=torch.float64) if conditioned else None


def literal(graph, kernel, x, attributes=None):
    """Σ_q w K(v, a) f(q), edge by edge."""
    y = torch.zeros(graph.targets, kernel.out_rep.dim, dtype=x.dtype)
    for e in range(len(graph)):
        one = None if attributes is None else attributes[e : e + 1]
        y[graph.target[e]] += graph.weight[e] * kernel(graph.v[e : e + 1], one)[0] @ x[graph.source[e]]
    return y


# ------------------------------------------------------------------------------------------------------ steerability


@pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")
@pytest.mark.parametrize("conditioned", [False, True], ids=["v", "v and a"])
@pytest.mark.parametrize("name", CASES)
def test_constraint(name, conditioned):
    """K(gv, α(g)a) = ρ_out(g) K(v, a) ρ_in(g)⁻¹, written out, near and far from the identity."""
    kernel, v, a = build(name, conditioned)
    group, alpha = kernel.in_rep.group, kernel.spec.attributes
    for g in [*group.sample(5), *group.sample(2, scale=0.1)]:
        moved = None if a is None else a @ alpha.rho(g).T
        left = kernel(v @ group.action(g).T, moved)
        right = kernel.out_rep.rho(g) @ kernel(v, a) @ torch.linalg.inv(kernel.in_rep.rho(g))
        assert (left - right).abs().max() < 1e-12 * left.abs().max()
        assert torch.isfinite(left).all() and left.abs().max() > 1e-3
    assert kernel.residual(v, group.sample(12), a) < 1e-12


def test_the_residual_sees_broken_symmetry():
    """An attribute that is not transformed, and an element outside the group."""
    kernel, v, a = build("SO(2)", True)
    turn, flip = S2.sample(1), torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    still = kernel(v @ turn[0].T, a) - kernel.out_rep.rho(turn[0]) @ kernel(v, a) @ kernel.in_rep.rho(turn[0]).T
    assert still.abs().max() > 1e-2 * kernel(v, a).abs().max()
    plain, v, _ = build("SO(2)", False)
    signs = R.trivial(O2) + 2 * R.irrep(O2, 1, 1), R.irrep(O2, 1, 2) + R.irrep(O2, 1, 1)
    error = plain(v @ flip.T) - signs[1].rho(flip) @ plain(v) @ signs[0].rho(flip).T
    assert error.abs().max() > 1e-2 * plain(v).abs().max()


@pytest.mark.parametrize("name", CASES)
def test_attributes_matter(name):
    """Every attribute changes K: the derivative is not zero, nor the same everywhere."""
    kernel, v, a = build(name, True)
    a.requires_grad_()
    kernel(v, a).square().sum().backward()
    assert (a.grad.abs().amax(0) > 1e-6).all()
    other = kernel(v, torch.randn_like(a))
    assert (other - kernel(v, a)).abs().amax() > 1e-2 * other.abs().amax()


@pytest.mark.parametrize("name", ["SO(2)", "C8 regular", "SO(3)"])
def test_support_and_smoothness(name):
    """Zero from the radius on; no kink at the origin: second differences converge."""
    kernel, v, a = build(name, True)
    far = torch.nn.functional.normalize(v[1:], dim=1)
    assert kernel(2.0 * far, a[1:]).abs().max() < 1e-12 and kernel(3.0 * far, a[1:]).abs().max() == 0
    assert kernel(1.5 * far, a[1:]).abs().max() > 1e-6
    curvature = [
        (kernel(h * far, a[1:]) + kernel(-h * far, a[1:]) - 2 * kernel(0 * far, a[1:])) / h**2 for h in (1e-3, 5e-4)
    ]
    assert (curvature[0] - curvature[1]).abs().max() < 1e-2 * curvature[0].abs().max()


def test_vanishing_components_without_attributes():
    """No kernel of v alone turns a vector into a pseudovector; an attribute makes it: v × a."""
    spec = K.Implicit(1.0, hidden=8 * R.trivial(O3) + 4 * vector(O3) + 4 * R.irrep(O3, "1e"))
    with pytest.raises(KernelError, match=r"every kernel from trivial of O\(3\) to irrep\(1e\) .* vanishes"):
        spec(R.trivial(O3), R.irrep(O3, "1e"))
    both = spec(R.trivial(O3), vector(O3) + R.irrep(O3, "1e"))
    value = both(torch.randn(9, 3) / 3)[..., 0]
    assert value[:, 3:].abs().max() == 0 and value[:, :3].abs().max() > 1e-2
    kernel = K.Implicit(1.0, vector(O3))(R.trivial(O3), R.irrep(O3, "1e"))
    v, a = torch.randn(2, 9, 3)
    v = v / 3
    normal, value = torch.linalg.cross(v, a), kernel(v, a)[..., 0]
    parallel = (normal * value).sum(-1).abs() / (normal.norm(dim=-1) * value.norm(dim=-1))
    assert (1 - parallel).abs().max() < 1e-4 and value.abs().max() > 1e-2


# ------------------------------------------------------------------------------------------------------ parts


@pytest.mark.parametrize("group", [C8, O2, O3, CYLINDER], ids=str)
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_solid_harmonics_are_a_representation(group, degree):
    rep, v = Harmonics(group, degree), torch.randn(5, group.dim, dtype=torch.float64)
    g, h = group.sample(2)
    assert (harmonics(v @ g.T, degree) - harmonics(v, degree) @ rep.rho(g).T).abs().max() < 1e-12
    assert (rep.rho(g @ h) - rep.rho(g) @ rep.rho(h)).abs().max() < 1e-12
    for a, image in zip(group.algebra, torch.as_tensor(rep.algebra_images), strict=True):
        slope = (rep.rho(group.exp(1e-5 * a)) - rep.rho(group.exp(-1e-5 * a))) / 2e-5
        assert (slope - image).abs().max() < 1e-8


@pytest.mark.parametrize(
    ("factors", "products"),
    [
        ((vector(S3),), (R.trivial(S3), vector(S3), R.irrep(S3, 2))),
        ((vector(O2), R.irrep(O2, 1, 2)), (R.trivial(O2), R.sign(O2), vector(O2))),
        ((R.irrep(D4, 1, 1), R.sign(D4)), R.irreps(D4)),
    ],
)
def test_products_are_equivariant_and_complete(factors, products):
    """As many products as characters say; the map commutes with the group, on further axes too."""
    layer = FieldProduct(factors, products, 3, dtype=torch.float64)
    group = layer.in_rep.group
    x = torch.randn(2, layer.in_rep.dim, 4, dtype=torch.float64)
    for g in group.sample(4):
        left = layer(torch.einsum("ij,bjs->bis", layer.in_rep.rho(g), x))
        right = torch.einsum("ij,bjs->bis", layer.out_rep.rho(g), layer(x))
        assert (left - right).abs().max() < 1e-12
    assert (layer(x)[..., 1] - layer(x[..., 1])).abs().max() < 1e-12
    g = group.elements() if group.is_finite else group.sample(40000, torch.Generator().manual_seed(0))
    chi = [sum(rep.rho(g).diagonal(dim1=-2, dim2=-1).sum(-1) for rep in reps) for reps in (factors, products)]
    assert layer.weight.shape == (3, round(float((chi[0] ** 2 * chi[1]).mean())))


def test_products_of_vectors():
    """|x|² and x × y in closed form: the scalar and the vector of two vectors of SO(3)."""
    layer = FieldProduct((vector(S3),), (R.trivial(S3), R.irrep(S3, 1)), 1, dtype=torch.float64)
    x, y = torch.randn(2, 6, 3, dtype=torch.float64)
    bounded = y / (1 + y.square().mean(1, keepdim=True)).sqrt()
    with torch.no_grad():
        z, w = layer(torch.cat([x, y], 1)), layer.weight[0]
    dot, cross = (x * bounded).sum(1), torch.linalg.cross(x, bounded)
    assert (z[:, 0].abs() - (w[0] * dot).abs() / 3**0.5).abs().max() < 1e-12
    assert (z[:, 1:].abs() - (w[1] * cross).abs() / 2**0.5).abs().max() < 1e-12


# ------------------------------------------------------------------------------------------------- grids and points


@pytest.mark.parametrize("name", ["line", "SO(2)", "C8 regular", "cylinder"])
def test_convolution_on_a_grid_is_that_on_its_points(name):
    rho_in, rho_out, _, _ = CASES[name]
    d = rho_in.group.dim
    sizes, spacing = (5, 4, 3)[:d], 0.5
    conv = nn.Conv(rho_in, rho_out, K.Implicit(size=3, spacing=spacing), norm="sum", dtype=torch.float64)
    x = torch.randn(2, rho_in.dim, *sizes, dtype=torch.float64)
    points = S.Points.from_grid(sizes, spacing, dtype=torch.float64)
    graph = points.neighbours(**conv.neighbourhood)
    y = conv(x)
    for batch in range(2):
        there = conv(x[batch].flatten(1).T, graph)
        assert (y[batch].flatten(1).T - there).abs().max() < 1e-12 * y.abs().max()
    assert conv.kernel.sizes == (3,) * d and y.shape[2:] == sizes


@pytest.mark.parametrize("name", ["SO(2)", "C8 regular", "O(3)"])
def test_points_against_the_literal_sum(name):
    kernel, _, _ = build(name, True)
    points = S.Points(2 * torch.rand(7, kernel.in_rep.group.dim, dtype=torch.float64))
    graph, x = points.neighbours(2.0, norm="mean"), torch.randn(7, kernel.in_rep.dim, dtype=torch.float64)
    a = torch.randn(len(graph), kernel.spec.attributes.dim, dtype=torch.float64)
    assert (kernel.apply_to(x, graph, a) - literal(graph, kernel, x, a)).abs().max() < 1e-12
    matrices = kernel.matrices(graph, a)
    assert (matrices - kernel(graph.v, a)).abs().max() == 0 and matrices.shape[1:] == (
        kernel.out_rep.dim,
        kernel.in_rep.dim,
    )


def test_refinement_samples_the_same_function():
    rho_in, rho_out, _, _ = CASES["SO(2)"]
    spec = K.Implicit(2.0)
    kernel, fine = (s(rho_in, rho_out, dtype=torch.float64) for s in (spec, spec.refined(2)))
    fine.load_state_dict(kernel.state_dict())
    values = kernel(torch.tensor(fine.spec.offsets(2))) / 4
    assert (fine.stencil().flatten(2).permute(2, 0, 1) - values).abs().max() < 1e-12
    assert fine.sizes == (7, 7) and kernel.sizes == (3, 3)


class Net(torch.nn.Module):
    """Two conditioned convolutions with a gate between; the attributes are f(p) ⊕ f(q) of the features."""

    def __init__(self, group, middle):
        super().__init__()
        self.rep = R.trivial(group) + R.standard(group)
        gate = nn.Gated(middle)
        self.first = nn.Conv(self.rep, gate.in_rep, K.Implicit(1.2, self.rep + self.rep), dtype=torch.float64)
        self.gate = gate
        self.second = nn.Conv(middle, self.rep, K.Implicit(1.2, self.rep + self.rep), dtype=torch.float64)

    def forward(self, x, positions):
        graph = S.Points(positions).neighbours(1.2, norm="mean")
        a = K.edge_attributes(graph, self.rep, x)
        return self.second(self.gate(self.first(x, graph, a)), graph, a)


@pytest.mark.parametrize("group", [S2, D4, O3], ids=str)
def test_networks_on_points_are_equivariant_with_their_gradients(group):
    net = Net(group, 2 * R.trivial(group) + 2 * R.standard(group) + R.symmetric(group))
    positions = torch.rand(20, group.dim, dtype=torch.float64)
    x, weight = torch.randn(2, 20, net.rep.dim, dtype=torch.float64)
    shift, order = torch.randn(group.dim, dtype=torch.float64), torch.randperm(20)

    def run(x, positions, weight):
        x, positions = x.clone().requires_grad_(), positions.clone().requires_grad_()
        y = net(x, positions)
        return y.detach(), *torch.autograd.grad((y * weight).sum(), (x, positions))

    y, dx, dp = run(x, positions, weight)
    for g in group.sample(3):
        rho = net.rep.rho(g).T
        moved, mx, mp = run((x @ rho)[order], (positions @ g.T + shift)[order], (weight @ rho)[order])
        for left, right in ((moved, y @ rho), (mx, dx @ rho), (mp, dp @ g.T)):
            assert (left - right[order]).abs().max() < 1e-10 * right.abs().max()
    assert dp.abs().max() > 1e-3


def test_edge_attributes():
    """f(p) ⊕ ρ(g) f(q) ⊕ e of every edge, transported."""
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    graph = S.Neighbours.from_edges(
        torch.tensor([0, 1]),
        torch.tensor([1, 0]),
        torch.zeros(2, 2),
        targets=2,
        sources=2,
        g=torch.stack([quarter] * 2),
    )
    nodes, edges = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0], [6.0]])
    found = K.edge_attributes(graph, R.standard(S2), nodes, edges)
    assert found.tolist() == [[1, 2, -4, 3, 5], [3, 4, -2, 1, 6]]
    other = K.edge_attributes(graph, R.standard(S2), nodes, targets=10 * nodes)
    assert other.tolist() == [[10, 20, -4, 3], [30, 40, -2, 1]]
    with pytest.raises(KernelError, match=r"nodes of type standard of SO\(2\) and of shape \(2, 2\), got \(3, 2\)"):
        K.edge_attributes(graph, R.standard(S2), torch.zeros(3, 2))
    with pytest.raises(KernelError, match="features of 2 edges"):
        K.edge_attributes(graph, R.standard(S2), nodes, edges[:1])


# --------------------------------------------------------------------------------------------------------- expressivity


def fit(kernel, v, target, a=None, steps=150):
    """The relative error after Adam."""
    optimiser = torch.optim.Adam(kernel.parameters(), lr=2e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        (kernel(v, a) - target).square().mean().backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return float((kernel(v, a) - target).square().mean().sqrt() / target.square().mean().sqrt())


def unit(target, v):
    """The target within the unit ball, of unit mean square."""
    target = target[..., None] * (1 - v.square().sum(-1)).clamp(min=0)[:, None, None] ** 3
    return target / target.square().mean().sqrt()


def test_fits_a_kernel_of_a_vector():
    """Scalar → traceless tensor of SO(2): cos(3r)/(r² + ε) · (x² - y², 2xy)."""
    torch.manual_seed(0)
    v = torch.randn(100, 2) / 2
    (x, y), r = v.unbind(-1), v.norm(dim=-1, keepdim=True)
    target = unit(torch.stack([x**2 - y**2, 2 * x * y], -1) * torch.cos(3 * r) / (r**2 + 0.02), v)
    assert fit(K.Implicit(1.0)(R.trivial(S2), R.irrep(S2, 2)), v, target, steps=100) < 0.2


def test_fits_a_kernel_of_a_vector_and_an_attribute():
    """Scalar → vector of SO(3): (a·v) a, which is quadratic in a; no kernel of v alone comes near."""
    torch.manual_seed(0)
    v, a = torch.randn(2, 150, 3)
    v = v / 3
    target = unit((a * v).sum(-1, keepdim=True) * a, v)
    assert fit(K.Implicit(1.0, vector(S3))(R.trivial(S3), vector(S3)), v, target, a) < 0.4
    assert fit(K.Implicit(1.0)(R.trivial(S3), vector(S3)), v, target, steps=40) > 0.6


# --------------------------------------------------------------------------------------------------------- citizenship


@pytest.mark.parametrize("name", ["SO(2)", "C8 regular", "SO(3)"])
def test_initialisation(name):
    """E |K|² summed over the inputs, times the number of neighbours, is about 1 for every output field."""
    kernel, _, _ = build(name, True)
    d, rep, power = kernel.in_rep.group.dim, kernel.spec.attributes, 0.0
    v = torch.nn.functional.normalize(torch.randn(1000, d, dtype=torch.float64), dim=1)
    v = 2.0 * v * torch.rand(1000, 1, dtype=torch.float64) ** (1 / d)
    with torch.no_grad():
        for _ in range(20):
            kernel.reset_parameters()
            a = torch.randn(1000, rep.dim, dtype=torch.float64)
            power = power + kernel(v, a).square().sum(-1).mean(0) / 20
    neighbours = {2: np.pi * 4, 3: np.pi * 32 / 3}[d]
    for place, _ in kernel.out_rep.fields:
        assert 0.5 < neighbours * power[place].mean() < 1.7


def test_state_copies_and_dtypes():
    kernel, v, a = build("SO(3)", True)
    other, _, _ = build("SO(3)", True)
    assert (other(v, a) - kernel(v, a)).abs().max() > 1e-2
    other.load_state_dict(kernel.state_dict())
    loaded = pickle.loads(pickle.dumps(kernel))
    for twin in (other, loaded, copy.deepcopy(kernel)):
        assert (twin(v, a) - kernel(v, a)).abs().max() < 1e-14
    assert (copy.deepcopy(kernel).float()(v, a) - kernel(v, a)).abs().max() < 1e-4 * kernel(v, a).abs().max()
    names = list(kernel.state_dict())
    assert names[0] == "weight" and all(name == "weight" or name.startswith("network.") for name in names)
    assert not any("maps" in name or "basis" in name for name in names)
    twice = copy.deepcopy(kernel).float().double()
    assert twice.residual(v, S3.sample(12), a) < 1e-12
    assert Symbolic.from_dict(kernel.spec.to_dict()) == kernel.spec and kernel.to_dict()["spec"]["type"] == "Implicit"


def test_every_parameter_learns():
    for name in CASES:
        kernel, v, a = build(name, True)
        kernel(v, a).square().sum().backward()
        for parameter, value in kernel.named_parameters():
            assert value.grad is not None and value.grad.abs().max() > 0, (name, parameter)


def test_sizes_and_radii_agree():
    assert K.Implicit(size=5, spacing=0.5) == K.Implicit(1.5, spacing=0.5)
    assert K.Implicit(size=5).sizes(3) == (5, 5, 5) and K.Implicit(3.0).reach(S2) == 3.0
    assert K.Implicit(2.0).graph(S2) == {"radius": 2.0, "norm": "mean"}


ERRORS = {
    "boosts": (lambda: K.Implicit(1.0)(R.trivial(G.O(1, 2)), R.trivial(G.O(1, 2))), r"compact.*got O\(1,2\)"),
    "group of attributes": (lambda: K.Implicit(1.0, vector(O2))(R.trivial(S2), vector(S2)), "attributes of SO"),
    "group of hidden": (lambda: K.Implicit(1.0, hidden=vector(O2))(R.trivial(S2), vector(S2)), "hidden of SO"),
    "neither": (lambda: K.Implicit(), "a radius or a size"),
    "both": (lambda: K.Implicit(1.0, size=3), "a radius or a size"),
    "even": (lambda: K.Implicit(size=4), "odd size"),
    "radius": (lambda: K.Implicit(-1.0), "positive radius"),
    "layers": (lambda: K.Implicit(1.0, layers=0), "positive numbers"),
    "no path": (lambda: K.Implicit(1.0)(R.trivial(S2), R.irrep(S2, 7)), r"no equivariant map exists.*irrep\(7\)"),
    "short": (lambda: K.Implicit(0.5)(R.trivial(S2), vector(S2)).stencil(), "does not reach the next pixel"),
    "points": (lambda: build("SO(2)", False)[0](torch.zeros(4, 3)), "2 components"),
    "missing": (lambda: build("SO(2)", True)[0](torch.zeros(4, 2)), r"depends on attributes .* got none"),
    "superfluous": (lambda: build("SO(2)", False)[0](torch.zeros(4, 2), torch.zeros(4, 1)), "on v alone"),
    "channels": (lambda: build("SO(2)", True)[0](torch.zeros(4, 2), torch.zeros(4, 3)), r"\(4, 4\), got \(4, 3\)"),
    "edges": (lambda: build("SO(2)", True)[0](torch.zeros(4, 2), torch.zeros(5, 4)), r"\(4, 4\), got \(5, 4\)"),
    "grid": (
        lambda: nn.Conv(R.trivial(S2), vector(S2), K.Implicit(2.0, vector(S2)))(torch.zeros(1, 1, 5, 5)),
        "on points",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    make, message = ERRORS[name]
    with pytest.raises(KernelError, match=message):
        make()
