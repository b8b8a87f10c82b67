"""Which of several training processes this is."""

from __future__ import annotations

import os


def is_first_process() -> bool:
    """Whether this process writes what all share (launchers give the further ones a rank)."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0
