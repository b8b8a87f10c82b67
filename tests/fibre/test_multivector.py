"""Layers on multivectors: equivariance under O(p, q), boosts included, against dense tables, on null vectors."""

import copy
import math
import pickle

import pytest
import torch

from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError
from torsor.fibre.clifford import algebra_of
from torsor.linalg import Clifford

LORENTZ = G.O(1, 2)
GROUPS = (G.O(2), G.SO(3), G.O(1, 1), G.O(1, 2), G.SO(1, 2), G.O(2, 1), G.O(1, 3), G.SO0(1, 3), G.O(2, 2), G.Cyclic(4))
LAYERS = {
    "GeometricProduct": nn.GeometricProduct,
    "GeometricProduct out": lambda rep, **kind: nn.GeometricProduct(rep, 2 * R.multivector(rep.group), **kind),
    "GeometricProduct depthwise": lambda rep, **kind: nn.GeometricProduct(rep, depthwise=True, norm=False, **kind),
    "GradeNorm": nn.GradeNorm,
    "GradeNorm fields": lambda rep, **kind: nn.GradeNorm(rep, fields=True, affine=False, **kind),
    "MultivectorNorm": nn.MultivectorNorm,
    "MultivectorNorm plain": lambda rep, **kind: nn.MultivectorNorm(rep, affine=False, **kind),
    "MultivectorActivation": nn.MultivectorActivation,
    "MultivectorGate": nn.MultivectorGate,
}


def build(name, group=LORENTZ, dtype=torch.float64, seed=0):
    """The layer on three multivectors with random parameters and statistics."""
    torch.manual_seed(seed)
    layer = LAYERS[name](3 * R.multivector(group), dtype=dtype)
    with torch.no_grad():
        for key, value in [*layer.named_parameters(), *layer.named_buffers()]:
            if "kernel" not in key and value.is_floating_point() and not key.endswith(("form", "signs")):
                value.uniform_(0.5, 1.5)
    return layer


def noise(layer, *sizes, dtype=torch.float64):
    return torch.randn(2, layer.in_rep.dim, *sizes, dtype=dtype)


def moved(rep, g, x):
    return torch.einsum("ij,bj...->bi...", rep.rho(g).to(x), x)


def boost(rapidity, group=LORENTZ):
    """A boost of the first time axis and the last axis, in closed form."""
    g = torch.eye(group.dim, dtype=torch.float64)
    g[0, 0] = g[-1, -1] = math.cosh(rapidity)
    g[0, -1] = g[-1, 0] = math.sinh(rapidity)
    return g


@pytest.mark.parametrize("group", GROUPS, ids=str)
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_equivariance(name, group, training):
    """f(ρ(g) x) = ρ(g) f(x) in float64 for random elements, relative to the sizes of both."""
    layer = build(name, group).train(training)
    x = noise(layer, 3)
    for g in group.sample(4):
        left, right = layer(moved(layer.in_rep, g, x)), moved(layer.out_rep, g, layer(x))
        assert torch.isfinite(left).all() and left.abs().max() > 1e-3
        size = layer.in_rep.rho(g).abs().max() ** 2
        assert (left - right).abs().max() < 1e-12 * size * right.abs().max().clamp(min=1)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)], ids=str)
def test_moderate_boosts(name, dtype, tolerance):
    """At rapidity 1 the relative error is that of rounding, in both precisions."""
    layer, g = build(name, dtype=dtype).eval(), boost(1.0)
    x = noise(layer, 3, dtype=dtype)
    left, right = layer(moved(layer.in_rep, g, x)), moved(layer.out_rep, g, layer(x))
    assert (left - right).abs().max() < tolerance * right.abs().max()


@pytest.mark.parametrize(
    ("group", "depthwise"), [(G.O(1, 2), False), (G.O(1, 2), True), (G.O(3), False), (G.O(1, 3), True)]
)
def test_product_against_dense_table(group, depthwise):
    """The gathered product is the einsum with the Cayley table of 8^n entries, gradients included."""
    torch.manual_seed(0)
    layer = nn.GeometricProduct(2 * R.multivector(group), depthwise=depthwise, dtype=torch.float64)
    cl = layer.algebra
    x = noise(layer, 2).requires_grad_()

    def dense(x):
        z = layer.norm(layer.linear(x))
        table = torch.from_numpy(cl.cayley)
        grade = torch.from_numpy(cl.grades)
        y = 0
        for p, (i, j, k) in enumerate(cl.paths):
            part = table * (grade == i)[:, None, None] * (grade == j)[:, None] * (grade == k)
            pair = [t.unflatten(1, (2, cl.dim)) for t in (x, z)]
            if depthwise:
                y = y + torch.einsum("c,abk,zca...,zcb...->zck...", layer.weight[:, p], part, *pair)
            else:
                y = y + torch.einsum("oc,abk,zca...,zcb...->zok...", layer.weight[:, :, p], part, *pair)
        return y.flatten(1, 2)

    probe = noise(layer, 2)
    results = []
    for f in (layer, dense):
        y = f(x)
        results.append([y, *torch.autograd.grad((y * probe).sum(), [x, *layer.parameters()])])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, atol=1e-12, rtol=1e-12)


def test_product_of_paths_is_the_geometric_product():
    """With unit weights, Lx = x and no norm the layer squares a multivector: v ↦ η(v, v)."""
    layer = nn.GeometricProduct(R.multivector(LORENTZ), depthwise=True, norm=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.linear.weight.fill_(1.0)
        assert torch.allclose(layer.linear.matrix(), torch.eye(8, dtype=torch.float64))
    x = torch.zeros(1, 8, dtype=torch.float64)
    x[0, 1:4] = torch.tensor([2.0, 3.0, 5.0])
    expected = torch.zeros(1, 8, dtype=torch.float64)
    expected[0, 0] = -4.0 + 9 + 25
    assert torch.allclose(layer(x), expected)


@pytest.mark.parametrize("name", LAYERS)
def test_null_and_zero_fields(name):
    """On the light cone and at zero values and gradients, by the input and all parameters, are finite and bounded."""
    layer = build(name)
    cone = torch.tensor([0.0, 5.0, 3.0, 4.0, 0, 0, 0, 0], dtype=torch.float64).repeat(3)
    for x in (
        0 * noise(layer, 3),
        cone[None, :, None].expand(2, 24, 3),
        1e-20 * noise(layer, 3),
        1e3 * noise(layer, 3),
    ):
        x = x.detach().clone().requires_grad_()
        y = layer(x)
        slopes = torch.autograd.grad(y.square().sum(), [x, *layer.parameters()], allow_unused=True)
        assert torch.isfinite(y).all() and all(torch.isfinite(s).all() for s in slopes if s is not None)
        assert torch.autograd.gradcheck(layer.eval(), (x[:1].detach().clone().requires_grad_(),), atol=1e-4, rtol=1e-3)
        layer.train()


@pytest.mark.parametrize("group", [G.O(3), G.O(1, 2), G.O(1, 3)], ids=str)
def test_norms_of_known_fields(group):
    """Without affine part a large field of definite square gets unit norm; one that is null stays, over √ε."""
    layer = nn.GradeNorm(R.multivector(group), affine=False, eps=1e-2, dtype=torch.float64)
    d, cl = group.dim, algebra_of(group)
    x = torch.zeros(1, 2**d, dtype=torch.float64)
    x[0, d] = 1e4  # the last axis is space-like
    trace = sum(cl.signs)
    assert torch.allclose(layer(x)[0, d], torch.tensor(float(2 * d + trace**2) ** 0.25, dtype=torch.float64))
    if cl.signs[0] < 0:
        x[0, 1] = 1e4
        assert torch.allclose(layer(x), 10 * x)


def test_running_averages():
    """Training normalises white noise of any scale to unit variance; evaluation uses averages that converge to it."""
    torch.manual_seed(0)
    layer = nn.MultivectorNorm(4 * R.multivector(LORENTZ), eps=1e-6, dtype=torch.float64)
    x = 5 * torch.randn(4000, 32, dtype=torch.float64) + 2 * torch.eye(8, dtype=torch.float64)[0].repeat(4)
    y = layer(x)
    assert (y.mean(0)[::8].abs() < 1e-10).all() and (y.var(0) - 1).abs().max() < 0.2
    for _ in range(100):
        layer(x)
    assert torch.allclose(layer.eval()(x), y, rtol=1e-3, atol=1e-3)
    assert set(layer.state_dict()) == {"weight", "bias", "running_mean", "running_square", "num_batches_tracked"}


@pytest.mark.parametrize("group", [G.O(2), G.O(1, 2), G.O(1, 3)], ids=str)
@pytest.mark.parametrize("name", ["GeometricProduct", "GeometricProduct depthwise"])
def test_initialisation_keeps_variance(name, group):
    """White fields of unit variance give outputs of unit variance, averaged over draws of the weights."""
    torch.manual_seed(0)
    found = []
    for _ in range(30):
        layer = LAYERS[name](8 * R.multivector(group), dtype=torch.float64)
        with torch.no_grad():
            found.append(layer(torch.randn(64, layer.in_rep.dim, dtype=torch.float64)).square().mean())
    assert 0.6 < torch.stack(found).mean() < 1.6


@pytest.mark.parametrize("name", LAYERS)
def test_module_conventions(name):
    """Copies, pickles, dtype changes, state, freezing and compilation keep the map."""
    layer = build(name).eval()
    x = noise(layer, 3)
    y = layer(x)
    assert torch.equal(copy.deepcopy(layer)(x), y) and torch.equal(pickle.loads(pickle.dumps(layer))(x), y)
    assert torch.equal(layer.freeze()(x), y)
    other = build(name, seed=1).eval()
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x), y)
    single = copy.deepcopy(layer).float()
    assert torch.allclose(single(x.float()).double(), y, atol=1e-4, rtol=1e-4)
    assert torch.allclose(single.double()(x), y, atol=1e-5, rtol=1e-4)
    meta = LAYERS[name](3 * R.multivector(LORENTZ), device="meta", dtype=torch.float64).to_empty(device="cpu").eval()
    meta.load_state_dict(layer.state_dict())
    assert torch.equal(meta(x), y)
    assert torch.allclose(layer(x[:, :, 0]), y[:, :, 0])


@pytest.mark.parametrize("name", ["GeometricProduct", "MultivectorNorm", "MultivectorGate", "GradeNorm"])
def test_compiles_whole(name):
    layer = build(name)
    x = noise(layer, 3)
    compiled = torch.compile(copy.deepcopy(layer), fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(x), layer(x), atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_half_precision(name):
    """Under autocast squares are summed in float32: large inputs neither overflow nor lose the result."""
    layer = build(name, dtype=torch.float32)
    x = 200 * noise(layer, 3, dtype=torch.float32)
    if name == "MultivectorGate":
        layer.linear.weight.data.normal_(0.0, 1e-3)  # gates that are not shut
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x.bfloat16())
    assert torch.isfinite(y).all()
    assert (y.float() - layer(x.bfloat16().float())).abs().max() < 0.1 * y.abs().max()


def test_metrics():
    """Subgroups get the metric of the O(p, q) they lie in; GL and Galilean shears have none."""
    assert algebra_of(G.O(3)) == Clifford((1, 1, 1)) and algebra_of(G.Dihedral(4)) == Clifford((1, 1))
    assert algebra_of(G.SO0(1, 3)) == Clifford((-1, 1, 1, 1)) and algebra_of(G.O(2, 1)) == Clifford((-1, -1, 1))
    shear = G.MatrixGroup([[[0.0, 0], [1, 0]]])
    with pytest.raises(FieldTypeError, match=r"subgroups of O\(p,q\)"):
        nn.GradeNorm(R.multivector(shear))


def test_errors():
    with pytest.raises(FieldTypeError, match="expects a type n \\* multivector"):
        nn.GeometricProduct(R.standard(LORENTZ))
    with pytest.raises(FieldTypeError, match="depthwise"):
        nn.GeometricProduct(2 * R.multivector(LORENTZ), 3 * R.multivector(LORENTZ), depthwise=True)
    with pytest.raises(FieldTypeError, match="several values"):
        nn.MultivectorNorm(R.multivector(LORENTZ))(torch.randn(1, 8))
    with pytest.raises(FieldTypeError, match="24 channels"):
        nn.MultivectorGate(3 * R.multivector(LORENTZ))(torch.randn(2, 8))
