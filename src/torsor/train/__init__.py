"""Training recipes on Lightning: seeded, logged, and safe to kill."""

from torsor.errors import require

require("lightning", "train")

from torsor.train.batches import TensorData  # noqa: E402
from torsor.train.checkpoint import latest_checkpoint, read_checkpoint, write_checkpoint  # noqa: E402
from torsor.train.classifier import Classifier  # noqa: E402
from torsor.train.config import TrainConfig  # noqa: E402
from torsor.train.fit import Run, fit  # noqa: E402

__all__ = [
    "Classifier",
    "Run",
    "TensorData",
    "TrainConfig",
    "fit",
    "latest_checkpoint",
    "read_checkpoint",
    "write_checkpoint",
]
