import csv
import logging
import os
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from torsor.errors import CheckpointError
from torsor.train import TensorData, TrainConfig, fit

SETTINGS = {"batch_size": 20, "lr": 0.02, "tensorboard": False}


@pytest.fixture
def data(generator):
    """Two Gaussian clouds that a line separates."""
    y = torch.arange(200) % 2
    x = torch.randn(200, 5, generator=generator) + 2.5 * (2 * y[:, None] - 1)
    return TensorData((x, y), (x[:60], y[:60]))


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))


def fresh() -> nn.Module:
    torch.manual_seed(1)
    return network()


def test_it_learns_and_says_so(tmp_path, data):
    net = fresh()
    run = fit(net, data, TrainConfig(epochs=4, **SETTINGS), tmp_path)
    assert run.resumed == 0 and [row["step"] for row in run.history] == [10, 20, 30, 40]
    assert run.history[-1]["validation_error"] < 0.05 < run.history[0]["train_error"]
    assert not net.training and next(net.parameters()).device.type == "cpu"
    with torch.no_grad():
        x, y = data.validation
        loss = nn.functional.cross_entropy(net(x), y).item()
        error = (net(x).argmax(1) != y).float().mean().item()
    assert run.history[-1]["validation_loss"] == pytest.approx(loss, rel=1e-5)
    assert run.history[-1]["validation_error"] == pytest.approx(error)
    with (tmp_path / "history.csv").open() as file:
        assert [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)] == run.history


def test_the_seed_decides_and_global_random_state_does_not(tmp_path, data):
    weights = []
    for name, seed, noise in (("a", 0, 1), ("b", 0, 2), ("c", 5, 1)):
        net = fresh()
        torch.manual_seed(noise)
        fit(net, data, TrainConfig(epochs=2, seed=seed, **SETTINGS), tmp_path / name)
        weights.append(net[0].weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_global_random_state_is_not_changed(tmp_path, data):
    net = fresh()
    before = torch.get_rng_state()
    fit(net, data, TrainConfig(epochs=1, **SETTINGS), tmp_path)
    assert torch.equal(before, torch.get_rng_state())


def test_a_finished_run_is_not_trained_again(tmp_path, data):
    first, again = fresh(), network()
    config = TrainConfig(epochs=2, **SETTINGS)
    run = fit(first, data, config, tmp_path)
    second = fit(again, data, config, tmp_path)
    assert second.resumed == 20 and second.history == run.history
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_beginning_anew_sets_checkpoints_aside(tmp_path, data):
    config = TrainConfig(epochs=2, **SETTINGS)
    fit(fresh(), data, config, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.ckpt")}
    run = fit(fresh(), data, config, tmp_path, resume=False)
    assert run.resumed == 0 and len(run.history) == 2
    assert {path.stem: path.read_bytes() for path in tmp_path.glob("*.old")} == before


def test_ctrl_c_leaves_a_run_that_goes_on(tmp_path, data):
    whole, parts, steps = fresh(), fresh(), []

    def interrupt(x):
        steps.append(1)
        if len(steps) == 15:
            raise KeyboardInterrupt
        return x

    config = TrainConfig(epochs=3, **SETTINGS)
    fit(whole, data, config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(parts, replace(data, augment=interrupt), config, tmp_path / "parts")
    assert fit(parts, data, config, tmp_path / "parts").resumed == 10
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True))


@pytest.fixture
def finished(tmp_path, data):
    """A run of three epochs: its folder, configuration and weights."""
    net, config = fresh(), TrainConfig(epochs=3, **SETTINGS)
    fit(net, data, config, tmp_path)
    return tmp_path, config, net.state_dict()


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """One wrong byte in a tensor: the zip directory is whole, the checksum is not."""
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        record = max((i for i in file.infolist() if "/data/" in i.filename), key=lambda i: i.file_size)
    names = raw[record.header_offset + 26 : record.header_offset + 30]
    start = record.header_offset + 30 + sum(struct.unpack("<HH", names))
    raw[start + record.file_size // 2] ^= 0xFF
    path.write_bytes(raw)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [tear, flip, empty])
def test_a_torn_checkpoint_falls_back_to_the_one_before(finished, data, damage):
    folder, config, weights = finished
    older, newest = sorted(folder.glob("*.ckpt"))
    damage(newest)
    net = network()
    with pytest.warns(UserWarning, match=rf"{newest.name} is .*; going on from the one before, {older.name}"):
        run = fit(net, data, config, folder)
    assert run.resumed == 20
    assert all(torch.equal(value, weights[name]) for name, value in net.state_dict().items())
    assert (folder / f"{newest.name}.torn").exists()  # nothing lost
    assert len(run.history) == 3


def test_no_readable_checkpoint_is_an_error_and_deletes_nothing(finished, data):
    folder, config, _ = finished
    for path in folder.glob("*.ckpt"):
        tear(path)
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(CheckpointError, match="torn or damaged .* start anew in another folder") as error:
        fit(network(), data, config, folder)
    assert "\n" not in str(error.value)
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_other_settings_do_not_resume(finished, data):
    folder, _, _ = finished
    with pytest.raises(CheckpointError, match="made with epochs=3, this run has 4"):
        fit(network(), data, TrainConfig(epochs=4, **SETTINGS), folder)


def test_another_network_does_not_resume(finished, data):
    folder, config, _ = finished
    other = nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Dropout(0.2), nn.Linear(9, 2))
    with pytest.raises(CheckpointError, match=r"net.0.bias: expected \(9,\), received \(8,\)"):
        fit(other, data, config, folder)
    with pytest.raises(CheckpointError, match="no such tensor"):
        fit(nn.Sequential(*network(), nn.Linear(2, 2)), data, config, folder)


def test_other_data_do_not_resume(finished, data):
    folder, config, _ = finished
    fewer = TensorData((data.train[0][:100], data.train[1][:100]))
    with pytest.raises(CheckpointError, match="steps_per_epoch=10, this run has 5"):
        fit(network(), fewer, config, folder)


def test_without_validation_and_with_tensorboard(tmp_path, data):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = TrainConfig(epochs=2, batch_size=20)
    run = fit(fresh(), TensorData(data.train), config, tmp_path)
    assert "validation_error" not in run.history[0]
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    logged = [event.value for event in events.Scalars("train_loss")]
    assert logged == pytest.approx([row["train_loss"] for row in run.history])


def test_epochs_are_logged_and_the_terminal_is_quiet(tmp_path, data, caplog, capfd):
    with caplog.at_level(logging.INFO, "torsor.train"):
        fit(fresh(), data, TrainConfig(epochs=2, **SETTINGS), tmp_path)
    assert [r.message.split(":")[0] for r in caplog.records] == ["epoch 1/2", "epoch 2/2"]
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


SCRIPT = """
import os, sys, torch
from pathlib import Path
from torch import nn
from torsor.train import TensorData, TrainConfig, fit
torch.set_num_threads(1)
g = torch.Generator().manual_seed(0)
y = torch.arange(128) % 2
x = torch.randn(128, 5, generator=g) + y[:, None]
torch.manual_seed(1)
net = nn.Linear(5, 2)
config = TrainConfig(epochs=2, batch_size=16, devices=int(sys.argv[2]), accelerator="cpu", tensorboard=False)
run = fit(net, TensorData((x, y), (x[:33], y[:33])), config, sys.argv[1])
last = run.history[-1]
numbers = last["validation_loss"], last["train_error"], net.weight.sum().item()
Path(sys.argv[1], "rank" + os.environ.get("LOCAL_RANK", "0")).write_text(" ".join(map(str, numbers)))
"""


@pytest.mark.slow
def test_two_processes_agree_with_one(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    numbers = []
    for devices in (1, 2):
        command = [sys.executable, str(script), str(tmp_path / str(devices)), str(devices)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
        assert done.returncode == 0, done.stderr
        files = sorted((tmp_path / str(devices)).glob("rank*"))
        assert len(files) == devices
        numbers += [[float(word) for word in file.read_text().split()] for file in files]
    for other in numbers[1:]:
        assert other == pytest.approx(numbers[0], rel=1e-4)
    assert len(list((tmp_path / "2").glob("*.ckpt"))) == 2
