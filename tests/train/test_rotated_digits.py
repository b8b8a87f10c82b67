import csv
import json
import re

import pytest
import torch

from tests.train.standin import ARCHITECTURES, digits_net
from torsor.data import digits, rotate
from torsor.errors import CheckpointError, ConfigError
from torsor.train import evaluate, rotated_digits, saved
from torsor.train.rotated_digits import RotatedDigits, run

SMALL = {"epochs": 1, "learn": 256, "test": 120, "angle_test": 60, "angle_step": 90, "width": 1.0, "workers": 1}


@pytest.fixture(scope="module", autouse=True)
def architectures():
    """The stand-ins, wherever the recipe looks for architectures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotated_digits, "architecture", ARCHITECTURES.__getitem__)
        patch.setattr(saved, "architecture", ARCHITECTURES.__getitem__)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The results of a small run and its folder."""
    out = tmp_path_factory.mktemp("recipe") / "out"
    return run(RotatedDigits(out=str(out), **SMALL)), out


def test_rows(done):
    results, _ = done
    assert [(row.network, row.trained_on) for row in results.rows] == [
        ("equivariant", "upright"), ("equivariant", "rotated"), ("plain CNN", "upright"), ("plain CNN", "rotated")
    ]  # fmt: skip
    assert len({row.parameters for row in results.rows}) == 1
    for row in results.rows:
        assert 0 <= row.error_upright <= 1 and 0 <= row.error_rotated <= 1 and row.seconds > 0
        exact = row.network == "equivariant"
        assert (row.equivariance_error < 1e-12) == exact and (row.equivariance_error > 1e-3) != exact


def test_curves_are_flat_where_the_network_is_invariant(done):
    results, _ = done
    assert results.angles == [0, 90, 180, 270]
    for row, errors in zip(results.rows, results.by_angle, strict=True):
        assert len(errors) == 4
        if row.network == "equivariant":
            assert max(errors) - min(errors) <= 1 / 60  # one image may sit on a tie


def test_tables_hold_the_rows(done):
    results, out = done
    with (out / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["error_rotated"]) for row in rows] == [row.error_rotated for row in results.rows]
    content = json.loads((out / "results.json").read_text())
    assert content["settings"]["group"] == "C8" and content["environment"]["torch"] == torch.__version__
    assert content["histories"] == results.histories


def test_report_needs_no_other_file(done):
    results, out = done
    text = (out / "report.html").read_text()
    assert len(re.findall(r'src="data:image/png;base64,iVBOR', text)) == 3 == text.count("<img")
    assert not re.search(r'(src|href)="(?!data:)|url\(|@import|<script', text)
    for row in results.rows:
        assert f"{100 * row.error_rotated:.2f} %" in text
    assert text.count("</table>") == 1 and text.rstrip().endswith("</html>")


def test_saved_and_frozen_models_give_the_errors_of_the_table(done):
    results, out = done
    images, labels = (t[:120] for t in digits("test", rotated=True))
    for row in results.rows:
        folder = out / f"{row.network}-{row.trained_on}".replace(" ", "-").lower()
        model = saved.load_model(folder / "model.pt")
        frozen = torch.export.load(folder / "frozen.pt2").module()
        assert evaluate.error_rate(model, images, labels) == pytest.approx(row.error_rotated)
        assert torch.allclose(frozen(images), model(images), atol=1e-5)


def test_the_same_call_trains_nothing_again(done):
    before, out = done
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.ckpt")}
    again = run(RotatedDigits(out=str(out), **SMALL))
    assert again.rows == before.rows
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.ckpt")} == stamps


def test_other_settings_in_the_same_folder(done):
    _, out = done
    with pytest.raises(ConfigError, match="holds a run with epochs=1; give another folder"):
        run(RotatedDigits(out=str(out), **(SMALL | {"epochs": 2})))


@pytest.mark.parametrize("settings", [{"width": 0.0}, {"width": -1.0}, {"epochs": 0}, {"seed": -2}])
def test_impossible_settings(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        RotatedDigits(**settings)


def test_saved_model_of_another_shape(tmp_path):
    path = saved.save_model(tmp_path / "model.pt", "digits_net", {"width": 2.0}, digits_net(width=1.0))
    with pytest.raises(CheckpointError, match=r"body.0.bias: expected \(16,\), received \(8,\)"):
        saved.load_model(path)
    torch.save({"a": 1}, path)
    with pytest.raises(CheckpointError, match="no saved model"):
        saved.load_model(path)


def test_errors_by_angle_turn_the_images():
    images, labels = (t[:50] for t in digits("validation"))
    net = digits_net()
    (error,) = evaluate.errors_by_angle(net, images, labels, [0.7])
    assert error == evaluate.error_rate(net, rotate(images, 0.7).clamp(0, 1), labels)


def test_damaged_note_of_the_settings(tmp_path):
    (tmp_path / "recipe.json").write_text('{"epochs": ')
    with pytest.raises(ConfigError, match=r"recipe\.json is damaged"):
        run(RotatedDigits(out=str(tmp_path), **SMALL))
