"""One row of numbers an epoch: kept in the checkpoints, written as CSV, logged."""

from __future__ import annotations

import csv
import io
import logging
import time
from pathlib import Path
from typing import Any

import lightning

from torsor.train.atomic import whole
from torsor.train.classifier import Classifier

log = logging.getLogger("torsor.train")


class History(lightning.Callback):
    """epoch, step, lr, train and validation loss and error, and the seconds that the epoch took.

    The rows travel in the checkpoints and the CSV is rewritten whole, so that a resumed run has each epoch
    once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []
        self._start = 0.0

    def on_train_start(self, trainer: lightning.Trainer, module: Any) -> None:
        """Start the clock (also where a run resumes inside an epoch)."""
        self._start = time.monotonic()

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: Any) -> None:
        """Start the clock."""
        self._start = time.monotonic()

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        """Add the row."""
        row = {"epoch": trainer.current_epoch + 1, "step": trainer.global_step}
        row["lr"] = trainer.optimizers[0].param_groups[0]["lr"]
        rates = self._rates(module)
        self.rows.append({**row, **rates, "seconds": round(time.monotonic() - self._start, 3)})
        module.log_dict(rates, prog_bar=True)
        if trainer.is_global_zero:
            self.write()
            log.info(describe(self.rows[-1], trainer.max_epochs))

    def state_dict(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": [dict(row) for row in self.rows]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The rows of the run so far."""
        self.rows = [dict(row) for row in state["rows"]]

    def write(self) -> None:
        """Write the CSV, atomically."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        with whole(self.path) as part:
            part.write_text(text.getvalue(), encoding="utf-8")

    def _rates(self, module: Classifier) -> dict[str, float]:
        return {**module.rates("train"), **module.rates("validation")}


def describe(row: dict[str, float], epochs: int | None) -> str:
    """One line about an epoch."""
    line = f"epoch {row['epoch']}/{epochs}: loss {row['train_loss']:.4f}, error {row['train_error']:.2%}"
    if "validation_error" in row:
        line += f", validation error {row['validation_error']:.2%}"
    return f"{line}, {row['seconds']:.1f} s"
