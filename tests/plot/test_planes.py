"""Pictures of points of a plane: arrows to scale, in any frames; and what cannot be drawn."""

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib")

from torsor import Field, plot  # noqa: E402
from torsor import groups as G  # noqa: E402
from torsor import reps as R  # noqa: E402
from torsor import spaces as S  # noqa: E402
from torsor.errors import FieldTypeError, SpaceError  # noqa: E402

SO2 = G.SO(2)


def quivers(figure):
    """(k, 2) tails and vectors of each set of arrows: (axis 0, axis 1)."""
    found = [c for c in figure.axes[0].collections if hasattr(c, "U")]
    return [(np.stack([q.Y, q.X], 1), np.stack([q.V, q.U], 1)) for q in found]


def chart():
    half_plane = S.ConformalMetric(0, 2, lambda x: -x[..., 0].log())
    return S.Chart.grid(half_plane, SO2, lower=(0.5, 0), upper=(2.0, 2.0), shape=(5, 6))


def test_frames_are_drawn_to_the_scale_of_their_metric():
    for space in (chart(), S.Punctured.polar_grid(3, 8, 0.5, 2.0, kind="log-polar")):
        figure = plot.plane(space, frames=True, title="frames")
        (tails, first), (_, second) = quivers(figure)
        assert np.ptp(tails, axis=0).min() > 1
        order = [int(((space.positions.numpy() - t) ** 2).sum(1).argmin()) for t in tails]
        e = space.frames.numpy()[order]
        ratio = first[0] @ first[0] / (e[0, :, 0] @ first[0])
        np.testing.assert_allclose(np.stack([first, second], -1), ratio * e, atol=1e-12)
        low, high = sorted(figure.axes[0].get_ylim())
        assert low < (tails + first)[:, 0].min() and (tails + first)[:, 0].max() < high  # nothing is cut off
        assert figure.axes[0].yaxis_inverted()


def test_vectors_do_not_depend_on_the_frames():
    space, rep = chart(), R.irrep(SO2, 1)
    f = Field(torch.randn(len(space), 2, dtype=torch.float64), rep, space)
    g = SO2.sample(len(space), torch.Generator().manual_seed(0))
    (a, u), (b, v) = (quivers(plot.plane(space, vectors=field))[0] for field in (f, f.gauged(g)))
    np.testing.assert_allclose(a, b)
    np.testing.assert_allclose(u, v, atol=1e-12)


def test_scalars_have_a_colour_each():
    space = S.Affine(torch.rand(40, 2), SO2)
    figure = plot.plane(space, space.positions[:, 0], label="x")
    dots = figure.axes[0].collections[0]
    np.testing.assert_allclose(dots.get_array(), space.positions[:, 0].numpy())
    assert len(figure.axes) == 2


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(SpaceError, match="two coordinates"):
        plot.plane(S.Sphere.icosphere(0))
    space = chart()
    with pytest.raises(FieldTypeError, match="30 points"):
        plot.plane(space, torch.zeros(29))
    with pytest.raises(FieldTypeError, match="tangent vectors"):
        plot.plane(space, vectors=Field(torch.zeros(30, 1), R.trivial(SO2), space))


def test_points_on_a_line_have_arrows_of_a_length():
    space = S.Affine(torch.stack([torch.zeros(9), torch.arange(9.0)], 1), SO2)
    (_, first), _ = quivers(plot.plane(space, frames=True))
    assert 0.2 < np.linalg.norm(first, axis=1).min()
