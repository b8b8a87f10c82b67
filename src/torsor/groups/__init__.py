"""Matrix groups: a group is its Lie algebra and its component generators."""

from torsor.groups.automorphisms import Automorphisms
from torsor.groups.axial import Axial
from torsor.groups.base import Group, Internal, Product, WithInversion
from torsor.groups.cyclic import Cyclic
from torsor.groups.dihedral import Dihedral
from torsor.groups.general_linear import GL, SL, GLPlus
from torsor.groups.inversion import Inversion
from torsor.groups.join import Join
from torsor.groups.matrix import MatrixGroup
from torsor.groups.names import from_name
from torsor.groups.orthogonal import SO, O
from torsor.groups.permutations import Alternating, PermutationGroup, Symmetric
from torsor.groups.polyhedral import Icosahedral, Octahedral, Tetrahedral, TetrahedralFull
from torsor.groups.pseudo import SO0, Orthochronous
from torsor.groups.puzzles import PocketCube, RubiksCube
from torsor.groups.reflection import Reflection
from torsor.groups.scaling import Scaling
from torsor.groups.symplectic import Sp
from torsor.groups.trivial import Trivial
from torsor.groups.unitary import SU, U, complexify, realify

__all__ = [
    "GL",
    "SL",
    "SU",
    "Alternating",
    "Automorphisms",
    "GLPlus",
    "PermutationGroup",
    "PocketCube",
    "RubiksCube",
    "Sp",
    "Symmetric",
    "U",
    "complexify",
    "realify",
    "SO",
    "SO0",
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
    "Orthochronous",
    "Product",
    "Reflection",
    "Scaling",
    "Tetrahedral",
    "TetrahedralFull",
    "Trivial",
    "WithInversion",
    "from_name",
]
