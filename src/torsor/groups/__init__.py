"""Matrix groups: a group is its Lie algebra and its component generators."""

from torsor.groups.axial import Axial
from torsor.groups.base import Group, Internal, Product, WithInversion
from torsor.groups.cyclic import Cyclic
from torsor.groups.dihedral import Dihedral
from torsor.groups.inversion import Inversion
from torsor.groups.join import Join
from torsor.groups.matrix import MatrixGroup
from torsor.groups.names import from_name
from torsor.groups.orthogonal import SO, O
from torsor.groups.polyhedral import Icosahedral, Octahedral, Tetrahedral, TetrahedralFull
from torsor.groups.reflection import Reflection
from torsor.groups.trivial import Trivial

__all__ = [
    "SO",
    "Axial",
    "Cyclic",
    "Dihedral",
    "Group",
    "Icosahedral",
    "Internal",
    "Inversion",
    "Join",
    "MatrixGroup",
    "O",
    "Octahedral",
    "Product",
    "Reflection",
    "Tetrahedral",
    "TetrahedralFull",
    "Trivial",
    "WithInversion",
    "from_name",
]
