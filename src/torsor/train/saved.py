"""A trained model in one file: the name of its architecture, its arguments, its weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from torsor import models
from torsor.errors import CheckpointError
from torsor.train.checkpoint import check_tensors, read_checkpoint, write_checkpoint
from torsor.train.config import choose


def save_model(path: str | Path, name: str, arguments: dict[str, Any], net: nn.Module) -> Path:
    """Write ``{"model", "arguments", "state_dict"}``, atomically; ``load_model`` reads it.

    Args:
        path: of the file.
        name: of a function of ``torsor.models``.
        arguments: what it was called with: strings and numbers.
        net: what it returned, trained.
    """
    return write_checkpoint({"model": name, "arguments": arguments, "state_dict": net.state_dict()}, path)


def load_model(path: str | Path) -> nn.Module:
    """The model that ``save_model`` wrote, in eval mode on the CPU.

    Raises:
        CheckpointError: the file is torn, is no model of torsor, or does not fit the architecture it names.
        ConfigError: there is no architecture of that name.
    """
    content = read_checkpoint(path)
    if not {"model", "arguments", "state_dict"} <= content.keys():
        raise CheckpointError(f"{path} is no saved model: expected model, arguments and state_dict in it")
    net = architecture(content["model"])(**content["arguments"])
    check_tensors(content["state_dict"], net.state_dict(), Path(path))
    net.load_state_dict(content["state_dict"])
    return net.eval()


def architecture(name: str) -> Callable[..., nn.Module]:
    """The function of ``torsor.models`` of that name.

    Raises:
        ConfigError: there is none; the message suggests the closest.
    """
    return getattr(models, choose("model", name, architectures()))


def architectures() -> list[str]:
    """The names of all architectures."""
    return [name for name in models.__all__ if inspect.isroutine(getattr(models, name))]
