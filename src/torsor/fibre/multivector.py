"""The geometric product of multivector fields, weighted path by path.

Every part (x_i y_j)_k between grades commutes with O(p, q): its elements are automorphisms of the Clifford algebra that
keep grades.
"""

from __future__ import annotations

import numpy as np
import torch

from torsor.errors import FieldTypeError
from torsor.fibre.clifford import MultivectorLayer, multivector_count
from torsor.fibre.linear import Linear
from torsor.fibre.multivector_norm import GradeNorm
from torsor.reps import Representation


class GeometricProduct(MultivectorLayer):
    """y_o = Σ_c Σ_{ijk} w_{oc,ijk} (x_{c,i} z_{c,j})_k, z = N(Lx): products of fields and mixtures of all.

    L is an equivariant linear map of the fields, N a `GradeNorm`; the sum runs over the paths (i, j) → k of grades,
    20 for n = 3 and 35 for n = 4. "depthwise" has o = c only. Each component of a product is a sum of 2^n terms, which
    are gathered; the table of 8^n entries, mostly zeros, is never formed.

    The weight is (out fields, fields, paths), or (fields, paths) if depthwise, in the order of `algebra.paths`.

    Args:
        in_rep: n * multivector.
        out_rep: m * multivector, by default the type of the input.
        depthwise: every product stays in its own field.
        norm: apply N, so that y grows as x; without it y is quadratic.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        FieldTypeError: other types, another number of fields if depthwise, or a group outside of every O(p, q).

    Source: D. Ruhe, J. Brandstetter, P. Forré, Clifford group equivariant neural networks, 2023.
    """

    signs: torch.Tensor
    paths: torch.Tensor
    gathered: torch.Tensor

    def __init__(
        self,
        in_rep: Representation,
        out_rep: Representation | None = None,
        *,
        depthwise: bool = False,
        norm: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_rep, out_rep)
        out = multivector_count(self.out_rep, "GeometricProduct")
        if depthwise and out != self.count:
            raise FieldTypeError(f"a depthwise product keeps the number of fields, got {in_rep} -> {self.out_rep}")
        self.depthwise = depthwise
        self.linear = Linear(in_rep, in_rep, bias=False, device=device, dtype=dtype)
        self.norm = GradeNorm(in_rep, device=device, dtype=dtype) if norm else None
        fields = (self.count,) if depthwise else (out, self.count)
        self.weight = torch.nn.Parameter(torch.empty(*fields, len(self.algebra.paths), device=device, dtype=dtype))
        self.derive(device, dtype)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self, gain: float = 1.0) -> None:
        """Gaussian weights: white fields of unit variance give about gain² where `norm` leaves z of unit variance."""
        if self.weight.is_meta:
            return
        self.linear.reset_parameters()
        self.weight.normal_(0.0, gain / np.sqrt(self.algebra.dim * (1 if self.depthwise else self.count)))

    def constants(self) -> dict[str, np.ndarray]:
        return super().constants() | {"signs": self.algebra.coefficients}

    def derive(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().derive(device, dtype)
        paths = torch.tensor(self.algebra.path_index.ravel(), device=self.form.device)
        self.register_buffer("paths", paths, persistent=False)
        rows = np.arange(self.count)[:, None] * self.algebra.dim + self.algebra.partners[:, None]  # (C, field, A)
        self.register_buffer("gathered", torch.tensor(rows.ravel(), device=self.form.device), persistent=False)

    def weights(self) -> torch.Tensor:
        """w times the signs: (2^n, out fields, fields · 2^n), over C first; (2^n, fields, 1, 2^n) if depthwise."""
        spread = self.weight.index_select(-1, self.paths).unflatten(-1, self.signs.shape) * self.signs
        return spread.movedim(-2, 0).unsqueeze(2) if self.depthwise else spread.movedim(-2, 0).flatten(2)

    def factors(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x and z with the points last, (fields, 2^n, points) both."""
        z = self.linear.compute(x)
        z = z if self.norm is None else self.norm.compute(z)
        flat = (y.movedim(1, 0).flatten(1) for y in (x, z))
        return tuple(y.unflatten(0, (self.count, self.algebra.dim)) for y in flat)  # type: ignore[return-value]

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        left, right = self.factors(x)
        terms = right.flatten(0, 1).index_select(0, self.gathered).unflatten(0, (self.algebra.dim, *left.shape[:2]))
        terms = terms * left  # (C, field, A, points)
        y = self.weights() @ (terms if self.depthwise else terms.flatten(1, 2))
        y = y.flatten(2).transpose(0, 1) if self.depthwise else y.transpose(0, 1)
        return y.reshape(self.out_rep.dim, x.shape[0], *x.shape[2:]).movedim(0, 1)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {len(self.algebra.paths)} paths{', depthwise' if self.depthwise else ''}"
