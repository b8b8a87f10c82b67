"""Spaces: where features live, and how they are moved."""

from torsor.spaces.grid import Grid

__all__ = ["Grid"]
