"""Networks on the Möbius strip: invariant under all shifts, of the published sizes; and the experiment, killed."""

import importlib
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor.data.strip_digits import shifted_on_strip
from torsor.errors import ConfigError
from torsor.models.moebius import CHANNELS, FEWER, FIELDS, CutNet, MobiusNet, hidden

sys.path.append(str(Path(__file__).parents[2] / "experiments"))
digits = importlib.import_module("moebius_digits")
sys.path.pop()

SMALL = (8, 8, 8, 8, 8, 4)
L, W = 12, 8
PUBLISHED = {"scalar": 902e3, "sign-flip": 820e3, "regular": 752e3, "irreps": 752e3, "mixed": 752e3}


def randomised(net):
    """Every parameter and statistic other than at the start."""
    for name, x in net.state_dict().items():
        if name.endswith("running_var"):
            x.uniform_(0.5, 2.0)
        elif x.is_floating_point():
            x.add_(0.2 * torch.randn_like(x))
    return net


def shifts(x, steps):
    return shifted_on_strip(x, torch.full((len(x),), steps))


def apart(a, b):
    return float(((a - b).abs().max() / b.abs().max()).detach())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("fields", FIELDS)
def test_scores_are_invariant_under_shifts(fields, training, dtype, tolerance):
    """Exactly by multiples of 4, twice around the strip; by other steps the two poolings see a difference."""
    net = randomised(MobiusNet(fields, L, W, SMALL, dtype=dtype)).train(training)
    net.head[3].p = 0.0
    x = torch.randn(3, 1, W, L, dtype=dtype)
    y = net(x)
    assert y.shape == (3, 10) and apart(y[1:], y[:-1]) > 1e-2
    for steps in range(4, 2 * L, 4):
        assert apart(net(shifts(x, steps)), y) < tolerance
    assert apart(net(x.flip(2)), y) < tolerance  # L steps
    assert apart(net(shifts(x, 1)), y) > 1e-4
    assert apart(net(x.flip(3)), y) > 1e-4  # not a symmetry that the group knows


@pytest.mark.parametrize("fields", FIELDS)
def test_features_move_with_the_digit_gradients_too(fields):
    torch.manual_seed(1)  # some random networks of this size answer 0 everywhere, behind the last ReLU
    net = randomised(MobiusNet(fields, L, W, SMALL, dtype=torch.float64)).eval()
    x, cotangent = torch.randn(2, 1, W, L, dtype=torch.float64), torch.randn(2, 4, W // 4, L // 4, dtype=torch.float64)
    y = net.features(x)
    plain = torch.autograd.grad(y, list(net.parameters()), cotangent, allow_unused=True)
    for steps in (4, 8, L, L + 4):
        moved = net.features(shifts(x, steps))
        assert apart(moved, shifts(y, steps // 4)) < 1e-12
        changed = torch.autograd.grad(moved, list(net.parameters()), shifts(cotangent, steps // 4), allow_unused=True)
        pairs = [(a, b) for a, b in zip(changed, plain, strict=True) if b is not None and b.abs().max() > 0]
        assert len(pairs) >= 12 and max(apart(a, b) for a, b in pairs) < 1e-9


def test_the_cut_strip_is_not_invariant():
    net = randomised(CutNet(SMALL, dtype=torch.float64)).eval()
    x = torch.randn(2, 1, W, L, dtype=torch.float64)
    assert apart(net(shifts(x, L)), net(x)) > 1e-2 and apart(net(shifts(x, 4)), net(x)) > 1e-2


@pytest.mark.parametrize("fields", FIELDS)
def test_sizes_are_the_published_ones(fields):
    """Also exactly, by counting orbits: even kernels of 5×5 have 15 free taps, odd ones 10, regular fields 25."""
    number = digits.runs.count(MobiusNet(fields))
    assert abs(number / PUBLISHED[fields] - 1) < 1e-3
    even, odd = hidden("scalar", 1), hidden("sign-flip", 1)
    taps = {(even, even): 15, (odd, odd): 15, (even, odd): 10, (odd, even): 10}
    parities = [[even], *(components(fields, c) for c in CHANNELS[:-1]), [even] * CHANNELS[-1]]
    kernels = sum(taps[b, a] for x, y in zip(parities[:-1], parities[1:], strict=True) for a in x for b in y)
    convs = sum(conv.weight.numel() for conv in MobiusNet(fields).convs)
    assert convs == kernels


def components(fields, channels):
    """The parities of a type: a regular field is an even and an odd component."""
    even, odd = hidden("scalar", 1), hidden("sign-flip", 1)
    return {"scalar": [even], "sign-flip": [odd]}.get(fields, [even, odd]) * (
        channels if fields in ("scalar", "sign-flip") else channels // 2
    )


def test_sizes_of_the_ordinary_networks():
    assert abs(digits.runs.count(CutNet()) / 1501e3 - 1) < 1e-3
    assert abs(digits.runs.count(CutNet(FEWER)) / 832e3 - 1) < 1e-3


@pytest.mark.parametrize("fields", FIELDS)
def test_types(fields):
    assert hidden(fields, 16).dim == 16 and hidden(fields, 16).group == G.Reflection(2, 0)
    assert not any(p.isnan().any() for p in MobiusNet(fields, L, W, SMALL).parameters())


def test_errors():
    with pytest.raises(ConfigError, match="expected fields among"):
        MobiusNet("vector")
    with pytest.raises(ConfigError, match="4 divides"):
        MobiusNet("mixed", channels=(16, 32, 66, 128, 256, 64))
    for options in ({"length": 30}, {"width": 26}, {"channels": (16, 32)}):
        with pytest.raises(ConfigError, match="sizes that 4 divides and six channels"):
            MobiusNet("regular", **options)


# ------------------------------------------------------------------------------------------------------ the experiment


@pytest.fixture
def options(tmp_path, monkeypatch):
    """Small networks, and digits that are bars along or across the strip."""
    random, arrays = np.random.default_rng(0), {}
    for split, number in (("train", 96), ("test", 40)):
        images, labels = np.zeros((number, 28, 28), np.uint8), random.integers(2, size=number)
        for image, label in zip(images, labels, strict=True):
            image[(slice(4, 24), slice(12, 15)) if label else (slice(12, 15), slice(4, 24))] = random.integers(99, 255)
        arrays |= {f"{split}_images": images, f"{split}_labels": labels}
    np.savez(tmp_path / "mnist.npz", **arrays)

    def build(model, seed):
        torch.manual_seed(seed)
        return CutNet(SMALL) if model == "CNN" else MobiusNet(model, channels=SMALL)

    monkeypatch.setattr(digits, "build", build)
    monkeypatch.setattr(digits, "BATCH", 8)
    return Namespace(data=tmp_path, work=tmp_path / "work", table=tmp_path / "table.csv", number=None)


def test_a_network_learns_and_is_tested_everywhere(options, capsys):
    digits.tested("regular", "centred", 5, 0, options)
    digits.tested("regular", "centred", 5, 0, options)  # there already
    rows = digits.runs.Table(options.table, digits.COLUMNS, digits.KEY).rows()
    assert len(rows) == 1 and float(rows[0]["error"]) < 25 and rows[0]["epochs"] == "5"  # chance is 50
    printed = capsys.readouterr().out
    assert printed.count("epoch ") == 5 and printed.count("test digits") == 1
    digits.append(options.table, {**rows[0], "seed": 1, "error": float(rows[0]["error"]) + 2})
    digits.append(options.table, {**rows[0], "train": "shifted", "error": 3})
    table = digits.summary(digits.runs.Table(options.table, digits.COLUMNS, digits.KEY).rows())
    assert table.count("\n") == 2 and "± 1.41 |" in table and "| 3.00 |" in table


def test_a_killed_run_goes_on_as_if_it_had_not_been(options, tmp_path):
    data = digits.strip_digits(options.data, "train", True)
    whole, about = digits.train("sign-flip", data, 3, 0, tmp_path / "a.pt", data)
    real, calls = digits.epoch_of, []

    def dies(*arguments):
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    digits.epoch_of = dies
    try:
        with pytest.raises(KeyboardInterrupt):
            digits.train("sign-flip", data, 3, 0, tmp_path / "b.pt", data)
    finally:
        digits.epoch_of = real
    again, other = digits.train("sign-flip", data, 3, 0, tmp_path / "b.pt", data)
    assert about["loss"] == other["loss"]
    for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
