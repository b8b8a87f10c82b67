import subprocess
import sys

import pytest
import torch

from tests.train.standin import ARCHITECTURES, digits_net
from torsor import cli
from torsor.errors import ConfigError
from torsor.train import rotated_digits, saved, write_checkpoint

pytest.importorskip("typer")
SMALL = ["--epochs", "1", "--learn", "128", "--test", "60", "--workers", "1"]


@pytest.fixture
def torsor(capfd, monkeypatch):
    """Run a command line: (exit code, standard output, standard error)."""
    monkeypatch.setattr(rotated_digits, "architecture", ARCHITECTURES.__getitem__)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = cli.run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def is_one_line(text: str) -> bool:
    return text.startswith("error: ") and text.count("\n") == 1 and text.endswith("\n")


def test_info_names_versions_devices_and_extras(torsor):
    code, out, err = torsor("info")
    assert (code, err) == (0, "")
    assert torch.__version__ in out and "cpu" in out and "lightning" in out
    assert f"{torch.get_num_threads()}," in out


def test_help_names_the_commands(torsor):
    for arguments in ((), ("--help",)):
        code, out, _ = torsor(*arguments)
        assert code == 0 and all(name in out for name in ("train", "check", "plot", "info"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "Did you mean 'train'"),
        (["train", "rotated-digit"], "Did you mean 'rotated-digits'"),
        (["train", "rotated-digits", "--epocs", "3"], "--epochs"),
        (["train", "rotated-digits", "--epochs", "three"], "--epochs"),
        (["train"], "Missing command"),
    ],
)
def test_wrong_usage_is_one_line(torsor, arguments, message):
    code, out, err = torsor(*arguments)
    assert (code, out) == (2, "") and is_one_line(err) and message in err


def test_train_prints_one_table_and_writes_everything(torsor, tmp_path):
    code, out, err = torsor("train", "rotated-digits", "--out", tmp_path / "out", *SMALL)
    assert code == 0
    assert out.count("plain CNN") == 2 and out.count("equivariant ") == 2 and "report.html" in out
    assert "epoch 1/1" in err and "Traceback" not in err and "arning" not in err
    for name in ("report.html", "results.csv", "results.json", "equivariant-rotated/frozen.pt2"):
        assert (tmp_path / "out" / name).stat().st_size > 100


def test_train_resumes_with_one_warning_after_a_torn_checkpoint(torsor, tmp_path):
    out = tmp_path / "out"
    first = torsor("train", "rotated-digits", "--out", out, "--epochs", 2, *SMALL[2:])
    torn = sorted((out / "equivariant-upright").glob("*.ckpt"))[-1]
    torn.write_bytes(torn.read_bytes()[:999])
    second = torsor("train", "rotated-digits", "--out", out, "--epochs", 2, *SMALL[2:])
    assert second[0] == 0
    assert [line for line in second[2].splitlines() if "warning" in line][0].startswith(f"warning: checkpoint {torn}")
    errors = [[line.split()[-6:-2] for line in o.splitlines() if "equivariant " in line] for o in (first[1], second[1])]
    assert errors[0] == errors[1] != []


def test_torn_checkpoints_only(torsor, tmp_path):
    folder = tmp_path / "out" / "equivariant-upright"
    folder.mkdir(parents=True)
    (folder / "step-00000002.ckpt").write_bytes(b"PK torn")
    code, _, err = torsor("train", "rotated-digits", "--out", tmp_path / "out", *SMALL)
    last = err.splitlines()[-1]
    assert code == 2 and last.startswith("error: checkpoint ") and "torn or damaged" in last
    assert "Traceback" not in err
    assert (folder / "step-00000002.ckpt").read_bytes() == b"PK torn"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--width", "0"], "expected width > 0"),
        (["--epochs", "0"], "epochs"),
        (["--seed", "-1"], "seed"),
        (["--data", "nowhere"], "no MNIST"),
        (["--group", "X9"], "C8, D4, SO(2)"),
        (["--representation", "regulr"], "regular"),
    ],
)
def test_impossible_settings_are_one_line(torsor, tmp_path, monkeypatch, options, message):
    monkeypatch.undo()  # the real architectures
    code, _, err = torsor("train", "rotated-digits", "--out", tmp_path / "out", *options)
    assert code == 2 and is_one_line(err) and message in err
    assert not (tmp_path / "out").exists()


def test_output_folder_that_is_a_file(torsor, tmp_path):
    (tmp_path / "out").write_text("mine")
    code, _, err = torsor("train", "rotated-digits", "--out", tmp_path / "out", *SMALL)
    assert code == 2 and is_one_line(err)
    assert (tmp_path / "out").read_text() == "mine"


def test_other_settings_do_not_touch_a_run(torsor, tmp_path):
    (tmp_path / "recipe.json").write_text('{"epochs": 9}')
    code, _, err = torsor("train", "rotated-digits", "--out", tmp_path, *SMALL)
    assert code == 2 and is_one_line(err) and "epochs=9" in err
    assert (tmp_path / "recipe.json").read_text() == '{"epochs": 9}'


def test_interruption_says_how_to_go_on(torsor, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(rotated_digits, "fit", interrupt)
    code, _, err = torsor("train", "rotated-digits", "--out", tmp_path / "out", *SMALL)
    assert code == 130 and err.splitlines()[-1].startswith("error: interrupted; the same command goes on")


@pytest.mark.parametrize("name", ["model.pt", "folder/model.pt"])
def test_check_of_a_file_that_is_not_there_or_torn(torsor, tmp_path, name):
    path = tmp_path / name
    code, _, err = torsor("check", path)
    assert code == 2 and is_one_line(err) and "there is no checkpoint" in err
    write_checkpoint({"model": "digits_net"}, path)
    path.write_bytes(path.read_bytes()[:50])
    code, _, err = torsor("check", path)
    assert code == 2 and is_one_line(err) and "torn or damaged" in err


def test_check_of_a_model_of_other_shape(torsor, tmp_path, monkeypatch):
    monkeypatch.setattr(saved, "architecture", ARCHITECTURES.__getitem__)
    path = saved.save_model(tmp_path / "model.pt", "digits_net", {"width": 2.0}, digits_net())
    code, _, err = torsor("check", path)
    assert code == 2 and is_one_line(err) and "expected (16,), received (8,)" in err


def test_check_of_a_named_and_of_a_saved_model(torsor, tmp_path):
    from torsor import models

    arguments = {"group": "C4", "representation": "regular", "width": 0.2}
    code, out, _ = torsor("check", "digits_net", "--group", "C4", "--width", "0.2")
    assert code == 0 and "DigitsNet, C4" in out and ": equivariant" in out
    path = saved.save_model(tmp_path / "model.pt", "digits_net", arguments, models.digits_net(**arguments))
    code, out, _ = torsor("check", path)
    assert code == 0 and "DigitsNet, C4" in out and ": equivariant" in out


def test_check_of_an_unknown_name(torsor):
    code, out, err = torsor("check", "digit_net")
    assert (code, out) == (2, "") and is_one_line(err) and "did you mean 'digits_net'" in err


@pytest.mark.parametrize("what", ["kernels", "features", "fields"])
def test_plot_writes_a_png(torsor, tmp_path, what):
    path = tmp_path / "new" / "figure.png"
    code, out, err = torsor("plot", what, "--group", "C4", "--out", path)
    assert (code, out.strip(), err) == (0, str(path), "")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 5000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["kernels", "--to", "regulr"], "did you mean 'regular'"),
        (["fields", "--representation", "vector"], "there are: trivial"),
        (["features", "--group", "Q8"], "C8, D4"),
        (["kernels", "--out", "figure.jpg"], "ends in .png"),
    ],
)
def test_plot_of_what_there_is_not(torsor, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = torsor("plot", *options)
    assert code == 2 and is_one_line(err) and message in err
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_suggest_close_ones():
    from torsor import groups
    from torsor.cli.names import representation

    group = groups.Cyclic(8)
    with pytest.raises(ConfigError, match="did you mean 'regular'"):
        representation(group, "regulr")
    assert representation(group, "regular").dim == 8
    assert representation(group, "irrep:1").dim == 2


HIDDEN = """
import sys
sys.modules["{module}"] = None  # as if it were not installed
from torsor import cli
sys.exit(cli.run({arguments}))
"""


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("typer", ["info"], "cli"),
        ("lightning", ["train", "rotated-digits"], "train"),
        ("matplotlib", ["train", "rotated-digits"], "plot"),
    ],
)
def test_a_missing_extra_is_named(tmp_path, module, arguments, extra):
    code = HIDDEN.format(module=module, arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and is_one_line(done.stderr)
    assert f'pip install "torsor[{extra}]"' in done.stderr
    assert list(tmp_path.iterdir()) == []
