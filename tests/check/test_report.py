"""The arithmetic and the text of a report."""

import math

import pytest
import torch

from torsor.check import ElementError, EquivarianceReport
from torsor.check.report import element_name

ONE = torch.eye(2, dtype=torch.float64)


def report(**changes) -> EquivarianceReport:
    values = {
        "module": "Net",
        "group": "C8",
        "size": 29,
        "exact": (ElementError(ONE, "identity", 1e-16, 1e-15, 2e-15),),
        "exact_float32": 1e-7,
        "sampled": (ElementError(ONE, "rotation by 45°", 0.02),),
        "refinement": (0.04, 0.01, 0.0025),
        "unconstrained": 0.8,
        "output_norm": 1.0,
        "sensitivity": 0.5,
    }
    return EquivarianceReport(**{**values, **changes})


def test_it_passes():
    assert report().passed() and report().exact_error == 2e-15 and report().sampled_error == 0.02


@pytest.mark.parametrize(
    "changes",
    [
        {"exact": (ElementError(ONE, "e", 1e-3),)},
        {"exact": (ElementError(ONE, "e", 0.0, 1e-3, 0.0),)},
        {"exact": (ElementError(ONE, "e", 0.0, 0.0, 1e-3),)},
        {"exact": (ElementError(ONE, "e", math.nan),)},
        {"exact": (ElementError(ONE, "e", 0.0, 0.0, math.nan), ElementError(ONE, "e", 0.0))},
        {"sampled": (ElementError(ONE, "g", 0.9),)},
        {"sampled": (ElementError(ONE, "g", math.nan), ElementError(ONE, "g", 0.1))},
        {"output_norm": 0.0},
        {"output_norm": math.nan},
        {"sensitivity": 0.0},
        {"sensitivity": math.nan},
    ],
)
def test_it_fails(changes):
    assert not report(**changes).passed() and "NOT equivariant" in str(report(**changes))


def test_tolerance():
    loose = report(exact=(ElementError(ONE, "e", 1e-5),))
    assert loose.passed(1e-4) and not loose.passed()


def test_extrapolation():
    """A geometric sequence a + b qⁿ goes to a."""
    assert report(refinement=(0.1 + 0.4, 0.1 + 0.1, 0.1 + 0.025)).extrapolated == pytest.approx(0.1)
    assert report().extrapolated == pytest.approx(0.0, abs=1e-12)
    assert report(refinement=None).extrapolated is None
    assert report(refinement=(0.1, 0.2, 0.4)).extrapolated == 0.4  # it does not converge: no extrapolation
    assert report(refinement=(0.1, 0.2, 0.25)).extrapolated == pytest.approx(0.3)
    assert report(refinement=(0.2, 0.2, 0.2)).extrapolated == 0.2
    assert report(refinement=(0.3, 0.1, 0.02)).extrapolated == 0  # an error is not negative


def test_text():
    text = str(report())
    for part in ("Net, C8, input size 29: equivariant", "2.0e-15", "1.0e-07", "rotation by 45°", "8.0e-01", "h/2"):
        assert part in text
    short = str(report(sampled=(), refinement=None))
    assert "sampling" not in short and "h/2" not in short


def test_names_of_elements():
    def turn(degrees):
        a = math.radians(degrees)
        return torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]], dtype=torch.float64)

    flip = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    assert element_name(ONE) == element_name(turn(360)) == "identity"
    assert element_name(turn(45)) == "rotation by 45°" and element_name(turn(-90)) == "rotation by 270°"
    assert element_name(turn(30) @ flip) == "reflection, then rotation by 30°"
    assert element_name(-torch.eye(1)) == "[[-1.0]]"
