"""Products of tensors by contraction: a quadratic layer for any matrix group, which needs no irreps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, permutations
from math import prod

import numpy as np
import torch

from torsor.errors import KernelError
from torsor.fibre.base import Layer
from torsor.reps import Representation, standard
from torsor.reps.base import Dual
from torsor.reps.base import TensorProduct as Product
from torsor.reps.basic import Tensor
from torsor.reps.hom import hom_array


@lru_cache(maxsize=1024)
def factors(rep: Representation) -> tuple[Representation, ...]:
    """ρ as a tensor product of simpler ones: T(p, q) = V ⊗ … ⊗ V*, 1 = the empty product; other types as they are."""
    vector = standard(rep.group)
    if isinstance(rep, Tensor):
        return (vector,) * rep.p + (vector.dual(),) * rep.q
    if isinstance(rep, Product):
        return factors(rep.left) + factors(rep.right)
    if isinstance(rep, Dual) and not isinstance(rep.rep, type(vector)):
        return tuple(factor.dual() for factor in factors(rep.rep))
    if rep.dim == 1 and rep.is_trivial:
        return ()
    return (vector,) if rep.coincides(vector) else (rep,)


@lru_cache(maxsize=1024)
def pairing(left: Representation, right: Representation) -> np.ndarray | None:
    """P with σ(g)ᵀ P τ(g) = P, the scalar product of σ and τ, largest singular value 1; None where there is none.

    The identity for τ = σ*; for τ = σ an invariant form, such as η of O(p, q) or the symplectic form of Sp(2n).
    """
    if right == left.dual():
        return np.eye(left.dim)
    if right != left:
        return None
    form = hom_array(left, left.dual()).sum(0)
    sizes = np.linalg.svd(form, compute_uv=False)
    return form / sizes[0] if sizes[-1] > 1e-6 * sizes[0] > 0 else None


@dataclass(frozen=True)
class Contraction:
    """σ ⊗ τ → υ: pairs of factors of σ and τ are contracted, what is left is put into the order of the factors of υ.

    Attributes:
        left: the factors of σ.
        right: the factors of τ.
        pairs: (factor of σ, factor of τ), those that are contracted.
        order: for every factor of υ its place among the factors that are left.
    """

    left: tuple[Representation, ...]
    right: tuple[Representation, ...]
    pairs: tuple[tuple[int, int], ...]
    order: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of terms of each sum, ∏ of the dimensions that are contracted."""
        return prod(self.left[i].dim for i, _ in self.pairs)

    @property
    def free(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The factors of σ and of τ that are left."""
        used = {i for i, _ in self.pairs}, {j for _, j in self.pairs}
        return tuple(
            tuple(k for k in range(len(factor)) if k not in gone)
            for factor, gone in zip((self.left, self.right), used, strict=True)
        )  # type: ignore[return-value]

    @property
    def metric(self) -> np.ndarray | None:
        """The pairing of all contracted factors, (size, size), None for the identity."""
        matrix = np.eye(1)
        for i, j in self.pairs:
            form = pairing(self.left[i], self.right[j])
            matrix = matrix if form is None else np.kron(matrix, form)
        return None if np.array_equal(matrix, np.eye(self.size)) else matrix


@lru_cache(maxsize=4096)
def contraction(sigma: Representation, tau: Representation, out: Representation) -> Contraction | None:
    """One contraction σ ⊗ τ → υ, of the last factors of σ with the first of τ where that is possible, or None.

    Matrices A, B ∈ V ⊗ V* give their product AB; vectors give A ⊗ B or their scalar product.
    """
    left, right, target = factors(sigma), factors(tau), factors(out)
    number, odd = divmod(len(left) + len(right) - len(target), 2)
    if odd or not 0 <= number <= min(len(left), len(right)):
        return None
    for chosen in combinations(reversed(range(len(left))), number):
        for partners in permutations(range(len(right)), number):
            pairs = tuple(zip(chosen, partners, strict=True))
            rest = [f for i, f in enumerate(left) if i not in chosen]
            rest += [f for j, f in enumerate(right) if j not in partners]
            order = _order(rest, target)
            if order is not None and all(pairing(left[i], right[j]) is not None for i, j in pairs):
                return Contraction(left, right, pairs, order)
    return None


def _order(rest: list[Representation], target: tuple[Representation, ...]) -> tuple[int, ...] | None:
    """Places of the target's factors among the rest, first come first served; None if they are not the same factors."""
    places: list[int] = []
    for factor in target:
        free = [k for k, other in enumerate(rest) if other == factor and k not in places]
        if not free:
            return None
        places.append(free[0])
    return tuple(places)


@dataclass(frozen=True)
class Path:
    """Kinds of the two factors and of the products, and how they are contracted."""

    left: int
    right: int
    out: int
    rule: Contraction


@dataclass(frozen=True)
class Kind:
    """All fields of a type that are the same tensors: their factors, their number, and the terms that they fill."""

    rep: Representation
    copies: int
    terms: tuple[int, ...]


def kinds(rep: Representation) -> tuple[Kind, ...]:
    """The fields of a type by their factors, in the order of their first occurrence."""
    found: dict[tuple[Representation, ...], list[int]] = {}
    for index, (_, term) in enumerate(rep.terms):
        found.setdefault(factors(term), []).append(index)
    return tuple(
        Kind(rep.terms[index[0]][1], sum(rep.terms[i][0] for i in index), tuple(index)) for index in found.values()
    )


def contractions(in_rep: Representation, out_rep: Representation) -> tuple[Path, ...]:
    """All pairs of kinds of fields that a contraction takes to a kind of the output, each pair once."""
    inner = [kind.rep for kind in kinds(in_rep)]
    found = [
        (i, j, k, contraction(sigma, tau, kind.rep))
        for k, kind in enumerate(kinds(out_rep))
        for i, sigma in enumerate(inner)
        for j, tau in enumerate(inner[: i + 1])
    ]
    return tuple(Path(i, j, k, rule) for i, j, k, rule in found if rule is not None)


class Bilinear(Layer):
    """y_k = Σ_p Σ_r w_{pkr} ⟨x_{i(p,k,r)}, x_{j(p,k,r)}⟩_p: weighted contractions of random pairs of fields.

    Types are read as tensor products of factors: T(p, q) = V^{⊗p} ⊗ V*^{⊗q}. A path p is a way σ ⊗ τ → υ to contract
    factors of σ with factors of τ that leaves those of υ: an outer product, a scalar product, or a field of type
    σ = υ ⊗ τ* that acts as a matrix τ → υ. V contracts with V*, and with itself where the group keeps a form (O(p, q),
    Sp(2n)). Every field of the output gets `pairs` pairs of fields from each path, drawn once from `seed`. The cost
    grows with the number of channels, not with its square; linear layers before and behind mix the channels and
    permute the factors. Quadratic and exactly equivariant for every matrix group; some outputs of compact groups (the
    cross product) need `TensorProduct`, which knows all quadratic maps.

    Args:
        in_rep: type of the input.
        out_rep: type of the output, by default that of the input.
        pairs: pairs of fields for every path and every field of the output.
        seed: of the choice of the pairs; not of the weights.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        KernelError: no contraction reaches the output; pairs below 1.

    Source: follows the idea of the bilinear layer of M. Finzi, M. Welling, A. G. Wilson, A practical method for
    constructing equivariant multilayer perceptrons for arbitrary matrix groups, ICML 2021.
    """

    def __init__(
        self,
        in_rep: Representation,
        out_rep: Representation | None = None,
        *,
        pairs: int = 2,
        seed: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_rep, in_rep if out_rep is None else out_rep)
        if pairs < 1:
            raise KernelError(f"expected at least one pair of fields for every path, got {pairs}")
        self.pairs, self.seed = pairs, seed
        if not self.paths:
            raise KernelError(
                f"no contraction of two fields of {self.in_rep} gives one of {self.out_rep}; tensors of the group "
                "(reps.tensor) in the input contract, and nn.TensorProduct knows all quadratic maps of compact groups"
            )
        sizes = [kinds(self.out_rep)[path.out].copies * pairs for path in self.paths]
        self.weight = torch.nn.Parameter(torch.empty(sum(sizes), device=device, dtype=dtype))
        self.derive(device, dtype)
        self.reset_parameters()

    @property
    def paths(self) -> tuple[Path, ...]:
        """All pairs of kinds of fields that a contraction takes to a kind of the output."""
        return contractions(self.in_rep, self.out_rep)

    def constants(self) -> dict[str, np.ndarray]:
        metrics = ((f"metric_{p}", path.rule.metric) for p, path in enumerate(self.paths))
        return {name: metric for name, metric in metrics if metric is not None}

    def derive(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().derive(device, dtype)
        random, inner, outer = np.random.default_rng(self.seed), kinds(self.in_rep), kinds(self.out_rep)
        for p, path in enumerate(self.paths):
            number = outer[path.out].copies * self.pairs
            for name, kind in (("left", path.left), ("right", path.right)):
                index = torch.from_numpy(_spread(random, inner[kind].copies, number))
                self.register_buffer(f"{name}_{p}", index.to(self.weight.device), persistent=False)
        self._plan = tuple(_recipe(path) for path in self.paths)
        self._sizes = tuple(outer[path.out].copies * self.pairs for path in self.paths)
        self._inner = tuple(kind.terms for kind in inner)
        self._outer = tuple((kind.copies, kind.rep.dim, kind.terms) for kind in outer)

    @torch.no_grad()
    def reset_parameters(self, gain: float = 1.0) -> None:
        """Gaussian weights: white input of unit variance gives output of variance gain² where a path leads."""
        if self.weight.is_meta:
            return
        paths = self.paths
        fans = {path.out: self.pairs * sum(path.out == other.out for other in paths) for path in paths}
        for part, path in zip(self.weight.split(self._sizes), paths, strict=True):
            part.normal_(0.0, gain / np.sqrt(fans[path.out] * path.rule.size))

    def compute(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, in_rep.dim, …) -> (batch, out_rep.dim, …); inside, the points are the last axis, side by side."""
        channels = x.movedim(1, 0)
        parts = self._gathered(channels.flatten(1))
        sums: list[torch.Tensor | None] = [None] * len(self._outer)
        for p, weight in enumerate(self.weight.split(self._sizes)):
            k, product = self._plan[p][2], self._product(p, parts, weight)
            previous = sums[k]
            sums[k] = product if previous is None else previous + product
        return self._arranged(sums, x).unflatten(1, channels.shape[1:]).movedim(0, 1)

    def _gathered(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The fields of every kind, (copies, dim, points)."""
        terms = [
            part.unflatten(0, (m, term.dim))
            for part, (m, term) in zip(
                x.split([m * term.dim for m, term in self.in_rep.terms]), self.in_rep.terms, strict=True
            )
        ]
        return [_cat([terms[i] for i in index]).contiguous() for index in self._inner]

    def _product(self, p: int, parts: list[torch.Tensor], weight: torch.Tensor) -> torch.Tensor:
        """Σ_r w_{kr} ⟨x_i, x_j⟩ of one path: (copies of υ, dim υ, points)."""
        i, j, _, left, right, free, order = self._plan[p]
        a, b = _turned(parts[i], *left), _turned(parts[j], *right)
        metric = getattr(self, f"metric_{p}", None)
        a = a if metric is None else torch.einsum("dc,mfcx->mfdx", metric, a)
        a, b = a.index_select(0, getattr(self, f"left_{p}")), b.index_select(0, getattr(self, f"right_{p}"))
        products = a[:, :, None] * b[:, None]
        products = products.squeeze(3) if products.shape[3] == 1 else products.sum(3)
        y = weight.view(-1, 1, self.pairs) @ products.view(-1, self.pairs, products[0].numel())
        y = y.view(len(y), *free, products.shape[-1])
        return y.permute(0, *(1 + k for k in order), len(free) + 1).reshape(len(y), -1, y.shape[-1])

    def _arranged(self, sums: list[torch.Tensor | None], x: torch.Tensor) -> torch.Tensor:
        """The kinds of the output in the order of its terms, zeros where no path leads: (channels, points)."""
        found: dict[int, torch.Tensor] = {}
        points = x.numel() // x.shape[1]
        for y, (copies, dim, terms) in zip(sums, self._outer, strict=True):
            full = x.new_zeros(copies, dim, points) if y is None else y
            found |= dict(zip(terms, full.split([self.out_rep.terms[t][0] for t in terms]), strict=True))
        return torch.cat([found[t].flatten(0, 1) for t in range(len(found))])

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {len(self._plan)} paths, {self.pairs} pairs each"


def _recipe(path: Path) -> tuple:
    """A path in plain numbers, which torch.compile reads: the kinds, how to turn σ and τ, the free shape, its order."""
    rule, (first, second) = path.rule, path.rule.free
    left, right = (tuple(f.dim for f in side) for side in (rule.left, rule.right))
    sides = (
        _turn(left, first, tuple(i for i, _ in rule.pairs)),
        _turn(right, second, tuple(j for _, j in rule.pairs)),
    )
    free = (*(left[i] for i in first), *(right[j] for j in second))
    return (path.left, path.right, path.out, *sides, free, rule.order)


def _turn(shape: tuple[int, ...], free: tuple[int, ...], gone: tuple[int, ...]) -> tuple:
    """The shape of the factors, their order with the contracted ones last, and how many components are free."""
    return shape, (0, *(1 + k for k in free + gone), len(shape) + 1), prod(shape[k] for k in free)


def _turned(x: torch.Tensor, shape: tuple[int, ...], order: tuple[int, ...], free: int) -> torch.Tensor:
    """(copies, dim, points) -> (copies, free, contracted, points)."""
    copies, dim, points = x.shape
    return x.reshape(copies, *shape, points).permute(order).reshape(copies, free, dim // free, points)


def _cat(parts: list[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _spread(random: np.random.Generator, number: int, length: int) -> np.ndarray:
    """A sequence of 0 … number - 1 in random order, every one as often as any other up to one."""
    rounds = [random.permutation(number) for _ in range(-(-length // number))]
    return np.concatenate(rounds)[:length].astype(np.int64)
