"""Clifford-steerable kernels: the constraint, which families they span, initialisation, and as layers."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch

from tests.fibre.action import lattice, worst
from torsor import groups as G
from torsor import kernels as K
from torsor import nn, testing
from torsor import reps as R
from torsor.errors import KernelError
from torsor.linalg import Clifford

SIGNATURES = [(0, 2), (1, 1), (0, 3), (1, 2), (2, 1), (1, 3), (2, 2)]
LORENTZ = G.O(1, 2)


def build(group, n=1, m=1, **options):
    rep = R.multivector(group)
    return K.Clifford(**{"size": 3, **options})(n * rep, m * rep, dtype=torch.float64)


def families(group, v):
    """The dimension of the span of K(v) over random parameters."""
    torch.manual_seed(0)
    d = group.dim
    kernel, found = build(group), []
    for _ in range(10 * d):
        kernel.reset_parameters()
        found.append(kernel(v).detach().numpy().ravel())
    sizes = np.linalg.svd(np.stack(found), compute_uv=False)
    assert not ((sizes > 1e-9 * sizes[0]) & (sizes < 1e-5 * sizes[0])).any()
    return int((sizes > 1e-7 * sizes[0]).sum())


def wedges(v, cl):
    """The matrices of v∧ and v⌟ on multivectors."""
    one = np.eye(cl.dim)
    vector = np.broadcast_to(cl.vector(v), one.shape)
    return cl.wedge(vector, one).T, cl.contraction(vector, one).T


@pytest.mark.parametrize(("p", "q"), SIGNATURES)
def test_families(p, q):
    """O(p, q): 3n + 1 families at a generic point, of the 4n that exist; SO(p, q): twice as many, of 8n."""
    n = p + q
    v = torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert families(G.O(p, q), v) == 3 * n + 1
    assert families(G.SO(p, q), v) == 2 * (3 * n + 1)
    assert 4 * n - families(G.O(p, q), v) == n - 1


@pytest.mark.parametrize(("p", "q"), SIGNATURES)
def test_span_in_closed_form(p, q):
    """K(v) lies in the span of grade projections times 1, v∧ and v⌟; v∧ v⌟ is not in it."""
    n, cl = p + q, Clifford((-1,) * p + (1,) * q)
    torch.manual_seed(0)
    kernel = build(G.O(p, q))
    v = torch.randn(n, dtype=torch.float64)
    wedge, contraction = wedges(v.numpy(), cl)
    parts = [np.diag((cl.grades == k).astype(float)) for k in range(n + 1)]
    known = [a @ x @ b for x in (np.eye(cl.dim), wedge, contraction) for a in parts for b in parts]
    span = np.stack([m.ravel() for m in known if np.abs(m).max() > 0]).T
    assert span.shape[1] == 3 * n + 1
    found = kernel(v).detach().numpy().ravel()
    assert np.abs(span @ np.linalg.lstsq(span, found, rcond=None)[0] - found).max() < 1e-10
    other = (wedge @ contraction @ parts[1]).ravel()
    assert np.abs(span @ np.linalg.lstsq(span, other, rcond=None)[0] - other).max() > 1e-3


@pytest.mark.parametrize(
    "group", [G.O(2), G.SO(3), G.O(1, 1), LORENTZ, G.SO(1, 2), G.Orthochronous(1, 2), G.SO0(1, 3)], ids=str
)
def test_constraint(group):
    """K(gv) = ρ_out(g) K(v) ρ_in(g)⁻¹ for random elements, to 1e-10 relative to K and the size of the elements."""
    torch.manual_seed(0)
    kernel = build(group, 2, 3)
    v = torch.randn(20, group.dim, dtype=torch.float64)
    v[0] = 0
    assert kernel.residual(v, group.sample(20)) < 1e-10
    testing.check_kernel(kernel)


def test_light_cone():
    """K is smooth across the cone: second differences are of the order of the square of the step."""
    torch.manual_seed(0)
    kernel = build(LORENTZ)
    t = torch.linspace(-1e-3, 1e-3, 3, dtype=torch.float64)
    v = torch.stack([1 + t, torch.full_like(t, 0.6), torch.full_like(t, 0.8)], 1)
    k = kernel(v)
    assert (k[0] - 2 * k[1] + k[2]).abs().max() < 1e-3 * k.abs().max() and torch.isfinite(k).all()


@pytest.mark.parametrize("group", [G.O(3), LORENTZ, G.SO(1, 2)], ids=str)
@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_initialisation(group, gain):
    """White noise keeps its variance times gain², in every grade of every field."""
    torch.manual_seed(0)
    rep = R.multivector(group)
    conv = nn.Conv(3 * rep, 2 * rep, K.Clifford(3), bias=False, dtype=torch.float64)
    conv.reset_parameters(gain)
    with torch.no_grad():
        y = conv(torch.randn(1, conv.in_rep.dim, 24, 24, 24, dtype=torch.float64))[..., 1:-1, 1:-1, 1:-1]
    for k in range(4):
        squares = y.unflatten(1, (2, 8))[:, :, Clifford((1, 1, 1)).grades == k].square().mean((0, 2, 3, 4, 5))
        assert (squares / gain**2 - 1).abs().max() < 0.15


def test_lattice_symmetries_of_a_layer():
    """Reflections of time and space and turns by 90° commute with the convolution, outputs and gradients."""
    torch.manual_seed(0)
    rep = R.multivector(LORENTZ)
    layer = nn.Conv(rep, 2 * rep, K.Clifford(3), dtype=torch.float64)
    assert len(lattice(LORENTZ)) == 16
    assert worst(layer, (4, 5, 5)) < 1e-10


def test_against_a_reference_head():
    """The gathered matrix is Σ Λ (k_m f_j)_k with the dense table, gradients of all parameters included."""
    torch.manual_seed(0)
    kernel = build(LORENTZ, 2, 3)
    cl, v = kernel.head.algebra, torch.randn(4, 3, dtype=torch.float64)
    f, probe = torch.randn(16, dtype=torch.float64), torch.randn(4, 24, dtype=torch.float64)
    table, grades = torch.from_numpy(cl.cayley), torch.from_numpy(cl.grades)

    def reference():
        k, y = kernel.network(v).unflatten(1, (3, 2)), torch.zeros(4, 3, 8, dtype=torch.float64)
        for (a, b, c), weight in kernel.blocks().items():
            part = table * (grades == a)[:, None, None] * (grades == b)[:, None] * (grades == c)
            y = y + torch.einsum("oi,abc,noia,ib->noc", weight, part, k, f.view(2, 8))
        return y.flatten(1)

    results = []
    for y in (kernel(v) @ f, reference()):
        results.append([y, *torch.autograd.grad((y * probe).sum(), tuple(kernel.parameters()), allow_unused=True)])
    for a, b in zip(*results, strict=True):
        assert (a is None) == (b is None) and (a is None or torch.allclose(a, b, atol=1e-11))


def test_every_parameter_acts():
    """No weight is dead: for O(p, q) the grades that vanish have none."""
    torch.manual_seed(0)
    kernel = build(LORENTZ, 2, 2, hidden=3)
    slopes = torch.autograd.grad(kernel.stencil().square().sum(), tuple(kernel.parameters()), allow_unused=True)
    unused = sum(
        p.numel() if s is None else int((s == 0).sum()) for p, s in zip(kernel.parameters(), slopes, strict=True)
    )
    assert unused <= 2 * 2 * 3 * 2  # gates of the grades 2 and 3: weight and bias, 3 fields, 2 blocks


def test_module_conventions():
    """Copies, pickles, JSON, state, freezing, precision, compilation."""
    torch.manual_seed(0)
    rep = R.multivector(LORENTZ)
    layer = nn.Conv(rep, rep, K.Clifford(3, hidden=2), dtype=torch.float64)
    x = torch.randn(1, 8, 4, 4, 4, dtype=torch.float64)
    y = layer(x)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer.freeze()):
        assert torch.allclose(twin(x), y, atol=1e-13)
    other = nn.Conv(rep, rep, K.Clifford(3, hidden=2), dtype=torch.float64)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x), y)
    assert K.KernelSpec.from_dict(layer.kernel.spec.to_dict()) == layer.kernel.spec
    assert torch.allclose(layer.float()(x.float()).double(), y, atol=1e-4)
    layer = layer.double()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(x), layer(x), atol=1e-12)
    meta = nn.Conv(rep, rep, K.Clifford(3, hidden=2), device="meta", dtype=torch.float64).to_empty(device="cpu")
    meta.load_state_dict(layer.state_dict())
    assert torch.allclose(meta(x), layer(x), atol=1e-12)


def test_refinement():
    """On a finer grid the samples are those of the same function, weighted with their volume."""
    torch.manual_seed(0)
    rep = R.multivector(G.O(1, 1))
    layer = nn.Conv(rep, rep, K.Clifford(3), dtype=torch.float64)
    fine = layer.refined(2)
    assert fine.kernel.sizes == (7, 7) and np.isclose(fine.kernel.spec.weights(2).sum(), 9)
    v = torch.randn(4, 2, dtype=torch.float64)
    assert torch.allclose(fine.kernel(v), layer.kernel(v), atol=1e-12)
    centre = fine.kernel.stencil()[..., 3, 3] * 4
    assert torch.allclose(centre, layer.kernel.stencil()[..., 1, 1], atol=1e-12)


def test_errors():
    rep = R.multivector(LORENTZ)
    with pytest.raises(KernelError, match=r"n \* multivector.*PseudoRiemannian"):
        K.Clifford(3)(R.standard(LORENTZ), rep)
    with pytest.raises(KernelError, match=r"from SO0\(p, q\) to O\(p, q\)"):
        K.Clifford(3)(R.multivector(G.Cyclic(4)), R.multivector(G.Cyclic(4)))
    with pytest.raises(KernelError, match="3 kernel sizes"):
        K.Clifford((3, 3))(rep, rep)
    with pytest.raises(KernelError, match="positive"):
        K.Clifford(3, hidden=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        K.Clifford(3)(rep, rep)


def test_window_is_an_envelope_of_the_samples_only():
    torch.manual_seed(0)
    rep = 2 * R.multivector(G.O(1, 2))
    plain = K.Clifford(5, hidden=3)(rep, rep, dtype=torch.float64)
    damped = K.Clifford(5, hidden=3, window=1.2)(rep, rep, dtype=torch.float64)
    damped.load_state_dict(plain.state_dict())
    offsets = torch.from_numpy(plain.spec.offsets(3))
    assert torch.equal(damped(offsets), plain(offsets))
    envelope = torch.exp(-offsets.square().sum(-1) / (2 * 1.2**2)).view(5, 5, 5)
    assert torch.allclose(damped.stencil(), plain.stencil() * envelope)
    damped.reset_parameters()
    squares = damped.stencil().square().flatten(1).sum(1)
    assert torch.allclose(squares.mean(), torch.ones((), dtype=torch.float64), atol=1e-6)
