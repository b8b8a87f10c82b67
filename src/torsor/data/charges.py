"""Charges on worldlines of constant proper acceleration, and the field that they make: everything in closed form.

Units c = 1, Gaussian; η = diag(−1, 1, 1, 1); events are (t, x, y, z). Fields are bivectors F^{μν}, μ < ν in
lexicographic order: (F⁰¹, F⁰², F⁰³, F¹², F¹³, F²³) = (E₁, E₂, E₃, B₃, −B₂, B₁), the components of
``R.exterior(G.O(1, 3), 2)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torsor.errors import DataError

ETA = torch.tensor([-1.0, 1.0, 1.0, 1.0], dtype=torch.float64)
PAIRS = torch.triu_indices(4, 4, 1)


def minkowski(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """η(a, b) = −a⁰b⁰ + Σ aⁱbⁱ of events (..., 4)."""
    return (a * ETA.to(a) * b).sum(-1)


def wedge(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a ∧ b: (a ∧ b)^{μν} = a^μ b^ν − a^ν b^μ for μ < ν, (..., 4), (..., 4) -> (..., 6)."""
    i, j = PAIRS
    return a[..., i] * b[..., j] - a[..., j] * b[..., i]


@dataclass(frozen=True)
class Charges:
    """Point charges q on worldlines of constant proper acceleration α.

    z(τ) = z₀ + sinh(ατ)/α u₀ + (cosh(ατ) − 1)/α d, with z(0) = z₀, four-velocity u₀, four-acceleration α d at τ = 0;
    for α = 0 the straight line z₀ + τ u₀.

    Attributes:
        charge: q, (..., n): n charges in every one of the samples (...).
        event: z₀, (..., n, 4).
        velocity: u₀ with η(u₀, u₀) = −1, (..., n, 4).
        direction: d with η(d, d) = 1 and η(d, u₀) = 0, (..., n, 4).
        acceleration: α ≥ 0, (..., n).

    Raises:
        DataError: shapes that do not fit, or vectors that are not orthonormal.
    """

    charge: torch.Tensor
    event: torch.Tensor
    velocity: torch.Tensor
    direction: torch.Tensor
    acceleration: torch.Tensor

    def __post_init__(self) -> None:
        expected, vectors = tuple(self.charge.shape), (self.event, self.velocity, self.direction)
        if any(x.shape != (*expected, 4) for x in vectors) or self.acceleration.shape != expected:
            shapes = ", ".join(str(tuple(x.shape)) for x in (*vectors, self.acceleration))
            raise DataError(
                f"expected charge and acceleration {expected}, event, velocity and direction {(*expected, 4)}, "
                f"received {shapes}"
            )
        u, d = self.velocity, self.direction
        scale = 1 + u.abs().amax(-1) ** 2 + d.abs().amax(-1) ** 2
        wrong = (minkowski(u, u) + 1).abs() + (minkowski(d, d) - 1).abs() + minkowski(u, d).abs()
        if not bool((wrong <= 1e-9 * scale).all()):
            raise DataError(
                "expected four-velocities u and directions d with η(u, u) = −1, η(d, d) = 1, η(u, d) = 0; "
                "Charges.moving makes them from ordinary velocities"
            )

    @staticmethod
    def moving(
        charge: torch.Tensor,
        event: torch.Tensor,
        velocity: torch.Tensor,
        acceleration: torch.Tensor | None = None,
    ) -> Charges:
        """Charges from what an observer sees: at `event` the velocity v, |v| < 1, and the proper acceleration.

        Args:
            charge: (..., n).
            event: (..., n, 4).
            velocity: dx/dt, (..., n, 3).
            acceleration: in the rest frame that a boost along v reaches, (..., n, 3); by default none.

        Raises:
            DataError: a velocity that reaches that of light, or shapes that do not fit.
        """
        speed2 = velocity.square().sum(-1, keepdim=True)
        if not bool((speed2 < 1).all()):
            raise DataError(f"expected velocities below that of light, 1, received {float(speed2.max().sqrt()):.3g}")
        if velocity.shape != (*charge.shape, 3):
            raise DataError(f"expected velocities {(*charge.shape, 3)}, received {tuple(velocity.shape)}")
        push = torch.zeros_like(velocity) if acceleration is None else acceleration
        strength = push.norm(dim=-1, keepdim=True)
        unit = torch.where(strength > 0, push / strength.where(strength > 0, 1.0), _first_axis(velocity))
        gamma = (1 - speed2).rsqrt()
        u = torch.cat([gamma, gamma * velocity], -1)
        along = (gamma * velocity * unit).sum(-1, keepdim=True)
        d = torch.cat([along, unit + along / (1 + gamma) * gamma * velocity], -1)
        return Charges(charge, event, u, d, strength[..., 0])

    def transform(self, g: torch.Tensor, shift: torch.Tensor | None = None) -> Charges:
        """The Poincaré transformed worldlines g z(τ) + shift, for g in O(1, 3) (..., 4, 4): exact.

        Elements that reverse time turn retarded fields into advanced ones: F is evaluated on the light cone that the
        four-velocities point away from.
        """
        g = g.to(self.event).unsqueeze(-3)
        event, u, d = ((g @ x.unsqueeze(-1)).squeeze(-1) for x in (self.event, self.velocity, self.direction))
        event = event if shift is None else event + shift.to(event).unsqueeze(-2)
        charge, acceleration = (x.expand(event.shape[:-1]) for x in (self.charge, self.acceleration))
        return Charges(charge, event, u, d, acceleration)

    def at(self, tau: torch.Tensor) -> torch.Tensor:
        """The events z(τ) at proper times τ (..., n): (..., n, 4)."""
        alpha = self.acceleration
        small = alpha == 0
        safe = alpha.where(~small, 1.0)
        s = torch.where(small, tau, (alpha * tau).sinh() / safe)
        c = torch.where(small, 0.0, 2 * (alpha * tau / 2).sinh() ** 2 / safe)
        return self.event + s[..., None] * self.velocity + c[..., None] * self.direction

    def field(self, points: torch.Tensor) -> torch.Tensor:
        """F at events, summed over the charges: points (m, 4) or (..., m, 4) -> (..., m, 6).

        The field of an eternally accelerated charge ends at its horizon, where η(x − z₀, d − u₀) = −1/α; F = 0 beyond.

        Raises:
            DataError: an event on a worldline, where the field is infinite.
        """
        x = points.to(self.event).unsqueeze(-2) - self.event.unsqueeze(-3)
        found = self._fields(x).sum(-2)
        if not bool(torch.isfinite(found).all()):
            raise DataError("the field is infinite at the charges; expected events that lie on no worldline")
        return found

    def _fields(self, x: torch.Tensor) -> torch.Tensor:
        """The field of each charge at x = event − z₀, (..., m, n, 4) -> (..., m, n, 6).

        F = −q/ρ² X ∧ (a − (1 + η(a, X)) u/ρ) with ρ = η(u, X), where X = x − z, u and a are taken at the retarded time.
        """
        q, alpha = self.charge.unsqueeze(-2), self.acceleration.unsqueeze(-2)
        u0, d = self.velocity.unsqueeze(-3), self.direction.unsqueeze(-3)
        seen, s, c = retarded(x, u0, d, alpha)
        cosh, sinh = (1 + alpha * c)[..., None], (alpha * s)[..., None]
        null = x - s[..., None] * u0 - c[..., None] * d
        u, a = cosh * u0 + sinh * d, alpha[..., None] * (sinh * u0 + cosh * d)
        rho = minkowski(u, null)
        moved = a - ((1 + minkowski(a, null)) / rho)[..., None] * u
        return ((-q / rho**2)[..., None] * wedge(null, moved)).where(seen[..., None], 0.0)


def retarded(
    x: torch.Tensor, u: torch.Tensor, d: torch.Tensor, alpha: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Where the past light cone of x meets the worldline S u + C d, S = sinh(ατ)/α, C = (cosh(ατ) − 1)/α.

    With T = −η(x, u), Y = η(x, d), D² = η(x, x) the condition η(x − z, x − z) = 0 is quadratic in w = e^{ατ}. Its root
    in the past is, without cancellation at α = 0,

        w = 1 + α m,  m = (T − r − αD²/2) / (1 + αY + α²D²/2 + αr),  r² = D²(1 + αY) + α²D⁴/4 + T²,
        S = m (1 + w)/2w,  C = α m²/2w.

    Returns:
        whether the worldline is seen from x at all, then S and C; all of the shape of α.
    """
    t, y, square = -minkowski(x, u), minkowski(x, d), minkowski(x, x)
    r = (square * (1 + alpha * y) + (alpha * square) ** 2 / 4 + t**2).clamp(min=0).sqrt()
    seen = 1 + alpha * (t + y) > 0
    m = (t - r - alpha * square / 2) / (1 + alpha * y + alpha**2 * square / 2 + alpha * r)
    m = m.where(seen, 0.0)
    w = 1 + alpha * m
    return seen, m * (1 + w) / (2 * w), alpha * m**2 / (2 * w)


def _first_axis(x: torch.Tensor) -> torch.Tensor:
    axis = torch.zeros_like(x)
    axis[..., 0] = 1
    return axis
