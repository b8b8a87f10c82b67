"""Figures: bases of kernels, fields, features before and after a rotation; surfaces with fields, frames and kernels.

Figures in the plane are matplotlib's, without its global state: every function returns a ``matplotlib.figure.Figure``,
and nothing is shown, printed or saved. Surfaces are drawn by pyvista (an image) or plotly (a figure for the browser).
"""

from torsor.plot.bases import kernels
from torsor.plot.fields import field
from torsor.plot.planes import plane
from torsor.plot.slices import slices
from torsor.plot.surface_holonomy import holonomy
from torsor.plot.surface_kernels import carried_kernel
from torsor.plot.surfaces import surface
from torsor.plot.turned import rotation

__all__ = ["carried_kernel", "field", "holonomy", "kernels", "plane", "rotation", "slices", "surface"]
