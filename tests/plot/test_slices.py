"""Kernels on planes: what is drawn is K, entry by entry, and the orbits are those of η."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn, plot
from torsor import reps as R
from torsor.errors import FieldTypeError, KernelError
from torsor.plot.slices import PIXELS, plane_values


def vector_kernel(group, **options):
    return K.PseudoRiemannian(5, **options)(R.trivial(group), R.trivial(group) + R.standard(group))


def test_the_images_are_the_entries_of_the_kernel():
    kernel = vector_kernel(G.O(1, 2))
    figure = plot.slices(kernel, axes=[(0, 2)], title="a plane")
    images = [axes.images[0].get_array() for axes in figure.axes]
    assert len(images) == 4
    i, j = 17, 90
    line = torch.linspace(-2.5, 2.5, PIXELS)
    value = kernel(torch.tensor([[line[i], 0.0, line[j]]])).detach()[0].flatten()
    np.testing.assert_allclose([image[i, j] for image in images], value.numpy(), atol=1e-6)
    vanishing = figure.axes[2].images[0]
    assert np.abs(vanishing.get_array()).max() < 1e-9 < vanishing.norm.vmax


def test_kernels_are_constant_on_the_orbits_that_are_drawn():
    values = plane_values(vector_kernel(G.O(1, 1)), (0, 1), 2.0)[0, 0]
    line = np.linspace(-2, 2, PIXELS)
    square = line[None] ** 2 - line[:, None] ** 2
    order = np.argsort(square.ravel())
    assert np.abs(np.diff(values.ravel()[order])).max() < 0.05 * np.abs(values).max()
    figure = plot.slices(vector_kernel(G.O(1, 1)), vector_kernel(G.O(2)))
    assert [len(axes.collections) for axes in figure.axes] == [2, 2, 2, 1, 1, 1]  # the light cone apart


def test_layers_and_harmonic_kernels():
    group = G.SO(2)
    plot.slices(nn.Conv(R.trivial(group), R.standard(group), K.Harmonic(5)), extent=2.0)


def test_errors():
    line, c4 = G.Reflection(1), G.Cyclic(4)
    with pytest.raises(FieldTypeError, match="expected steerable kernels"):
        plot.slices(K.PseudoRiemannian(5))
    with pytest.raises(FieldTypeError, match="one plane or one for each"):
        plot.slices(vector_kernel(G.O(2)), axes=[(0, 1), (0, 1)])
    for kernel in (K.Harmonic(3)(R.trivial(line), R.trivial(line)), K.Stencil(3)(R.trivial(c4), R.trivial(c4))):
        with pytest.raises(KernelError, match="functions on a plane"):
            plot.slices(kernel)
