"""Reuse of expanded kernels during inference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from torsor.fibre import Expansion


@contextmanager
def cached(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Within ``with torsor.cached(net):`` every kernel is expanded once and reused.

    For inference: the kernels carry no gradient. A weight that is changed in place meanwhile is expanded anew;
    outside the context nothing is kept, in `eval` mode neither, so that nothing can go stale.
    """
    expansions = [m for m in module.modules() if isinstance(m, Expansion)]
    try:
        for expansion in expansions:
            expansion.keep(True)
        yield module
    finally:
        for expansion in expansions:
            expansion.keep(False)
