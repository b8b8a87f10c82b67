"""Spaces: where features live, and how they are moved."""

from torsor.spaces.chart import Chart
from torsor.spaces.grid import Grid
from torsor.spaces.metrics import Conformal, DeSitter, Flat, Metric, Sphere
from torsor.spaces.neighbours import Neighbours
from torsor.spaces.points import Points

__all__ = ["Chart", "Conformal", "DeSitter", "Flat", "Grid", "Metric", "Neighbours", "Points", "Sphere"]
