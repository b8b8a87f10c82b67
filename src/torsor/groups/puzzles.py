"""Puzzles: permutation groups that are given by moves, and too large to list."""

from __future__ import annotations

from itertools import product

import numpy as np

from torsor.groups.permutations import PermutationGroup

FACES = np.vstack([np.eye(3, dtype=int), -np.eye(3, dtype=int)])
"""The outward normals of the six faces."""


def RubiksCube() -> PermutationGroup:
    """Rubik's cube: quarter turns of the six faces, on the 48 facelets that move; 4.3 · 10¹⁹ elements."""
    return PermutationGroup(_moves((-1, 0, 1)), label="Rubik's cube")


def PocketCube() -> PermutationGroup:
    """The cube of 2 × 2 × 2: quarter turns of the six faces, on 24 facelets; 8! · 3⁷ = 88 179 840 elements."""
    return PermutationGroup(_moves((-1, 1)), label="pocket cube")


def _moves(layers: tuple[int, ...]) -> list[list[int]]:
    """One clockwise turn a face. A facelet is where its cubelet is and where it faces; a move turns both of those."""
    cubelets = [p for p in product(layers, repeat=3) if sum(map(abs, p)) > 1]
    facelets = [(p, tuple(n)) for p in cubelets for n in FACES.tolist() if np.dot(p, n) == 1]
    index = {facelet: k for k, facelet in enumerate(facelets)}
    moves = []
    for face in FACES:
        cross = np.array([[0, -face[2], face[1]], [face[2], 0, -face[0]], [-face[1], face[0], 0]])
        turn = np.outer(face, face) - cross  # by -90°, clockwise as seen from outside
        turned = {f: (tuple((turn @ f[0]).tolist()), tuple((turn @ f[1]).tolist())) for f in facelets}
        moves.append([index[turned[f]] if np.dot(f[0], face) == 1 else k for k, f in enumerate(facelets)])
    return moves
