"""Feature fields: a tensor, its type, and the space on which it lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree

from torsor.errors import FieldTypeError
from torsor.groups import Group
from torsor.reps import Representation, direct_sum
from torsor.spaces import Atlas, Batch, Grid, LatLon, Manifold, Motion, Points
from torsor.spaces.harmonic_rotation import rotated
from torsor.symbolic import Symbolic

SPACES = (Grid, Points, Manifold, Atlas, Symbolic)


@dataclass(frozen=True, eq=False, repr=False)
class Field:
    """A feature field of type ρ on a space.

    Attributes:
        tensor: (batch, rep.dim, *space) on grids, (points, rep.dim) on points.
        rep: the type ρ.
        space: by default the grid of R^d with spacing 1.

    Raises:
        FieldTypeError: the number of channels is not the dimension of the type.
    """

    tensor: torch.Tensor
    rep: Representation
    space: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.rep, Representation):
            raise FieldTypeError(f"expected Field(tensor, type, space), got {self.rep!r} as the type")
        self.rep.settle()
        if self.space is None:
            object.__setattr__(self, "space", Grid(self.rep.group.dim))
        if not isinstance(self.space, SPACES) and not hasattr(self.space, "neighbours"):
            raise FieldTypeError(f"expected a space of torsor.spaces, or one with neighbours(), got {self.space!r}")
        if not isinstance(self.tensor, torch.Tensor):
            raise FieldTypeError(f"expected a tensor of coefficients, got {type(self.tensor).__name__}")
        if self.tensor.ndim < 2 or self.tensor.shape[1] != self.rep.dim:
            raise FieldTypeError(
                f"a field of type {self.rep} has {self.rep.dim} channels in axis 1, "
                f"got shape {tuple(self.tensor.shape)}"
            )
        points = getattr(self.space, "positions", None)
        if isinstance(points, torch.Tensor) and len(points) != len(self.tensor):
            raise FieldTypeError(
                f"a field on {len(points)} points has as many rows, got shape {tuple(self.tensor.shape)}"
            )
        if isinstance(self.space, Manifold | Atlas):
            self._check_structure()
        if isinstance(self.space, LatLon):
            self._check_latitudes()

    def _check_latitudes(self) -> None:
        rows, columns = self.space.shape
        if tuple(self.tensor.shape[2:]) != (rows, columns) or self.rep.group.dim != 2:
            raise FieldTypeError(
                f"a field on {self.space!r} is a tensor (batch, {self.rep.dim}, {rows}, {columns}) of a group of the "
                f"tangent plane, such as SO(2); got {self.rep}, shape {tuple(self.tensor.shape)}"
            )

    def _check_structure(self) -> None:
        if not self.tensor.is_floating_point():
            raise FieldTypeError(f"a field on {self.space!r} has real coefficients, got {self.tensor.dtype}")
        points = isinstance(self.space, Manifold)
        if self.tensor.ndim != 2 if points else tuple(self.tensor.shape[2:]) != self.space.shape:
            axes = f"({len(self.space)}, {self.rep.dim})" if points else f"(batch, {self.rep.dim}, *{self.space.shape})"
            raise FieldTypeError(f"a field on {self.space!r} has the shape {axes}, got {tuple(self.tensor.shape)}")
        if self.space.group != self.rep.group and not self.space.group <= self.rep.group:
            raise FieldTypeError(
                f"a field of type {self.rep} needs a space whose structure group is {self.rep.group} or a subgroup, "
                f"got {self.space!r}; field.restrict(…) and nn.Restrict make the structure group smaller"
            )

    def __repr__(self) -> str:
        if not isinstance(self.tensor, torch.Tensor):  # among the leaves of a pytree
            return f"Field({self.tensor!r}, {self.rep}, {self.space!r})"
        kind = str(self.tensor.dtype).removeprefix("torch.")
        return f"Field({kind} {tuple(self.tensor.shape)}, {self.rep}, {self.space!r})"

    def split(self, *types: Representation) -> tuple[Field, ...]:
        """The summands of a field whose type is the sum of these types, in their order; `nn.Concatenate` joins them.

        Raises:
            FieldTypeError: the types do not sum to that of the field.
        """
        if not types or not all(isinstance(rep, Representation) for rep in types):
            raise FieldTypeError(f"expected the types of the summands, field.split(8 * scalar, vector), got {types}")
        if not self.rep.coincides(direct_sum([(1, rep) for rep in types])):
            raise FieldTypeError(f"expected types that sum to {self.rep}, got {' + '.join(map(str, types))}")
        parts = self.tensor.split([rep.dim for rep in types], dim=1)
        return tuple(Field(part, rep, self.space) for part, rep in zip(parts, types, strict=True))

    @staticmethod
    def batched(fields: Sequence[Field]) -> Field:
        """Fields of one type as one, for instance as the ``collate_fn`` of a data loader; `unbatched` is the inverse.

        On points and manifolds every field brings a space of its own, of which the batch is made; on grids and atlases
        all live on the same, and the tensors are put one after another along the batch axis.

        Raises:
            FieldTypeError: no field, several types, or several grids.
            SpaceError: spaces of several kinds.
        """
        fields = list(fields)
        if not fields or not all(isinstance(field, Field) for field in fields):
            raise FieldTypeError(f"expected one field or more to batch, got {[type(x).__name__ for x in fields]}")
        first = fields[0]
        for field in fields[1:]:
            if not first.rep.coincides(field.rep):
                raise FieldTypeError(f"expected fields of one type to batch, got {first.rep} and {field.rep}")
        spaces: list[Any] = [field.space for field in fields]
        if isinstance(first.space, Manifold):
            space: Any = Batch(spaces)
        elif isinstance(first.space, Points):
            space = Points.batched(spaces)
        else:
            space = common_space(fields)
            shapes = {tuple(field.tensor.shape[1:]) for field in fields}
            if len(shapes) > 1:
                raise FieldTypeError(f"expected fields of one shape on {space!r} to batch, got {sorted(shapes)}")
        return Field(torch.cat([field.tensor for field in fields]), first.rep, space)

    def unbatched(self) -> tuple[Field, ...]:
        """One field for every element of the batch; on grids and atlases they keep a batch axis of length 1."""
        space = self.space
        if isinstance(space, Points):
            parts = [space.positions[space.index == i] for i in range(space.elements)]
            sizes, spaces = [len(part) for part in parts], [Points(part) for part in parts]
        elif isinstance(space, Manifold):
            spaces = list(space.parts) if isinstance(space, Batch) else [space]
            sizes = [len(part) for part in spaces]
        else:
            sizes, spaces = [1] * len(self.tensor), [space] * len(self.tensor)
        parts = self.tensor.split(sizes)
        return tuple(Field(part, self.rep, place) for part, place in zip(parts, spaces, strict=True))

    def __add__(self, other: Field) -> Field:
        """The sum of two fields of one type on one space.

        Raises:
            FieldTypeError: two types, or two spaces.
        """
        if not isinstance(other, Field):
            return NotImplemented
        if not self.rep.coincides(other.rep):
            raise FieldTypeError(f"expected two fields of one type to add, got {self.rep} and {other.rep}")
        space = common_space([self, other])
        return Field(self.tensor + other.tensor, self.rep, space)

    def require(self, layer: Any) -> None:
        """Raise unless the field has the type that a layer expects.

        Raises:
            FieldTypeError: expected and received types.
        """
        if not self.rep.coincides(layer.in_rep):
            raise FieldTypeError(f"{type(layer).__name__} expects fields of type {layer.in_rep}, got {self.rep}")

    def to(self, device: torch.device | str | torch.dtype | None = None, dtype: torch.dtype | None = None) -> Field:
        """The field on a device, in a floating dtype, its points too; ``field.to(torch.float64)`` works as well."""
        if isinstance(device, torch.dtype):
            device, dtype = None, device
        space = self.space if isinstance(self.space, Symbolic) else self.space.to(device, dtype)
        return Field(self.tensor.to(device, dtype), self.rep, space)

    def through(self, layer: Any) -> Field:
        """The field that a layer makes of this one; layers call it when they are given a field.

        Layers that look at the geometry have a method `on_field`; others act on the tensor.

        Raises:
            FieldTypeError: the layer expects another type.
        """
        self.require(layer)
        if hasattr(layer, "on_field"):
            return layer.on_field(self)
        return Field(layer(self.tensor), layer.out_rep, layer.space_out(self.space))

    def transform(self, g: Any, mode: str = "bilinear") -> Field:
        """(g f)(p) = ρ(g) f(g⁻¹p): the field moved by an element g (d, d) of its group.

        On grids it turns about the centre: elements that permute the axes up to signs act exactly, others interpolate.
        On points the points themselves move, x ↦ g x. On a manifold or an atlas g is an isometry of the space
        that maps its points onto each other, or the `Motion` that its ``act`` makes of it: (φ f)(p) = ρ(g_p) f(φ⁻¹ p).
        On a grid of latitudes and longitudes it is any rotation (3, 3), of fields of O(2) a reflection too:
        band-limited fields turn exactly, higher degrees than ``space.lmax`` are lost.
        """
        if isinstance(self.space, LatLon):
            return Field(rotated(self.tensor, self.rep, self.space, g), self.rep, self.space)
        if isinstance(self.space, Manifold | Atlas):
            motion = g if isinstance(g, Motion) else self.space.act(g)
            return Field(self.space.move(self.tensor, self.rep, motion), self.rep, self.space)
        if not isinstance(self.space, Grid | Points):
            raise FieldTypeError(
                f"expected a field on a grid, points, a sphere, a manifold or an atlas, got one on {self.space!r}"
            )
        action, matrix = self.rep.group.action(g), self.rep.rho(g.double()).to(self.tensor)
        if isinstance(self.space, Grid):
            moved, space = self.space.move(self.tensor, action, mode), self.space
        else:
            moved, space = self.tensor, self.space.moved(action)
        return Field(torch.einsum("ij,bj...->bi...", matrix, moved), self.rep, space)

    def restrict(self, group: Group, frames: torch.Tensor | None = None) -> Field:
        """The same field for a subgroup: its type restricted, on the space with that structure group.

        Where the space chooses other frames for the subgroup, coefficients are those in the new frames.

        Args:
            group: the subgroup.
            frames: of a manifold, the frames to take, see `Manifold.restrict`.

        Raises:
            SpaceError: the topology of the space does not allow the subgroup, or frames that are not related.
            FieldTypeError: frames for a space that has none.
        """
        rep = self.rep.restrict(group)
        if frames is not None and not isinstance(self.space, Manifold):
            raise FieldTypeError(f"expected a manifold for other frames, such as spaces.Mesh, got {self.space!r}")
        if not isinstance(self.space, Manifold | Atlas):
            return Field(self.tensor, rep, self.space)
        if frames is not None and isinstance(self.space, Manifold):
            space: Any = self.space.restrict(group, frames)
        else:
            space = restricted(self.space, group)
        if isinstance(self.space, Atlas) or torch.equal(space.frames, self.space.frames):
            return Field(self.tensor, rep, space)
        g = torch.linalg.pinv(space.frames) @ self.space.frames
        motion = Motion(torch.arange(len(g), device=g.device), g)
        return Field(self.space.move(self.tensor, self.rep, motion), rep, space)

    def gauged(self, g: torch.Tensor) -> Field:
        """The same field in other frames: ρ(g_p) f(p) on the space whose frames are e_p g_p⁻¹, for g (n, d, d).

        On an atlas g is (charts, H, W, 2, 2).

        Raises:
            FieldTypeError: the space carries no frames that could change.
        """
        g = torch.as_tensor(g)
        if isinstance(self.space, Atlas):
            return Field(self.space.transform(self.tensor, self.rep, g), self.rep, self.space.regauge(g))
        if not isinstance(self.space, Manifold):
            raise FieldTypeError(
                f"expected a space with a frame at every point, such as spaces.Chart, got {self.space!r}"
            )
        space, matrices = self.space.regauge(g), self.rep.rho(g.double()).to(self.tensor)
        return Field(torch.einsum("nij,nj->ni", matrices, self.tensor), self.rep, space)


def restricted(space: Any, group: Group) -> Any:
    """The space with a smaller structure group, made once."""
    if space.group == group:
        return space
    key = "restricted", group
    if key not in space._cache:
        space._cache[key] = space.restrict(group)
    return space._cache[key]


def common_space(fields: Sequence[Field]) -> Any:
    """The space on which all fields live.

    Raises:
        FieldTypeError: there are several.
    """
    first = fields[0].space
    for field in fields[1:]:
        same = field.space == first if isinstance(first, Symbolic) else field.space is first
        same = same or (isinstance(first, Manifold) and first.same(field.space))
        if not same:
            raise FieldTypeError(
                f"expected fields on one space, got {first!r} and {field.space!r}; spaces that were made apart "
                "are two, however alike"
            )
    return first


def _flatten(field: Field) -> tuple[list[Any], tuple[Any, ...]]:
    """A symbolic space (a grid) belongs to the context, a space of tensors (points) to the leaves."""
    if isinstance(field.space, Symbolic):
        return [field.tensor], (field.rep, field.space)
    return [field.tensor, field.space], (field.rep,)


def _flatten_with_keys(field: Field) -> tuple[list[Any], tuple[Any, ...]]:
    children, context = _flatten(field)
    return [(_pytree.GetAttrKey(n), c) for n, c in zip(("tensor", "space"), children, strict=False)], context


def _unflatten(children: Any, context: tuple[Any, ...]) -> Field:
    """Without the checks: the leaves may be anything."""
    field, (tensor, *space) = object.__new__(Field), children
    context[0].settle()
    for name, value in zip(("tensor", "rep", "space"), (tensor, context[0], *(space or context[1:])), strict=True):
        object.__setattr__(field, name, value)
    return field


_pytree.register_pytree_node(
    Field,
    _flatten,
    _unflatten,
    serialized_type_name="torsor.Field",
    to_dumpable_context=lambda context: [part.to_dict() for part in context],
    from_dumpable_context=lambda data: tuple(Symbolic.from_dict(part) for part in data),
    flatten_with_keys_fn=_flatten_with_keys,
)
