"""What every immutable object promises: equality by key, and lossless copies through pickle, deepcopy and JSON."""

from __future__ import annotations

import copy
import json
import pickle

from torsor.symbolic import Symbolic
from torsor.testing.verdict import require_that


def check_symbolic(value: Symbolic) -> None:
    """Check the copies of a group, a representation or a kernel specification: equal, of equal hash, of one class.

    Raises:
        ConformanceError: naming the copy that differs.
    """
    copies = {
        "itself": value,
        "copy": copy.copy(value),
        "deepcopy": copy.deepcopy(value),
        "pickle": pickle.loads(pickle.dumps(value)),
        "to_dict, JSON, from_dict": Symbolic.from_dict(json.loads(json.dumps(value.to_dict()))),
    }
    for way, other in copies.items():
        require_that(type(other) is type(value), f"{value!r} by {way} became a {type(other).__name__}")
        require_that(other == value and value == other, f"{value!r} by {way} is not equal to the original")
        require_that(hash(other) == hash(value), f"{value!r} by {way} has another hash")
        require_that(other.to_dict() == value.to_dict(), f"{value!r} by {way} has another to_dict()")
    require_that(value != object() and value != value.key, f"{value!r} equals foreign objects")
