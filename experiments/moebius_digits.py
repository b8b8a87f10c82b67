"""Digits on a Möbius strip: steerable networks of five field types beside ordinary CNNs, in one place or in all.

    python experiments/moebius_digits.py --data mnist.npz

trains on 12 000 digits of MNIST on a strip of 28×28 pixels, either as they are (centred) or each at one of the 2·28
places along the strip (shifted; behind the twist digits are mirrored), and tests on 10 000 others that are always
shifted. The protocol is the published one (docs/experiments): Adam at 5e-3, halved every fifth of the epochs, batches
of 128, weight decay 1e-6. It writes results/moebius_digits.csv, a row a run; a killed run goes on where it was.

Options choose a part, such as ``--models regular --seeds 0 --epochs 20 --train centred``. Several processes may fill
the table at the same time, each with runs of its own.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path

import point_runs as runs
import torch

from torsor.data.strip_digits import strip_digits
from torsor.models.moebius import CHANNELS, FEWER, FIELDS, CutNet, MobiusNet

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "experiments" / "results" / "moebius_digits.csv"
MODELS = ("CNN", "CNN, smaller", *FIELDS)
TRAINED = ("shifted", "centred")
RATE, BATCH, WEIGHT_DECAY = 5e-3, 128, 1e-6
COLUMNS = ("model", "train", "epochs", "seed", "parameters", "seconds", "loss", "error", "centred_error")
KEY = ("model", "train", "epochs", "seed")
Data = tuple[torch.Tensor, torch.Tensor]


def build(model: str, seed: int) -> torch.nn.Module:
    """A network with the random weights of a seed."""
    torch.manual_seed(seed)
    if model.startswith("CNN"):
        return CutNet(FEWER if model.endswith("smaller") else CHANNELS)
    return MobiusNet(model)


# ---------------------------------------------------------------------------------------------------------- training


def train(model: str, data: Data, epochs: int, seed: int, checkpoint: Path, test: Data) -> tuple[torch.nn.Module, dict]:
    """A trained network, from the checkpoint on, and what the table says about its training."""
    net = build(model, seed)
    optimizer = torch.optim.Adam(net.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    fifth = max(1, round(epochs / 5))
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, fifth, gamma=0.5)
    parts = {"net": net, "optimizer": optimizer, "schedule": schedule}
    about = {"parameters": runs.count(net), "seconds": 0.0, "loss": float("nan")}
    done = resume(parts, about, checkpoint)
    for epoch in range(done, epochs):
        start = time.process_time()
        about["loss"] = epoch_of(net.train(), data, optimizer, runs.generator(seed, epoch))
        schedule.step()
        about["seconds"] += time.process_time() - start
        states = {name: part.state_dict() for name, part in parts.items()}
        runs.save({**states, "about": about, "done": epoch + 1}, checkpoint)
        line = f"{checkpoint.stem}: epoch {epoch + 1}/{epochs}, loss {about['loss']:.4f}, {about['seconds']:.0f} s"
        if (epoch + 1) % 4 == 0 and epoch + 1 < epochs:
            line += f", error of 2000 test digits {100 * error(net, (test[0][:2000], test[1][:2000])):.2f} %"
        print(line, flush=True)
    return net, {**about, "seconds": round(about["seconds"]), "loss": round(about["loss"], 5)}


def resume(parts: dict, about: dict, checkpoint: Path) -> int:
    """Restore what a checkpoint holds, in place; the number of epochs that are done."""
    if not checkpoint.exists():
        return 0
    stored = torch.load(checkpoint, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(stored[name])
    about.update(stored["about"])
    return stored["done"]


def epoch_of(net: torch.nn.Module, data: Data, optimizer: torch.optim.Optimizer, random: torch.Generator) -> float:
    """One pass over the digits; the mean loss. Dropout follows the same random numbers."""
    torch.manual_seed(random.initial_seed() % 2**63)
    images, labels = data
    chosen, total = torch.randperm(len(labels), generator=random).split(BATCH), 0.0
    for index in chosen:
        loss = torch.nn.functional.cross_entropy(net(images[index]), labels[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(index) / len(labels)
    return total


@torch.no_grad()
def error(net: torch.nn.Module, data: Data, batch: int = 250) -> float:
    """The share of digits that a network gets wrong."""
    net.eval()
    parts = zip(data[0].split(batch), data[1].split(batch), strict=True)
    return sum(int((net(x).argmax(1) != y).sum()) for x, y in parts) / len(data[1])


# ---------------------------------------------------------------------------------------------------------- the table


def tested(model: str, trained: str, epochs: int, seed: int, options: argparse.Namespace) -> None:
    """Train and test a network, unless the table has it already."""
    key = {"model": model, "train": trained, "epochs": epochs, "seed": seed}
    table = runs.Table(options.table, COLUMNS, KEY)
    if table.find(**key) is not None:
        return
    data = strip_digits(options.data, "train", trained == "shifted", options.number)
    tests = {name: strip_digits(options.data, "test", name == "error") for name in ("error", "centred_error")}
    name = f"{model.replace(', ', '-')} {trained} {epochs} {seed}.pt"
    net, about = train(model, data, epochs, seed, options.work / name, tests["error"])
    append(options.table, {**key, **about, **{name: round(100 * error(net, test), 2) for name, test in tests.items()}})


def append(path: Path, row: dict) -> None:
    """Write a row at the end of the table, in one piece, so that several processes can."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.open("x").write(",".join(COLUMNS) + "\n")
    except FileExistsError:
        pass
    with path.open("a", newline="") as file:
        csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row)
    print(row, flush=True)


def summary(rows: list[dict[str, str]]) -> str:
    """Test errors in percent, mean ± deviation over the seeds, as a Markdown table."""
    lines = [("model", "parameters", "epochs", "seeds", *(f"trained {name}" for name in TRAINED)), ("---",) * 6]
    for model, epochs in dict.fromkeys((row["model"], row["epochs"]) for row in rows):
        own = [row for row in rows if row["model"] == model and row["epochs"] == epochs]
        cells = [spread([float(row["error"]) for row in own if row["train"] == name]) for name in TRAINED]
        lines.append((model, own[0]["parameters"], epochs, str(len({row["seed"] for row in own})), *cells))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(values: list[float]) -> str:
    """Mean ± standard deviation."""
    if len(values) < 2:
        return f"{values[0]:.2f}" if values else "–"
    x = torch.tensor(values)
    return f"{x.mean():.2f} ± {x.std():.2f}"


def arguments() -> argparse.Namespace:
    """The options; all runs by default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    where = Path(tempfile.gettempdir()) / "torsor-experiments" / "moebius_digits"
    parser.add_argument("--data", type=Path, required=True, help="mnist.npz, or a folder with MNIST")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--train", nargs="+", default=TRAINED, choices=TRAINED)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds of every network")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--number", type=int, default=None, help="train on the first so many digits only")
    parser.add_argument("--work", type=Path, default=where, help=f"the folder of checkpoints, by default {where}")
    parser.add_argument("--table", type=Path, default=TABLE, help="the table of results")
    return parser.parse_args()


def main() -> None:
    """Fill the table."""
    options = arguments()
    torch.set_num_threads(1)
    for seed in options.seeds:
        for model in options.models:
            for trained in options.train:
                tested(model, trained, options.epochs, seed, options)
    print(summary(runs.Table(options.table, COLUMNS, KEY).rows()))


if __name__ == "__main__":
    main()
