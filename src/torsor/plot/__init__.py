"""Figures (matplotlib, without its global state): bases of kernels, fields, features before and after a rotation.

Every function returns a ``matplotlib.figure.Figure``; nothing is shown, printed or saved.
"""

from torsor.plot.bases import kernels
from torsor.plot.fields import field
from torsor.plot.slices import slices
from torsor.plot.turned import rotation

__all__ = ["field", "kernels", "rotation", "slices"]
