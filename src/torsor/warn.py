"""One way to warn, silent inside compiled and exported graphs."""

from __future__ import annotations

import sys
import warnings

import torch


def warn(message: str, category: type[Warning]) -> None:
    """Warn, attributed to the caller outside torsor; nothing while torch.compile or torch.export trace."""
    if not torch.compiler.is_compiling():
        warnings.warn(message, category, stacklevel=_depth())


def _depth() -> int:
    depth, frame = 1, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(("torsor.", "torch.nn")):
        frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]
    return depth
