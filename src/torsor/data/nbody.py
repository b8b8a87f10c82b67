"""Bodies in R³ that attract or repel one another: trajectories by leapfrog steps in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from torsor.errors import DataError

LAWS = ("gravity", "charge")


@dataclass(frozen=True)
class Trajectories:
    """Motions of systems of bodies.

    Attributes:
        positions: (systems, times, bodies, 3).
        velocities: (systems, times, bodies, 3).
        strengths: masses (gravity) or charges of ±1 (charge), (systems, bodies); charged bodies have mass 1.
        law: "gravity" or "charge".
        softening: ε in the potential.
    """

    positions: torch.Tensor
    velocities: torch.Tensor
    strengths: torch.Tensor
    law: str
    softening: float

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def masses(self) -> torch.Tensor:
        """(systems, bodies)."""
        return self.strengths if self.law == "gravity" else torch.ones_like(self.strengths)

    def energy(self) -> torch.Tensor:
        """Σ m |v|²/2 ∓ Σ_{i<j} s_i s_j / √(|x_i - x_j|² + ε²), - of gravity: (systems, times)."""
        kinetic = (self.masses[:, None] * self.velocities.square().sum(-1)).sum(-1) / 2
        apart = self.positions[..., :, None, :] - self.positions[..., None, :, :]
        products = self.strengths[:, None, :, None] * self.strengths[:, None, None, :]
        pairs = products / (apart.square().sum(-1) + self.softening**2).sqrt()
        potential = pairs.triu(1).sum((-2, -1))
        return kinetic - potential if self.law == "gravity" else kinetic + potential


def nbody(
    number: int,
    bodies: int = 5,
    *,
    law: str = "gravity",
    times: int = 2,
    interval: float = 1.0,
    steps: int = 100,
    softening: float = 0.2,
    seed: int = 0,
) -> Trajectories:
    """Systems of bodies, with normal positions and velocities of mean zero, followed through time.

    m_i ẍ_i = ± Σ_j s_i s_j (x_j - x_i) / (|x_j - x_i|² + ε²)^{3/2}, + for gravity, where s = m is uniform in [½, 1½);
    - for charges, where s = ±1 and m = 1. Positions have deviation 1, velocities ½; the centre of mass rests at the
    origin. Time and length have no units: G = 1, and so is
    Coulomb's constant.

    Args:
        number: of systems.
        bodies: of each.
        law: "gravity" or "charge".
        times: states that are kept, the first one included.
        interval: time from one to the next.
        steps: leapfrog steps in an interval; the error falls with their square.
        softening: ε, which keeps close encounters resolved.
        seed: of the initial states.

    Raises:
        DataError: an unknown law, or numbers that are not positive.
    """
    if law not in LAWS:
        raise DataError(f"expected a law among {', '.join(LAWS)}, got {law!r}")
    if min(number, bodies, times, steps) < 1 or softening <= 0 or interval <= 0:
        raise DataError(
            "expected at least one system, body, time and step, and a positive interval and softening, got "
            f"{number}, {bodies}, {times}, {steps}, {interval}, {softening}"
        )
    generator = torch.Generator().manual_seed(seed)
    options = {"dtype": torch.float64, "generator": generator}
    x, v = torch.randn(number, bodies, 3, **options), torch.randn(number, bodies, 3, **options) / 2
    draws = torch.rand(number, bodies, **options)
    strengths = draws + 0.5 if law == "gravity" else 2 * (draws < 0.5).to(x) - 1
    masses = strengths if law == "gravity" else torch.ones_like(strengths)
    x, v = (_centred(y, masses) for y in (x, v))
    states = [(x, v)]
    pull = accelerations(strengths, masses, law, softening)
    for _ in range(times - 1):
        states.append(leapfrog(*states[-1], pull, interval / steps, steps))
    positions, velocities = (torch.stack(part, 1) for part in zip(*states, strict=True))
    return Trajectories(positions, velocities, strengths, law, softening)


def accelerations(
    strengths: torch.Tensor, masses: torch.Tensor, law: str, softening: float
) -> Callable[[torch.Tensor], torch.Tensor]:
    """x ↦ ẍ of `nbody`: (..., bodies, 3) -> (..., bodies, 3)."""
    sign = 1.0 if law == "gravity" else -1.0

    def field(x: torch.Tensor) -> torch.Tensor:
        apart = x[..., None, :, :] - x[..., :, None, :]
        weights = strengths[..., None, :] * (apart.square().sum(-1) + softening**2) ** -1.5
        return sign * (strengths / masses)[..., None] * (weights[..., None] * apart).sum(-2)

    return field


def leapfrog(
    x: torch.Tensor, v: torch.Tensor, acceleration: Callable[[torch.Tensor], torch.Tensor], step: float, number: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """`number` steps of kick, drift, kick: second order, reversible, symplectic, equivariant to rounding.

    v ← v + a(x) h/2;  x ← x + v h;  v ← v + a(x) h/2.
    """
    a = acceleration(x)
    for _ in range(number):
        v = v + step / 2 * a
        x = x + step * v
        a = acceleration(x)
        v = v + step / 2 * a
    return x, v


def _centred(x: torch.Tensor, masses: torch.Tensor) -> torch.Tensor:
    weights = (masses / masses.sum(-1, keepdim=True))[..., None]
    return x - (weights * x).sum(-2, keepdim=True)
