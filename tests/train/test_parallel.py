"""Trainings side by side: the same results as one after the other, errors that arrive, and no survivors."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from torsor.errors import ConfigError
from torsor.train.parallel import default_workers, side_by_side
from torsor.train.rotated_digits import RotatedDigits, run

SMALL = {"epochs": 1, "learn": 128, "test": 60, "angle_test": 20, "angle_step": 180, "width": 0.2}
SLEEPER = """
import os, sys, time
from functools import partial
from pathlib import Path
from torsor.train.parallel import side_by_side
from tests.train.test_parallel import note_and_sleep
if __name__ == "__main__":
    side_by_side([(str(k), partial(note_and_sleep, Path(sys.argv[1]) / str(k))) for k in range(2)], 2)
"""


def note_and_sleep(path: Path) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(120)


def fail(message: str) -> None:
    raise ConfigError(message)


def alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().split(")")[1].split()[0] != "Z"


@pytest.mark.slow
def test_side_by_side_gives_the_weights_of_one_after_the_other(tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        together = run(RotatedDigits(out=str(tmp_path / "together"), workers=2, **SMALL))
        alone = run(RotatedDigits(out=str(tmp_path / "alone"), workers=1, **SMALL))
    finally:
        torch.set_num_threads(threads)
    assert [row.validation_error for row in together.rows] == [row.validation_error for row in alone.rows]
    for folder in ("equivariant-upright", "plain-cnn-rotated"):
        a, b = (torch.load(tmp_path / k / folder / "model.pt", weights_only=False) for k in ("together", "alone"))
        assert all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True)) and tensors(a)


def tensors(saved: object) -> list[torch.Tensor]:
    if isinstance(saved, torch.Tensor):
        return [saved]
    values = saved.values() if isinstance(saved, dict) else saved if isinstance(saved, list | tuple) else ()
    return [t for value in values for t in tensors(value)]


def test_an_error_in_a_job_arrives():
    with pytest.raises(ConfigError, match="what went wrong"):
        side_by_side([("job", partial(fail, "what went wrong"))], 1)


def test_an_error_ends_the_other_jobs(tmp_path):
    begin = time.monotonic()
    with pytest.raises(ConfigError, match="what went wrong"):
        side_by_side(
            [("sleeper", partial(note_and_sleep, tmp_path / "0")), ("job", partial(fail, "what went wrong"))], 2
        )
    assert time.monotonic() - begin < 90  # the sleeper would take 120


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_jobs_end_when_the_process_is_killed(tmp_path):
    script = tmp_path / "sleeper.py"
    script.write_text(SLEEPER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path)], env=environment)
    notes = [tmp_path / "0", tmp_path / "1"]
    until(lambda: all(note.exists() and note.read_text() for note in notes))
    pids = [int(note.read_text()) for note in notes]
    assert all(alive(pid) for pid in pids)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not any(alive(pid) for pid in pids))


def until(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_default_workers(monkeypatch):
    assert 1 <= default_workers(4) <= 4 and default_workers(1) == 1
    monkeypatch.setenv("RANK", "0")
    assert default_workers(4) == 1
