"""Draws the figures of surfaces of the documentation into docs/images: ``python docs/figures_surfaces.py``."""

import sys
from pathlib import Path

import torch
from PIL import Image

from torsor import Field, groups, kernels, reps
from torsor.plot import carried_kernel, holonomy, surface
from torsor.spaces import Mesh, Mobius, Sphere

IMAGES = Path(__file__).parent / "images"
SO2 = groups.SO(2)
LOOK = (0.2, -1.0, 1.6)


def bumpy_torus(n=96, m=48):
    """A torus with a wavy tube: vertices and faces."""
    i, j = torch.meshgrid(torch.arange(n), torch.arange(m), indexing="ij")
    a, b = 2 * torch.pi * i.double() / n, 2 * torch.pi * j.double() / m
    tube = 0.42 + 0.08 * (5 * a).sin()
    ring = 1 + tube * b.cos()
    vertices = torch.stack([ring * a.cos(), ring * a.sin(), tube * b.sin()], -1).reshape(-1, 3)
    corner = lambda di, dj: ((i + di) % n * m + (j + dj) % m).reshape(-1)  # noqa: E731
    lower = torch.stack([corner(0, 0), corner(1, 0), corner(1, 1)], 1)
    upper = torch.stack([corner(0, 0), corner(1, 1), corner(0, 1)], 1)
    return vertices, torch.cat([lower, upper])


def wind_on_the_sphere():
    """A scalar, and the vectors n × ∇h of a stream function h: both are fields of an SO(2)-structure."""
    sphere = Sphere.icosphere(4)
    x, y, z = sphere.positions.T
    height = 1.2 * y**2 - 0.8 * (2.5 * x).sin() * z - 0.4
    gradient = torch.stack([-2.0 * (2.5 * x).cos() * z, 2.4 * y, -0.8 * (2.5 * x).sin()], 1)
    wind = torch.linalg.cross(sphere.positions, gradient)
    vectors = torch.einsum("nai,na->ni", sphere.frames, wind)
    return surface(
        sphere, Field(height[:, None], reps.trivial(SO2), sphere), Field(vectors, reps.irrep(SO2, 1), sphere)
    )


def frames_of_a_torus():
    """The smoothest frames of an {e}-structure: a torus has one without singular points."""
    mesh = Mesh(*bumpy_torus(), groups.Trivial(2))
    return surface(mesh, frames=True, arrows=220, look=LOOK)


def kernel_that_is_not_steerable():
    """An edge detector on a mesh, in two gauges: what it finds depends on the frames."""
    mesh = Mesh(*bumpy_torus(), SO2)

    def edge(v):
        t = (v.square().sum(1) / 0.45**2).clamp(max=1)
        return 6 * v[:, 0] * (1 - t) ** 2

    return carried_kernel(mesh, edge, _centres(mesh), radius=0.45, seed=3, look=LOOK, title="not steerable")


def steerable_kernel():
    """From scalars to vectors: the coefficients differ from gauge to gauge, the vectors do not."""
    mesh = Mesh(*bumpy_torus(), SO2)
    torch.manual_seed(11)
    kernel = kernels.Harmonic(size=5, spacing=0.15)(reps.trivial(SO2), reps.irrep(SO2, 1))
    return carried_kernel(mesh, kernel, _centres(mesh), seed=3, look=LOOK, title="steerable")


def _centres(mesh):
    wanted = torch.tensor([[0.2, -1.3, 0.3], [1.0, 0.1, 0.5], [-0.9, -0.5, 0.5], [-0.1, 1.0, 0.4]]).double()
    return torch.cdist(wanted, mesh.positions).argmin(1).tolist()


def holonomy_of_a_cap():
    """Around a cap of the sphere of radius 1, a vector turns by the area inside."""
    sphere = Sphere.icosphere(4)
    return holonomy(sphere, int(sphere.positions.sum(1).argmax()), radius=0.6)


def frames_of_a_strip():
    """Carried around the Möbius strip, a frame comes back reflected: at the seam, black arrows meet the other way."""
    strip = Mobius(72, 18)
    along = torch.linspace(0, 2 * torch.pi, 72).expand(strip.shape)
    return surface(strip, along.cos(), frames=True, arrows=130)


FIGURES = {
    "sphere-wind": wind_on_the_sphere,
    "torus-frames": frames_of_a_torus,
    "kernel-not-steerable": kernel_that_is_not_steerable,
    "kernel-carried": steerable_kernel,
    "holonomy": holonomy_of_a_cap,
    "strip-frames": frames_of_a_strip,
}


def main() -> None:
    """Draw all of them, or those that are named."""
    torch.set_num_threads(1)
    IMAGES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or FIGURES:
        Image.fromarray(FIGURES[name]()).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
