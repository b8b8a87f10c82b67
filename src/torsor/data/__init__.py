"""Data sets, and the rotation of images: a data set a file, tensors in and tensors out."""

from torsor.data.charges import Charges
from torsor.data.digits import digits
from torsor.data.download import Remote, fetch
from torsor.data.electromagnetic import PlanarFields, boost, em_fields
from torsor.data.maxwell3d import Waves, maxwell3d, random_waves
from torsor.data.mnist import mnist
from torsor.data.mnist_rot import mnist_rot
from torsor.data.navier_stokes import Flow, navier_stokes, random_flow
from torsor.data.nbody import Trajectories, nbody
from torsor.data.regressions import Regression, inertia, lorentz_scattering, o5_synthetic
from torsor.data.rotate import random_angles, rotate
from torsor.data.scaled_digits import random_factors, rescale, scaled_digits
from torsor.data.sphere_digits import sphere_digits
from torsor.data.stored import stored
from torsor.data.strip_digits import random_shifts, shifted_on_strip, strip_digits

__all__ = [
    "Charges",
    "Flow",
    "PlanarFields",
    "Regression",
    "Remote",
    "Trajectories",
    "Waves",
    "boost",
    "digits",
    "em_fields",
    "fetch",
    "inertia",
    "lorentz_scattering",
    "maxwell3d",
    "mnist",
    "mnist_rot",
    "navier_stokes",
    "nbody",
    "o5_synthetic",
    "random_angles",
    "random_factors",
    "random_flow",
    "random_shifts",
    "random_waves",
    "rescale",
    "rotate",
    "scaled_digits",
    "shifted_on_strip",
    "sphere_digits",
    "stored",
    "strip_digits",
]
