"""Any network that gives class scores, as a Lightning module."""

from __future__ import annotations

import lightning
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from torsor.train.batches import EvalBatches, Pair, TensorData, TrainBatches
from torsor.train.config import TrainConfig
from torsor.train.evaluate import batch_size
from torsor.train.schedule import learning_rate, optimizer
from torsor.train.seeds import derive


class Classifier(lightning.LightningModule):
    """Cross entropy around ``net``: inputs (n, ...) -> scores (n, classes).

    Each step draws its batch, its dropout and its augmentation from (seed, step) alone. Loss and error of an
    epoch are sums over its examples, kept on the device and read once an epoch: ``rates``.
    """

    def __init__(self, net: nn.Module, data: TensorData, config: TrainConfig) -> None:
        super().__init__()
        self.net, self.data, self.config = net, data, config
        self.steps_per_epoch = steps_per_epoch(data, config)
        self.sums: dict[str, torch.Tensor] = {}  # (loss, wrong answers, examples); no buffers: DDP equates those

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The scores of the network."""
        return self.net(x)

    def train_dataloader(self) -> TrainBatches:
        """Batches that follow the trainer's step."""
        world = self.trainer.world_size
        batches = TrainBatches(self.data.train, self.config.batch_size, self.config.seed, self.global_rank, world)
        batches.step = lambda: self.trainer.global_step
        return batches

    def val_dataloader(self) -> EvalBatches | list:
        """The validation examples of this process, or none."""
        if self.data.validation is None:
            return []
        few = batch_size(self.device)
        return EvalBatches(self.data.validation, few, self.global_rank, self.trainer.world_size)

    def training_step(self, batch: Pair, index: int) -> torch.Tensor:
        """Seed, augment, and the loss."""
        torch.manual_seed(derive(self.config.seed, 1, self.global_step, self.global_rank))
        x, labels = batch
        if self.data.augment is not None:
            x = self.data.augment(x)
        scores = self.net(x)
        loss = cross_entropy(scores, labels, label_smoothing=self.config.label_smoothing)
        self._count("train", loss.detach(), scores.detach(), labels)
        return loss

    def validation_step(self, batch: Pair, index: int) -> None:
        """Count."""
        scores = self.net(batch[0])
        self._count("validation", cross_entropy(scores, batch[1]), scores, batch[1])

    def rates(self, part: str) -> dict[str, float]:
        """Mean loss and fraction of wrong answers since the last call, over all processes."""
        if part not in self.sums:
            return {}
        loss, wrong, n = self.trainer.strategy.reduce(self.sums.pop(part), reduce_op="sum").tolist()
        return {f"{part}_loss": loss / n, f"{part}_error": wrong / n}

    def configure_optimizers(self) -> dict:
        """The optimiser, and the schedule as a function of the step."""
        optim = optimizer(self.net, self.config)
        factor = learning_rate(self.config, self.config.epochs * self.steps_per_epoch)
        schedule = torch.optim.lr_scheduler.LambdaLR(optim, factor)
        return {"optimizer": optim, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Add what a resumed run must share, and the sums of an unfinished epoch."""
        checkpoint["torsor"] = {
            "config": identity(self.data, self.config),
            "train_sums": self.sums.get("train", torch.zeros(3)).tolist(),
        }

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Restore the sums of an unfinished epoch, to the first process (they are added up over all)."""
        sums = torch.tensor(checkpoint["torsor"]["train_sums"])
        self.sums["train"] = sums if self.global_rank == 0 else torch.zeros_like(sums)

    def _count(self, part: str, loss: torch.Tensor, scores: torch.Tensor, labels: torch.Tensor) -> None:
        wrong = (scores.argmax(dim=1) != labels).sum()
        n = torch.full_like(wrong, len(labels))
        sums = torch.stack([loss * n, wrong, n])
        self.sums[part] = sums + self.sums[part].to(sums) if part in self.sums else sums


def steps_per_epoch(data: TensorData, config: TrainConfig) -> int:
    """The number of batches in an epoch."""
    return len(TrainBatches(data.train, config.batch_size, config.seed))


def identity(data: TensorData, config: TrainConfig) -> dict:
    """What a run must share with the checkpoint that it resumes from."""
    return {**config.identity(), "steps_per_epoch": steps_per_epoch(data, config)}
