"""Checkpoints that a kill cannot tear, and that a resumed run can trust.

A checkpoint is written to a temporary file, flushed to disk, and renamed; the previous one is deleted after
that, so that two good ones exist at all times but the first. Reading checks the checksums of the whole file
first.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import CheckpointIO
from torch import nn

from torsor.errors import CheckpointError
from torsor.train.atomic import whole

KEEP = 2


def write_checkpoint(content: dict[str, Any], path: str | Path) -> Path:
    """``torch.save`` that leaves either the whole file or the one that was there."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part:
        torch.save(content, part)
    return path


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Load a checkpoint onto the CPU, tensors and plain containers only (nothing in it can run).

    Raises:
        CheckpointError: the file is absent, torn, damaged, or not a checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as file:
            damaged = file.testzip()
        if damaged is not None:
            raise CheckpointError(f"checkpoint {path} is damaged (checksum of {damaged})")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}") from error
    except (OSError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError) as error:
        if isinstance(error, CheckpointError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"checkpoint {path} is torn or damaged ({reason})") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not a checkpoint of torsor")
    return content


def latest_checkpoint(folder: str | Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest readable checkpoint of a run and its content; None if the run has none yet.

    Warns in one line about a newer one that cannot be read.

    Raises:
        CheckpointError: there are checkpoints and none can be read. Nothing is deleted.
    """
    failures = []
    for path in reversed(checkpoints(folder)):
        try:
            content = read_checkpoint(path)
        except CheckpointError as error:
            failures.append(str(error))
            continue
        if failures:
            warnings.warn(f"{failures[0]}; going on from the one before, {path.name}", stacklevel=2)
        return path, content
    if failures:
        raise CheckpointError(f"{failures[0]}; no other in {folder} can be read: start anew in another folder")
    return None


def checkpoints(folder: str | Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return sorted(Path(folder).glob("step-*.ckpt"))


def check_fits(content: dict[str, Any], net: nn.Module, expected: dict[str, Any], path: Path) -> None:
    """Compare the settings and the tensors of a checkpoint with those of the run that wants to resume.

    Raises:
        CheckpointError: a setting, a name or a shape differs; the message names the first one.
    """
    if not {"torsor", "state_dict"} <= content.keys():
        raise CheckpointError(f"{path} is not a checkpoint of torsor.train")
    for name, value in expected.items():
        stored = content["torsor"]["config"].get(name)
        if stored != value:
            remedy = "use the same, or start anew in another folder"
            raise CheckpointError(
                f"checkpoint {path} was made with {name}={stored!r}, this run has {value!r}; {remedy}"
            )
    check_tensors(content["state_dict"], {f"net.{k}": v for k, v in net.state_dict().items()}, path)


def check_tensors(stored: dict[str, torch.Tensor], own: dict[str, torch.Tensor], path: Path) -> None:
    """Compare names and shapes of the tensors of a file with those of a network.

    Raises:
        CheckpointError: they differ; the message names the first difference.
    """
    for name in sorted(stored.keys() | own.keys()):
        shapes = [str(tuple(d[name].shape)) if name in d else "no such tensor" for d in (own, stored)]
        if shapes[0] != shapes[1]:
            raise CheckpointError(f"{path} holds another network: {name}: expected {shapes[0]}, received {shapes[1]}")


class AtomicIO(CheckpointIO):
    """Lightning's checkpoints through ``write_checkpoint`` and ``read_checkpoint``."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write atomically."""
        write_checkpoint(checkpoint, path)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> dict[str, Any]:
        """Read, checked."""
        return read_checkpoint(path)

    def remove_checkpoint(self, path: Any) -> None:
        """Delete."""
        Path(path).unlink(missing_ok=True)


class Checkpoints(Checkpoint):
    """Write a checkpoint at the end of each epoch, and every ``every`` steps inside; keep the newest two.

    (Derived from Lightning's Checkpoint so that it runs after all other callbacks of an epoch's end.)
    """

    def __init__(self, folder: Path, every: int | None = None) -> None:
        self.folder, self.every = folder, every

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, index: int) -> None:
        """Save inside an epoch; its last step waits for the epoch's end."""
        last = index + 1 >= trainer.num_training_batches
        if self.every and trainer.global_step % self.every == 0 and not last:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        """Save the finished epoch."""
        self._save(trainer)

    def _save(self, trainer: lightning.Trainer) -> None:
        trainer.save_checkpoint(self.folder / f"step-{trainer.global_step:08d}.ckpt")
        if trainer.is_global_zero:
            for path in checkpoints(self.folder)[:-KEEP]:
                path.unlink()
