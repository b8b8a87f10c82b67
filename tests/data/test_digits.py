import math
from importlib.resources import files

import numpy as np
import pytest
import torch

from experiments.make_digits import make, subset
from torsor.data import digits, rotate
from torsor.data.digits import load_digits
from torsor.errors import DataError

SIZES = {"train": 10000, "validation": 2000, "test": 5000}


@pytest.mark.parametrize("split", SIZES)
def test_splits(split):
    images, labels = digits(split)
    assert images.shape == (SIZES[split], 1, 28, 28) and images.dtype == torch.float32
    assert images.min() == 0 and images.max() == 1
    assert labels.shape == (SIZES[split],) and labels.dtype == torch.int64
    shares = labels.bincount(minlength=10) / SIZES[split]
    assert len(shares) == 10 and shares.min() > 0.08 and shares.max() < 0.13


def test_splits_share_no_image():
    images, _ = load_digits()
    unique = np.unique(images.reshape(len(images), -1), axis=0)
    assert len(unique) == 17000


def test_images_are_digits_of_their_label():
    """The nearest class mean is right for four digits of five; wrong bytes or labels would give one of ten."""
    images, labels = digits("train")
    means = torch.stack([images[labels == k].mean(dim=0) for k in range(10)]).flatten(1)
    images, labels = digits("test")
    nearest = torch.cdist(images.flatten(1), means).argmin(dim=1)
    assert (nearest == labels).float().mean() > 0.78


def test_rotated_digits_are_the_digits_rotated():
    upright, rotated = digits("validation")[0][:40], digits("validation", rotated=True, seed=7)[0][:40]
    assert rotated.min() >= 0 and rotated.max() <= 1
    assert torch.allclose(upright.sum((1, 2, 3)), rotated.sum((1, 2, 3)), rtol=0.05)
    turns = torch.stack([rotate(upright, 2 * math.pi * k / 90) for k in range(90)])
    distances = (turns - rotated).square().sum((2, 3, 4))
    assert (distances.amin(0) < 0.05 * upright.square().sum((1, 2, 3))).all()
    assert len(distances.argmin(0).unique()) > 20  # each its own angle


def test_rotation_depends_on_seed_and_split_only():
    first = digits("validation", rotated=True, seed=1)[0]
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    assert torch.equal(first, digits("validation", rotated=True, seed=1)[0])
    assert not torch.equal(first, digits("validation", rotated=True, seed=2)[0])


def test_unknown_split_is_named_with_a_suggestion():
    with pytest.raises(DataError, match="did you mean 'validation'"):
        digits("validate")


def test_package_file_is_small_and_has_its_licence():
    folder = files("torsor.data")
    assert len(folder.joinpath("digits.npz").read_bytes()) <= 3_000_000
    licence = folder.joinpath("LICENSE-digits").read_text()
    assert all(words in licence for words in ("LeCun", "Cortes", "Burges", "Share Alike 3.0"))


def test_script_makes_a_file_without_loss_and_twice_the_same(tmp_path, rng):
    mnist = {
        "train_images": rng.integers(0, 256, (50, 28, 28), dtype=np.uint8),
        "train_labels": rng.integers(0, 10, 50, dtype=np.uint8),
        "test_images": rng.integers(0, 256, (10, 28, 28), dtype=np.uint8),
        "test_labels": rng.integers(0, 10, 10, dtype=np.uint8),
    }
    np.savez(tmp_path / "mnist.npz", **mnist)
    make(tmp_path / "mnist.npz", tmp_path / "a.npz")
    make(tmp_path / "mnist.npz", tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    images, labels = load_digits(tmp_path / "a.npz")
    expected = subset(mnist)
    assert np.array_equal(images, expected[0]) and np.array_equal(labels, expected[1])
    assert np.array_equal(images[3], mnist["train_images"][15])
