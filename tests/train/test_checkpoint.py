import os
import pickle

import pytest
import torch

from torsor.errors import CheckpointError
from torsor.train import latest_checkpoint, read_checkpoint, write_checkpoint

CONTENT = {"weights": torch.arange(1000.0), "step": 3}


def test_round_trip(tmp_path):
    path = write_checkpoint(CONTENT, tmp_path / "folder" / "a.ckpt")
    content = read_checkpoint(path)
    assert torch.equal(content["weights"], CONTENT["weights"]) and content["step"] == 3
    assert [p.name for p in path.parent.iterdir()] == ["a.ckpt"]


@pytest.mark.parametrize("moment", ["save", "fsync", "replace"])
def test_an_interruption_while_writing_leaves_the_old_file(tmp_path, monkeypatch, moment):
    path = write_checkpoint(CONTENT, tmp_path / "a.ckpt")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr({"save": torch, "fsync": os, "replace": os}[moment], moment, stop)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint({"weights": torch.zeros(5)}, path)
    monkeypatch.undo()
    assert read_checkpoint(path)["step"] == 3


@pytest.mark.parametrize("position", [0.02, 0.3, 0.6, 0.95])
def test_a_wrong_byte_anywhere_is_noticed(tmp_path, position):
    path = write_checkpoint({"weights": torch.arange(1000.0)}, tmp_path / "a.ckpt")
    raw = bytearray(path.read_bytes())
    raw[int(position * len(raw))] ^= 0x5A
    path.write_bytes(raw)
    try:
        content = read_checkpoint(path)
    except CheckpointError as error:
        assert "\n" not in str(error) and "a.ckpt" in str(error)
    else:  # a byte of padding or of an attribute
        assert torch.equal(content["weights"], torch.arange(1000.0))


@pytest.mark.parametrize("length", [0, 1, 100, 2000])
def test_torn_files(tmp_path, length):
    path = write_checkpoint(CONTENT, tmp_path / "a.ckpt")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"a\.ckpt is torn or damaged") as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        read_checkpoint(tmp_path / "list.ckpt")


class Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


def test_nothing_in_a_checkpoint_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"x": Attack()}, tmp_path / "a.ckpt", pickle_module=pickle)
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "a.ckpt")
    assert not (tmp_path / "attacked").exists()


def test_latest_of_none(tmp_path):
    assert latest_checkpoint(tmp_path) is None
