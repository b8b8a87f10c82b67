"""torsor: equivariant and coordinate independent convolutional networks.

One convolution, f_out(p) = ∫ K(v) ρ_in(g) f_in(exp_p v) dv with a G-steerable kernel K, for every symmetry group.
"""

from torsor import check, fields, groups, kernels, nn, reps, spaces
from torsor.errors import TorsorError
from torsor.fields import Field
from torsor.nn import cached, freeze

__version__ = "0.1.0"

__all__ = [
    "Field",
    "TorsorError",
    "__version__",
    "cached",
    "check",
    "fields",
    "freeze",
    "groups",
    "kernels",
    "nn",
    "reps",
    "spaces",
]
