import hashlib
import importlib
import io
import zipfile

import numpy as np
import pytest
import torch

from torsor.data import digits, mnist_rot
from torsor.data.download import Remote
from torsor.data.orientation import stored_transposed
from torsor.errors import DataError

module = importlib.import_module("torsor.data.mnist_rot")  # torsor.data.mnist_rot is the function
N = 300


@pytest.fixture(scope="module")
def rotated():
    images, labels = digits("test", rotated=True, seed=4)
    return images[:N], labels[:N]


@pytest.fixture
def small(monkeypatch):
    """The protocol with 300 lines a file: 200 to train, 100 to validate, 300 to test."""
    monkeypatch.setattr(module, "_SIZES", dict.fromkeys(module._SIZES, N))
    monkeypatch.setattr(module, "SPLITS", {"train": slice(0, 200), "validation": slice(200, 300), "test": None})


def amat(images: torch.Tensor, labels: torch.Tensor) -> bytes:
    text = io.StringIO()
    np.savetxt(text, torch.cat([images.flatten(1), labels[:, None]], dim=1).numpy(), fmt="%.6g")
    return text.getvalue().encode()


def archive(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_published_files(tmp_path, small, rotated, transposed, zipped):
    images, labels = rotated
    content = amat(images.mT if transposed else images, labels)
    if zipped:
        archive(tmp_path / module.ARCHIVE.name, {module._LEARN: content, module._TEST: content})
    else:
        (tmp_path / module._LEARN).write_bytes(content)
        (tmp_path / module._TEST).write_bytes(content)
    for split, part in {"train": slice(0, 200), "validation": slice(200, 300), "test": slice(0, 300)}.items():
        x, y = mnist_rot(tmp_path, split)
        assert x.dtype == torch.float32 and y.dtype == torch.int64
        assert torch.equal(y, labels[part])
        assert torch.allclose(x, images[part], atol=1e-5)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_handedness_of_digits_is_seen(seed):
    images, labels = digits("validation", rotated=True, seed=seed)
    part = slice(300 * seed, 300 * seed + 300)
    assert not stored_transposed(images[part], labels[part])
    assert stored_transposed(images[part].mT, labels[part])


def test_download(tmp_path, small, rotated, monkeypatch):
    content = amat(*rotated)
    served = tmp_path / "served"
    served.mkdir()
    path = archive(served / "mnist_rotation_new.zip", {module._LEARN: content, module._TEST: content})
    digest = hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(module, "ARCHIVE", Remote(path.as_uri(), "sha1", digest))
    with pytest.raises(DataError, match="download=True"):
        mnist_rot(tmp_path / "folder", "train")
    x, _ = mnist_rot(tmp_path / "folder", "train", download=True)
    assert torch.allclose(x, rotated[0][:200], atol=1e-5)
    monkeypatch.setattr(module, "ARCHIVE", Remote(path.as_uri(), "sha1", "0" * 40))
    with pytest.raises(DataError, match="expected sha1"):
        mnist_rot(tmp_path / "other", "train", download=True)


@pytest.mark.parametrize(
    "damage",
    [lambda t: t[: len(t) // 2], lambda t: b"\n".join(t.split(b"\n")[:-20]), lambda t: t.replace(b"0.", b"x", 1)],
    ids=["cut in a line", "fewer lines", "no number"],
)
def test_damaged_text(tmp_path, small, rotated, damage):
    (tmp_path / module._TEST).write_bytes(damage(amat(*rotated)))
    with pytest.raises(DataError, match="float_test.amat"):
        mnist_rot(tmp_path, "test")


def test_damaged_and_incomplete_archive(tmp_path, small, rotated):
    path = archive(tmp_path / module.ARCHIVE.name, {"other.amat": amat(*rotated)})
    with pytest.raises(DataError, match=r"it holds other\.amat"):
        mnist_rot(tmp_path, "test")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="not a zip file"):
        mnist_rot(tmp_path, "test")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an MNIST whose images all differ: image i holds the bytes of i."""
    path = tmp_path_factory.mktemp("mnist")
    images = np.zeros((70000, 28, 28), np.uint8)
    images[:, 14, 13], images[:, 14, 14], images[:, 14, 15] = (
        np.arange(70000) >> 16,
        np.arange(70000) >> 8,
        np.arange(70000),
    )
    labels = (np.arange(70000) % 10).astype(np.uint8)
    np.savez(
        path / "mnist.npz", train_images=images[:60000], train_labels=labels[:60000],
        test_images=images[60000:], test_labels=labels[60000:],
    )  # fmt: skip
    return path


def test_generated_protocol(folder):
    numbers = {}
    for split, n in {"train": 10000, "validation": 2000, "test": 50000}.items():
        x, y = mnist_rot(folder, split, rotated=False)
        assert x.shape == (n, 1, 28, 28) and y.shape == (n,)
        pixels = (x[:, 0, 14, 13:16] * 255).round().long()
        numbers[split] = pixels @ torch.tensor([65536, 256, 1])
        assert torch.equal(numbers[split] % 10, y)  # each label with its image
    together = torch.cat(list(numbers.values()))
    assert len(together.unique()) == 62000  # no digit twice, none in two splits


def test_generated_rotation(folder):
    upright, labels = mnist_rot(folder, "validation", rotated=False)
    rotated, same = mnist_rot(folder, "validation")
    assert torch.equal(labels, same)
    assert not torch.equal(upright, rotated)
    assert torch.equal(rotated, mnist_rot(folder, "validation")[0])
    assert not torch.equal(labels, mnist_rot(folder, "validation", seed=1)[1])


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="no MNIST-rot and no MNIST"):
        mnist_rot(tmp_path, "test")
    with pytest.raises(DataError, match="did you mean 'test'"):
        mnist_rot(tmp_path, "tests")
