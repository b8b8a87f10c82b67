"""What layers on multivectors share: the algebra of a group, grades, the invariant form, the table of the product."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from torsor.errors import FieldTypeError
from torsor.fibre.base import Layer
from torsor.groups import Group
from torsor.linalg import Clifford, clifford, is_invariant
from torsor.reps import Representation
from torsor.reps.multivector import Multivector


@lru_cache(maxsize=256)
def algebra_of(group: Group) -> Clifford:
    """The Clifford algebra whose metric η = diag(-1_p, +1_q) a group preserves: Euclidean if it can be, then p = 1, ….

    Raises:
        FieldTypeError: the group preserves none.
    """
    a, g, d = group.action(group.algebra_array), group.action(group.generator_array), group.dim
    for p in range(d):
        signs = (-1,) * p + (1,) * (d - p)
        if is_invariant(np.diag(signs).astype(float), a, g):
            return clifford(signs)
    raise FieldTypeError(
        f"multivectors have a geometric product for subgroups of O(p,q), which keep a metric diag(-1, …, +1, …); got "
        f"{group}; nn.Bilinear serves every matrix group"
    )


def multivector_count(rep: Representation, what: str) -> int:
    """The n of a type n * multivector.

    Raises:
        FieldTypeError: another type.
    """
    if len(rep.terms) != 1 or not isinstance(rep.terms[0][1], Multivector):
        raise FieldTypeError(
            f"{what} expects a type n * multivector, got {rep}; nn.Linear takes grades to multivectors and back"
        )
    return rep.terms[0][0]


class MultivectorLayer(Layer):
    """A layer on fields x = Σ_k x_k of multivectors, seen grade by grade.

    The norm of a grade is replaced by its invariant square (x_k, x_k) = ⟨x̃_k x_k⟩₀ = Σ_A η_A x_A², which may be
    negative, or zero for x_k ≠ 0. Here it is divided by its root mean square over white noise, (2 D + (Σ η_A)²)^½ for
    the D blades of grade k.

    Raises:
        FieldTypeError: another type than n * multivector, or a group outside of every O(p, q).
    """

    form: torch.Tensor
    grades: torch.Tensor

    def __init__(self, rep: Representation, out_rep: Representation | None = None) -> None:
        super().__init__(rep, rep if out_rep is None else out_rep)
        self.count = multivector_count(rep, type(self).__name__)
        self.algebra = algebra_of(rep.group)

    def constants(self) -> dict[str, np.ndarray]:
        form, grades, sizes = self.algebra.form, self.algebra.grades, np.array(self.algebra.sizes)
        traces = np.bincount(grades, form)
        return {"form": form / np.sqrt(2 * sizes + traces**2)[grades]}

    def derive(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().derive(device, dtype)
        grades = torch.tensor(self.algebra.grades, device=self.form.device)
        self.register_buffer("grades", grades, persistent=False)

    def multivectors(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, *space) -> (batch, fields, 2^n, *space)."""
        return x.unflatten(1, (self.count, self.algebra.dim))

    def squares(self, parts: torch.Tensor) -> torch.Tensor:
        """(x_k, x_k), of unit mean square on white noise: (batch, fields, 2^n, *space) -> (…, n + 1, *space).

        Half precision is widened: fourth powers of its numbers overflow.
        """
        wide = parts.float() if torch.finfo(parts.dtype).bits < 32 else parts
        terms = wide.square() * self.form.view(-1, *[1] * (parts.ndim - 3))
        return torch.stack([part.sum(2) for part in terms.split(self.algebra.sizes, 2)], 2)

    def spread(self, values: torch.Tensor, axis: int = 2) -> torch.Tensor:
        """One number a grade -> one a component."""
        return values.index_select(axis, self.grades)
