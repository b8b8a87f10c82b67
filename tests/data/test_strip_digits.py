"""Digits on the strip: the shifts of the space, the twist, seeds, and what is refused."""

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import reps as R
from torsor.data.strip_digits import NUMBERS, random_shifts, shifted_on_strip, strip_digits
from torsor.errors import DataError
from torsor.spaces.strips import Mobius


@pytest.fixture
def archive(tmp_path):
    """A made-up MNIST of a few images."""
    random, arrays = np.random.default_rng(0), {}
    for split, number in (("train", 30), ("test", 20)):
        arrays[f"{split}_images"] = random.integers(256, size=(number, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = random.integers(10, size=number, dtype=np.uint8)
    np.savez(tmp_path / "mnist.npz", **arrays)
    return tmp_path / "mnist.npz", arrays


def test_shifts_are_the_symmetries_of_the_space():
    """As `Atlas.move` has them, found from the gluing; all 2L differ, and rolling without the twist is another map."""
    strip, rep = Mobius(7, 5), R.trivial(G.Reflection(2, 0))
    image = torch.rand(1, 1, 5, 7)
    found = shifted_on_strip(image.expand(14, -1, -1, -1), torch.arange(14))
    for s in range(14):
        assert torch.equal(found[s], strip.move(image.unsqueeze(2), rep, strip.shift(s))[0, :, 0])
    assert torch.cdist(found.flatten(1), found.flatten(1)).fill_diagonal_(1).min() > 0.1
    assert not torch.equal(found[2], image[0].roll(2, -1))


def test_once_around_is_the_mirror_image():
    images, shifts = torch.rand(6, 2, 4, 9), torch.randint(18, (6,))
    assert torch.equal(shifted_on_strip(images, torch.full((6,), 9)), images.flip(2))
    assert torch.equal(shifted_on_strip(images, torch.full((6,), 18)), images)
    there = shifted_on_strip(images, shifts)
    assert torch.equal(shifted_on_strip(there, -shifts), images)
    by_hand = torch.cat([images.flip(2), images], 3)[..., 6:15]
    assert torch.equal(shifted_on_strip(images, torch.full((6,), 3)), by_hand)


def test_splits_shifts_and_seeds(archive):
    path, arrays = archive
    images, labels = strip_digits(path, "train", shifted=False)
    assert images.shape == (30, 1, 28, 28) and images.dtype == torch.float32 and labels.dtype == torch.int64
    assert np.array_equal((255 * images[:, 0]).round().numpy(), arrays["train_images"])
    moved, same = strip_digits(path, "train", shifted=True)
    assert torch.equal(labels, same) and not torch.equal(moved, images)
    for x, y in zip(moved, images, strict=True):  # every pixel is somewhere, and each row with its mirror image
        assert torch.equal(x.flatten().sort().values, y.flatten().sort().values)
    assert torch.equal(moved, strip_digits(path, "train", True)[0])
    assert not torch.equal(moved, strip_digits(path, "train", True, seed=1)[0])
    assert torch.equal(moved[:7], strip_digits(path.parent, "train", True, number=7)[0])
    assert len(strip_digits(path, "test", True)[1]) == 20


def test_shifts_are_uniform():
    counts = torch.bincount(random_shifts(NUMBERS["test"], 28, "test", 0), minlength=56)
    expected = NUMBERS["test"] / 56
    assert len(counts) == 56 and float(((counts - expected) ** 2 / expected).sum()) < 93  # χ² of 55, p = 0.001
    assert not torch.equal(random_shifts(100, 28, "train", 0), random_shifts(100, 28, "test", 0))


def test_errors(archive):
    with pytest.raises(DataError, match="expected a split among"):
        strip_digits(archive[0], "validation", shifted=True)
    with pytest.raises(DataError, match=r"mnist\.npz"):
        strip_digits(archive[0].parent / "nothing", "train", shifted=True)
