"""Trains a small network in child processes that are killed at random moments, until one finishes.

python killed_run.py FOLDER EVERY KILLS SEED: children are forked after the imports, so that a start costs
nothing. Prints the number of kills that hit a living child. FOLDER/weights.pt holds the final weights.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

from torsor.train import TensorData, TrainConfig, fit


def network() -> nn.Module:
    """Dropout and batch statistics: both must survive."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(),
        nn.Dropout(0.3), nn.Linear(16, 10),
    )  # fmt: skip


def train(folder: Path, every: int | None) -> nn.Module:
    """One run; the initial weights differ from call to call, as a resumed run must not depend on them."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(420, 1, 8, 8, generator=generator)
    y = torch.randint(0, 10, (420,), generator=generator)
    if not any(folder.glob("*.ckpt")):
        torch.manual_seed(1)
    net = network()
    data = TensorData((x, y), (x[:50], y[:50]), augment=augment)
    config = TrainConfig(epochs=5, batch_size=16, seed=3, checkpoint_every=every, tensorboard=False)
    fit(net, data, config, folder)
    return net


def augment(x: torch.Tensor) -> torch.Tensor:
    """Random, and slow enough to be killed in the middle."""
    time.sleep(0.004)
    return x + 0.1 * torch.randn_like(x)


def child(folder: Path, every: int | None) -> int:
    """Fork a process that trains and saves the weights."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        net = train(folder, every)
        torch.save(net.state_dict(), folder / "weights.pt")
        code = 0
    finally:
        os._exit(code)


def kill_after(pid: int, seconds: float) -> bool:
    """Whether the process still lived then; it no longer does."""
    time.sleep(seconds)
    if os.waitpid(pid, os.WNOHANG) != (0, 0):
        return False
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


if __name__ == "__main__":
    folder, every, kills = Path(sys.argv[1]), int(sys.argv[2]) or None, int(sys.argv[3])
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(int(sys.argv[4]))
    begin = time.monotonic()
    os.waitpid(child(folder.with_name(folder.name + "-timing"), every), 0)
    duration = time.monotonic() - begin
    hits = sum(kill_after(child(folder, every), draw.uniform(0.05, 0.4) * duration) for _ in range(kills))
    _, status = os.waitpid(child(folder, every), 0)
    print(hits)
    sys.exit(os.waitstatus_to_exitcode(status))
