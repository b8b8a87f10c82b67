"""Matrix groups: a group is its Lie algebra and its component generators."""

from torsor.groups.base import Group, Internal, Product
from torsor.groups.cyclic import Cyclic
from torsor.groups.dihedral import Dihedral
from torsor.groups.join import Join
from torsor.groups.matrix import MatrixGroup
from torsor.groups.names import from_name
from torsor.groups.orthogonal import SO, O
from torsor.groups.reflection import Reflection
from torsor.groups.trivial import Trivial

__all__ = [
    "SO",
    "Cyclic",
    "Dihedral",
    "Group",
    "Internal",
    "Join",
    "MatrixGroup",
    "O",
    "Product",
    "Reflection",
    "Trivial",
    "from_name",
]
