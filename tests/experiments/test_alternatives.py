"""The comparison of the alternatives: equal sizes, exact quarter turns, and a run that is read back."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[2] / "experiments"))
alternatives = importlib.import_module("alternatives")
sys.path.pop()

INVARIANT = [network for network in alternatives.NETWORKS if network not in ("plain", "Augment")]


@pytest.mark.parametrize("network", alternatives.NETWORKS)
def test_networks_have_equal_sizes(network):
    size = alternatives.runs.count(alternatives.build(network, 0))
    assert abs(size / alternatives.runs.count(alternatives.build("plain", 0)) - 1) < 0.06


@pytest.mark.parametrize("network", INVARIANT)
def test_quarter_turns_are_exact(network):
    net = alternatives.build(network, 0).double().eval()
    x = torch.randn(2, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scores, moved = net(x), net(torch.rot90(x, 1, (-2, -1)))
    assert alternatives.spread(moved, scores) < 1e-9
    plain = alternatives.build("plain", 0).double().eval()
    assert alternatives.spread(plain(torch.rot90(x, 1, (-2, -1))), plain(x)) > 1e-2


def test_a_short_run(tmp_path, monkeypatch):
    for name, value in {"TRAINING": 100, "TEST": 200, "EPOCHS": 1}.items():
        monkeypatch.setattr(alternatives, name, value)
    alternatives.data.cache_clear()
    net, about = alternatives.train("Augment", 0, tmp_path)
    scores = alternatives.tested(net)
    alternatives.data.cache_clear()
    assert about["epochs"] == 1 and 0 <= scores["turned"] <= 1 and scores["error 90"] > 0 and scores["forward ms"] > 0
