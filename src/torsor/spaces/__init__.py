"""Spaces: where features live, and how they are moved."""

from torsor.spaces.grid import Grid
from torsor.spaces.neighbours import Neighbours
from torsor.spaces.points import Points

__all__ = ["Grid", "Neighbours", "Points"]
