"""``torsor taxonomy``: tables, JSON, code, and exit codes."""

import json

import pytest
import torch

from torsor import cli, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.taxonomy import ROWS, Row

pytest.importorskip("typer")
KEYS = {"id": str, "ok": bool, "error": float, "budget": float, "seconds": float, "name": str, "networks": list}


@pytest.fixture
def torsor(capfd):
    """Run a command line: (exit code, standard output, standard error)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["taxonomy", *arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def liar(monkeypatch):
    """A row whose network claims a symmetry that it does not have."""

    def lie():
        rep = 2 * R.trivial(G.Cyclic(4))
        net = nn.Sequential(nn.Conv(rep, rep, K.Stencil(3)), nn.ReLU(rep), nn.Conv(rep, rep, K.Stencil(3)))
        net[2].expanded_bias = lambda: torch.tensor([float("nan"), 0.0], dtype=torch.float64)
        return net

    monkeypatch.setitem(ROWS, "X1", Row("X1", "a liar", "R²", "C4", "trivial", lie))


def test_table(torsor):
    code, out, err = torsor("E3", "e6A")
    assert (code, err) == (0, "")
    assert all(word in out for word in ("id", "name", "ok", "error", "budget", "seconds", "E3", "E6a", "yes", "1e-10"))


def test_json(torsor):
    code, out, err = torsor("E3", "E4", "--json")
    rows = json.loads(out)
    assert (code, err) == (0, "") and [row["id"] for row in rows] == ["E3", "E4"]
    for row in rows:
        assert all(isinstance(row[key], kind) for key, kind in KEYS.items())
        assert all({"ok", "error", "budget", "outside", "unconstrained"} <= set(net) for net in row["networks"])


def test_code(torsor):
    code, out, err = torsor("E3", "--code")
    assert (code, err) == (0, "") and out.startswith("# E3: ") and "from torsor import groups as G" in out
    namespace: dict = {}
    exec(out, namespace)
    assert isinstance(namespace["line_regular"](), nn.Sequential)


def test_a_failing_row_fails_the_command(torsor, liar):
    code, out, _ = torsor("X1", "E3")
    assert code == 1 and "NO" in out and "yes" in out and "nan" in out
    code, out, _ = torsor("X1", "--json")
    assert code == 1 and json.loads(out)[0]["ok"] is False and json.loads(out)[0]["error"] is None


def test_unknown_rows(torsor):
    code, out, err = torsor("E99")
    assert (code, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1 and "E6b" in err
