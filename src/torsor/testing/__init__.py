"""Conformance suites: does my group, my representation, my kernel keep its promises?

Plain functions that return nothing or raise `ConformanceError`. Call them from any test runner on new groups,
representations and kernel families.
"""

from torsor.testing.draw import draw
from torsor.testing.groups import check_group
from torsor.testing.kernels import check_kernel
from torsor.testing.representations import check_representation
from torsor.testing.symbolic import check_symbolic
from torsor.testing.verdict import ConformanceError, require_close, require_that

__all__ = [
    "ConformanceError",
    "check_group",
    "check_kernel",
    "check_representation",
    "check_symbolic",
    "draw",
    "require_close",
    "require_that",
]
