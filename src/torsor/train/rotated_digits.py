"""The recipe of the demo: an equivariant network against an ordinary CNN of equal size, on rotated digits."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from torsor import groups, reps
from torsor.data import digits, mnist_rot
from torsor.errors import ConfigError
from torsor.fibre import freeze
from torsor.train import evaluate, figures, report
from torsor.train.atomic import whole
from torsor.train.batches import Pair, TensorData
from torsor.train.config import TrainConfig, at_least
from torsor.train.fit import Run, fit
from torsor.train.parallel import default_workers, side_by_side
from torsor.train.processes import is_first_process
from torsor.train.results import Results, Row, environment
from torsor.train.saved import architecture, save_model
from torsor.train.seeds import seeded

log = logging.getLogger("torsor.train")
NETWORKS, DIGITS = ("equivariant", "plain CNN"), ("upright", "rotated")
Sets = dict[tuple[str, str], Pair]  # of a split, and upright or rotated


@dataclass(frozen=True)
class RotatedDigits:
    """The settings of the recipe; the defaults are the demo.

    Args:
        group, representation, width: of ``models.digits_net``; the plain CNN gets as many parameters.
        epochs, batch_size: the same for all networks.
        lr, plain_lr: the largest learning rate of the equivariant networks and of the plain ones.
        seed: of initial weights, order of the data, and angles.
        data: None: the digits that torsor ships; or a folder with MNIST: 12 000 to learn from, 50 000 to test
            on.
        out: the folder of everything that is written.
        resume: go on where an earlier call in this folder stopped; finished networks are not trained again.
        devices: as of TrainConfig.
        workers: networks that train side by side, a process each; None: one a core without an accelerator, else 1.
        learn: use only that many training digits; None: all.
        test: use only that many test digits; None: all.
        angle_step, angle_test: the curve over angles: degrees between its points, test digits at each.
    """

    group: str = "C8"
    representation: str = "regular"
    width: float = 0.7
    epochs: int = 8
    batch_size: int = 64
    lr: float = 6e-3
    plain_lr: float = 6e-3
    seed: int = 0
    data: str | None = None
    out: str = "runs/rotated-digits"
    resume: bool = True
    devices: int | str = 1
    workers: int | None = None
    learn: int | None = None
    test: int | None = None
    angle_step: int = 15
    angle_test: int = 500

    def __post_init__(self) -> None:
        at_least("epochs", self.epochs, 1)
        at_least("seed", self.seed, 0)
        if self.workers is not None:
            at_least("workers", self.workers, 1)
        if not self.width > 0:
            raise ConfigError(f"expected width > 0, received {self.width}")

    def settings(self) -> dict:
        """What the result depends on."""
        return {k: v for k, v in asdict(self).items() if k not in ("out", "resume", "devices", "workers")}

    def arguments(self) -> dict:
        """The arguments of ``models.digits_net``."""
        return {"group": self.group, "representation": self.representation, "width": self.width}

    def training(self, network: str) -> TrainConfig:
        """The budget of a network."""
        lr = self.lr if network == "equivariant" else self.plain_lr
        return TrainConfig(self.epochs, self.batch_size, lr, seed=self.seed, devices=self.devices)


def run(recipe: RotatedDigits | None = None) -> Results:
    """Train both networks on upright and on rotated digits, test them on both, and write everything.

    The output folder receives ``report.html``, ``results.csv``, ``results.json``, the figures, and a folder
    for each network with its checkpoints, ``history.csv``, TensorBoard logs, ``model.pt`` (``load_model``)
    and ``frozen.pt2`` (``torch.export.load``: needs no torsor). A call that was killed goes on when it is
    made again.

    Raises:
        ConfigError: a setting is not possible, or the folder holds a run with other settings.
        DataError, CheckpointError: as of the loaders and ``fit``.
    """
    recipe = recipe or RotatedDigits()
    begin, out = time.monotonic(), Path(recipe.out)
    build(recipe, "equivariant")  # an impossible group or type shows before anything is written
    sets = load(recipe)
    claim(recipe, out)
    recipe = ahead(recipe)
    cases = [one_case(recipe, network, trained_on, sets) for network in NETWORKS for trained_on in DIGITS]
    results = Results(
        rows=[case.row for case in cases],
        histories=[case.history for case in cases],
        angles=[float(a) for a in range(0, 360, recipe.angle_step)],
        by_angle=[case.by_angle for case in cases],
        settings=recipe.settings(),
        environment=environment(),
        seconds=time.monotonic() - begin,
    )
    if is_first_process():
        write(results, {case.row.network: case.net for case in cases if case.row.trained_on == "upright"}, sets, out)
    return results


def ahead(recipe: RotatedDigits) -> RotatedDigits:
    """Train the networks side by side where there are cores for it; what is left is to resume the finished runs."""
    names = [(network, trained_on) for network in NETWORKS for trained_on in DIGITS]
    workers = default_workers(len(names)) if recipe.workers is None else recipe.workers
    if workers == 1:
        return recipe
    side_by_side([(f"{network}, {kind}", partial(one, recipe, network, kind)) for network, kind in names], workers)
    return replace(recipe, resume=True)


def one(recipe: RotatedDigits, network: str, trained_on: str) -> None:
    """Train one network, in a process of its own."""
    net, _, _ = build(recipe, network)
    log.info(f"{count(net):,} parameters")
    sets = load(recipe, splits=("train", "validation"), kinds=(trained_on,))
    data = TensorData(sets["train", trained_on], sets["validation", trained_on])
    train(recipe, net, network, data, folder_of(recipe, network, trained_on))


def folder_of(recipe: RotatedDigits, network: str, trained_on: str) -> Path:
    """The folder of one training."""
    return Path(recipe.out) / f"{network}-{trained_on}".replace(" ", "-").lower()


@dataclass(frozen=True)
class Case:
    """A trained network, frozen, and what was measured of it."""

    net: nn.Module
    row: Row
    history: list[dict[str, float]]
    by_angle: list[float]


def one_case(recipe: RotatedDigits, network: str, trained_on: str, sets: Sets) -> Case:
    """Build, train, save, freeze and measure one network on one kind of digits."""
    folder = folder_of(recipe, network, trained_on)
    net, model, arguments = build(recipe, network)
    done = train(recipe, net, network, TensorData(sets["train", trained_on], sets["validation", trained_on]), folder)
    frozen = freeze(net)
    if is_first_process():
        save_model(folder / "model.pt", model, arguments, net)
        save_frozen(folder / "frozen.pt2", frozen, sets["test", "upright"][0][:2])
    frozen = frozen.to(evaluate.fastest_device())
    upright, rotated = (evaluate.error_rate(frozen, *sets["test", kind]) for kind in DIGITS)
    row = Row(
        network=network,
        trained_on=trained_on,
        parameters=count(net),
        validation_error=done.history[-1]["validation_error"],
        error_upright=upright,
        error_rotated=rotated,
        seconds=done.seconds,
        equivariance_error=equivariance(recipe, net),
    )
    return Case(frozen, row, done.history, curve(recipe, frozen, sets))


def claim(recipe: RotatedDigits, out: Path) -> None:
    """Note the settings in the output folder, or compare them with those of the run to resume.

    Raises:
        ConfigError: the folder holds a run with other settings.
    """
    note, settings = out / "recipe.json", recipe.settings()
    if recipe.resume and note.exists():
        before = _read(note)
        changed = [f"{k}={before.get(k)!r}" for k in settings if before.get(k) != settings[k]]
        if changed:
            remedy = "give another folder, or begin anew (--no-resume)"
            raise ConfigError(f"{out} holds a run with {', '.join(changed)}; {remedy}")
    out.mkdir(parents=True, exist_ok=True)
    with whole(note) as part:
        part.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def _read(note: Path) -> dict:
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{note} is damaged ({error}); give another folder, or begin anew (--no-resume)") from error


def load(
    recipe: RotatedDigits,
    splits: tuple[str, ...] = ("train", "validation", "test"),
    kinds: tuple[str, ...] = DIGITS,
) -> Sets:
    """The digits of some splits, upright or rotated or both."""
    sets = {}
    for split in splits:
        limit = recipe.test if split == "test" else recipe.learn
        for kind in kinds:
            images, labels = _digits(recipe, split, kind == "rotated")
            sets[split, kind] = images[:limit], labels[:limit]
    return sets


def _digits(recipe: RotatedDigits, split: str, rotated: bool) -> Pair:
    if recipe.data is None:
        return digits(split, rotated, recipe.seed)
    return mnist_rot(recipe.data, split, seed=recipe.seed, rotated=rotated)


def build(recipe: RotatedDigits, network: str) -> tuple[nn.Module, str, dict]:
    """A network with fresh weights, a function of the seed; and the name and arguments that make it."""
    with seeded(recipe.seed, 2):
        net = architecture("digits_net")(**recipe.arguments())
        if network == "equivariant":
            return net, "digits_net", recipe.arguments()
        arguments = {"parameters": count(net)}
        return architecture("plain_net")(**arguments), "plain_net", arguments


def count(net: nn.Module) -> int:
    """The number of parameters."""
    return sum(p.numel() for p in net.parameters())


def train(recipe: RotatedDigits, net: nn.Module, network: str, data: TensorData, folder: Path) -> Run:
    """Fit one network, or go on with it."""
    done = fit(net, data, recipe.training(network), folder, recipe.resume)
    if 0 < done.resumed < done.history[-1]["step"]:
        log.info(f"resumed from step {done.resumed} in {folder}")
    return done


def equivariance(recipe: RotatedDigits, net: nn.Module) -> float:
    """The float64 equivariance error of the table, of the plain network too, under the recipe's group."""
    image = reps.trivial(groups.from_name(recipe.group))
    return evaluate.equivariance_error(net, image, 10 * image, size=28)


def curve(recipe: RotatedDigits, net: nn.Module, sets: Sets) -> list[float]:
    """The test error at each angle."""
    images, labels = (t[: recipe.angle_test] for t in sets["test", "upright"])
    return evaluate.errors_by_angle(net, images, labels, evaluate.degrees(recipe.angle_step))


def save_frozen(path: Path, net: nn.Module, example: torch.Tensor) -> None:
    """Export a plain torch network for batches of any size."""
    shapes = ({0: torch.export.Dim("batch")},)
    with whole(path) as part:
        torch.export.save(torch.export.export(net, (example,), dynamic_shapes=shapes), part)


def write(results: Results, nets: dict[str, nn.Module], sets: Sets, out: Path) -> None:
    """The tables, the figures and the report."""
    drawn = {name: (figures.png(figure), caption) for name, (figure, caption) in _draw(results, nets, sets).items()}
    for name, (image, _) in drawn.items():
        (out / f"{name.lower().replace(' ', '-')}.png").write_bytes(image)
    results.write(out)
    (out / "report.html").write_text(report.html(results, drawn), encoding="utf-8")


def _draw(results: Results, nets: dict[str, nn.Module], sets: Sets) -> dict:
    images, labels = (t[:12] for t in sets["test", "rotated"])
    guesses = {name: evaluate.scores(net, images).argmax(dim=1) for name, net in nets.items()}
    return {
        "Error over the angle": (
            figures.angles(results),
            "Test error when all digits are turned by one angle.",
        ),
        "Digits": (
            figures.samples(images, labels, guesses),
            "The first rotated test digits, and what the networks that learnt upright digits take them for.",
        ),
        "Training": (figures.curves(results), "Validation error on digits like those learnt from."),
    }
