"""The experiment on regressions, tiny: rows computed once, equal sizes, scaling that keeps symmetry, boosts."""

import csv
import importlib
import sys
from pathlib import Path

import pytest
import torch

from torsor import data, nn
from torsor import groups as G

sys.path.append(str(Path(__file__).parents[2] / "experiments"))
regressions = importlib.import_module("regressions")
sys.path.pop()


def test_a_killed_run_goes_on_and_rows_are_computed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(regressions, "POOL", 50)
    study = regressions.Study(tmp_path / "table.csv", steps=2, sizes=(20,), rates=(1e-3, 1e-2))
    study.run(2, ("O(5)",))
    whole = study.table.read_text()
    assert len(study.rows()) == 3 * (2 + 2)
    lines = whole.splitlines(keepends=True)
    study.table.write_text("".join(lines[:7]))
    study.run(2, ("O(5)",))
    again = list(csv.DictReader(study.table.open()))
    drop = lambda rows: [{k: v for k, v in row.items() if k != "seconds"} for row in rows]  # noqa: E731
    assert drop(again) == drop(csv.DictReader(lines))
    monkeypatch.setattr(regressions.Study, "_trained", lambda *_, **__: pytest.fail("computed twice"))
    study.run(2, ("O(5)",))
    assert len(study.summary().splitlines()) == 2 + 3


@pytest.mark.parametrize("task", list(regressions.TASKS))
def test_networks_have_equal_sizes_and_scaling_keeps_the_symmetry(task):
    samples = regressions.TASKS[task](50, 0)
    nets = {name: regressions.network(name, task, samples.to(torch.float32)) for name in regressions.NETWORKS}
    sizes = {nn.count_parameters(net) for net in nets.values()}
    assert max(sizes) < 1.03 * min(sizes)
    group = samples.in_rep.group
    errors = {}
    for name in ("equivariant", "ordinary"):
        net = nets[name].double()
        expected = data.Regression(samples.x, net(samples.x), samples.in_rep, samples.out_rep)
        g = group.sample(50, generator=torch.Generator().manual_seed(0), scale=0.3)
        moved, target = samples.moved(g), expected.moved(g).y
        errors[name] = ((net(moved.x) - target).norm() / (target - net.m).norm()).item()
    assert errors["equivariant"] < 1e-6  # the scales are float32 numbers
    assert errors["ordinary"] > 1e-2


def test_training_lowers_the_error_and_augmented_samples_lie_on_orbits(monkeypatch):
    monkeypatch.setattr(regressions, "POOL", 500)
    samples = data.o5_synthetic(60).to(torch.float32)
    torch.manual_seed(0)
    net = regressions.network("ordinary, augmented", "O(5)", samples)
    before = regressions.error(net, samples)
    regressions.fit(net, samples, 1e-2, 0, True, 40)
    assert regressions.error(net, samples) < 0.8 * before
    pool = regressions.elements(samples, torch.Generator().manual_seed(0))
    moved = regressions.moved(samples, pool, torch.arange(60))
    lengths = [x.x.view(60, 2, 5).norm(dim=-1) for x in (samples, moved)]
    assert torch.allclose(*lengths, atol=1e-5)
    assert (moved.x - samples.x).abs().max() > 0.5
    assert torch.equal(moved.y, samples.y)


def test_boosts_are_elements_of_their_rapidity():
    for phi in (0.5, 3.0):
        g = regressions.boosts(20, phi)
        assert G.O(1, 3).contains(g).all()
        assert torch.allclose(g[:, 0, 0], torch.tensor(phi).double().cosh().expand(20))
        assert torch.allclose(g, g.mT)


def test_rapidity_rows_and_figure(tmp_path, monkeypatch):
    """Errors of the network: rounding at rest, growing with rapidity, in the precision's order of magnitude."""
    monkeypatch.setattr(regressions, "RAPIDITIES", (0.0, 1.0, 3.0))
    samples = data.lorentz_scattering(100)
    torch.manual_seed(0)
    net = regressions.network("equivariant", "scattering", samples.to(torch.float32))
    rows = regressions.rapidities({"untrained": net}, samples)
    found = {(row["precision"], row["rapidity"]): float(row["error"]) for row in rows}
    assert found["float32", "1"] < 1e-5
    assert found["float64", "1"] < 1e-12
    assert found["float64", "3"] > found["float64", "1"] > found["float64", "0"] == 0
    regressions.draw(rows, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
