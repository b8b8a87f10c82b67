"""The tensor product nonlinearity: equivariant to rounding, quadratic, complete, of kept variance."""

import math
import warnings

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import BottleneckWarning, KernelError
from torsor.fibre.bilinear import bilinear_maps

SO3, O3, SO2 = G.SO(3), G.O(3), G.SO(2)
LORENTZ = G.O(1, 2)

TYPES = {
    "SO(3)": (R.from_string(SO3, "4x0+3x1+2x2+1x3"), None),
    "O(3)": (R.from_string(O3, "4x0e+1x0o+3x1o+2x1e+2x2e"), None),
    "to others": (R.from_string(O3, "2x0e+3x1o"), R.from_string(O3, "1x2e+2x0e+1x1e")),
    "tensors": (R.tensor(O3, 2) + 2 * R.standard(O3), R.symmetric(O3, 2) + R.standard(O3)),
    "spherical": (2 * R.spherical(SO3, 2), None),
    "SO(2)": (2 * R.trivial(SO2) + 3 * R.irrep(SO2, 1) + R.irrep(SO2, 2), None),
    "D4": (2 * R.regular(G.Dihedral(4)), R.regular(G.Dihedral(4)) + R.standard(G.Dihedral(4))),
    "icosahedron": (R.standard(G.Icosahedral()) + R.trivial(G.Icosahedral()), R.regular(G.Icosahedral())),
    "Lorentz": (2 * R.standard(LORENTZ) + R.trivial(LORENTZ), None),
}


def build(name: str, **options) -> nn.TensorProduct:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BottleneckWarning)
        return nn.TensorProduct(*TYPES[name], **options).double()


def move(rho: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nij,nj...->ni...", rho, x)


@pytest.mark.parametrize("name", TYPES)
def test_equivariance(name):
    torch.manual_seed(0)
    layer = build(name).requires_grad_(False)
    for p in layer.parameters():
        torch.nn.init.normal_(p, std=0.3)  # biases too
    g = layer.in_rep.group.sample(6)
    x = torch.randn(6, layer.in_rep.dim, 3, dtype=torch.float64)
    y = move(layer.out_rep.rho(g), layer(x))
    assert y.shape == (6, layer.out_rep.dim, 3)
    assert (layer(move(layer.in_rep.rho(g), x)) - y).abs().max() < 1e-10 * max(1.0, float(y.abs().max()))
    assert y.std() > 1e-3


@pytest.mark.parametrize("name", ["O(3)", "SO(2)", "D4"])
def test_gradients(name):
    layer = build(name, width=1)
    x = torch.randn(2, layer.in_rep.dim, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, x)
    layer(x).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in layer.parameters())
    assert layer.mix.weight.grad.abs().max() > 0 and layer.left.weight.grad.abs().max() > 0


def test_it_is_quadratic():
    layer = build("SO(3)", bias=False)
    x, y = torch.randn(2, 5, layer.in_rep.dim, dtype=torch.float64)
    assert (layer(-3 * x) - 9 * layer(x)).abs().max() < 1e-10
    parallelogram = layer(x + y) + layer(x - y) - 2 * layer(x) - 2 * layer(y)
    assert parallelogram.abs().max() < 1e-10


def test_it_learns_products():
    """A dot product, a cross product of two vectors and a dyad, by least squares on the last weights: exactly."""
    torch.manual_seed(0)
    rep, out = 2 * R.standard(SO3), R.trivial(SO3) + R.standard(SO3) + R.symmetric(SO3, 2)
    layer = nn.TensorProduct(rep, out, width=8).double()
    x = torch.randn(200, 6, dtype=torch.float64)
    u, v = x[:, :3], x[:, 3:]
    dyad = R.symmetric_from_components(
        u[:, [0, 1, 2, 0, 0, 1]] * v[:, [0, 1, 2, 1, 2, 2]] + v[:, [0, 1, 2, 0, 0, 1]] * u[:, [0, 1, 2, 1, 2, 2]]
    )
    target = torch.cat([(u * v).sum(1, keepdim=True), torch.linalg.cross(u, v), dyad], 1)
    columns = []
    for k in range(layer.mix.weight.numel()):
        with torch.no_grad():
            layer.mix.weight.zero_()
            layer.mix.weight[k] = 1.0
            columns.append(layer(x).flatten())
    design = torch.stack(columns, 1)
    fitted = design @ torch.linalg.lstsq(design, target.flatten(), driver="gelsd").solution
    assert (fitted - target.flatten()).abs().max() < 1e-9


@pytest.mark.parametrize(
    "triple",
    [
        ("1o", "1o", "1e"),
        ("1o", "1o", "1o"),
        ("2e", "1o", "3o"),
        ("0o", "2e", "2o"),
        ("2e", "2e", "2e"),
        ("1o", "0e", "2o"),
    ],
)
def test_maps_of_o3_against_the_null_space(triple):
    """The closed form spans the space that the constraints do."""
    a, b, c = (R.irrep(O3, label) for label in triple)
    found = bilinear_maps(a, b, c)
    solved = R.hom(a * b, c).numpy().reshape(-1, c.dim, a.dim, b.dim)
    assert found.shape == solved.shape
    assert all(abs(np.sum(m * m) - c.dim) < 1e-10 for m in found)
    if not len(found):
        return
    overlap = np.einsum("ncab,mcab->nm", found, solved) / math.sqrt(c.dim)
    assert np.abs(overlap @ overlap.T - np.eye(len(found))).max() < 1e-10


@pytest.mark.parametrize("name", ["SO(3)", "O(3)", "SO(2)", "D4", "icosahedron", "spherical"])
def test_initial_variance(name):
    """White inputs of unit variance give outputs of unit variance, averaged over components and initialisations."""
    torch.manual_seed(0)
    squares = []
    for _ in range(12):
        layer = build(name, width=16)
        squares.append(layer(torch.randn(100, layer.in_rep.dim, dtype=torch.float64)).detach().square().mean())
    assert 0.5 < float(torch.stack(squares).mean()) < 1.7


def test_plain_reference():
    """Field by field, product by product, with loops."""
    layer = build("O(3)", width=2, bias=False)
    x = torch.randn(layer.in_rep.dim, dtype=torch.float64)
    a, b = layer.left.matrix() @ x, layer.right.matrix() @ x
    place, parts = {}, []
    for k, (slot, _) in enumerate(layer.factor.fields):
        place[divmod(k, 2)] = slot
    for path in layer.paths:
        for u in range(2):
            for m in torch.tensor(path.maps):
                parts.append(torch.einsum("kij,i,j->k", m, a[place[path.left, u]], b[place[path.right, u]]))
    expected = layer.mix.matrix() @ torch.cat(parts)
    assert (layer(x[None])[0] - expected).abs().max() < 1e-12


def test_shapes_dtypes_and_state():
    rep = R.from_string(SO3, "2x0+2x1")
    layer = nn.TensorProduct(rep)
    x = torch.randn(2, 8, 3, 4, 5)
    assert layer(x).shape == x.shape and layer(x[:, :, 0, 0, 0]).shape == (2, 8)
    assert (layer(x)[..., 1, 2, 3] - layer(x[..., 1, 2, 3])).abs().max() < 1e-5
    assert set(layer.state_dict()) == {f"{n}.{p}" for n in ("left", "right", "mix") for p in ("kernel.weight", "bias")}
    other = nn.TensorProduct(rep, dtype=torch.float64)
    other.load_state_dict(layer.state_dict())
    assert (other(x.double()) - layer(x)).abs().max() < 1e-4


def test_refused():
    with pytest.raises(KernelError, match="no equivariant quadratic map exists.*standard of O"):
        nn.TensorProduct(R.standard(O3))
    with pytest.warns(BottleneckWarning, match=r"stay zero: standard|stay zero: irrep\(1o\)"):
        nn.TensorProduct(R.standard(O3), R.standard(O3) + R.trivial(O3))
    with pytest.raises(KernelError, match="width of at least 1"):
        nn.TensorProduct(R.trivial(O3), width=0)
