"""Fixtures for every test: reproducible, headless, and leaving no global state behind."""

import os
import random

import numpy as np
import pytest
import torch

os.environ.setdefault("MPLBACKEND", "Agg")

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the cores already
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seed() -> int:
    """Seeds every generator before each test, whichever order or worker runs it."""
    value = 0
    random.seed(value)
    np.random.seed(value)  # noqa: NPY002  (for libraries that draw from the global generator)
    torch.manual_seed(value)
    return value


@pytest.fixture(autouse=True)
def unchanged_defaults():
    """Fails a test that leaves torch's global state changed, and restores it."""
    before = _defaults()
    yield
    after = _defaults()
    torch.set_default_dtype(before["dtype"])
    torch.set_grad_enabled(before["grad"])
    torch.set_num_threads(before["threads"])
    assert after == before, f"the test changed torch's defaults from {before} to {after}"


def _defaults() -> dict:
    return {
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "threads": torch.get_num_threads(),
    }


@pytest.fixture
def generator(seed: int) -> torch.Generator:
    """A seeded torch generator, independent of the global one."""
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """A seeded NumPy generator."""
    return np.random.default_rng(seed)
