"""Stencil kernels are all kernels on the lattice, exactly: brute-force null spaces, no more and no less."""

import numpy as np
import pytest
import torch

from tests.oracles import null_basis, same_span
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import testing
from torsor.errors import BottleneckWarning, KernelError

HEXAGONAL = ((1.0, 0.5), (0.0, 3**0.5 / 2))


def offsets_by_hand(sizes: tuple[int, int], lattice: np.ndarray) -> np.ndarray:
    found = []
    for i in range(sizes[0]):
        for j in range(sizes[1]):
            found.append(lattice @ [i - (sizes[0] - 1) / 2, j - (sizes[1] - 1) / 2])
    return np.array(found)


def by_force(rho_in, rho_out, sizes, lattice=None) -> np.ndarray:
    """All K with K(gx) = ρ_out(g) K(x) ρ_in(g)⁻¹ for the generators; K = 0 where an orbit leaves the box."""
    group, x = rho_in.group, offsets_by_hand(sizes, np.eye(2) if lattice is None else np.array(lattice))
    n, out, into = len(x), rho_out.dim, rho_in.dim
    equations = [np.zeros((1, n * out * into))]
    inside = np.ones(n, dtype=bool)
    for g in group.element_array:
        apart = np.abs((x @ g.T)[:, None] - x[None]).max(-1)
        inside &= apart.min(1) < 1e-9
    for g, o, i in zip(group.generator_array, rho_out.generator_images, rho_in.generator_images, strict=True):
        apart = np.abs((x @ g.T)[:, None] - x[None]).max(-1) < 1e-9
        apart &= inside[:, None]
        move = apart.astype(float)  # (n, n): row x has a one at gx
        stay = np.diag(inside.astype(float))
        equations.append(np.kron(move, np.eye(out * into)) - np.kron(stay, np.kron(o, np.linalg.inv(i).T)))
    equations.append(np.kron(np.diag(1.0 - inside), np.eye(out * into)))
    return null_basis(np.concatenate(equations))


def basis_of(spec: K.Stencil, rho_in, rho_out) -> np.ndarray:
    """The kernel at its offsets for each unit weight: rows (offset, out, in), flattened."""
    kernel = spec(rho_in, rho_out, dtype=torch.float64)
    found = []
    with torch.no_grad():
        for weight in torch.eye(kernel.weight.numel(), dtype=torch.float64):
            kernel.weight.copy_(weight)
            found.append(kernel.stencil().flatten(2).permute(2, 0, 1).flatten().numpy())
    return np.array(found)


def cases():
    for group in (G.Cyclic(2), G.Cyclic(4), G.Dihedral(1), G.Dihedral(2), G.Dihedral(4), G.Trivial(2), G.Reflection(2)):
        v, one, regular = R.standard(group), R.trivial(group), R.regular(group)
        yield f"{group} 3x3", K.Stencil(3), (3, 3), 2 * v + one, v + R.sign(group), None
        yield f"{group} 4x4", K.Stencil(4), (4, 4), v, v + one, None
        yield f"{group} 5x5", K.Stencil(5), (5, 5), v, one + v, None
        yield f"{group} regular", K.Stencil(3), (3, 3), regular, v if group.order == 8 else regular, None
    for group in (G.Cyclic(2), G.Dihedral(2), G.Reflection(2, 0)):
        for sizes in ((3, 5), (4, 2), (1, 3)):
            yield f"{group} {sizes}", K.Stencil(sizes), sizes, R.regular(group), R.standard(group), None
    for group in (G.Cyclic(3), G.Cyclic(6), G.Dihedral(3), G.Dihedral(6), G.Cyclic(2)):
        v, q = R.standard(group), R.regular(group) if group.order <= 6 else R.irrep(group, 1, 2)
        yield f"hexagonal {group} 3x3", K.Stencil(3, HEXAGONAL), (3, 3), q, v, HEXAGONAL
        yield f"hexagonal {group} 5x5", K.Stencil(5, HEXAGONAL), (5, 5), v, v + R.sign(group), HEXAGONAL


CASES = {name: rest for name, *rest in cases()}


@pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")
@pytest.mark.parametrize("name", CASES)
def test_complete_and_exact(name):
    spec, sizes, rho_in, rho_out, lattice = CASES[name]
    expected, found = by_force(rho_in, rho_out, sizes, lattice), basis_of(spec, rho_in, rho_out)
    assert found.shape == expected.shape
    assert same_span(found, expected, 1e-10)


@pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")
@pytest.mark.parametrize("name", CASES)
def test_constraint_to_rounding(name):
    spec, _, rho_in, rho_out, _ = CASES[name]
    kernel = spec(rho_in, rho_out, dtype=torch.float64)
    group, x = rho_in.group, torch.tensor(spec.offsets(2))
    value = kernel(x)
    for g in group.elements():
        moved = kernel(x @ g.mT)
        expected = rho_out.rho(g) @ value @ rho_in.rho(g).mT
        seen = kernel(x @ g.mT).abs().amax((1, 2)) + value.abs().amax((1, 2)) > 0
        assert (moved - expected).abs().max() < 1e-14 * max(1.0, value.abs().max().item())
        assert seen.any()


@pytest.mark.parametrize("group", [G.Cyclic(4), G.Dihedral(4), G.Dihedral(2)], ids=str)
def test_shipped_suite(group):
    testing.check_kernel(K.Stencil(4)(R.regular(group) + R.standard(group), R.regular(group), dtype=torch.float64))


def test_three_dimensions():
    """Sign flips of one axis of R³: even and odd functions of that axis, 27 = 18 + 9."""
    group = G.Reflection(3)
    for rep, number in ((R.trivial(group), 18), (R.sign(group), 9)):
        kernel = K.Stencil(3)(R.trivial(group), rep, dtype=torch.float64)
        assert kernel.weight.numel() == number and kernel.stencil().shape == (1, 1, 3, 3, 3)
        sign = 1 if rep == R.trivial(group) else -1
        assert (kernel.stencil().flip(-1) - sign * kernel.stencil()).abs().max() < 1e-14


def test_trivial_group_is_every_kernel():
    kernel = K.Stencil((3, 2))(2 * R.trivial(G.Trivial(2)), 5 * R.trivial(G.Trivial(2)))
    assert kernel.weight.numel() == 2 * 5 * 6


ERRORS = {
    "C8": (lambda: (K.Stencil(3), G.Cyclic(8)), "C8 does not map the square.*C4, or kernels.Harmonic"),
    "D8": (lambda: (K.Stencil(3), G.Dihedral(8)), "D8 .*largest subgroup that does, D4"),
    "C6": (lambda: (K.Stencil(3), G.Cyclic(6)), "largest subgroup that does, C2"),
    "C3": (lambda: (K.Stencil(3), G.Cyclic(3)), "largest subgroup that does, {e}"),
    "C4 on hexagons": (lambda: (K.Stencil(3, HEXAGONAL), G.Cyclic(4)), "C4 does not map the lattice.*C2"),
    "even hexagons": (lambda: (K.Stencil(4, HEXAGONAL), G.Cyclic(6)), "take odd sizes"),
    "rectangular C4": (lambda: (K.Stencil((3, 5)), G.Cyclic(4)), r"C4 does not preserve.*\(3, 5\).*C2"),
    "rectangular D4": (lambda: (K.Stencil((3, 5)), G.Dihedral(4)), r"D4 does not preserve.*D2"),
    "SO(2)": (lambda: (K.Stencil(3), G.SO(2)), r"finite group, got SO\(2\); kernels.Harmonic"),
    "three sizes": (lambda: (K.Stencil((3, 3, 3)), G.Cyclic(4)), "expected 2 kernel sizes"),
    "zero": (lambda: (K.Stencil(0), G.Cyclic(4)), "at least 1, got"),
    "no sizes": (lambda: (K.Stencil(()), G.Cyclic(4)), "at least 1, got"),
    "flat lattice": (lambda: (K.Stencil(3, ((1, 2), (2, 4))), G.Cyclic(2)), "invertible lattice"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    make, message = ERRORS[name]
    with pytest.raises(KernelError, match=message):
        spec, group = make()
        spec(R.trivial(group), R.trivial(group))


def test_off_the_lattice_is_an_error_and_off_the_stencil_is_zero():
    kernel = K.Stencil(3)(R.trivial(G.Cyclic(4)), R.trivial(G.Cyclic(4)))
    with pytest.raises(KernelError, match="offsets of its lattice only"):
        kernel(torch.tensor([[0.5, 0.0]]))
    assert kernel(torch.tensor([[2.0, 0.0], [0.0, -7.0]])).abs().max() == 0
    with pytest.raises(KernelError, match="cannot be refined"):
        K.Stencil(3).refined(2)


def test_bottlenecks_and_empty_layers():
    group = G.Dihedral(4)
    with pytest.warns(BottleneckWarning, match=r"D4 .*sign of the output stay zero"):
        K.Stencil(1)(R.trivial(group), R.trivial(group) + R.sign(group))
    with pytest.raises(KernelError, match="no equivariant map exists from trivial of D4 to sign of D4"):
        K.Stencil(3)(R.trivial(group), R.sign(group))
    with pytest.raises(KernelError, match="two types of one group"):
        K.Stencil(3)(R.trivial(group), R.trivial(G.Cyclic(4)))
