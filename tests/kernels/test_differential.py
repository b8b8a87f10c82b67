"""Steerable differential operators: solutions, symbols, their action on grids and points, named operators."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
import torch

from tests.oracles import null_basis, rows, same_span
from torsor import Field, check, nn, testing
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import KernelError
from torsor.kernels import derivatives as weights_on_points
from torsor.linalg import monomials

pytestmark = pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")

SL2 = G.MatrixGroup([[[1, 0], [0, -1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]], label="SL(2)")
GL2 = G.MatrixGroup(
    [[[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]], [[0, 0], [0, 1]]], [[[1, 0], [0, -1]]], label="GL(2)"
)
HEXAGONAL = G.MatrixGroup([], [[[1, -1], [1, 0]]], label="hexagonal")
SHEAR = G.MatrixGroup([[[0, 1], [0, 0]]], label="shears")
GROUPS = {
    "SO(2)": G.SO(2),
    "O(2)": G.O(2),
    "SO(3)": G.SO(3),
    "O(3)": G.O(3),
    "D4": G.Dihedral(4),
    "C5": G.Cyclic(5),
    "octahedral": G.Octahedral(),
    "SO(1,1)": G.SO(1, 1),
    "O(1,1)": G.O(1, 1),
    "O(1,2)": G.O(1, 2),
    "SL(2)": SL2,
    "GL(2)": GL2,
    "hexagonal": HEXAGONAL,
    "shears": SHEAR,
    "internal": G.Cyclic(4).internal(G.Cyclic(2)),
}
f64 = torch.float64


def few(group: G.Group, n: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return group.sample(n, generator, scale=None if group.is_compact else 0.5)


# ------------------------------------------------------------------------------------------------------ the solutions


@pytest.mark.parametrize("name", GROUPS)
def test_solutions_against_brute_force(name):
    """All C with C m(g⁻ᵀξ) = ρ_out(g) C m(ξ) ρ_in(g)⁻¹ at many pairs (g, ξ), by one null space."""
    group = GROUPS[name]
    g, xi = few(group, 40).numpy(), np.random.default_rng(0).normal(size=(40, group.dim))
    moved = np.einsum("nji,nj->ni", np.linalg.inv(group.action(g)), xi)
    types = [R.trivial(group), R.sign(group), R.standard(group), R.standard(group).dual()]
    for rho_in in types:
        for rho_out in types:
            for degree in range(4 if rho_in.dim * rho_out.dim < 9 else 2):
                out, into = rho_out.rho(g), np.linalg.inv(rho_in.rho(g))
                here, there = monomials(xi, degree), monomials(moved, degree)
                one = np.eye(rho_out.dim * rho_in.dim)
                equations = [
                    np.kron(one, b[None]) - np.kron(np.kron(o, i.T), a[None])
                    for o, i, a, b in zip(out, into, here, there, strict=True)
                ]
                found = K.covariants(rho_in, rho_out, degree, covector=True)
                assert same_span(rows(found), null_basis(np.concatenate(equations)), 1e-6)


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("scheme", ["finite", "rbf"])
def test_symbol_is_equivariant_for_all_weights(name, scheme):
    group = GROUPS[name]
    types = R.trivial(group) + 2 * R.standard(group) + R.standard(group).dual()
    kernel = K.Differential(2, scheme=scheme)(types, types, dtype=f64)
    g, xi = few(group), torch.randn(8, group.dim, dtype=f64)
    left = kernel.symbol(torch.einsum("nji,nj->ni", torch.linalg.inv(group.action(g)), xi))
    right = types.rho(g) @ kernel.symbol(xi) @ torch.linalg.inv(types.rho(g))
    assert (left - right).abs().max() < 1e-9 * left.abs().max()
    assert kernel.residual(xi, g) < 1e-9
    assert check.kernel(kernel) < 1e-6  # elements far out
    outside = torch.linalg.matrix_exp(torch.randn(8, *g.shape[1:], dtype=f64))
    assert name == "GL(2)" or kernel.residual(xi, outside) > 1e-2


def so2_count(m: int, n: int, degree: int) -> int:
    """Frequencies of Sym^k: k, k - 2, …; real irreps m, n > 0 meet each of |n ± m| twice, 0 and 0 once."""
    angle = 2 * np.pi * np.arange(64) / 64
    chi = [np.ones(64) if k == 0 else 2 * np.cos(k * angle) for k in (m, n)]
    sym = sum(np.cos((degree - 2 * j) * angle) for j in range(degree + 1))
    return round(float((chi[0] * chi[1] * sym).mean()))


@pytest.mark.parametrize("m", range(3))
@pytest.mark.parametrize("n", range(3))
def test_so2_counts_by_characters(m, n):
    rho_in, rho_out = R.irrep(G.SO(2), m), R.irrep(G.SO(2), n)
    for orders in ((0,), (1,), (2,), (3,), (0, 1, 2)):
        expected = sum(so2_count(m, n, k) for k in orders)
        if expected:
            assert K.Differential(orders=orders)(rho_in, rho_out).weight.numel() == expected
        else:
            with pytest.raises(KernelError, match="no equivariant map exists"):
                K.Differential(orders=orders)(rho_in, rho_out)


VECTORS = [  # vector -> vector, orders 0, 1, 2
    (G.SO(2), [2, 0, 4]),
    (G.O(2), [1, 0, 2]),
    (G.SO(3), [1, 1, 2]),
    (G.O(3), [1, 0, 2]),
    (G.O(1, 1), [1, 0, 2]),
    (SL2, [1, 0, 1]),
    (GL2, [1, 0, 0]),
]


@pytest.mark.parametrize(("group", "numbers"), VECTORS, ids=lambda x: str(x))
def test_operators_on_vectors(group, numbers):
    """O(d): 1 · nothing · Laplacian and grad div (grad⊥ curl is their difference). SO(3) adds the curl; SO(2) turns
    each by 90° as well: ∫ χ_V² χ_Sym² = mean of (2 + 2 cos 2θ)(1 + 2 cos 2θ) = 4. SL(2): ε grad div, by the volume form
    ε.
    """
    standard = R.standard(group)
    assert [len(K.covariants(standard, standard, k, covector=True)) for k in range(3)] == numbers


def test_density_factors_do_not_enter():
    """GL(2): the gradient is the only operator from scalars of order 1; the divergence that on vectors."""
    one, vector = R.trivial(GL2), R.standard(GL2)
    assert len(K.covariants(one, vector.dual(), 1, covector=True)) == 1
    assert len(K.covariants(vector, one, 1, covector=True)) == 1
    assert len(K.covariants(one, vector, 1, covector=True)) == len(K.covariants(one, one, 2, covector=True)) == 0


@pytest.mark.parametrize("group", [G.O(1, 1), G.O(1, 2), G.O(1, 3), G.O(2), G.O(3)], ids=str)
def test_the_wave_operator_is_the_only_invariant_of_degree_two(group):
    found = K.covariants(R.trivial(group), R.trivial(group), 2, covector=True)
    xi = np.random.default_rng(0).normal(size=(20, group.dim))
    eta = np.diag([-1.0] * (group.dim - group.q if group.q else 0) + [1.0] * (group.q or group.dim))
    assert same_span(rows(found @ monomials(xi, 2).T), np.einsum("ni,ij,nj->n", xi, eta, xi)[None])


# ----------------------------------------------------------------------------------------------------- named operators


def wave(x: torch.Tensor, k: torch.Tensor, amplitude: torch.Tensor, phase: float) -> torch.Tensor:
    """a sin(k·x + φ): (n, d) -> (n, c)."""
    return torch.sin(x @ k + phase)[:, None] * amplitude


SYMBOLS = {
    "gradient": lambda xi: xi[:, None],
    "divergence": lambda xi: xi[None],
    "laplacian": lambda xi: (xi @ xi).reshape(1, 1),
    "hessian 2": lambda xi: torch.stack([xi[0] ** 2, 2**0.5 * xi[0] * xi[1], xi[1] ** 2])[:, None],
    "strain 2": lambda xi: torch.stack(
        [torch.stack([xi[0], 0 * xi[0]]), torch.stack([xi[1], xi[0]]) / 2**0.5, torch.stack([0 * xi[0], xi[1]])]
    ),
    "curl 2": lambda xi: torch.stack([-xi[1], xi[0]])[None],
    "curl 3": lambda xi: torch.stack([torch.linalg.cross(xi, e) for e in torch.eye(3, dtype=f64)], 1),
    "perpendicular_gradient 2": lambda xi: torch.stack([-xi[1], xi[0]])[:, None],
    "exterior_derivative 2": lambda xi: torch.stack([-xi[1], xi[0]])[None],
}
CASES = [
    (name.split()[0], group, symbol)
    for name, symbol in SYMBOLS.items()
    for group in (G.O(2), G.SO(2), G.Dihedral(4), G.O(3), G.SO(3), G.Octahedral())
    if name.split()[-1] in (name, str(group.dim))
]


@pytest.mark.parametrize(
    ("name", "group", "symbol"), CASES, ids=lambda x: x if isinstance(x, str) else getattr(x, "name", "")
)
def test_named_operators_are_recovered(name, group, symbol):
    """The symbol, and that of the kernel with the weights found in the solution space."""
    operator = getattr(K.operators, name)(group)
    kernel = operator.kernel(dtype=f64)
    for xi in torch.randn(4, group.dim, dtype=f64):
        assert (kernel.symbol(xi) - symbol(xi)).abs().max() < 1e-12
        assert (operator.symbol(xi) - symbol(xi)).abs().max() < 1e-12
    assert not kernel.weight.requires_grad


def test_identities_of_vector_calculus():
    o, O2, SO3 = K.operators, G.O(2), G.SO(3)
    assert np.allclose((o.divergence(O2) @ o.gradient(O2)).array, o.laplacian(O2).array, atol=1e-12)
    flip = (o.curl(O2) @ o.perpendicular_gradient(O2)).array
    assert np.allclose(flip, o.laplacian(O2, R.sign(O2)).array, atol=1e-12)
    helmholtz = (o.gradient(O2) @ o.divergence(O2)).array + (o.perpendicular_gradient(O2) @ o.curl(O2)).array
    assert np.allclose(helmholtz, o.laplacian(O2, R.standard(O2)).array, atol=1e-12)
    curl_curl = (o.gradient(SO3) @ o.divergence(SO3)).array - (o.curl(SO3) @ o.curl(SO3)).array
    assert np.allclose(curl_curl, o.laplacian(SO3, R.standard(SO3)).array, atol=1e-12)
    assert np.allclose((o.identity(R.trivial(O2)) @ o.laplacian(O2)).array, o.laplacian(O2).array)
    with pytest.raises(
        KernelError, match="no equivariant map"
    ):  # curl grad = 0, as nothing of order 2 maps scalars to vectors
        o.curl(SO3) @ o.gradient(SO3)
    with pytest.raises(KernelError, match="expected an operator to"):
        o.gradient(O2) @ o.gradient(O2)


def test_named_operators_of_other_groups():
    gradient, divergence = K.operators.gradient(GL2), K.operators.divergence(GL2)
    assert (gradient.out_rep, divergence.in_rep) == (R.standard(GL2).dual(), R.standard(GL2))
    wave_operator = K.operators.dalembertian(G.O(1, 1))
    assert np.allclose(wave_operator.array, [[[-1, 0, 1]]], atol=1e-12)
    with pytest.raises(KernelError, match="not equivariant"):
        K.operators.laplacian(G.O(1, 1))
    with pytest.raises(KernelError, match="not equivariant"):
        K.operators.curl(G.O(1, 1))
    with pytest.raises(KernelError, match=r"needs a group of R\^2"):
        K.operators.perpendicular_gradient(G.SO(3))
    with pytest.raises(KernelError, match="a group with a metric"):
        K.operators.dalembertian(GL2)


def test_operators_of_several_fields():
    """Each block of a symbol between sums of types is found; channels follow the direct sum."""
    group = G.O(2)
    types = 2 * R.trivial(group) + R.standard(group)
    symbol = torch.randn(4, 4, dtype=f64)

    def mixed(xi):
        values = torch.zeros(len(xi), 4, 4, dtype=f64)
        values[:, 0, 1], values[:, 1, 0] = 3 * (xi * xi).sum(1), 2.0
        values[:, 2:, 1], values[:, 0, 2:] = xi, -xi
        return values

    operator = K.Differential(2).operator(types, types, mixed)
    xi = torch.randn(3, 2, dtype=f64)
    assert (operator.kernel(dtype=f64).symbol(xi) - mixed(xi)).abs().max() < 1e-12
    with pytest.raises(KernelError, match="not equivariant"):
        K.Differential(2).operator(types, types, lambda xi: symbol.expand(len(xi), 4, 4))
    with pytest.raises(KernelError, match="a polynomial of the orders"):
        K.Differential(1).operator(types, types, mixed)
    with pytest.raises(KernelError, match="expected a symbol of shape"):
        K.Differential(2).operator(types, types, lambda xi: mixed(xi)[:, :3])


# ------------------------------------------------------------------------------------------------------------- on grids


def grid(sizes: tuple[int, ...], spacing: float | tuple[float, ...]) -> torch.Tensor:
    return S.Points.from_grid(sizes, spacing, dtype=f64).positions


def apply(operator: K.Operator, x: torch.Tensor, sizes: tuple[int, ...]) -> torch.Tensor:
    """An operator on samples (n, c) of a grid, without padding: (channels, *smaller sizes)."""
    layer = nn.Conv(operator.in_rep, operator.out_rep, operator, bias=False, padding=0, dtype=f64)
    return layer(x.T.unflatten(1, sizes)[None])[0]


def inner(values: torch.Tensor, sizes: tuple[int, ...], kept: torch.Size) -> torch.Tensor:
    """Samples (n, c) of the whole grid, cropped: (c, *kept)."""
    whole = values.T.unflatten(1, sizes)
    for axis, (n, m) in enumerate(zip(sizes, kept, strict=True)):
        whole = whole.narrow(axis + 1, (n - m) // 2, m)
    return whole


@pytest.mark.parametrize("accuracy", [2, 4])
@pytest.mark.parametrize("scheme", ["finite", "rbf"])
@pytest.mark.parametrize(("group", "spacing"), [(G.O(2), 0.1), (G.O(2), (0.1, 0.07)), (G.O(3), (0.1, 0.08, 0.05))])
def test_exact_on_polynomials(group, spacing, scheme, accuracy):
    """div, Laplacian and strain of a random polynomial of the degree that is promised, by automatic differentiation."""
    d, options = group.dim, {"spacing": spacing, "scheme": scheme, "accuracy": accuracy}
    sizes = (11, 9, 11)[:d]
    x = grid(sizes, spacing).requires_grad_()
    for operator, order in (
        (K.operators.divergence(group, **options), 1),
        (K.operators.laplacian(group, **options), 2),
    ):
        degree = order + accuracy - 1
        c = torch.randn(operator.in_rep.dim, len(monomials(x[0], degree)), dtype=f64)
        f = monomials(x, degree) @ c.T + 0.3
        exact = torch.zeros(len(x), 1, dtype=f64)
        for i in range(operator.in_rep.dim):
            (slope,) = torch.autograd.grad(f[:, i].sum(), x, create_graph=True)
            exact = exact + (slope[:, i : i + 1] if order == 1 else 0)
            for j in range(d if order == 2 else 0):
                exact = exact + torch.autograd.grad(slope[:, j].sum(), x, create_graph=True)[0][:, j : j + 1]
        y = apply(operator, f.detach(), sizes)
        error = y - inner(exact.detach(), sizes, y.shape[1:])
        assert error.abs().max() < 1e-8 * max(1, exact.abs().max())


@pytest.mark.parametrize("accuracy", [2, 4])
@pytest.mark.parametrize("name", ["gradient", "laplacian", "hessian"])
def test_convergence_on_grids(name, accuracy):
    """The error of a plane wave falls by 2^accuracy when the spacing is halved."""
    k, errors = torch.tensor([1.1, 0.7], dtype=f64), []
    symbol = SYMBOLS["hessian 2" if name == "hessian" else name]
    for h in (0.2, 0.1, 0.05):
        operator = getattr(K.operators, name)(G.O(2), spacing=h, accuracy=accuracy)
        order, x = operator.family.order, grid((9, 9), h)
        exact = wave(x, k, symbol(k)[:, 0], order * np.pi / 2 + 0.4)  # each derivative shifts the phase by π/2
        y = apply(operator, wave(x, k, torch.ones(1, dtype=f64), 0.4), (9, 9))
        at_centre = y[..., y.shape[1] // 2, y.shape[2] // 2] - exact[40]
        errors.append(float(at_centre.abs().max()))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.abs(rates - accuracy).max() < 0.1, (errors, rates)


LATTICE = [
    (G.Dihedral(4), "finite"),
    (G.Dihedral(4), "rbf"),
    (G.O(2), "finite"),
    (G.SO(2), "gaussian"),
    (G.Octahedral(), "finite"),
    (G.Reflection(1), "finite"),
]


@pytest.mark.parametrize(("group", "scheme"), LATTICE, ids=str)
def test_lattice_symmetries_are_exact(group, scheme):
    types = 2 * R.trivial(group) + R.standard(group)
    layer = nn.Conv(types, types, K.Differential(2, scheme=scheme, sigma=0.7), dtype=f64)
    report = check.equivariance(layer, size=9 if group.dim == 3 else 15)
    assert report.exact_error < 1e-11


def test_gaussian_is_steerable_everywhere_and_refines():
    group = G.O(2)
    types = R.trivial(group) + R.standard(group)
    kernel = K.Differential(2, scheme="gaussian", sigma=0.8)(types, types, dtype=f64)
    v, g = torch.randn(16, 2, dtype=f64), group.sample(16)
    assert kernel.residual(v, g) < 1e-12
    testing.check_kernel(kernel)
    testing.check_kernel(K.Differential(3)(R.regular(G.Dihedral(4)), R.standard(G.Dihedral(4))))


@pytest.mark.parametrize("scheme", ["finite", "gaussian", "rbf"])
def test_stencils_turn_with_the_cube(scheme):
    """The samples, moments corrected and all, satisfy K(gv) = ρ_out(g) K(v) ρ_in(g)⁻¹ for the 48 symmetries of the
    cube.
    """
    group = G.O(3)
    types = R.trivial(group) + R.standard(group)
    kernel = K.Differential(2, scheme=scheme, sigma=0.7)(types, types, dtype=f64)
    stencil, n = kernel.stencil().flatten(2), kernel.sizes[0]
    v = kernel.spec.offsets(3)
    for g in K.lattice_elements(group)[::5]:
        place = np.ravel_multi_index(np.rint(v @ g.T + n // 2).astype(int).T, kernel.sizes)
        rho = types.rho(torch.from_numpy(g))
        expected = torch.einsum("ab,bcn,dc->adn", rho, stencil, rho)
        assert (stencil[..., place] - expected).abs().max() < 1e-11 * stencil.abs().max()


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_gaussian_of_a_plane_wave(sigma):
    """exp(ik·x) is multiplied by exp(-σ²k²/2): the Laplacian of a smoothed wave, and its quarter of the pixels."""
    operator = K.operators.laplacian(G.O(2), scheme="gaussian", sigma=sigma)
    k = torch.tensor([0.5, 0.3], dtype=f64)
    for factor in (1, 2):
        fine = operator.refined(factor)
        x = grid((25, 25), 1 / factor)
        exact = -(k @ k) * torch.exp(-(sigma**2) * (k @ k) / 2) * wave(x, k, torch.ones(1, dtype=f64), 0.4)
        y = apply(fine, wave(x, k, torch.ones(1, dtype=f64), 0.4), (25, 25))
        coarse = 1e-2 if sigma * factor < 1 else 2e-3  # half a pixel aliases
        assert (y - inner(exact, (25, 25), y.shape[1:])).abs().max() < coarse * (k @ k)


def test_gaussian_is_exact_on_polynomials():
    """The Laplacian of a smoothed cubic is that of the cubic; the smoothed square of x is x² + σ²."""
    x = grid((13, 13), 1.0)
    f = (x[:, :1] ** 3 + x[:, :1] * x[:, 1:] ** 2) / 10
    y = apply(K.operators.laplacian(G.O(2), scheme="gaussian"), f, (13, 13))
    assert (y - inner(0.8 * x[:, :1], (13, 13), y.shape[1:])).abs().max() < 1e-12
    smooth = K.operators.identity(R.trivial(G.O(2)), scheme="gaussian", sigma=0.8, accuracy=4)
    y = apply(smooth, x[:, :1] ** 2, (13, 13))
    assert (y - inner(x[:, :1] ** 2 + 0.64, (13, 13), y.shape[1:])).abs().max() < 1e-12


def test_kernel_at_offsets_is_the_stencil():
    group = G.O(2)
    kernel = K.Differential(2, spacing=(0.5, 0.25))(R.standard(group), R.standard(group), dtype=f64)
    offsets = torch.from_numpy(kernel.spec.offsets(2))
    assert (kernel(offsets).permute(1, 2, 0).unflatten(-1, (3, 3)) - kernel.stencil()).abs().max() < 1e-12
    assert kernel(torch.tensor([[1.0, 0.0]], dtype=f64)).abs().max() == 0
    with pytest.raises(KernelError, match="defined on the offsets of their grid only"):
        kernel(torch.tensor([[0.3, 0.0]], dtype=f64))


def test_refined_operators_keep_their_weights():
    group = G.O(2)
    layer = nn.Conv(R.standard(group), R.standard(group), K.Differential(2, spacing=0.5), dtype=f64)
    fine = layer.refined(2)
    xi = torch.randn(5, 2, dtype=f64)
    assert (layer.kernel.symbol(xi) - fine.kernel.symbol(xi)).abs().max() < 1e-12
    assert fine.kernel.spec.offsets(2).max() == 0.25
    report = check.equivariance(nn.Conv(R.trivial(group), R.standard(group), K.Differential(1)), gradients=False)
    assert report.sampled_error < 0.1


@pytest.mark.parametrize("scheme", ["finite", "gaussian", "rbf"])
@pytest.mark.parametrize("spacing", [1.0, 0.01])
def test_random_weights_keep_the_variance_on_grids(scheme, spacing):
    group = G.O(2)
    types = 8 * R.trivial(group) + 8 * R.standard(group)
    sigma = 1.0 if spacing == 1.0 else 0.01
    layer = nn.Conv(types, types, K.Differential(2, scheme=scheme, spacing=spacing, sigma=sigma), bias=False)
    x = torch.randn(4, types.dim, 40, 40)
    variances = [y.var().item() for y in layer(x).split([8, 16], 1)]
    assert all(0.5 < variance < 2 for variance in variances), variances


def test_frozen_layers_dtypes_copies_and_weights():
    group = G.SO(2)
    types = R.trivial(group) + R.standard(group)
    layer = nn.Conv(types, types, K.Differential(2))
    x = torch.randn(2, 3, 9, 9)
    y = layer(x)
    assert (layer.freeze()(x) - y).abs().max() < 1e-5 and type(layer.freeze()) is torch.nn.Conv2d
    assert (copy.deepcopy(layer).double()(x.double()) - y).abs().max() < 1e-5
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), y)
    assert list(layer.kernel.state_dict()) == ["weight"]
    field = layer(Field(x, types, S.Grid(2)))
    assert torch.equal(field.tensor, y)
    assert y.requires_grad
    fixed = nn.Conv(R.trivial(group), R.standard(group), K.operators.gradient(group), bias=False)
    before = fixed.weight.clone()
    nn.init.he_(fixed)
    assert torch.equal(fixed.weight, before) and not list(p for p in fixed.parameters() if p.requires_grad)
    restored = K.KernelSpec.from_dict(fixed.kernel.spec.to_dict())
    assert restored == fixed.kernel.spec and (restored.array == fixed.kernel.spec.array).all()


def test_compiles():
    group = G.O(2)
    layer = nn.Conv(R.trivial(group), R.standard(group), K.Differential(2), dtype=f64)
    x = torch.randn(1, 1, 9, 9, dtype=f64)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert (compiled(x) - layer(x)).abs().max() < 1e-12


# ------------------------------------------------------------------------------------------------------------ on points


def scattered(n: int, d: int, seed: int = 0) -> torch.Tensor:
    """Points at distances of about 1: a jittered grid."""
    side = round(n ** (1 / d))
    x = grid((side,) * d, 1.0)
    return x + 0.25 * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed), dtype=f64)


@pytest.mark.parametrize("scheme", ["finite", "gaussian"])
@pytest.mark.parametrize(("d", "n"), [(1, 40), (2, 225), (3, 343)])
def test_points_exact_on_polynomials(d, n, scheme):
    """The gradient of a random polynomial of degree order + accuracy - 1; the Gaussian one is that of x² + σ²."""
    group = G.O(d) if d > 1 else G.Reflection(1)
    types = R.trivial(group), R.standard(group)
    options = {"scheme": scheme, "sigma": 0.8, "k": 4 * (d + 1) ** 2}
    operator = K.Differential(2, **options).operator(*types, lambda xi: xi[:, :, None])
    layer = nn.Conv(operator.in_rep, operator.out_rep, operator, bias=False, dtype=f64)
    x = scattered(n, d).requires_grad_()
    c = torch.randn(len(monomials(x[0], 2)), dtype=f64)
    f = monomials(x, 2) @ c + 0.5 * x[:, 0] + 2
    (exact,) = torch.autograd.grad(f.sum(), x)
    y = layer(Field(f.detach()[:, None], operator.in_rep, S.Points(x.detach())))
    assert (y.tensor - exact).abs().max() < 1e-7 * exact.abs().max()


@pytest.mark.parametrize(("group", "scheme"), [(G.O(2), "finite"), (G.O(2), "gaussian"), (G.O(3), "finite")], ids=str)
def test_points_isometries_and_permutations(group, scheme):
    """Random weights: outputs and gradients of weights, features and positions, to 1e-10."""
    types = R.trivial(group) + R.standard(group)
    layer = nn.Conv(types, types, K.Differential(2, scheme=scheme, k=40 if scheme == "gaussian" else None), dtype=f64)
    x, g = scattered(125 if group.dim == 3 else 121, group.dim), group.sample(3)[2]
    f, noise = torch.randn(len(x), types.dim, dtype=f64), torch.randn(len(x), types.dim, dtype=f64)
    order = torch.randperm(len(x))
    rho, shift = types.rho(g), torch.randn(group.dim, dtype=f64)

    def run(x, f, noise):
        x, f = x.clone().requires_grad_(), f.clone().requires_grad_()
        y = layer(Field(f, types, S.Points(x))).tensor
        return y.detach(), torch.autograd.grad((y * noise).sum(), [f, x, *layer.parameters()])

    y, (df, dx, *dw) = run(x, f, noise)
    y2, (df2, dx2, *dw2) = run((x @ g.T + shift)[order], (f @ rho.T)[order], (noise @ rho.T)[order])
    pairs = [(y @ rho.T, y2), (df @ rho.T, df2), (dx @ g.T, dx2)]
    for expected, found in [*((a[order], b) for a, b in pairs), *zip(dw, dw2, strict=True)]:
        assert (found - expected).abs().max() < 1e-10 * expected.abs().max()
    assert max(float(t.abs().max()) for t in (dx, df)) > 1e-3


def test_convergence_on_points():
    """Laplacian of a plane wave on ever finer jittered points: at least the accuracy, away from the border."""
    group, k, errors = G.O(2), torch.tensor([1.1, 0.7], dtype=f64), []
    operator = K.operators.laplacian(group)
    layer = nn.Conv(operator.in_rep, operator.out_rep, operator, bias=False, dtype=f64)
    for h in (0.2, 0.1, 0.05):
        x = h * scattered(225, 2)
        f = wave(x, k, torch.ones(1, dtype=f64), 0.4)
        y = layer(Field(f, operator.in_rep, S.Points(x))).tensor
        middle = x.norm(dim=1) < 4 * h
        errors.append(float((y + (k @ k) * f)[middle].abs().max()))
    assert (np.log2(np.array(errors[:-1]) / errors[1:]) > 1.7).all(), errors


def test_points_of_a_grid_give_the_derivatives():
    """On the points of a regular grid, with a radius, the analytic gradient; and turned by 90° exactly that turned."""
    group = G.O(2)
    operator = K.operators.gradient(group, radius=2.3)
    layer = nn.Conv(operator.in_rep, operator.out_rep, operator, bias=False, dtype=f64)
    x = grid((15, 15), 1.0)
    k = torch.tensor([0.21, -0.13], dtype=f64)
    f = wave(x, k, torch.ones(1, dtype=f64), 0.4)
    y = layer(Field(f, operator.in_rep, S.Points(x))).tensor
    exact = wave(x, k, k, np.pi / 2 + 0.4)
    assert (y - exact).abs().max() < 5e-3
    quarter = torch.rot90(f.view(15, 15), 1, (0, 1)).reshape(-1, 1)
    turned = layer(Field(quarter, operator.in_rep, S.Points(x))).tensor
    expected = torch.rot90(y.view(15, 15, 2), 1, (0, 1)).reshape(-1, 2) @ torch.tensor([[0.0, 1], [-1, 0]]).double()
    assert (turned - expected).abs().max() < 1e-10


def test_points_of_other_dtypes_targets_and_batches():
    group = G.O(2)
    types = R.trivial(group) + R.standard(group)
    layer = nn.Conv(types, types, K.Differential(1))
    x, f = scattered(100, 2), torch.randn(100, 3, dtype=f64)
    y = layer.double()(Field(f, types, S.Points(x))).tensor
    single = layer.float()(Field(f.float(), types, S.Points(x.float()))).tensor
    assert single.dtype == torch.float32 and (single - y).abs().max() < 1e-3 * y.abs().max()
    layer = layer.double()
    twice = S.Points.batched([S.Points(x), S.Points(x + 1)])
    assert (layer(Field(torch.cat([f, f]), types, twice)).tensor - torch.cat([y, y])).abs().max() < 1e-8
    some = S.Points(x[::7] + 0.1)
    assert layer(Field(f, types, S.Points(x)), some).tensor.shape == (15, 3)
    graph = S.Points(x).neighbours(**K.Differential(1).graph(group))
    literal = torch.einsum("eoi,ei->eo", layer.kernel.matrices(graph), f[graph.source])
    assert (graph.sum(literal) + layer.expanded_bias() - layer(f, graph)).abs().max() < 1e-10


def test_random_weights_keep_the_size_on_points():
    group = G.O(2)
    types = 8 * R.trivial(group) + 8 * R.standard(group)
    for spec in (K.Differential(2, scheme="rbf"), K.Differential(2, scheme="gaussian", radius=3.5)):
        layer = nn.Conv(types, types, spec, bias=False, dtype=f64)
        points = S.Points(scattered(400, 2))
        y = layer(Field(torch.randn(400, types.dim, dtype=f64), types, points)).tensor
        inside = points.positions.abs().amax(1) < 6
        assert 0.4 < y[inside].square().mean() < 4


def test_weights_are_solved_once_for_a_graph(monkeypatch):
    calls = []
    solve = weights_on_points.polyharmonic_weights
    monkeypatch.setattr(
        weights_on_points, "polyharmonic_weights", lambda *args: calls.append(len(args[0])) or solve(*args)
    )
    group = G.O(2)
    one = nn.Conv(R.trivial(group), R.trivial(group), K.Differential(2), dtype=f64)
    other = nn.Conv(R.trivial(group), R.standard(group), K.Differential(2), dtype=f64)
    points, f = S.Points(scattered(100, 2)), torch.randn(100, 1, dtype=f64)
    with torch.inference_mode():
        one(Field(f, one.in_rep, points))
    for layer in (one, other, one):
        layer(Field(f, one.in_rep, points)).tensor.sum().backward()
    assert calls == [100]
    points.positions.mul_(1.5)
    one(Field(f, one.in_rep, points))
    assert calls == [100, 100]
    graph = points.neighbours(k=19, norm="sum")
    one(f, graph)
    kept = weakref.ref(graph)
    del graph, points
    gc.collect()
    assert kept() is None


def test_gradients_of_positions():
    group = G.O(2)
    layer = nn.Conv(R.standard(group), R.trivial(group), K.Differential(1), dtype=f64)
    x, f = scattered(16, 2), torch.randn(16, 2, dtype=f64)

    def run(x):
        return layer(Field(f, R.standard(group), S.Points(x))).tensor

    assert torch.autograd.gradcheck(run, x.requires_grad_(), atol=1e-4)


def test_transported_features():
    """In frames that differ from point to point the features are transported before they are differentiated."""
    group = G.SO(2)
    operator = K.operators.divergence(group)
    layer = nn.Conv(operator.in_rep, operator.out_rep, operator, bias=False, dtype=f64)
    x, f = scattered(64, 2), torch.randn(64, 2, dtype=f64)
    graph = S.Points(x).neighbours(**operator.graph(group))
    frames = group.sample(64)
    local = torch.einsum("nji,nj->ni", frames, f)
    v = torch.einsum("eji,ej->ei", frames[graph.target], graph.v)
    g = frames[graph.target].mT @ frames[graph.source]
    curved = S.Neighbours.from_edges(graph.target, graph.source, v, targets=64, sources=64, g=g)
    assert (layer(local, curved) - layer(f, graph)).abs().max() < 1e-9


# --------------------------------------------------------------------------------------------------------------- errors


def line(n: int) -> torch.Tensor:
    t = torch.rand(n, 1, dtype=f64)
    return torch.cat([t, 2 * t], 1)


CLOUDS = {
    "do not determine": line(40),
    "need at least 10 points": scattered(64, 2),
    "points that coincide": torch.cat([scattered(64, 2), scattered(64, 2)[:1]]),
}


@pytest.mark.parametrize("message", CLOUDS)
@pytest.mark.parametrize("dtype", [torch.float32, f64])
def test_neighbourhoods_that_determine_nothing(message, dtype):
    group = G.O(2)
    spec = K.Differential(2, k=5 if "at least" in message else None)
    layer = nn.Conv(R.trivial(group), R.trivial(group), spec, dtype=dtype)
    x = CLOUDS[message].to(dtype)
    with pytest.raises(KernelError, match=message):
        layer(Field(torch.ones(len(x), 1, dtype=dtype), layer.in_rep, S.Points(x)))


def test_points_beyond_the_gaussian_are_refused():
    group = G.O(2)
    spec = K.Differential(2, scheme="gaussian", sigma=0.01, spacing=0.01, k=30)
    layer = nn.Conv(R.trivial(group), R.trivial(group), spec, dtype=f64)
    with pytest.raises(KernelError, match="many sigma away"):
        layer(Field(torch.ones(64, 1, dtype=f64), layer.in_rep, S.Points(scattered(64, 2))))


def test_weighted_edges_are_refused():
    group = G.O(2)
    layer = nn.Conv(R.trivial(group), R.trivial(group), K.Differential(2), norm="mean", dtype=f64)
    with pytest.raises(KernelError, match='norm="one"'):
        layer(Field(torch.ones(64, 1, dtype=f64), layer.in_rep, S.Points(scattered(64, 2))))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: K.Differential(-1), "orders of at least 0"),
        (lambda: K.Differential(2, scheme="spectral"), "expected a scheme among finite, gaussian, rbf"),
        (lambda: K.Differential(2, accuracy=3), "an even accuracy"),
        (lambda: K.Differential(2, size=4), "expected odd sizes of at least 3"),
        (lambda: K.Differential(3, size=3), "expected odd sizes of at least 5"),
        (lambda: K.Differential(2, spacing=0.0), "a positive spacing"),
        (lambda: K.Differential(2, k=0), "a positive spacing"),
        (lambda: K.Differential(2, spacing=(1.0, 1.0))(R.trivial(G.O(3)), R.trivial(G.O(3))), "expected 3 spacings"),
        (lambda: K.Differential(2, size=(3, 3))(R.trivial(G.O(3)), R.trivial(G.O(3))), "expected 3 kernel sizes"),
        (lambda: K.Differential(2, scheme="gaussian")(R.trivial(SL2), R.trivial(SL2)), "smooths alike"),
        (
            lambda: K.Differential(2, scheme="gaussian", sigma=0.3)(R.trivial(G.O(2)), R.trivial(G.O(2))),
            "at least 0.4 spacings",
        ),
        (lambda: K.Differential(1)(R.trivial(G.O(2)), R.trivial(G.SO(2))), "two types of one group"),
        (
            lambda: K.operators.gradient(G.O(2))(R.trivial(G.O(2)), R.trivial(G.O(2))),
            "expected the types trivial of O",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(KernelError, match=message):
        call()


def test_specifications_round_trip():
    for spec in (K.Differential(2), K.Differential(orders=(0, 2), scheme="gaussian", sigma=0.5, spacing=(1.0, 2.0))):
        assert K.KernelSpec.from_dict(spec.to_dict()) == spec
    assert K.Differential(2) == K.Differential(orders=(2, 1, 0)) != K.Differential(orders=(2,))
    assert repr(K.Differential(orders=(2,), accuracy=4)) == "Differential(orders=(2,), accuracy=4)"


def test_identity_takes_a_type():
    with pytest.raises(KernelError, match="expected the type of the field"):
        K.operators.identity(G.O(3))  # type: ignore[arg-type]
