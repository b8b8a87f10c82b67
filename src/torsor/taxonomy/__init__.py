"""The taxonomy of equivariant networks: every type of the literature in a few lines, each with its certificate."""

from torsor.taxonomy import alternatives, curved, lorentz, plane, scale, space, systems
from torsor.taxonomy.alternatives import PlainNet, Tie, Wrapped
from torsor.taxonomy.certificate import ALIVE, EXACT, Certificate, Probe, certify
from torsor.taxonomy.characters import kernel_count, quadrature
from torsor.taxonomy.curved import Gauges, OnChart
from torsor.taxonomy.grids import Lattice, Waves, grid
from torsor.taxonomy.law import Law
from torsor.taxonomy.lorentz import Spacetime
from torsor.taxonomy.measure import Measured, measure, probe_of
from torsor.taxonomy.row import ROWS, Row, find, row
from torsor.taxonomy.scale import PooledScales, Scales, scale_probe

__all__ = [
    "ALIVE",
    "EXACT",
    "ROWS",
    "Certificate",
    "Gauges",
    "Lattice",
    "Law",
    "Measured",
    "OnChart",
    "PlainNet",
    "PooledScales",
    "Probe",
    "Row",
    "Scales",
    "Spacetime",
    "Tie",
    "Waves",
    "Wrapped",
    "alternatives",
    "certify",
    "curved",
    "find",
    "grid",
    "kernel_count",
    "lorentz",
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
