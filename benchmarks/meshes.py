"""The geometry of meshes: topology, frames, and the logarithms of all pairs within a radius, by the size of the mesh.

``python -m benchmarks.meshes [bodies.npz]``. Tori of 24 × 36 … 96 × 144 vertices with about 30 neighbours, one thread;
with a file also one of its bodies (arrays vertices (bodies, n, 3) and faces). Processor time, the median of three runs.
"""

import statistics
import sys
import time

import numpy as np
import torch

from benchmarks.timing import write
from torsor import groups, spaces

NEIGHBOURS = 30


def measure(name: str, vertices: torch.Tensor, faces: torch.Tensor) -> dict:
    """The times of one mesh, in milliseconds."""
    times: dict[str, list[float]] = {"mesh_ms": [], "neighbours_ms": []}
    edges = 0
    for _ in range(3):
        start = time.process_time()
        mesh = spaces.Mesh(vertices, faces, groups.SO(2))
        times["mesh_ms"].append(time.process_time() - start)
        radius = float(NEIGHBOURS * mesh.cells.sum() / len(mesh) / torch.pi) ** 0.5
        start = time.process_time()
        edges = len(mesh.neighbours(radius))
        times["neighbours_ms"].append(time.process_time() - start)
    row = {"mesh": name, "vertices": len(vertices), "edges": edges}
    return row | {key: round(1e3 * statistics.median(values)) for key, values in times.items()}


def main() -> None:
    """Measure all meshes."""
    torch.set_num_threads(1)
    rows = []
    for k in (1, 2, 4):
        torus = spaces.Mesh.torus(36 * k, 24 * k, groups.SO(2))
        rows.append(measure("torus", torus.vertices, torus.faces))
    for path in sys.argv[1:]:
        data = np.load(path)
        vertices = torch.tensor(data["vertices"][0], dtype=torch.float64)
        rows.append(measure("body", vertices, torch.tensor(data["faces"], dtype=torch.int64)))
    write("meshes", rows)


if __name__ == "__main__":
    main()
