"""Make src/torsor/data/digits.npz from MNIST: python experiments/make_digits.py mnist.npz [digits.npz]

The file holds, in MNIST's order, every fifth training image and every second test image (both parts of MNIST
mix two groups of writers unevenly over their length, so a stride represents them and a head would not). The
images are one LZMA stream (preset 9, extreme), which takes 2.3 MB where the bytes take 13.3 MB. The same
liblzma gives the same file, byte for byte; any gives the same images.
"""

from __future__ import annotations

import lzma
import sys
from pathlib import Path

import numpy as np

PACKAGE_FILE = Path(__file__).parents[1] / "src" / "torsor" / "data" / "digits.npz"


def subset(mnist: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """12 000 + 5 000 images (n, 28, 28) and their labels (n,), uint8."""
    images = np.concatenate([mnist["train_images"][::5], mnist["test_images"][::2]])
    labels = np.concatenate([mnist["train_labels"][::5], mnist["test_labels"][::2]])
    return images.astype(np.uint8), labels.astype(np.uint8)


def make(source: Path, target: Path) -> int:
    """Write the file; returns its size in bytes."""
    with np.load(source) as mnist:
        images, labels = subset(dict(mnist))
    stream = lzma.compress(images.tobytes(), preset=9 | lzma.PRESET_EXTREME)
    np.savez(target, images_xz=np.frombuffer(stream, dtype=np.uint8), labels=labels)
    return target.stat().st_size


if __name__ == "__main__":
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else PACKAGE_FILE
    print(f"{out}: {make(Path(sys.argv[1]), out)} bytes")
