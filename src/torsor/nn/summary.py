"""What a network is: types, sizes, receptive field, parameters, and the input sizes at which it is exact."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch

from torsor.errors import FieldTypeError
from torsor.fibre import Layer
from torsor.nn.conv import ConvTranspose
from torsor.nn.grid import GridLayer
from torsor.nn.pool import AdaptiveAvgPool, AntialiasedPool
from torsor.nn.resample import Upsample

TAPS = {"nearest": 1, "linear": 2, "cubic": 4}
"""Pixels of the coarse grid that an up-sampled pixel mixes, along one axis."""


@dataclass(frozen=True)
class Row:
    """One layer: name, kind, types, output shape, parameters, and receptive field up to here in pixels of the input."""

    name: str
    kind: str
    in_type: str
    out_type: str
    shape: tuple[int, ...]
    parameters: int
    receptive_field: tuple[float, ...]
    exact: bool


@dataclass(frozen=True)
class Summary:
    """A table of the layers, which prints as text.

    Attributes:
        rows: the layers, in the order in which they ran.
        parameters: of the whole network.
        exact_sizes: the input sizes up to the given one plus 16 at which every stride and pooling samples
            symmetrically.
    """

    rows: tuple[Row, ...]
    parameters: int
    exact_sizes: tuple[int, ...]

    def __str__(self) -> str:
        head = ("layer", "kind", "input", "output", "shape", "parameters", "receptive field", "exact")
        table = [head] + [
            (
                row.name,
                row.kind,
                row.in_type,
                row.out_type,
                "×".join(map(str, row.shape)),
                f"{row.parameters:,}",
                "×".join(f"{r:g}" for r in row.receptive_field),
                "yes" if row.exact else "NO",
            )
            for row in self.rows
        ]
        widths = [max(len(line[k]) for line in table) for k in range(len(head))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in table]
        lines.insert(1, "  ".join("-" * w for w in widths))
        lines.append(
            f"{self.parameters:,} parameters; strides are symmetric at input sizes {_ranges(self.exact_sizes)}"
        )
        return "\n".join(lines)


def summary(module: torch.nn.Module, sizes: int | Sequence[int]) -> Summary:
    """Run a network once on zeros and tabulate its layers.

    Args:
        module: any module with an `in_rep`, made of torsor's layers (and others, which are listed without types).
        sizes: of the input grid, one number or one an axis.

    Raises:
        FieldTypeError: the module has no `in_rep`.
    """
    if not hasattr(module, "in_rep"):
        raise FieldTypeError(f"expected a module with an in_rep, got {type(module).__name__}")
    d = int(module.in_rep.group.dim)  # type: ignore[union-attr,arg-type]
    sizes = (sizes,) * d if isinstance(sizes, int) else tuple(sizes)
    rows = _run(module, sizes)
    exact = tuple(n for n in range(1, max(sizes) + 17) if _exact(module, (n,) * d))
    return Summary(tuple(rows), sum(p.numel() for p in module.parameters()), exact)


def _leaves(module: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    """The layers with all that is in them, other typed modules without typed parts, plain modules without children."""
    found = []
    for name, child in module.named_modules():
        owned = any(name.startswith(f"{other}." if other else "") for other, _ in found)
        if not owned and (isinstance(child, Layer) or _is_whole(child)):
            found.append((name, child))
    return found


def _is_whole(module: torch.nn.Module) -> bool:
    """Whether a module that is no `Layer` is one row: a typed one without typed parts, a plain one without parts."""
    typed = hasattr(module, "out_rep") and any(hasattr(module, a) for a in ("in_rep", "in_reps"))
    if not typed:
        return not list(module.children())
    return not any(hasattr(part, "out_rep") for part in module.modules() if part is not module)


def _probe(module: torch.nn.Module) -> torch.nn.Module:
    """A copy without parameters' values, on the meta device: shapes only."""
    return deepcopy(module).to("meta").eval()


def _run(module: torch.nn.Module, sizes: tuple[int, ...]) -> list[Row]:
    probe, rows = _probe(module), []
    field, jump = [1.0] * len(sizes), [1.0] * len(sizes)

    def hook(name: str) -> Callable[..., None]:
        def record(layer: torch.nn.Module, inputs: tuple, output: torch.Tensor) -> None:
            _grow(layer, inputs[0], field, jump)
            into, out = (str(getattr(getattr(layer, r, None), "name", "")) for r in ("in_rep", "out_rep"))
            grid = isinstance(layer, GridLayer) and isinstance(inputs[0], torch.Tensor)
            exact = not grid or layer.is_exact(inputs[0].shape[2:])  # type: ignore[union-attr]
            number = sum(p.numel() for p in layer.parameters())
            shape = tuple(output.shape[1:])
            rows.append(Row(name or "net", type(layer).__name__, into, out, shape, number, tuple(field), exact))

        return record

    for name, layer in _leaves(probe):
        layer.register_forward_hook(hook(name))
    _forward(probe, sizes)
    return rows


def _forward(probe: torch.nn.Module, sizes: tuple[int, ...]) -> torch.Tensor:
    rep = probe.in_rep
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        dtype = next((p.dtype for p in probe.parameters()), torch.get_default_dtype())
        return probe(torch.zeros(2, rep.dim, *sizes, device="meta", dtype=dtype))  # type: ignore[union-attr]


def _grow(layer: torch.nn.Module, x: Any, field: list[float], jump: list[float]) -> None:
    """The receptive field and the distance of pixels after a layer, both in pixels of the input."""
    if isinstance(layer, (ConvTranspose, Upsample)):
        transposed = isinstance(layer, ConvTranspose)
        kernel = layer.kernel.sizes if transposed else tuple(TAPS[layer.mode] * f for f in layer.factor)
        for axis, (k, f) in enumerate(zip(kernel, layer.factor, strict=True)):
            jump[axis] /= f
            field[axis] += (k - 1) * jump[axis]
    elif isinstance(layer, AdaptiveAvgPool):
        for axis, (n, parts) in enumerate(zip(x.shape[2:], layer.output_size, strict=True)):
            window = max(-(-(i + 1) * n // parts) - i * n // parts for i in range(parts))
            field[axis] += (window - 1) * jump[axis]
            jump[axis] *= n / parts
    elif isinstance(layer, GridLayer):
        kernel, _, dilation = layer.window()
        if isinstance(layer, AntialiasedPool) and layer.mode == "max":
            kernel = tuple(k + 2 for k in kernel)
        for axis, (k, e, s) in enumerate(zip(kernel, dilation, layer.stride, strict=True)):
            field[axis] += e * (k - 1) * jump[axis]
            jump[axis] *= s


def _exact(module: torch.nn.Module, sizes: tuple[int, ...]) -> bool:
    """Whether the network runs at these sizes and no stride breaks the symmetry."""
    try:
        return all(row.exact for row in _run(module, sizes))
    except (FieldTypeError, RuntimeError):
        return False


def _ranges(numbers: tuple[int, ...]) -> str:
    """5, 7, 9, … if the differences repeat, else the numbers."""
    if not numbers:
        return "none up to the given one"
    steps = {b - a for a, b in zip(numbers, numbers[1:], strict=False)}
    if len(steps) == 1:
        return f"{numbers[0]}, {numbers[0] + steps.pop()}, …"
    return ", ".join(map(str, numbers))
