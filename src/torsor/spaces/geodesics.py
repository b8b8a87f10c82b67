"""Geodesics of a metric in coordinates: exp, its derivative and inverse, and parallel transport (Levi-Civita)."""

from __future__ import annotations

from collections.abc import Callable

import torch

from torsor.errors import SpaceError

MetricFunction = Callable[[torch.Tensor], torch.Tensor]
STEPS = 16
"""Runge–Kutta steps of a geodesic."""


def christoffel(metric: MetricFunction, x: torch.Tensor) -> torch.Tensor:
    """Γ^k_ij = ½ g^{kl} (∂_i g_lj + ∂_j g_li - ∂_l g_ij): (n, d) -> (n, d, d, d), index k first."""
    d = torch.func.vmap(torch.func.jacfwd(metric))(x)  # d[n, i, j, l] = ∂_l g_ij
    lowered = d.permute(0, 1, 3, 2) + d - d.permute(0, 3, 1, 2)
    return 0.5 * torch.einsum("nkl,nlij->nkij", torch.linalg.inv_ex(metric(x)).inverse, lowered)


def geodesic(
    metric: MetricFunction, x: torch.Tensor, u: torch.Tensor, steps: int = STEPS
) -> tuple[torch.Tensor, torch.Tensor]:
    """exp_x(u), and the parallel transport of vectors from x to there along the geodesic: (n, d), (n, d, d).

    Solves x'' = -Γ(x', x') and W' = -Γ(x', W) with W(0) = 1 by Runge–Kutta steps of order four.
    """
    w = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device).expand(len(x), -1, -1)
    state, h = (x, u, w), 1.0 / steps
    for _ in range(steps):
        k1 = _velocity(metric, state)
        k2 = _velocity(metric, _ahead(state, k1, h / 2))
        k3 = _velocity(metric, _ahead(state, k2, h / 2))
        k4 = _velocity(metric, _ahead(state, k3, h))
        mean = tuple((a + 2 * b + 2 * c + e) / 6 for a, b, c, e in zip(k1, k2, k3, k4, strict=True))
        state = _ahead(state, mean, h)
    return state[0], state[2]


def logarithm(
    metric: MetricFunction, x: torch.Tensor, y: torch.Tensor, steps: int = STEPS
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The u with exp_x(u) = y, |det ∂u/∂y|, and the transport from y to x: (n, d), (n,), (n, d, d).

    Newton's method from u = y - x; it finds the geodesic that is closest to a straight line of the coordinates.

    Raises:
        SpaceError: it does not converge: the points are too far apart.
    """
    u, miss = y - x, torch.full_like(x, torch.inf)
    for _ in range(20):
        reached, transport, jacobian = _shoot(metric, x, u, steps)
        miss = reached - y
        if bool(miss.abs().max() < 1e-12 * (1 + y.abs().max())):
            return u, torch.linalg.det(jacobian).abs().reciprocal(), torch.linalg.inv(transport)
        u = u - torch.linalg.solve_ex(jacobian, miss).result
    missed = int((~(miss.abs().amax(-1) < 1e-10)).sum())
    raise SpaceError(
        f"no geodesic was found between {missed} of {len(x)} pairs of points: they "
        "are too far apart for this curvature; take a smaller window, or a finer grid"
    )


def _shoot(
    metric: MetricFunction, x: torch.Tensor, u: torch.Tensor, steps: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """exp_x(u), the transport, and ∂exp_x(u)/∂u by central differences of step 1e-5, all in one batch."""
    d, h = x.shape[-1], 1e-5
    offsets = h * torch.cat([torch.zeros(1, d), torch.eye(d), -torch.eye(d)]).to(x)
    ends, transports = geodesic(metric, x.repeat(2 * d + 1, 1), (u + offsets[:, None]).flatten(0, 1), steps)
    ends = ends.view(2 * d + 1, *x.shape)
    return ends[0], transports[: len(x)], (ends[1 : d + 1] - ends[d + 1 :]).permute(1, 2, 0) / (2 * h)


State = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _velocity(metric: MetricFunction, state: State) -> State:
    x, u, w = state
    along = torch.einsum("nkij,ni->nkj", christoffel(metric, x), u)
    return u, -torch.einsum("nkj,nj->nk", along, u), -along @ w


def _ahead(state: State, velocity: tuple[torch.Tensor, ...], h: float) -> State:
    x, u, w = (s + h * k for s, k in zip(state, velocity, strict=True))
    return x, u, w
