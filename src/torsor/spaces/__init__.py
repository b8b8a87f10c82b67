"""Spaces: where features live, and how they are moved."""

from torsor.spaces.affine import Affine
from torsor.spaces.atlas import Atlas
from torsor.spaces.batch import Batch, batched
from torsor.spaces.chart import Chart
from torsor.spaces.edges import Edges, Motion
from torsor.spaces.framed import FramedPoints
from torsor.spaces.gluing import HEXAGONAL, SQUARE, Gluing, Seam
from torsor.spaces.grid import Grid
from torsor.spaces.icosahedron import Icosahedron, sphere_positions
from torsor.spaces.latlon import LatLon
from torsor.spaces.manifold import Manifold, Subset
from torsor.spaces.mesh import Mesh
from torsor.spaces.mesh_topology import repaired
from torsor.spaces.metrics import ConformalMetric, DeSitterMetric, FlatMetric, Metric, SphereMetric
from torsor.spaces.neighbours import Neighbours
from torsor.spaces.points import Points
from torsor.spaces.punctured import Punctured
from torsor.spaces.sphere import Sphere
from torsor.spaces.strips import Cylinder, Klein, LogPolar, Mobius, Torus

__all__ = [
    "HEXAGONAL",
    "SQUARE",
    "Affine",
    "Atlas",
    "Batch",
    "Chart",
    "ConformalMetric",
    "Cylinder",
    "DeSitterMetric",
    "Edges",
    "FlatMetric",
    "FramedPoints",
    "Gluing",
    "Grid",
    "Icosahedron",
    "Klein",
    "LatLon",
    "LogPolar",
    "Manifold",
    "Mesh",
    "Metric",
    "Mobius",
    "Motion",
    "Neighbours",
    "Points",
    "Punctured",
    "Seam",
    "Sphere",
    "SphereMetric",
    "Subset",
    "Torus",
    "batched",
    "repaired",
    "sphere_positions",
]
