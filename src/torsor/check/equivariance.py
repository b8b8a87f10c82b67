"""Does a module commute with its group? Any module, given the types of its input and output."""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import Any

import torch

from torsor.check.probe import PlaneWaves
from torsor.check.report import ElementError, EquivarianceReport, element_name, largest, relative
from torsor.errors import BottleneckWarning, ConfigError, FieldTypeError, SymmetryWarning, TorsorError, is_count
from torsor.fibre import freeze
from torsor.kernels import lattice_elements
from torsor.reps import Representation
from torsor.reps.partial import is_scale_group
from torsor.spaces import Grid, LatLon

SIZES = {1: (33, 32, 31, 30, 28, 40, 64), 2: (29, 28, 27, 26, 25, 32, 33, 40, 64), 3: (13, 12, 11, 10, 16, 17, 20)}
"""Input sizes that are tried, in this order, until no stride breaks the symmetry."""


def equivariance(
    module: torch.nn.Module,
    in_rep: Representation | None = None,
    out_rep: Representation | None = None,
    *,
    size: int | None = None,
    elements: torch.Tensor | None = None,
    samples: int = 16,
    batch: int = 4,
    gradients: bool = True,
    seed: int = 0,
) -> EquivarianceReport:
    """Measure ‖N(g f) - g N(f)‖ / ‖N(f)‖ of a module on grids, in evaluation mode, in float64 on the CPU.

    Elements that permute the axes up to signs act exactly on grids: the whole output, its gradient with respect to
    the input and to the parameters are compared, and only rounding is allowed. Under other elements a random
    band-limited field in closed form is sampled in both orientations, and the outputs are compared at the centre, so
    that neither side is interpolated: what remains is the discretisation error of the module. It is measured again on
    grids of spacing h/2 and h/4 where the module can be refined, and stands beside the same measure of a module of
    equal shapes whose weights are shuffled.

    Args:
        module: any module that maps (batch, in_rep.dim, *space) to (batch, out_rep.dim, *space) or to
            (batch, out_rep.dim).
        in_rep: type of the input; by default ``module.in_rep``.
        out_rep: type of the output; by default ``module.out_rep``.
        size: of the input grid; by default the first at which no stride breaks the symmetry.
        elements: group elements (n, d, d) to try, by default all of a small finite group, or random ones.
        samples: number of random elements.
        batch: number of random fields, at least 2.
        gradients: compare gradients too.
        seed: of the fields and elements.

    Raises:
        ConfigError: a batch of one.
        FieldTypeError: the types are not known or not of one group, the output has not the type's dimension, the
            group has scalings, or a layer lives on a sphere.
    """
    in_rep, out_rep = _types(module, in_rep, out_rep)
    if size is not None and not is_count(size):
        raise ConfigError(f"expected one size, of all sides of a square or cubic grid, got {size!r}")
    if batch < 2:
        raise ConfigError(f"errors are measured against the variation over inputs: expected a batch of 2, got {batch}")
    if is_scale_group(in_rep.group):
        raise FieldTypeError(
            f"{in_rep.group} moves fields out of any window of scales: networks over scales are certified by "
            "torsor.taxonomy.certify(net, torsor.taxonomy.scale_probe(net)), on the scales that the window determines"
        )
    if any(isinstance(getattr(part, "grid", None), LatLon) for part in module.modules()):
        raise FieldTypeError(
            f"{type(module).__name__} has layers on latitudes and longitudes, whose symmetries are rotations of the "
            "sphere: check.isometry(module, field, rotations)"
        )
    module = deepcopy(module).to("cpu").double().eval()
    size = _size(module, in_rep) if size is None else size
    generator = torch.Generator().manual_seed(seed)
    waves = PlaneWaves.random(in_rep, batch, size / 2, generator)
    exact, others = _elements(in_rep, elements, samples, generator)
    with torch.no_grad():
        reference = _checked(module(waves.sample(size)), out_rep)
        other = module(PlaneWaves.random(in_rep, batch, size / 2, generator).sample(size))
    return EquivarianceReport(
        module=type(module).__name__,
        group=str(in_rep.group),
        size=size,
        exact=tuple(_exact(module, in_rep, out_rep, size, g, gradients, seed) for g in exact),
        exact_float32=largest(
            [_exact(deepcopy(module).float(), in_rep, out_rep, size, g, False, seed).output for g in exact]
        ),
        sampled=tuple(_sampled(module, waves, out_rep, size, 1, others)),
        refinement=_refinement(module, waves, out_rep, size, others),
        unconstrained=largest([e.output for e in _sampled(_shuffled(module, seed), waves, out_rep, size, 1, others)]),
        output_norm=float(reference.square().mean().sqrt()),
        sensitivity=float((reference - other).norm() / reference.norm()) if float(reference.norm()) else 0.0,
    )


def _types(
    module: Any, in_rep: Representation | None, out_rep: Representation | None
) -> tuple[Representation, Representation]:
    in_rep = getattr(module, "in_rep", None) if in_rep is None else in_rep
    out_rep = getattr(module, "out_rep", None) if out_rep is None else out_rep
    if in_rep is None or out_rep is None:
        raise FieldTypeError(f"{type(module).__name__} does not say its types: give in_rep and out_rep")
    if in_rep.group != out_rep.group:
        raise FieldTypeError(
            f"expected two types of one group, got {in_rep} and {out_rep}; restrict() the larger group's type"
        )
    return in_rep, out_rep


def _size(module: torch.nn.Module, rep: Representation) -> int:
    d = rep.group.dim
    if d not in SIZES:
        raise FieldTypeError(f"grids have 1, 2 or 3 axes, {rep.group} acts on {d} dimensions")
    for size in SIZES[d]:
        if _accepts(module, (2, rep.dim, *[size] * d)):
            return size
    raise FieldTypeError(
        f"{type(module).__name__} accepts none of the sizes {SIZES[d]} of a grid: give the size of its input; "
        "networks on points are certified by torsor.taxonomy.certify, on manifolds by check.gauge and check.isometry"
    )


def _accepts(module: torch.nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether a module runs on an input of this shape without a stride that breaks the symmetry."""
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("error", SymmetryWarning)
            module(torch.zeros(shape, dtype=torch.float64))
    except (SymmetryWarning, TorsorError, RuntimeError):
        return False
    return True


def _elements(
    rep: Representation, elements: torch.Tensor | None, samples: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """(elements that act exactly on grids, others)."""
    group = rep.group
    if elements is None:
        small = group.is_finite and (group.order or 0) <= max(samples, 8)
        others = group.elements() if small else group.sample(samples, generator)
        exact = torch.tensor(lattice_elements(group))
    else:
        others = exact = elements.double()
    on_grid = _permutes_axes(group.action(others))
    exact = exact[_permutes_axes(group.action(exact))] if elements is not None else exact
    return exact, others[~on_grid]


def _permutes_axes(g: torch.Tensor) -> torch.Tensor:
    return ((g.abs() - g.abs().round()).abs() < 1e-9).all(-1).all(-1)


def _checked(y: torch.Tensor, rep: Representation) -> torch.Tensor:
    if y.ndim < 2 or y.shape[1] != rep.dim:
        raise FieldTypeError(f"expected an output with {rep.dim} channels, of type {rep}, got shape {tuple(y.shape)}")
    return y


def _act(x: torch.Tensor, rep: Representation, g: torch.Tensor, dual: bool = False) -> torch.Tensor:
    """(g x)(p) = ρ(g) x(g⁻¹p) for an exact element; ρ(g)⁻ᵀ for gradients. Axes that a module reduced to 1 stay."""
    matrix = rep.rho(g)
    matrix = (torch.linalg.inv(matrix).T if dual else matrix).to(x)
    moved = Grid(rep.group.dim).move(x, rep.group.action(g)) if x.ndim > 2 else x
    return torch.einsum("ij,bj...->bi...", matrix, moved)


def _exact(
    module: torch.nn.Module,
    in_rep: Representation,
    out_rep: Representation,
    size: int,
    g: torch.Tensor,
    gradients: bool,
    seed: int,
) -> ElementError:
    generator = torch.Generator().manual_seed(seed + 1)
    kind = next((p.dtype for p in module.parameters()), torch.float64)
    x = torch.randn(2, in_rep.dim, *[size] * in_rep.group.dim, dtype=torch.float64, generator=generator).to(kind)
    name = element_name(in_rep.group.action(g))
    if not gradients:
        with torch.no_grad():
            y, moved = module(x), module(_act(x, in_rep, g))
        return ElementError(g, name, relative(moved, _act(y, out_rep, g)))
    x.requires_grad_()
    y = module(x)
    weight = torch.randn(y.shape, dtype=torch.float64, generator=generator).to(y)
    x_moved = _act(x.detach(), in_rep, g).requires_grad_()
    y_moved = module(x_moved)
    here = _gradients(module, (y * weight).sum(), x)
    there = _gradients(module, (y_moved * _act(weight, out_rep, g, dual=True)).sum(), x_moved)
    output = relative(y_moved.detach(), _act(y.detach(), out_rep, g))
    into = relative(there[0], _act(here[0], in_rep, g, dual=True))
    return ElementError(g, name, output, into, relative(there[1], here[1]))


def _gradients(module: torch.nn.Module, loss: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    parameters = [p for p in module.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, [x, *parameters], allow_unused=True, materialize_grads=True)
    return found[0], torch.cat([torch.zeros(1, dtype=x.dtype), *(f.flatten() for f in found[1:])])


def _sampled(
    module: torch.nn.Module,
    waves: PlaneWaves,
    out_rep: Representation,
    size: int,
    factor: int,
    elements: torch.Tensor,
    radius: int | None = None,
) -> list[ElementError]:
    """Errors at the centre of the output, on a closed-form input sampled in both orientations, cropped to a radius."""
    if not len(elements):
        return []
    found = []
    with torch.no_grad():
        y = _centre(module(_cropped(waves.sample(size, factor), radius)))
        spread = float((y - y.mean(0)).norm())
        for g in elements:
            moved = _centre(module(_cropped(waves.sample(size, factor, g), radius)))
            error = float((moved - _act(y, out_rep, g)).norm())
            found.append(ElementError(g, element_name(out_rep.group.action(g)), error / spread if spread else error))
    return found


def _centre(y: torch.Tensor) -> torch.Tensor:
    """The value at the centre (the mean of the central pixels of even axes): (batch, channels)."""
    for axis in range(2, y.ndim):
        n = y.shape[axis]
        y = y.narrow(axis, (n - 1) // 2, 2 - n % 2)
    return y.flatten(2).mean(2) if y.ndim > 2 else y


def _refinement(
    module: Any, waves: PlaneWaves, out_rep: Representation, size: int, elements: torch.Tensor
) -> tuple[float, ...] | None:
    if not len(elements) or not hasattr(module, "refined"):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BottleneckWarning)  # it was given when the module was built
            modules = [(1, module), *((factor, module.refined(factor).double().eval()) for factor in (2, 4))]
    except TorsorError:
        return None
    few, errors = waves.first(2), []
    field = _receptive_radius(module, few.sample(size))
    for k, m in modules:
        crop = None if field is None or k == 1 else _accepted_radius(_unpadded(m), few.sample(size, k), k * field)
        at = m if crop is None else _unpadded(m)
        errors.append(largest([e.output for e in _sampled(at, few, out_rep, size, k, elements[:2], crop)]))
    return tuple(errors)


def _unpadded(module: torch.nn.Module) -> torch.nn.Module:
    """A copy whose layers do not pad: it gives the values that its input determines, and no others."""
    module = deepcopy(module)
    for layer in module.modules():
        if isinstance(padding := getattr(layer, "padding", None), tuple):
            layer.padding = tuple(0 * p for p in padding)  # type: ignore[assignment]
    return module


def _receptive_radius(module: torch.nn.Module, x: torch.Tensor) -> int | None:
    """The radius of the input that determines the output at the centre; None if it cannot be told, or is all of it."""
    bare = _unpadded(module)
    radius = _accepted_radius(bare, x, 0)
    if radius is None:
        return None
    with torch.no_grad():
        inner, full = _centre(bare(_cropped(x, radius))), _centre(module(x))
    agree = inner.shape == full.shape and float((inner - full).norm()) <= 1e-12 * float(full.norm())
    return radius if agree else None


def _accepted_radius(module: torch.nn.Module, x: torch.Tensor, least: int) -> int | None:
    """The smallest crop, from a least one on, that a module without padding accepts; None if it needs all of x."""
    for radius in range(least, (min(x.shape[2:]) - 1) // 2):
        if _accepts(module, tuple(_cropped(x, radius).shape)):
            return radius
    return None


def _cropped(x: torch.Tensor, radius: int | None) -> torch.Tensor:
    """The pixels up to a radius from the centre along every axis; all of them for None."""
    if radius is not None:
        for axis in range(2, x.ndim):
            n = x.shape[axis]
            x = x.narrow(axis, (n - 1) // 2 - radius, 2 * radius + 2 - n % 2)
    return x


def _shuffled(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """A frozen copy whose weights are permuted at random: equal shapes and sizes of weights, no constraint."""
    plain, generator = freeze(module), torch.Generator().manual_seed(seed + 2)
    with torch.no_grad():
        for p in plain.parameters():
            if p.ndim > 1:
                p.copy_(p.flatten()[torch.randperm(p.numel(), generator=generator)].view_as(p))
    return plain
