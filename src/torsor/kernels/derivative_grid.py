"""Which derivatives a differential operator is made of, and the boxes and neighbourhoods on which they are taken."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np

from torsor.errors import KernelError
from torsor.groups import Group
from torsor.kernels.base import KernelSpec
from torsor.kernels.derivatives import SCHEMES, Derivatives
from torsor.kernels.lattice import box, check_sizes
from torsor.linalg import half_width, multi_indices


@dataclass(frozen=True, eq=False, repr=False)
class DerivativeGrid(KernelSpec):
    """The orders, the scheme and the extent of a `Differential`, which explains the arguments.

    Raises:
        KernelError: numbers out of range, an unknown scheme, or a size too small for the derivatives.
    """

    order: int = 2
    orders: tuple[int, ...] | None = None
    scheme: str = "finite"
    size: int | tuple[int, ...] | None = None
    accuracy: int = 2
    spacing: float | tuple[float, ...] = 1.0
    sigma: float = 1.0
    k: int | None = None
    radius: float | None = None
    oversampling: int = 1

    def __post_init__(self) -> None:
        self._settle_arguments()
        spacings = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,)
        if self.scheme not in SCHEMES:
            raise KernelError(f"expected a scheme among {', '.join(SCHEMES)}, got {self.scheme!r}")
        if self.order < 0 or not self.orders or min(self.orders) < 0:
            raise KernelError(f"expected orders of at least 0, got order {self.order}, orders {self.orders}")
        if self.accuracy < 2 or self.accuracy % 2:
            raise KernelError(f"expected an even accuracy of at least 2, got {self.accuracy}")
        lengths = [*spacings, self.sigma, *([] if self.radius is None else [self.radius])]
        if not min(lengths) > 0 or min(self.oversampling, 1 if self.k is None else self.k) < 1:
            raise KernelError(f"expected a positive spacing, sigma, radius and k, got {self!r}")
        if self.size is not None:
            self._check_size((self.size,) if isinstance(self.size, int) else self.size)

    def _settle_arguments(self) -> None:
        for name in ("orders", "size", "spacing"):
            value = getattr(self, name)
            if isinstance(value, list | range):
                object.__setattr__(self, name, tuple(value))
        orders = range(self.order + 1) if self.orders is None else self.orders
        object.__setattr__(self, "orders", tuple(sorted(set(orders))))
        object.__setattr__(self, "order", max(self.orders or (self.order,)))

    def _check_size(self, sizes: tuple[int, ...]) -> None:
        check_sizes(sizes)
        least = 2 * half_width(self.order, 2) + 1 if self.scheme == "finite" else self.degree + 1
        if min(sizes) < least or any(size % 2 == 0 for size in sizes):
            raise KernelError(
                f"expected odd sizes of at least {least + 1 - least % 2} for derivatives of order {self.order} by "
                f'scheme="{self.scheme}", got {sizes}; take a larger size, or None for the smallest'
            )

    def __repr__(self) -> str:
        whole = self.orders == tuple(range(self.order + 1))
        given = [f"{self.order}" if whole else f"orders={self.orders}"]
        defaults = {field.name: field.default for field in fields(self)}
        others = {name: value for name, value in self._fields().items() if name not in ("order", "orders")}
        given += [f"{name}={value!r}" for name, value in others.items() if value != defaults[name]]
        return f"{type(self).__name__}({', '.join(given)})"

    @property
    def degree(self) -> int:
        """The degree of the polynomials on which weights on points are exact: order + accuracy - 1."""
        return self.order + self.accuracy - 1

    def derivatives(self, d: int) -> Derivatives:
        """The derivatives in d dimensions, and how they are approximated."""
        return Derivatives(d, self.orders or (), self.degree, self.scheme, self.sigma)

    # ------------------------------------------------------------------------------------------------- where it lives

    def validate(self, group: Group) -> None:
        """Differential operators serve every group; Gaussian ones those that preserve |v|.

        Raises:
            KernelError: a Gaussian scheme for a group that is not orthogonal, or narrower than the pixels.
        """
        coarsest = self._spacings(group.dim).max()
        if self.scheme == "gaussian" and self.sigma < 0.4 * coarsest:
            raise KernelError(
                f"expected a Gaussian of sigma at least 0.4 spacings, got {self.sigma:g} at spacing {coarsest:g}; "
                "take a larger sigma, or say the spacing of the data"
            )
        self.sizes(group.dim)
        action = group.action(group.algebra_array), group.action(group.generator_array)
        skew, one = action[0] + action[0].swapaxes(-1, -2), action[1].swapaxes(-1, -2) @ action[1] - np.eye(group.dim)
        if self.scheme == "gaussian" and max(np.abs(skew).max(initial=0), np.abs(one).max(initial=0)) > 1e-9:
            raise KernelError(
                f'scheme="gaussian" smooths alike in all directions, which {group} does not preserve; '
                'scheme="finite" serves every group'
            )

    def _spacings(self, d: int) -> np.ndarray:
        spacings = self.spacing if isinstance(self.spacing, tuple) else (self.spacing,) * d
        if len(spacings) != d:
            raise KernelError(f"expected {d} spacings, one for each axis, got {self.spacing}")
        return np.array(spacings, dtype=float) / self.oversampling

    def sizes(self, d: int) -> tuple[int, ...]:
        """The sizes of the box; `refined` keeps those of finite differences, and the extent of Gaussians."""
        if self.size is not None:
            sizes = (self.size,) * d if isinstance(self.size, int) else self.size
            if len(sizes) != d:
                raise KernelError(f"expected {d} kernel sizes, one for each axis, got {sizes}")
            widen = self.oversampling if self.scheme == "gaussian" else 1
            return tuple(size // 2 * widen * 2 + 1 for size in sizes)
        if self.scheme == "finite":
            return (2 * half_width(self.order, self.accuracy) + 1,) * d
        least = (self.degree + 1) // 2
        if self.scheme == "rbf":
            return (2 * least + 1,) * d
        reach = np.ceil(4 * self.sigma / self._spacings(d) - 1e-9).astype(int)
        return tuple(2 * max(int(n), least) + 1 for n in reach)

    def offsets(self, d: int) -> np.ndarray:
        return box(self.sizes(d)) * self._spacings(d)

    def reach(self, group: Group) -> float:
        return float(np.linalg.norm(self.offsets(group.dim), axis=-1).max())

    def graph(self, group: Group) -> dict[str, Any]:
        """The k nearest neighbours, or those within the radius; they weigh 1."""
        radius = 4 * self.sigma if self.scheme == "gaussian" and self.k is None else None
        radius = radius if self.radius is None else self.radius
        if radius is not None:
            return {"radius": radius, "norm": "one"} | ({} if self.k is None else {"k": self.k})
        return {"k": self.k or 2 * self.derivatives(group.dim).least - 1, "norm": "one"}

    def is_sampled_plainly(self, d: int) -> bool:
        return self.scheme != "gaussian"

    def refined(self, factor: int) -> Self:
        """The same operators on a grid that is finer by a factor; weights keep their meaning."""
        return replace(self, oversampling=self.oversampling * factor)

    def samples(self, d: int) -> int:
        """The number of features √(k!/α!) ∂^α; they run over the orders, then α."""
        return sum(len(multi_indices(d, k)) for k in self.orders or ())


@lru_cache(maxsize=64)
def stencil_features(spec: DerivativeGrid, d: int) -> np.ndarray:
    """The features on the box of a grid, (features, points)."""
    return spec.derivatives(d).on_box(spec.sizes(d), spec._spacings(d))


def stencil_gram(spec: DerivativeGrid, d: int) -> np.ndarray:
    """Σ_v B(v) B(v)ᵀ over the box, (features, features)."""
    features = stencil_features(spec, d)
    return features @ features.T
