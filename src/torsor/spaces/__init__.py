"""Spaces: where features live, and how they are moved."""

from torsor.spaces.affine import Affine
from torsor.spaces.batch import Batch, batched
from torsor.spaces.chart import Chart
from torsor.spaces.grid import Grid
from torsor.spaces.latlon import LatLon
from torsor.spaces.manifold import Edges, Manifold, Motion, Subset
from torsor.spaces.mesh import Mesh
from torsor.spaces.metrics import ConformalMetric, DeSitterMetric, FlatMetric, Metric, SphereMetric
from torsor.spaces.neighbours import Neighbours
from torsor.spaces.points import Points
from torsor.spaces.punctured import Punctured
from torsor.spaces.sphere import Sphere

__all__ = [
    "Affine",
    "Batch",
    "Chart",
    "ConformalMetric",
    "DeSitterMetric",
    "Edges",
    "FlatMetric",
    "Grid",
    "LatLon",
    "Manifold",
    "Mesh",
    "Metric",
    "Motion",
    "Neighbours",
    "Points",
    "Punctured",
    "Sphere",
    "SphereMetric",
    "Subset",
    "batched",
]
