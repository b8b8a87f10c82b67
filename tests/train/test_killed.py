"""SIGKILL at random moments, then resume: the final weights are those of an uninterrupted run, bit for bit."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("killed_run.py")


@pytest.fixture(scope="module", params=[0, 3], ids=["epoch ends", "every 3 steps"])
def runs(request, tmp_path_factory):
    """Folders of a run that was killed eight times, and of one that nobody killed."""
    folder = tmp_path_factory.mktemp("runs") / "killed"
    command = [sys.executable, str(SCRIPT), str(folder), str(request.param), "8", str(request.param)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    assert int(process.stdout) >= 2, "the kills came too late to test anything"
    return folder, folder.with_name("killed-timing")


def test_weights_are_equal_bit_for_bit(runs):
    killed, whole = (torch.load(folder / "weights.pt") for folder in runs)
    assert killed.keys() == whole.keys()
    assert all(torch.equal(killed[name], whole[name]) for name in whole)


def test_history_has_each_epoch_once_with_the_same_numbers(runs):
    killed, whole = (list(csv.DictReader((folder / "history.csv").open())) for folder in runs)
    for row in killed + whole:
        del row["seconds"]
    assert [row["epoch"] for row in whole] == ["1", "2", "3", "4", "5"]
    assert killed == whole


def test_two_checkpoints_are_kept_and_nothing_half_written(runs):
    for folder in runs:
        assert len(list(folder.glob("step-*.ckpt"))) == 2
        assert not list(folder.glob(".*"))
