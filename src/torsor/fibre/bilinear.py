"""The tensor product nonlinearity: products of irreps, projected to irreps, mixed with weights."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from torsor.errors import BottleneckWarning, KernelError
from torsor.fibre.base import Layer, split_fields
from torsor.fibre.linear import Linear
from torsor.reps import Representation, decompose, direct_sum, hom
from torsor.reps.wigner import coupling
from torsor.warn import warn


@lru_cache(maxsize=1024)
def bilinear_maps(left: Representation, right: Representation, out: Representation) -> np.ndarray:
    """A basis of the equivariant maps left ⊗ right → out, of squared norm dim out: (number, dim out, dim l, dim r).

    Clebsch–Gordan coefficients of SO(3) and O(3) in closed form, a null space for other groups. White inputs of unit
    variance give outputs of unit variance.
    """
    closed = coupling(left, right, out)
    if closed is not None:
        return closed
    found = np.sqrt(out.dim) * hom(left * right, out).numpy()
    return found.reshape(-1, out.dim, left.dim, right.dim)


@dataclass(frozen=True)
class Path:
    """Terms of the two factors, and of the products, that one set of bilinear maps connects."""

    left: int
    right: int
    out: int
    maps: np.ndarray


class TensorProduct(Layer):
    """y = W₃ C(W₁ x ⊗ W₂ x) + b: an equivariant quadratic map of the fields at a point, for irreps of any group.

    W₁ and W₂ map x to ``width`` copies of every irrep σ in it; C multiplies them channel by channel and projects
    σ₁ ⊗ σ₂ onto the irreps of the output by all equivariant maps; W₃ combines the products. Sums of enough channels
    are all equivariant quadratic maps. Exact for any type, irreps of Lie groups included.

    Args:
        rep: type of the input.
        out_rep: type of the output, by default that of the input.
        width: channels of each irrep, by default the largest multiplicity of an irrep in the input.
        bias: on W₁, W₂ and W₃; the first two let lower powers of x pass.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        KernelError: no equivariant quadratic map reaches the output, or a width below 1.

    Warns:
        BottleneckWarning: no equivariant quadratic map reaches some irreps of the output.
    """

    def __init__(
        self,
        rep: Representation,
        out_rep: Representation | None = None,
        *,
        width: int | None = None,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(rep, rep if out_rep is None else out_rep)
        counts = _irreps(self.in_rep)
        self.width = max(counts.values()) if width is None else width
        if self.width < 1:
            raise KernelError(f"expected a width of at least 1, got {self.width}")
        self.factor = direct_sum([(self.width, sigma) for sigma in counts])
        self.product = self._product()
        factory = {"bias": bias, "device": device, "dtype": dtype}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BottleneckWarning)  # irreps of different kinds have no maps, by design
            self.left, self.right = (Linear(self.in_rep, self.factor, **factory) for _ in range(2))
            self.mix = Linear(self.product, self.out_rep, **factory)
        self.derive(device, dtype)

    @property
    def paths(self) -> tuple[Path, ...]:
        """All products of two irreps of the factors that contain an irrep of the output."""
        sigmas, taus = [s for _, s in self.factor.terms], list(_irreps(self.out_rep))
        found = [
            Path(i, j, k, bilinear_maps(a, b, tau))
            for k, tau in enumerate(taus)
            for i, a in enumerate(sigmas)
            for j, b in enumerate(sigmas[: i + 1])
        ]
        return tuple(path for path in found if len(path.maps))

    def _product(self) -> Representation:
        taus, numbers = list(_irreps(self.out_rep)), {}
        for path in self.paths:
            numbers[path.out] = numbers.get(path.out, 0) + len(path.maps)
        if not numbers:
            raise KernelError(
                f"no equivariant quadratic map exists from {self.in_rep} to {self.out_rep}: the products of its irreps "
                "contain none of the output"
            )
        missing = [tau.name for k, tau in enumerate(taus) if k not in numbers]
        if missing:
            warn(
                f"no equivariant quadratic map from {self.in_rep} to these irreps of the output, which stay zero: "
                f"{', '.join(missing)}",
                BottleneckWarning,
            )
        return direct_sum([(self.width * number, taus[k]) for k, number in numbers.items()])

    def constants(self) -> dict[str, np.ndarray]:
        return {f"maps_{index}": path.maps for index, path in enumerate(self.paths)}

    def derive(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().derive(device, dtype)
        self._plan = tuple((path.left, path.right) for path in self.paths)

    def reset_parameters(self, gain: float = 1.0) -> None:
        """Gaussian weights: white input of unit variance gives output of variance gain², up to 1/width."""
        self.left.reset_parameters()
        self.right.reset_parameters()
        self.mix.reset_parameters(gain)

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, in_rep.dim, …) -> (batch, out_rep.dim, …)."""
        flat = x.flatten(2) if x.ndim > 2 else x.unsqueeze(2)
        a, b = split_fields(self.left(flat), self.factor), split_fields(self.right(flat), self.factor)
        products = []
        for index, (i, j) in enumerate(self._plan):
            y = torch.einsum("qkij,buis,bujs->buqks", getattr(self, f"maps_{index}"), a[i], b[j])
            products.append(y.flatten(1, 3))
        y = self.mix(torch.cat(products, dim=1))
        return y.view(y.shape[0], y.shape[1], *x.shape[2:])


def _irreps(rep: Representation) -> dict[Representation, int]:
    """The irreps in a type with their multiplicities, in the order of their first occurrence."""
    counts: dict[Representation, int] = {}
    for m, term in rep.terms:
        for copies, sigma in decompose(term).blocks:
            counts[sigma] = counts.get(sigma, 0) + m * copies
    return counts
