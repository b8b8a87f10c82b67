"""The taxonomy of equivariant networks: every type of the literature in a few lines, each with its certificate."""

from torsor.taxonomy import plane, space, systems
from torsor.taxonomy.certificate import ALIVE, EXACT, Certificate, Probe, certify
from torsor.taxonomy.characters import kernel_count, quadrature
from torsor.taxonomy.grids import Lattice, Waves, grid
from torsor.taxonomy.law import Law
from torsor.taxonomy.measure import Measured, measure, probe_of
from torsor.taxonomy.row import ROWS, Row, find, row

__all__ = [
    "ALIVE",
    "EXACT",
    "ROWS",
    "Certificate",
    "Lattice",
    "Law",
    "Measured",
    "Probe",
    "Row",
    "Waves",
    "certify",
    "find",
    "grid",
    "kernel_count",
    "measure",
    "plane",
    "probe_of",
    "quadrature",
    "row",
    "space",
    "systems",
]
