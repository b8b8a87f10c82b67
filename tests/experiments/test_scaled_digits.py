"""The experiment on scaled digits: networks of equal size, moving windows, the most confident of several."""

import importlib
import sys
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).parents[2] / "experiments"))
scaled_digits = importlib.import_module("scaled_digits")
sys.path.pop()


def test_networks_have_about_equal_size_and_their_seed():
    sizes = {}
    for network in scaled_digits.NETWORKS:
        one, other = scaled_digits.build(network, 0), scaled_digits.build(network, 0)
        sizes[network] = sum(p.numel() for p in one.parameters())
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert max(sizes.values()) < 1.1 * min(sizes.values())


def test_the_most_confident_network_decides_for_each_image():
    class Constant(torch.nn.Module):
        def __init__(self, scores):
            super().__init__()
            self.scores = torch.tensor(scores)

        def forward(self, x):
            return self.scores

    first, second = Constant([[0.0, 5.0], [0.0, 1.0]]), Constant([[2.0, 0.0], [3.0, 0.0]])
    found = scaled_digits.MostConfident([first, second])(torch.zeros(2, 1))
    assert found.argmax(1).tolist() == [1, 0]


def test_moving_windows_start_with_the_trained_one():
    x = torch.rand(3, 1, 17, 17)
    for network in ("scales", "pyramid"):
        net = scaled_digits.build(network, 0).eval()
        moved = scaled_digits.shifted(net)
        assert len(moved.nets) == 4 and torch.allclose(moved.nets[0](x), net(x), atol=1e-5)
