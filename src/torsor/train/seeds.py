"""Random numbers as functions of (seed, where in the training), never of what ran before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive(*seeds: int) -> int:
    """One 63-bit seed from several non-negative integers, well mixed (NumPy's SeedSequence)."""
    return int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextmanager
def seeded(*seeds: int) -> Iterator[None]:
    """Seed torch's generators inside the block, and give the CPU's its state back afterwards."""
    state = torch.get_rng_state()
    torch.manual_seed(derive(*seeds))
    try:
        yield
    finally:
        torch.set_rng_state(state)
