"""Train a classifier, safely: kill it at any moment, run it again, and get the same weights."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

from torsor.errors import require
from torsor.train.batches import TensorData
from torsor.train.checkpoint import AtomicIO, Checkpoints, check_fits, checkpoints, latest_checkpoint
from torsor.train.classifier import Classifier, identity
from torsor.train.config import TrainConfig
from torsor.train.history import History
from torsor.train.processes import is_first_process
from torsor.train.seeds import seeded


@dataclass(frozen=True)
class Run:
    """What ``fit`` did.

    Args:
        history: a row an epoch: epoch, step, lr, train_loss, train_error, validation_loss, validation_error,
            seconds.
        resumed: the step that the run went on from; 0 if it began.
        folder: where checkpoints and logs are.
    """

    history: list[dict[str, float]]
    resumed: int
    folder: Path

    @property
    def seconds(self) -> float:
        """The time of all epochs together."""
        return sum(row["seconds"] for row in self.history)


def fit(
    net: nn.Module,
    data: TensorData,
    config: TrainConfig | None = None,
    folder: str | Path = "run",
    resume: bool = True,
) -> Run:
    """Train ``net`` in place to minimise the cross entropy, and leave it on the CPU in eval mode.

    The folder receives ``step-*.ckpt`` (the newest two), ``history.csv`` and TensorBoard logs. The same call
    after a kill, with the same net, data and configuration, goes on from the newest readable checkpoint; on
    the CPU, with the same number of threads, the weights then are bit for bit those of a run that was not
    killed. Global random state is neither used nor changed.

    Args:
        net: inputs (n, ...) -> scores (n, classes).
        data: tensors to learn from and to watch.
        config: the settings; None: the defaults.
        folder: of this run alone.
        resume: False: begin, and set checkpoints that are there aside (``*.ckpt.old``).

    Raises:
        CheckpointError: checkpoints are there and none can be read, or they belong to another run.
        ConfigError, DataError: as of TrainConfig and TensorData.
        KeyboardInterrupt: after Ctrl-C; the checkpoints stay.
    """
    config, folder = config or TrainConfig(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    start = _starting_point(net, data, config, folder) if resume else _set_aside(folder)
    history = History(folder / "history.csv")
    with seeded(config.seed), _quiet():
        trainer = _trainer(config, folder, history)
        _run(trainer, Classifier(net, data, config), start)
    net.cpu().eval()
    return Run(history.rows, int(start.stem.split("-")[1]) if start else 0, folder)


def _run(trainer: lightning.Trainer, module: Classifier, start: Path | None) -> None:
    """Fit; Ctrl-C stays Ctrl-C (Lightning makes it an exit of the program)."""
    try:
        trainer.fit(module, ckpt_path=start)
    except SystemExit as error:
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise
    if trainer.interrupted:
        raise KeyboardInterrupt


def _starting_point(net: nn.Module, data: TensorData, config: TrainConfig, folder: Path) -> Path | None:
    """The checkpoint to resume from, after comparing it with this run."""
    found = latest_checkpoint(folder)
    if found is None:
        return None
    path, content = found
    check_fits(content, net, identity(data, config), path)
    if is_first_process():
        for torn in checkpoints(folder)[checkpoints(folder).index(path) + 1 :]:
            torn.rename(torn.with_suffix(".ckpt.torn"))
    return path


def _set_aside(folder: Path) -> None:
    if is_first_process():
        for path in checkpoints(folder):
            path.rename(path.with_suffix(".ckpt.old"))


def _trainer(config: TrainConfig, folder: Path, history: History) -> lightning.Trainer:
    bar = sys.stdout.isatty() if config.progress is None else config.progress
    callbacks = [history, Checkpoints(folder, config.checkpoint_every)]
    if bar:
        require("rich", "train")
        callbacks.append(RichProgressBar(refresh_rate=20))
    if config.tensorboard:
        require("tensorboard", "train")
    return lightning.Trainer(
        max_epochs=config.epochs,
        accelerator=config.accelerator,
        devices=config.devices,
        plugins=[AtomicIO()],
        callbacks=callbacks,
        logger=TensorBoardLogger(folder, name="tensorboard", version="") if config.tensorboard else False,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        enable_checkpointing=True,
        enable_progress_bar=bar,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's advice about devices, workers and versions off the terminal; errors still pass."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning.*")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
