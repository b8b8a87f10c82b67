"""Spaces: where features live, and how they are moved."""

from torsor.spaces.affine import Affine
from torsor.spaces.batch import Batch, batched
from torsor.spaces.chart import Chart
from torsor.spaces.grid import Grid
from torsor.spaces.manifold import Edges, Manifold, Motion, Subset
from torsor.spaces.metrics import ConformalMetric, DeSitterMetric, FlatMetric, Metric, SphereMetric
from torsor.spaces.neighbours import Neighbours
from torsor.spaces.points import Points

__all__ = [
    "Affine",
    "Batch",
    "Chart",
    "ConformalMetric",
    "DeSitterMetric",
    "Edges",
    "FlatMetric",
    "Grid",
    "Manifold",
    "Metric",
    "Motion",
    "Neighbours",
    "Points",
    "SphereMetric",
    "Subset",
    "batched",
]
