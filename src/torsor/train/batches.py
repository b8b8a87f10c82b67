"""Batches of tensors that lie in memory: no workers, no collation, and no history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from torsor.errors import DataError
from torsor.train.seeds import derive

Pair = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class TensorData:
    """What to learn from and what to watch: pairs of inputs (n, ...) and labels (n,), and a random change.

    Args:
        train: the inputs and labels to learn from.
        validation: those to watch; None: none.
        augment: applied to each training batch of inputs; draws from torch's default generator, which is
            seeded for each step.

    Raises:
        DataError: inputs and labels differ in number, or there are none.
    """

    train: Pair
    validation: Pair | None = None
    augment: Callable[[torch.Tensor], torch.Tensor] | None = None

    def __post_init__(self) -> None:
        for name, pair in (("train", self.train), ("validation", self.validation)):
            if pair is not None and (len(pair[0]) != len(pair[1]) or not len(pair[0])):
                raise DataError(
                    f"{name}: expected as many labels as inputs, received {len(pair[0])} and {len(pair[1])}"
                )


class TrainBatches:
    """Shuffled batches: the batch of step s is a function of (seed, s).

    Step s is batch s mod len of epoch s div len; a rest smaller than a batch is left out (each epoch
    another). Process r of w takes every w-th example of each batch from r on.
    """

    def __init__(self, data: Pair, batch_size: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.inputs, self.labels = data
        self.batch_size = min(batch_size, len(self.labels))
        self.seed, self.rank, self.world = seed, rank, world
        self.step: Callable[[], int] = lambda: 0
        if self.batch_size < world:
            raise DataError(f"expected batches of at least {world} examples for {world} processes")

    def __len__(self) -> int:
        return len(self.labels) // self.batch_size

    def __iter__(self) -> Iterator[Pair]:
        """The batches from the current step to the end of its epoch."""
        epoch, first = divmod(self.step(), len(self))
        order = self.order(epoch)
        for k in range(first, len(self)):
            part = order[k * self.batch_size : (k + 1) * self.batch_size][self.rank :: self.world]
            yield self.inputs[part], self.labels[part]

    def order(self, epoch: int) -> torch.Tensor:
        """The permutation of the examples in an epoch."""
        generator = torch.Generator().manual_seed(derive(self.seed, 0, epoch))
        return torch.randperm(len(self.labels), generator=generator)

    def state_dict(self) -> dict:
        """Nothing: the step says it all. (Tells Lightning that resuming inside an epoch is right.)"""
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Nothing to restore."""


class EvalBatches:
    """Every example once, in order; process r of w takes every w-th from r on."""

    def __init__(self, data: Pair, batch_size: int, rank: int = 0, world: int = 1) -> None:
        self.inputs, self.labels = data[0][rank::world], data[1][rank::world]
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[Pair]:
        return zip(self.inputs.split(self.batch_size), self.labels.split(self.batch_size), strict=True)
