"""The experiments on fields of charges and on fluids, tiny: symmetry, measures, tables, and runs that are killed."""

import importlib
import sys
from math import pi
from pathlib import Path

import pytest
import torch

from torsor import groups as G
from torsor import reps as R
from torsor.data import em_fields

sys.path.append(str(Path(__file__).parents[2] / "experiments"))
runs, shared, em, fluids = (
    importlib.import_module(name) for name in ("point_runs", "multivector_runs", "electromagnetism", "navier_stokes")
)
sys.path.pop()


@pytest.mark.parametrize("model", ["complete", "clifford"])
def test_continued_fields_turn_with_the_charges(model):
    """A quarter turn is exact: of charges, of what the network is shown, of what it says."""
    torch.manual_seed(0)
    net = shared.network(model, em.GROUP, 2, 4, 3).double().eval()
    samples = em_fields(2, 8)
    g = em.rotation(torch.tensor(pi / 2))
    data, turned = (em.lattice(x, 0.1) for x in (samples, samples.transformed(g)))
    shown, moved = data.shown(slice(None)).double(), turned.shown(slice(None)).double()
    rho = R.multivector(em.GROUP).rho(g)
    expected = torch.einsum("ij,njtxy->nitxy", rho, torch.rot90(net(shown), 1, (-2, -1)))
    assert shown.shape == (2, 8, 8, 8, 8)
    assert (net(moved) - expected).abs().max() < 1e-5 * expected.abs().max()


def test_networks_see_the_past_and_are_judged_on_the_future():
    samples = em_fields(3, 8, future=3)
    data = em.lattice(samples, 0.5)
    shown = data.shown(torch.tensor([2]))
    assert shown[:, :, 5:].abs().max() == 0
    assert torch.equal(shown[0, 4:7, :5].double(), (samples.fields()[2, :, :5] / 0.5).float().double())
    assert shown[:, 0, :5].min() == 1
    right = torch.zeros(3, 8, 8, 8, 8)
    right[:, 4:7] = data.fields
    right[:, 4:7, :5] += 7.0
    assert data.error(right, slice(None)) == 0
    right[:, 4:7] += 2.0
    assert float(data.error(right, slice(None))) == pytest.approx(4.0, rel=1e-5)


def test_predicting_nothing_has_relative_error_one():
    data = em.lattice(em_fields(200, 4), 0.05)
    assert em.relative_error(torch.zeros_like, data) == pytest.approx(1.0, abs=0.02)


def test_copies_are_of_the_same_charges():
    samples = em_fields(3, 4)
    moved = em.copies(samples)
    assert tuple(moved) == em.COPIES
    assert torch.equal(moved["same"].fields(), samples.fields())
    for name, copy in moved.items():
        gamma = copy.frame[:, 0, 0]
        rapidity = float(name.split()[1]) if "boosted" in name else 0.0
        assert torch.allclose(gamma, torch.tensor(rapidity, dtype=torch.float64).cosh())
        assert G.O(1, 2).contains(copy.frame).all()


@pytest.mark.parametrize("group", [G.O(1, 2), G.O(2)])
def test_networks_that_are_compared_have_as_many_parameters(group):
    counts = {model: runs.count(shared.network(model, group, 4, 6, 5)) for model in shared.MODELS}
    complete = counts["complete"]
    assert counts["clifford"] == pytest.approx(complete, rel=0.05)
    assert counts["resnet"] == pytest.approx(complete, rel=0.15)
    assert counts["resnet, wide"] > 3 * complete


@pytest.mark.parametrize("model", ["complete", "clifford"])
def test_predicted_fluids_turn_and_are_mirrored_with_the_flow(model):
    torch.manual_seed(0)
    net = shared.network(model, fluids.GROUP, 2, 4, 5, padding_mode="circular").eval()
    pair = fluids.flows(2, 5, 2.0, 16)
    for g in G.Dihedral(4).elements():
        turned = fluids.moved(pair, g)
        expected = fluids.moved((net(pair[0]), pair[1]), g)[0]
        assert (net(turned[0]) - expected).abs().max() < 1e-4 * expected.abs().max()
    assert fluids.relative_error(torch.zeros_like, pair) > 0.05


def test_turned_flows_are_what_the_turned_noise_makes():
    """The action on pairs against the data set's own rule: velocities are vectors, one time has no divergence."""
    pair = fluids.flows(1, 5, 2.0, 16)
    first = fluids.moved(pair, torch.tensor([[0.0, -1], [1, 0]]))[0]
    k = torch.fft.fftfreq(16, 1 / 16)
    spectrum = torch.fft.fft2(first[:, 1:3])
    divergence = torch.fft.ifft2(1j * (k[:, None] * spectrum[:, 0] + k * spectrum[:, 1])).abs()
    assert divergence.max() < 1e-5
    assert (first - pair[0]).abs().max() > 0.1


def test_a_table_is_shared_and_knows_what_is_done(tmp_path):
    columns = ("model", "samples", "seed", "parameters", "error")
    tables = [shared.Table(tmp_path / "deep" / "table.csv", columns) for _ in range(2)]
    for seed, error in enumerate((0.1, 0.3)):
        tables[seed].append({"model": "resnet, wide", "samples": 16, "seed": seed, "parameters": 9, "error": error})
    assert tables[0].has("resnet, wide", 16, 1) and not tables[0].has("resnet", 16, 1)
    assert "| 16 | resnet, wide | 9 | 0.200 (0.100 … 0.300) |" in tables[0].summary(("error",))


def test_a_killed_run_goes_on_to_the_same_numbers(tmp_path, monkeypatch):
    for module in (em, fluids):
        monkeypatch.setattr(module, "EPOCHS", {4: 2})
        monkeypatch.setattr(module, "FIELDS", 1)
        monkeypatch.setattr(module, "LAYERS", 2)
        monkeypatch.setattr(module, "KERNEL", 3)
    monkeypatch.setattr(em, "SIZE", 6)
    monkeypatch.setattr(em, "TEST_SAMPLES", 2)
    em.training.cache_clear()
    whole = em.run("complete", 4, 0, tmp_path / "whole")
    (tmp_path / "cut").mkdir()
    save, calls = runs.save, []

    def killed(state, path):
        save(state, path)
        calls.append(path)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        em.run("complete", 4, 0, tmp_path / "cut")
    again = em.run("complete", 4, 0, tmp_path / "cut")
    em.training.cache_clear()
    assert {name: value for name, value in again.items() if name != "seconds"} == {
        name: value for name, value in whole.items() if name != "seconds"
    }
    assert set(whole) == set(em.COLUMNS)
