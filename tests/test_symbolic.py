"""Immutable objects: equality by key, copies, JSON."""

import dataclasses
import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import testing
from torsor.errors import ConfigError
from torsor.symbolic import Symbolic


@dataclass(frozen=True, eq=False, repr=False)
class Leaf(Symbolic):
    number: float = 0.0
    name: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Node(Symbolic):
    children: tuple = ()
    flag: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class OtherLeaf(Leaf):
    pass


OBJECTS = [
    Leaf(),
    Leaf(1.5, "x"),
    OtherLeaf(1.5, "x"),
    Node(),
    Node((Leaf(2.0), Node((Leaf(),), True))),
    Node(((1, Leaf(3.0)), ("a", (2.0, None)))),
    G.Dihedral(4),
    G.Join(G.SO(2), G.MatrixGroup([[[1, 0], [0, 1]]], label="scalings")),
    G.Cyclic(4).internal(G.Reflection(1)),
    2 * R.regular(G.Cyclic(4)) + R.irrep(G.Cyclic(4), 1),
    R.quotient(G.O(2), G.Dihedral(3), band=6).dual() * R.sign(G.O(2)),
    K.Harmonic(5, degrees=(0, 1, 2), width=0.7, spacing=(1.0, 0.5)),
    K.Stencil((3, 5), ((1.0, 0.5), (0.0, 0.75))),
]


@pytest.mark.parametrize("value", OBJECTS, ids=repr)
def test_copies(value):
    testing.check_symbolic(value)


def test_different_objects_differ():
    assert len(set(OBJECTS)) == len(OBJECTS)
    assert all((a == b) == (i == j) for i, a in enumerate(OBJECTS) for j, b in enumerate(OBJECTS))
    assert Leaf(1.0) != Leaf(1.0, "x") and Leaf() != OtherLeaf() and Leaf() != () and Leaf() != Leaf().key


def test_floats_are_compared_to_twelve_digits():
    assert Leaf(0.1 + 0.2) == Leaf(0.3) and hash(Leaf(0.1 + 0.2)) == hash(Leaf(0.3))
    assert Leaf(0.3) != Leaf(0.3 + 1e-9) and Leaf(1e-20) != Leaf(2e-20) and Leaf(0.0) == Leaf(-0.0)


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Leaf().number = 2.0


def test_json_is_plain_and_readable():
    text = json.dumps(Node((Leaf(2.0),)).to_dict())
    assert json.loads(text) == {
        "type": "Node",
        "children": [{"type": "Leaf", "number": 2.0, "name": None}],
        "flag": False,
    }
    assert repr(Node((Leaf(2.0),))) == "Node((Leaf(2.0, None),), False)"


@pytest.mark.parametrize("data", [{}, {"type": "Nonsense"}, {"type": "int", "x": 1}])
def test_unknown_types(data):
    with pytest.raises(ConfigError, match="the type of a torsor object, got type"):
        Symbolic.from_dict(data)


def test_invalid_values_in_a_dictionary_raise_the_error_of_the_constructor():
    with pytest.raises(ValueError, match="at least one rotation"):
        Symbolic.from_dict({"type": "Cyclic", "n": 0})


def test_keys_are_equal_in_another_process():
    """Keys hold numbers and names only: no addresses, no hashes of this process."""
    code = (
        "from torsor import groups as G, reps as R\n"
        "print((2 * R.regular(G.Dihedral(4)) + R.standard(G.Dihedral(4))).key)\n"
        "print(G.MatrixGroup([[[0, -1], [1, 0]]]).key)"
    )
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    rep = 2 * R.regular(G.Dihedral(4)) + R.standard(G.Dihedral(4))
    assert lines == [repr(rep.key), repr(G.MatrixGroup([[[0, -1], [1, 0]]]).key)]
