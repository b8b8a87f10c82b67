"""Learning rates as functions of the step alone, so that a resumed run finds the same."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from torsor.train.config import TrainConfig


def learning_rate(config: TrainConfig, steps: int) -> Callable[[int], float]:
    """The factor of ``config.lr`` at each step of a run of that many steps."""
    rise = max(1, round(config.warmup * steps)) if config.schedule == "one-cycle" else 0

    def factor(step: int) -> float:
        if config.schedule == "constant":
            return 1.0
        if step < rise:
            return 0.04 + 0.96 * (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, steps - rise))))

    return factor


def optimizer(net: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser that the configuration names; weight decay spares biases."""
    biases = [p for name, p in net.named_parameters() if p.requires_grad and name.endswith("bias")]
    others = [p for name, p in net.named_parameters() if p.requires_grad and not name.endswith("bias")]
    groups = [
        {"params": others, "weight_decay": config.weight_decay},
        {"params": biases, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=0.9, nesterov=True)
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimizer](groups, lr=config.lr)
