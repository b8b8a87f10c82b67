"""The network of Clifford kernels: multivectors as functions of v, equivariant under O(p, q).

All equivariant multivectors of one vector are φ₀(s) + φ₁(s) v with s = η(v,v): v v = s and v ∧ v = 0. Where det g = 1
they may be multiplied by the pseudoscalar. The other grades vanish, and have no parameters here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from torsor.fibre import GradeNorm, Linear, MultivectorActivation
from torsor.fibre.base import Constants
from torsor.fibre.clifford import algebra_of
from torsor.groups import Group
from torsor.reps import Representation, direct_sum, exterior, multivector, sign


@dataclass(frozen=True)
class LiveGrades:
    """The grades of the equivariant multivectors of one vector: 0 and 1; n and n - 1 too where det g = 1.

    Features of the network hold these grades only, grade after grade: (points, fields · components).
    """

    group: Group
    grades: tuple[int, ...]
    sizes: tuple[int, ...]

    @staticmethod
    def of(group: Group) -> LiveGrades:
        """Those of a group."""
        n = group.dim
        grades = {0, 1, *((n - 1, n) if sign(group).is_trivial else ())}
        return LiveGrades(group, tuple(sorted(grades)), algebra_of(group).sizes)

    def type(self, fields: int) -> Representation:
        """The type of a number of fields."""
        return direct_sum([(fields, exterior(self.group, k)) for k in self.grades])

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Features as multivectors, (points, fields, 2^n)."""
        fields = x.shape[1] // sum(self.sizes[k] for k in self.grades)
        parts = x.split([fields * self.sizes[k] for k in self.grades], 1)
        grades = [x.new_zeros(len(x), fields, m) for m in self.sizes]
        for k, part in zip(self.grades, parts, strict=True):
            grades[k] = part.unflatten(1, (fields, self.sizes[k]))
        return torch.cat(grades, 2)

    def restrict(self, x: torch.Tensor) -> torch.Tensor:
        """Inverse of `embed`."""
        parts = x.split(self.sizes, 2)
        return torch.cat([parts[k].flatten(1) for k in self.grades], 1)


class LiveTable(Constants):
    """The terms of a geometric product, e_A e_B = ±e_C as (C, A), that join live grades only; others get the sign 0."""

    signs: torch.Tensor
    partners: torch.Tensor
    index: torch.Tensor

    def __init__(self, group: Group, right: bool, device: Any = None, dtype: Any = None) -> None:
        """With `right` only the left factor is restricted, and terms are sorted by (C, B)."""
        super().__init__()
        self.algebra, self.live, self.right = algebra_of(group), LiveGrades.of(group).grades, right
        self.derive(device, dtype)

    @property
    def paths(self) -> tuple[tuple[int, int, int], ...]:
        """The grades (i, j, k) that occur."""
        kept = (p for p in self.algebra.paths if p[0] in self.live)
        return tuple(p for p in kept if self.right or set(p) <= set(self.live))

    @property
    def _order(self) -> np.ndarray:
        """For each term in our order its place A in that of the algebra."""
        return self.algebra.partners if self.right else np.arange(self.algebra.dim)[None].repeat(self.algebra.dim, 0)

    def _place(self) -> np.ndarray:
        """The path of each term, -1 where there is none."""
        known = [self.paths.index(p) if p in self.paths else -1 for p in self.algebra.paths]
        return np.take_along_axis(np.array(known)[self.algebra.path_index], self._order, 1)

    def constants(self) -> dict[str, np.ndarray]:
        return {"signs": np.take_along_axis(self.algebra.coefficients, self._order, 1) * (self._place() >= 0)}

    def derive(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().derive(device, dtype)
        for name, value in (("partners", self.algebra.partners), ("index", self._place().clip(0))):
            self.register_buffer(name, torch.tensor(value.ravel(), device=self.signs.device), persistent=False)

    def terms(self, weight: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """±w x_B of each term (C, A), or ±w x_A of each (C, B): (…, paths), (…, 2^n) -> (…, 2^n, 2^n)."""
        shape = self.signs.shape
        signed = weight.index_select(-1, self.index).unflatten(-1, shape) * self.signs
        return signed * x.index_select(-1, self.partners).unflatten(-1, shape)


class CliffordBlock(torch.nn.Module):
    """x ↦ y + Σ_path w (f(y) · N(Ly))_path, y = L'x, field by field; f gates grades, N normalises them."""

    def __init__(self, live: LiveGrades, into: int, fields: int, **kind: Any) -> None:
        super().__init__()
        self.live, rep = live, fields * multivector(live.group)
        self.first = Linear(live.type(into), live.type(fields), **kind)
        self.second = Linear(live.type(fields), live.type(fields), bias=False, **kind)
        self.activation, self.norm = MultivectorActivation(rep, **kind), GradeNorm(rep, affine=False, **kind)
        self.table = LiveTable(live.group, right=False, **kind)
        self.weight = torch.nn.Parameter(torch.empty(fields, len(self.table.paths), **kind))

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Random weights."""
        for linear in (self.first, self.second):
            linear.reset_parameters()
        self.weight.normal_(0.0, len(self.table.paths) ** -0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Live components (points, channels) -> (points, channels)."""
        flat = self.first.compute(x)
        y, z = self.live.embed(flat), self.live.embed(self.second.compute(flat))
        left = self.activation.compute(y.flatten(1)).view_as(y)
        right = self.norm.compute(z.flatten(1)).view_as(z)
        return self.live.restrict(y + (self.table.terms(self.weight, right) @ left[..., None]).squeeze(-1))


class CliffordNetwork(Constants):
    """k: R^{p,q} → `fields` multivectors with k(gv) = ρ(g) k(v), from the inputs φ_j(s) (1 + v/ℓ).

    φ_j are Gaussians in asinh(s/u²), bounded and smooth across the light cone, with centres over the box.

    Args:
        group: between SO₀(p, q) and O(p, q).
        fields: the number of multivectors.
        hidden: the number of multivectors inside.
        layers: the number of blocks.
        profiles: the centres of φ_j.
        unit: u, the distance of pixels.
        length: ℓ, the reach of the box.
        device: of the parameters.
        dtype: of the parameters.
    """

    metric: torch.Tensor
    centres: torch.Tensor

    def __init__(
        self,
        group: Group,
        fields: int,
        hidden: int,
        layers: int,
        profiles: tuple[float, ...],
        unit: float,
        length: float,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.live, self.profiles, self.unit, self.length = LiveGrades.of(group), profiles, unit, length
        self.width = (profiles[-1] - profiles[0]) / max(1, len(profiles) - 1) or 1.0
        sizes = [len(profiles), *[hidden] * layers]
        self.blocks = torch.nn.Sequential(
            *(CliffordBlock(self.live, a, b, **kind) for a, b in zip(sizes, sizes[1:], strict=False))
        )
        self.last = Linear(self.live.type(sizes[-1]), self.live.type(fields), bias=False, **kind)
        self.derive(device, dtype)

    def constants(self) -> dict[str, np.ndarray]:
        return {"metric": np.array(algebra_of(self.live.group).signs), "centres": np.array(self.profiles)}

    def reset_parameters(self) -> None:
        """Random weights."""
        for block in (*self.blocks, self.last):
            block.reset_parameters()  # type: ignore[operator]

    def inputs(self, v: torch.Tensor) -> torch.Tensor:
        """φ_j(s) (1 + v/ℓ): (points, n) -> live components (points, channels)."""
        s = (v.square() * self.metric).sum(-1, keepdim=True)
        profiles = torch.exp(-(((torch.asinh(s / self.unit**2) - self.centres) / self.width) ** 2))[..., None]
        vectors = profiles * (v / self.length)[:, None]
        missing = sum(self.live.sizes) - 1 - v.shape[1]
        return self.live.restrict(torch.nn.functional.pad(torch.cat([profiles, vectors], 2), (0, missing)))

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        """k(v): (points, n) -> (points, fields, 2^n)."""
        return self.live.embed(self.last.compute(self.blocks(self.inputs(v))))
