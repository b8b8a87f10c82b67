"""Differential operators by their names: gradient, divergence, curl, Laplacian, strain …, where a group allows them.

Each is an `Operator`: ``operators.gradient(G.O(2))`` has `in_rep`, `out_rep` and `symbol`, composes by ``@``, and is
the kernel specification of a layer, ``nn.Conv(op.in_rep, op.out_rep, op, bias=False)``. Options are those of
`Differential`, such as ``spacing=0.1`` or ``scheme="gaussian"``. A group under which the operator is not equivariant is
a `KernelError`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torsor.errors import FieldTypeError, KernelError
from torsor.fibre.clifford import algebra_of
from torsor.groups import Group
from torsor.kernels.differential import Differential, Operator, Symbol
from torsor.linalg import Clifford
from torsor.reps import Representation, density, exterior, multivector, sign, standard, symmetric, trivial


def identity(rep: Representation, **options: Any) -> Operator:
    """f, of order 0, for every type.

    Raises:
        KernelError: not a representation; the other operators take a group, this one a type.
    """
    if not isinstance(rep, Representation):
        raise KernelError(f"expected the type of the field, such as trivial(G), got {rep!r}")
    one = torch.eye(rep.dim, dtype=torch.float64)
    return Differential(0, **options).operator(rep, rep, lambda xi: one.expand(len(xi), rep.dim, rep.dim))


def gradient(group: Group, **options: Any) -> Operator:
    """∂_i f: scalars to covectors (for G ≤ O(d) the same as vectors), for every G ≤ GL(d)."""
    return _of_order(1, options).operator(trivial(group), standard(group).dual(), lambda xi: xi[:, :, None])


def divergence(group: Group, weight: float = 0.0, **options: Any) -> Operator:
    """Σ_i ∂_i f_i: vectors to scalars, for every G ≤ GL(d).

    With a weight: vector densities to densities, of ρ(g) = |det g|^weight. That matters where det g ≠ ±1.
    """
    vector, scalar = standard(group), trivial(group)
    if weight:
        vector, scalar = vector * density(group, weight), density(group, weight)
    return _of_order(1, options).operator(vector, scalar, lambda xi: xi[:, None])


def exterior_derivative(group: Group, k: int = 1, **options: Any) -> Operator:
    """d = e^i ∧ ∂_i: antisymmetric covariant tensors of degree k to those of degree k + 1, for every G ≤ GL(d).

    For k = 0 the gradient, for k = 1 ∂_i f_j - ∂_j f_i, i < j; in the plane that is the curl, a pseudoscalar. For
    GL(d) the only operator of order 1 between these types. For G ≤ O(d) they are those of upper indices.

    Raises:
        KernelError: a degree outside of 0 … d - 1.
    """
    _expect_degree(group, k, range(group.dim), "exterior derivative")
    rho_in, rho_out = (_antisymmetric(group, j).dual() for j in (k, k + 1))
    return _of_order(1, options).operator(rho_in, rho_out, _graded(Clifford((1,) * group.dim), k, k + 1))


def codifferential(group: Group, k: int = 1, **options: Any) -> Operator:
    """δ = ∂_i e_i ⌟, (δF)^{j…} = ∂_i F^{ij…}: antisymmetric tensors of degree k to degree k - 1, for every G ≤ GL(d).

    For k = 1 the divergence. Indices are upper ones: where G ≤ O(p, q), η lowers them; conventions for forms that put
    a sign before δ differ by it.

    Raises:
        KernelError: a degree outside of 1 … d.
    """
    _expect_degree(group, k, range(1, group.dim + 1), "codifferential")
    rho_in, rho_out = (_antisymmetric(group, j) for j in (k, k - 1))
    return _of_order(1, options).operator(rho_in, rho_out, _graded(Clifford((1,) * group.dim), k, k - 1))


def dirac(group: Group, **options: Any) -> Operator:
    """∂̸ = e^i ∂_i, e^i = η^{ii} e_i, acting on multivectors by the geometric product; ∂̸² is the d'Alembertian.

    The sum of d, with indices raised, and δ on all grades: ∂̸F = J for a bivector F are Maxwell's equations.

    Raises:
        KernelError: the group preserves no metric diag(-1, …, +1, …).
    """
    try:
        algebra = algebra_of(group)
    except FieldTypeError as error:
        raise KernelError(str(error)) from None
    table = torch.from_numpy(algebra.cayley[1 : group.dim + 1] * np.array(algebra.signs)[:, None, None])
    return _of_order(1, options).operator(
        multivector(group), multivector(group), lambda xi: torch.einsum("ni,ibc->ncb", xi, table)
    )


def curl(group: Group, **options: Any) -> Operator:
    """In the plane ∂_0 f_1 - ∂_1 f_0, a pseudoscalar; in space ε_ijk ∂_j f_k, a pseudovector (sign ⊗ standard).

    Pseudoscalars are scalars, and pseudovectors vectors, where det g = 1.

    Raises:
        KernelError: another dimension.
    """
    if group.dim == 2:
        return _of_order(1, options).operator(standard(group), _pseudo(trivial(group)), lambda xi: _turned(xi)[:, None])
    _expect(group, 3, "curl")
    return _of_order(1, options).operator(standard(group), _pseudo(standard(group)), _cross)


def perpendicular_gradient(group: Group, **options: Any) -> Operator:
    """grad⊥ f = (-∂_1 f, ∂_0 f): pseudoscalars to vectors in the plane; curl grad⊥ is the Laplacian.

    Raises:
        KernelError: another dimension.
    """
    _expect(group, 2, "perpendicular gradient")
    return _of_order(1, options).operator(_pseudo(trivial(group)), standard(group), lambda xi: _turned(xi)[:, :, None])


def laplacian(group: Group, rep: Representation | None = None, **options: Any) -> Operator:
    """Σ_i ∂_i² of every component of any type, by default of scalars, for G ≤ O(d)."""
    return _wave(group, np.eye(group.dim), rep, options)


def dalembertian(group: Group, rep: Representation | None = None, **options: Any) -> Operator:
    """Σ_ij η_ij ∂_i ∂_j of every component of any type: the wave operator of the groups O(p, q) with their metric η.

    Raises:
        KernelError: the group has no metric.
    """
    metric = getattr(group, "metric", None)
    if metric is None:
        raise KernelError(f"the wave operator needs a group with a metric, such as O(1, 1), got {group}")
    return _wave(group, metric, rep, options)


def hessian(group: Group, **options: Any) -> Operator:
    """∂_i ∂_j f: scalars to symmetric covariant tensors (off-diagonals times √2), for every G ≤ GL(d)."""
    return _of_order(2, options).operator(
        trivial(group), symmetric(group, 2).dual(), lambda xi: _packed(xi[:, :, None] * xi[:, None])[..., None]
    )


def strain(group: Group, **options: Any) -> Operator:
    """(∂_i f_j + ∂_j f_i)/2: covectors to symmetric covariant tensors (off-diagonals times √2), for every G ≤ GL(d)."""
    one = torch.eye(group.dim, dtype=torch.float64)

    def symbol(xi: torch.Tensor) -> torch.Tensor:
        outer = torch.einsum("ni,jk->nijk", xi, one)
        return _packed((outer + outer.transpose(1, 2)) / 2)

    return _of_order(1, options).operator(standard(group).dual(), symmetric(group, 2).dual(), symbol)


def _of_order(order: int, options: dict[str, Any]) -> Differential:
    """The operators of one order only."""
    return Differential(orders=(order,), **options)


def _wave(group: Group, form: np.ndarray, rep: Representation | None, options: dict[str, Any]) -> Operator:
    rep = trivial(group) if rep is None else rep
    one, eta = torch.eye(rep.dim, dtype=torch.float64), torch.from_numpy(form)
    return _of_order(2, options).operator(
        rep, rep, lambda xi: torch.einsum("ni,ij,nj->n", xi, eta, xi)[:, None, None] * one
    )


def _pseudo(rep: Representation) -> Representation:
    """sign ⊗ ρ; ρ itself where det g = 1, and the sign where ρ is trivial."""
    flip = sign(rep.group)
    if flip.is_trivial:
        return rep
    return flip if rep.is_trivial else flip * rep


def _turned(xi: torch.Tensor) -> torch.Tensor:
    return torch.stack([-xi[:, 1], xi[:, 0]], -1)


def _cross(xi: torch.Tensor) -> torch.Tensor:
    """The matrix of f ↦ ξ × f, (n, 3, 3)."""
    x, y, z = xi.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack(
        [torch.stack([zero, -z, y], -1), torch.stack([z, zero, -x], -1), torch.stack([-y, x, zero], -1)], 1
    )


def _packed(tensor: torch.Tensor) -> torch.Tensor:
    """Symmetric matrices (n, d, d, …) as components of `reps.symmetric`: 00, √2 01, …, 11, … in lexicographic order."""
    d = tensor.shape[1]
    entries = [tensor[:, i, j] * (1.0 if i == j else 2**0.5) for i in range(d) for j in range(i, d)]
    return torch.stack(entries, 1)


def _expect(group: Group, d: int, name: str) -> None:
    if group.dim != d:
        raise KernelError(f"the {name} needs a group of R^{d}, got {group} on R^{group.dim}")


def _expect_degree(group: Group, k: int, degrees: range, name: str) -> None:
    if k not in degrees:
        raise KernelError(
            f"the {name} of R^{group.dim} takes degrees {degrees.start} … {degrees.stop - 1}, got {k}: on others it is "
            "zero"
        )


def _antisymmetric(group: Group, k: int) -> Representation:
    """Λ^k, as scalars and vectors for k = 0 and 1."""
    return (trivial(group), standard(group))[k] if k < 2 else exterior(group, k)


def _graded(algebra: Clifford, i: int, j: int) -> Symbol:
    """The part of ξ ↦ (x ↦ ξx) from grade i to grade j = i ± 1: ξ∧ or ξ⌟."""
    rows, columns = algebra.grades == j, algebra.grades == i
    table = torch.from_numpy(algebra.cayley[1 : algebra.n + 1][:, columns][:, :, rows])
    return lambda xi: torch.einsum("ni,ibc->ncb", xi, table)
