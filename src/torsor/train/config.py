"""What a training run is: everything that its result depends on, and where it runs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from torsor.errors import ConfigError

OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("one-cycle", "cosine", "constant")
_WHERE = ("accelerator", "devices", "checkpoint_every", "tensorboard", "progress")


@dataclass(frozen=True)
class TrainConfig:
    """The settings of ``fit``.

    Args:
        epochs: passes over the training data.
        batch_size: examples a step, over all processes together.
        lr: the largest learning rate of the schedule.
        optimizer: "adamw", "adam" or "sgd" (with Nesterov momentum 0.9).
        schedule: "one-cycle" (a rise over ``warmup`` of the steps, then a cosine to 0), "cosine" or
            "constant".
        warmup: the fraction of the steps that "one-cycle" rises.
        weight_decay: of all parameters but biases.
        label_smoothing: of the cross entropy.
        seed: of the order of the data, dropout and augmentation.
        accelerator: as of ``lightning.Trainer``.
        devices: as of ``lightning.Trainer``; several devices run as several processes (DDP).
        checkpoint_every: steps between checkpoints inside an epoch; None: at the ends of epochs only.
        tensorboard: write TensorBoard logs beside the CSV.
        progress: a progress bar; None: where standard output is a terminal.

    Raises:
        ConfigError: a value out of range or an unknown name.
    """

    epochs: int = 10
    batch_size: int = 64
    lr: float = 2e-3
    optimizer: str = "adamw"
    schedule: str = "one-cycle"
    warmup: float = 0.2
    weight_decay: float = 1e-4
    label_smoothing: float = 0.0
    seed: int = 0
    accelerator: str = "auto"
    devices: int | str = "auto"
    checkpoint_every: int | None = None
    tensorboard: bool = True
    progress: bool | None = None

    def __post_init__(self) -> None:
        choose("optimizer", self.optimizer, OPTIMIZERS)
        choose("schedule", self.schedule, SCHEDULES)
        for name in ("epochs", "batch_size"):
            at_least(name, getattr(self, name), 1)
        at_least("seed", self.seed, 0)
        if not self.lr > 0:
            raise ConfigError(f"expected lr > 0, received {self.lr}")
        if not 0 <= self.warmup < 1:
            raise ConfigError(f"expected warmup in [0, 1), received {self.warmup}")
        if self.checkpoint_every is not None:
            at_least("checkpoint_every", self.checkpoint_every, 1)

    def identity(self) -> dict:
        """The settings that the result depends on: a run resumes only with the same."""
        return {name: value for name, value in asdict(self).items() if name not in _WHERE}


def choose(what: str, name: str, known: Iterable[str]) -> str:
    """The name, if it is a known one.

    Raises:
        ConfigError: it is not; the message suggests the closest.
    """
    known = list(known)
    if name in known:
        return name
    close = {k.lower(): k for k in known}.get(name.lower()) or next(
        iter(difflib.get_close_matches(name, known, 1)), None
    )
    hint = f"; did you mean {close!r}?" if close else ""
    raise ConfigError(f"unknown {what} {name!r}{hint} (there are: {', '.join(known)})")


def at_least(what: str, value: int, least: int) -> int:
    """The value, if it is an integer of at least that size.

    Raises:
        ConfigError: it is not.
    """
    if not isinstance(value, int) or value < least:
        raise ConfigError(f"expected {what} to be an integer of at least {least}, received {value!r}")
    return value
