"""Sums of irreps as text, there and back."""

import pytest

from torsor import groups as G
from torsor import reps as R
from torsor.errors import RepresentationError

SO3, O3 = G.SO(3), G.O(3)


@pytest.mark.parametrize(
    ("group", "text", "terms"),
    [
        (O3, "8x0e+4x1o", [(8, "0e"), (4, "1o")]),
        (O3, "1x0o+2x3e+1x0e", [(1, "0o"), (2, "3e"), (1, "0e")]),
        (SO3, "8x0+4x1", [(8, 0), (4, 1)]),
        (SO3, "2x12", [(2, 12)]),
        (G.SO(2), "2x0+3x1", [(2, 0), (3, 1)]),
        (G.Cyclic(8), "1x4", [(1, 4)]),
        (G.O(2), "2x(0,0)+1x(1,2)", [(2, (0, 0)), (1, (1, 2))]),
        (G.Octahedral().with_inversion(), "2xA1g+1xT1u", [(2, "A1g"), (1, "T1u")]),
    ],
)
def test_round_trip(group, text, terms):
    rho = R.from_string(group, text)
    assert rho == R.direct_sum([(m, R.irrep(group, label)) for m, label in terms])
    assert R.to_string(rho) == text
    assert R.from_string(group, R.to_string(rho)) == rho


def test_spaces_and_multiplicities_of_one():
    assert R.from_string(O3, " 0e + 2 x 1o+1o") == R.from_string(O3, "1x0e+3x1o")


def test_matrices_that_are_irreps_have_symbols():
    assert R.to_string(2 * R.standard(O3) + R.sign(O3) + R.pseudovector(O3)) == "2x1o+1x0o+1x1e"
    assert R.to_string(R.quaternion(SO3)) == "1x0+1x1"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: R.from_string(O3, "8x0e+4x1"), r'such as "8x0e\+4x1o" of O\(3\), got \'4x1\''),
        (lambda: R.from_string(SO3, "2x1o"), r'such as "8x0\+4x1" of SO\(3\)'),
        (lambda: R.from_string(SO3, ""), "expected terms"),
        (lambda: R.from_string(SO3, "1x0+"), "expected terms"),
        (lambda: R.from_string(SO3, "0x1"), "at least 1"),
        (lambda: R.from_string(O3, "vector"), "expected terms"),
        (lambda: R.to_string(R.tensor(SO3, 2)), "direct_sum"),
        (lambda: R.to_string(R.spherical(SO3, 2)), "direct_sum"),
    ],
)
def test_errors(make, message):
    with pytest.raises(RepresentationError, match=message):
        make()
