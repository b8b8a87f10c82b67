"""What the taxonomy reports: a row with the certificates of its networks and the time that they took."""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict, dataclass
from typing import Any

from torsor.errors import BottleneckWarning
from torsor.kernels import PseudoRiemannian, Scaled, SteerableKernel
from torsor.taxonomy.certificate import Certificate, Probe, certify
from torsor.taxonomy.clouds import Clouds
from torsor.taxonomy.grids import grid
from torsor.taxonomy.lorentz import Spacetime
from torsor.taxonomy.maps import Kernels, Vectors
from torsor.taxonomy.row import Row
from torsor.taxonomy.scale import scale_probe


@dataclass(frozen=True)
class Measured:
    """A row of the taxonomy, measured.

    Attributes:
        row: what was measured.
        certificates: one for each of its networks.
        seconds: for all of them, building included.
    """

    row: Row
    certificates: tuple[Certificate, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every certificate is."""
        return all(certificate.ok for certificate in self.certificates)

    @property
    def worst(self) -> Certificate:
        """The certificate that is closest to its budget, or furthest beyond; NaN comes first."""
        return max(self.certificates, key=lambda c: c.error / c.budget if c.error == c.error else float("inf"))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON; error and budget are those of the `worst` certificate."""
        row = self.row
        return {
            "id": row.id,
            "ok": self.ok,
            "error": _number(self.worst.error),
            "budget": self.worst.budget,
            "seconds": round(self.seconds, 3),
            "name": row.name,
            "space": row.space,
            "group": row.group,
            "representation": row.representation,
            "networks": [_numbers({**asdict(c), "ok": c.ok}) for c in self.certificates],
        }


def measure(row: Row, seed: int = 0) -> Measured:
    """Build the networks of a row and measure their certificates."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BottleneckWarning)  # it is the reader of the row whom it informs
        certificates = tuple(_certificate(built, row.budget, seed) for built in row.networks(seed))
    return Measured(row, certificates, time.perf_counter() - start)


def _certificate(built: Any, budget: float | None, seed: int) -> Certificate:
    return built.certificate() if hasattr(built, "certificate") else certify(built, probe_of(built), budget, seed)


def probe_of(net: Any) -> Probe:
    """The probe of a network, by its kernels: on points, grids, spacetime, scales; on vectors if it has none."""
    kernels = [module for module in net.modules() if isinstance(module, SteerableKernel)]
    if net in kernels:
        return Kernels(net)
    if any(getattr(kernel.spec, "radius", None) for kernel in kernels):
        return Clouds(net)
    if any(isinstance(kernel.spec, PseudoRiemannian) for kernel in kernels):
        return Spacetime(net)
    if any(isinstance(kernel.spec, Scaled) for kernel in kernels):
        return scale_probe(net)
    return grid(net) if kernels else Vectors(net)


def _numbers(data: dict[str, Any]) -> dict[str, Any]:
    return {key: _number(value) for key, value in data.items()}


def _number(value: Any) -> Any:
    """JSON has no NaN and no infinity: None stands for both."""
    if isinstance(value, (list, tuple)):
        return [_number(v) for v in value]
    finite = not isinstance(value, float) or abs(value) < float("inf")
    return value if finite else None
