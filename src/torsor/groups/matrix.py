"""Any matrix group, given by its generators and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from torsor.errors import GroupError
from torsor.groups import lie
from torsor.groups.base import Group

Nested = tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True, eq=False, repr=False)
class MatrixGroup(Group):
    """The group that a Lie algebra (k, d, d) and component generators (m, d, d) generate.

    Equality and hash go by a digest of the generators, rounded to 10 digits.

    Raises:
        GroupError: shapes that do not fit, singular generators, NaN, an algebra that is not closed under brackets
            or not normalised by the generators.
    """

    algebra_basis: Nested = ()
    component_generators: Nested = ()
    label: str = ""

    def __init__(
        self,
        algebra_basis: Sequence | np.ndarray | torch.Tensor = (),
        component_generators: Sequence | np.ndarray | torch.Tensor = (),
        label: str = "",
    ) -> None:
        algebra, generators = _stack(algebra_basis), _stack(component_generators)
        sizes = {x.shape[-1] for x in (algebra, generators) if len(x)}
        if len(sizes) != 1:
            raise GroupError(
                f"expected generators of one size (d, d), got the sizes {sorted(sizes)}; Trivial(d) has none"
            )
        if any(not np.isfinite(x).all() for x in (algebra, generators)):
            raise GroupError("expected finite generators, got NaN or infinity")
        if len(generators) and np.abs(np.linalg.det(generators)).min() < 1e-12:
            raise GroupError("expected invertible component generators, one is singular")
        d = sizes.pop()
        lie.check_closed(algebra.reshape(-1, d, d), generators.reshape(-1, d, d))
        object.__setattr__(self, "algebra_basis", _nested(algebra))
        object.__setattr__(self, "component_generators", _nested(generators))
        object.__setattr__(self, "label", label)

    @staticmethod
    def closure(
        algebra_basis: Sequence | np.ndarray | torch.Tensor = (),
        component_generators: Sequence | np.ndarray | torch.Tensor = (),
        label: str = "",
    ) -> MatrixGroup:
        """The smallest `MatrixGroup` that contains given elements: brackets and conjugates are added to the algebra.

        Raises:
            GroupError: shapes that do not fit, singular generators, NaN.
        """
        algebra, generators = _stack(algebra_basis), _stack(component_generators)
        if len(algebra) and len(generators) and algebra.shape[-1] != generators.shape[-1]:
            raise GroupError(f"expected matrices of one size, got {algebra.shape[1:]} and {generators.shape[1:]}")
        if np.isfinite(algebra).all() and np.isfinite(generators).all() and len(algebra):
            algebra = lie.closure(algebra, generators.reshape(-1, *algebra.shape[1:]))
        return MatrixGroup(algebra, generators, label)

    @property
    def key(self) -> tuple:  # type: ignore[override]
        return ("MatrixGroup", self._digest())

    def _digest(self) -> str:
        rounded = [np.round(_stack(x), 10) + 0.0 for x in (self.algebra_basis, self.component_generators)]
        shapes = repr([x.shape for x in rounded]).encode()
        return hashlib.sha256(shapes + b"".join(x.tobytes() for x in rounded)).hexdigest()[:32]

    @property
    def dim(self) -> int:
        return len((self.algebra_basis or self.component_generators)[0])

    @property
    def name(self) -> str:
        return self.label or f"MatrixGroup({self._digest()[:8]})"

    def __repr__(self) -> str:
        return self.name

    def _algebra(self) -> np.ndarray:
        return _stack(self.algebra_basis).reshape(-1, self.dim, self.dim)

    def _generators(self) -> np.ndarray:
        return _stack(self.component_generators).reshape(-1, self.dim, self.dim)


def _stack(matrices: Sequence | np.ndarray | torch.Tensor) -> np.ndarray:
    if isinstance(matrices, torch.Tensor):
        matrices = matrices.detach().cpu().numpy()
    if len(matrices) and isinstance(matrices[0], torch.Tensor):
        matrices = [m.detach().cpu().numpy() for m in matrices]
    try:
        array = np.array(matrices, dtype=np.float64)
    except ValueError as error:
        raise GroupError(f"expected matrices of one size (d, d): {error}") from error
    if len(array) and (array.ndim != 3 or array.shape[1] != array.shape[2]):
        raise GroupError(f"expected generators of shape (number, d, d), got {array.shape}")
    return array if len(array) else np.zeros((0, 0, 0))


def _nested(array: np.ndarray) -> Nested:
    return tuple(tuple(tuple(float(x) for x in row) for row in matrix) for matrix in array)
