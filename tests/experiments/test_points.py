"""The experiments on points with made-up clouds: symmetry, measures, tuning, and runs that are killed."""

import importlib
import sys
from math import pi
from pathlib import Path

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import spaces as S

sys.path.append(str(Path(__file__).parents[2] / "experiments"))
runs, bodies, point_digits = (importlib.import_module(name) for name in ("point_runs", "bodies", "point_digits"))
sys.path.pop()

pytestmark = pytest.mark.filterwarnings("ignore:no equivariant map")


def made_up_bodies(number=3, points=64, scale=0.25):
    x = scale * torch.randn(number, points, 3, dtype=torch.float64)
    return bodies.Bodies(x, torch.randint(15, (number, points)))


def made_up_digits(number=6):
    blobs = torch.rand(number, 1, 28, 28).round()
    blobs[:, :, :8], blobs[:, :, 16:] = 0, 0
    return point_digits.clouds(blobs, torch.arange(number) % 10)


# ----------------------------------------------------------------------------------------------------------- symmetry


def test_body_scores_turn_with_the_body_and_see_mirrors():
    net = bodies.BodyNet(G.SO(3), coarser=(16, 4)).double()
    data = made_up_bodies()
    scores = net(data.points())
    turned = net(data.turned(G.SO(3).sample(3)).points())
    mirrored = net(data.turned(torch.diag(torch.tensor([-1.0, 1, 1])).expand(3, 3, 3)).points())
    assert (turned - scores).abs().max() < 1e-9 * scores.abs().max()
    assert (mirrored - scores).abs().max() > 1e-3 * scores.abs().max()


def test_an_ordinary_network_does_not_turn():
    net = bodies.BodyNet(G.Trivial(3), 0.2, coarser=(16, 4)).double().eval()
    data = made_up_bodies()
    scores = net(data.points())
    assert (net(data.turned(G.SO(3).sample(3)).points()) - scores).abs().max() > 1e-3 * scores.abs().max()


def test_digit_scores_are_invariant_under_rotations_and_shifts():
    net, data = point_digits.PointDigitsNet(G.SO(2)).eval(), made_up_digits()
    scores = point_digits.scores(net, data)
    moved = data.turned(torch.rand(len(data)) * 2 * pi)
    moved = point_digits.Digits([x + 3 for x in moved.positions], data.intensities, data.labels)
    assert (point_digits.scores(net, moved) - scores).abs().max() < 1e-4 * scores.abs().max()


@pytest.mark.parametrize("module", [bodies, point_digits])
def test_networks_have_equal_size(module):
    sizes = [runs.count(module.build(network)) for network in module.NETWORKS]
    assert max(sizes) < 1.03 * min(sizes)
    assert 20_000 < min(sizes) < 60_000


# --------------------------------------------------------------------------------------------------- data and measures


def test_bodies_are_centred_and_scaled_and_keep_their_labels():
    vertices = np.random.default_rng(0).normal(size=(2, 40, 3)) * 7 + 5
    parts = (vertices[0, :, 0] > 5).astype(np.int8)
    found = bodies.sampled(vertices[:1].repeat(2, 0), parts, 30)
    assert found.positions.mean(1).abs().max() < 1e-6
    assert torch.allclose(found.positions.square().sum(2).mean(1), torch.ones(2))
    assert (found.positions[found.parts == 1][:, 0].min() > found.positions[found.parts == 0][:, 0].max()).item()


def test_scores_of_a_known_confusion():
    parts = torch.tensor([[0, 0, 0, 1, 1, 2]])
    predictions = torch.tensor([[0, 0, 1, 1, 1, 1]])
    accuracy, iou, sideless = bodies.scores(predictions, parts, classes=4)
    assert accuracy == pytest.approx(4 / 6)
    assert iou == pytest.approx((2 / 3 + 2 / 4 + 0) / 3)
    assert sideless == pytest.approx(5 / 6)  # 0 and 1 are the two feet


def test_clouds_hold_the_bright_pixels():
    images = torch.zeros(1, 1, 28, 28)
    images[0, 0, 4:6, 10:12] = 1.0
    images[0, 0, 8:10, 10:14] = 0.5
    cloud = point_digits.clouds(images, torch.tensor([3]))
    expected = torch.tensor([[2.0, 5.0], [4.0, 5.0], [4.0, 6.0]])
    assert (cloud.positions[0] - (expected - expected.mean(0))).abs().max() < 2 * point_digits.JITTER
    assert cloud.intensities[0].flatten().tolist() == [1.0, 0.5, 0.5]
    assert isinstance(cloud.points(), S.Points)


def test_a_quarter_turn_moves_axis_0_to_axis_1():
    cloud = point_digits.Digits([torch.tensor([[1.0, 0.0]])], [torch.ones(1, 1)], torch.tensor([0]))
    assert torch.allclose(cloud.turned(torch.tensor([pi / 2])).positions[0], torch.tensor([[0.0, 1.0]]), atol=1e-6)


# ------------------------------------------------------------------------------------------------- training and tuning


class Killed(Exception):
    """A run that ends before its time."""


def fitted(checkpoint, kill_at=None):
    """A linear map trained for three epochs of four steps, killed before a step."""
    torch.manual_seed(3)
    net, x = torch.nn.Linear(3, 1), torch.arange(24.0).view(8, 3).sin()
    steps = iter(range(100))

    def loss(net, index, random):
        if next(steps) == kill_at:
            raise Killed
        noise = torch.randn(len(index), 1, generator=random)
        return (net(x[index]) - x[index].sum(1, keepdim=True) - noise).square().mean()

    runs.Training(8, 2, 3).fit(net, loss, 0.1, 5, checkpoint)
    return net.weight


def test_a_killed_run_ends_like_one_that_was_not(tmp_path):
    whole = fitted(tmp_path / "whole.pt")
    with pytest.raises(Killed):
        fitted(tmp_path / "killed.pt", kill_at=6)
    assert torch.equal(fitted(tmp_path / "killed.pt"), whole)


def test_study_tests_only_the_rate_that_is_best_on_validation(tmp_path):
    trained = []

    def train(network, lr, seed):
        trained.append((network, lr, seed))
        net = torch.nn.Linear(1, 1)
        net.lr = lr
        return net, {"parameters": 2, "epochs": 1, "seconds": 1}

    columns = ("phase", "network", "lr", "seed", "parameters", "epochs", "seconds", "validation", "score")
    table = runs.Table(tmp_path / "table.csv", columns)
    best = {"a": 0.2, "b": 0.9}  # b is found only by going on
    study = runs.Study(
        table,
        train,
        lambda network, net: -abs(net.lr - best[network]),
        lambda net: {"score": net.lr},
        (0.05, 0.1, 0.2, 0.3, 0.9, 2.0),
    )
    study.run(("a", "b"), 2)
    tested = [(row["network"], float(row["lr"]), row["seed"]) for row in table.rows() if row["phase"] == "test"]
    assert sorted(tested) == [("a", 0.2, "0"), ("a", 0.2, "1"), ("b", 0.9, "0"), ("b", 0.9, "1")]
    assert "| b | 2 | 1 | 0.9 | 1 | 90.0 (90.0 … 90.0) |" in table.summary(("score",))
    assert {lr for network, lr, _ in trained if network == "a"} == {0.1, 0.2, 0.3}
    assert {lr for network, lr, _ in trained if network == "b"} == {0.1, 0.2, 0.3, 0.9, 2.0}
    before = len(trained)
    study.run(("a", "b"), 2)
    assert len(trained) == before


def test_a_small_run_of_bodies(tmp_path, monkeypatch):
    data = made_up_bodies(6, 48, 0.2)
    data = bodies.Bodies(data.positions.float(), data.parts)
    for name, value in {"EPOCHS": 1, "BATCH": 2, "TABLE": tmp_path / "bodies.csv", "RATES": (1e-2,)}.items():
        monkeypatch.setattr(bodies, name, value)
    monkeypatch.setattr(bodies, "build", lambda network: bodies.BodyNet(G.SO(3), 0.2, coarser=(12, 4)))
    study = bodies.study({"train": data[:2], "validation": data[2:4], "test": data[4:]}, tmp_path)
    study.run(bodies.NETWORKS[-1:], 1)
    row = study.table.tests("SO(3)")[0]
    assert row["upright_accuracy"] == row["rotated_accuracy"]
    bodies.draw(data[:1], {"SO(3)": study.train("SO(3)", 1e-2, 0)[0].eval()}, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_a_small_run_of_digits(tmp_path, monkeypatch):
    data = made_up_digits(8)
    small = {"EPOCHS": 1, "BATCH": 4, "TABLE": tmp_path / "digits.csv", "RATES": (1e-2,)}
    for name, value in {**small, "ANGLES": (0, 90, 200), "NETWORKS": ("SO(2)",)}.items():
        monkeypatch.setattr(point_digits, name, value)
    monkeypatch.setattr(point_digits, "build", lambda network: point_digits.PointDigitsNet(G.SO(2), 0.2))
    study = point_digits.study(dict.fromkeys(("train", "validation", "test"), data), tmp_path)
    study.run(point_digits.NETWORKS, 1)
    row = study.table.tests("SO(2)")[0]
    assert len({row[f"at_{angle}"] for angle in point_digits.ANGLES} | {row["rotated"]}) == 1
    point_digits.draw(data, study.table, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
