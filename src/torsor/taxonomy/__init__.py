"""The taxonomy of equivariant networks: every type of the literature in a few lines, each with its certificate."""

from torsor.taxonomy import alternatives, flat, lorentz, manifolds, plane, scale, space, systems
from torsor.taxonomy.alternatives import PlainNet, Tie, Wrapped
from torsor.taxonomy.certificate import ALIVE, EXACT, Certificate, Probe, certify
from torsor.taxonomy.characters import kernel_count, quadrature
from torsor.taxonomy.flat import Flat, image_of
from torsor.taxonomy.grids import Lattice, Waves, grid
from torsor.taxonomy.law import Law
from torsor.taxonomy.lorentz import Spacetime
from torsor.taxonomy.measure import Measured, measure, probe_of
from torsor.taxonomy.row import ROWS, Row, find, row
from torsor.taxonomy.scale import PooledScales, Scales, scale_probe
from torsor.taxonomy.surfaces import Glued, Literally, OnAtlas, OnSpace, Structured

__all__ = [
    "ALIVE",
    "EXACT",
    "ROWS",
    "Certificate",
    "Flat",
    "Glued",
    "Lattice",
    "Law",
    "Literally",
    "Measured",
    "OnAtlas",
    "OnSpace",
    "PlainNet",
    "PooledScales",
    "Probe",
    "Row",
    "Scales",
    "Spacetime",
    "Structured",
    "Tie",
    "Waves",
    "Wrapped",
    "alternatives",
    "certify",
    "find",
    "flat",
    "grid",
    "image_of",
    "kernel_count",
    "lorentz",
    "manifolds",
    "measure",
    "plane",
    "probe_of",
    "quadrature",
    "row",
    "scale",
    "scale_probe",
    "space",
    "systems",
]
