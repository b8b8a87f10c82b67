import subprocess
import sys

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib")

from matplotlib.collections import PolyCollection  # noqa: E402
from matplotlib.quiver import Quiver  # noqa: E402

from torsor import Field, plot  # noqa: E402
from torsor import groups as G  # noqa: E402
from torsor import reps as R  # noqa: E402
from torsor.errors import FieldTypeError, SpaceError  # noqa: E402
from torsor.plot.polar import fundamental_angle, wedges  # noqa: E402
from torsor.spaces import Grid  # noqa: E402

C4, C8, D4, SO2 = G.Cyclic(4), G.Cyclic(8), G.Dihedral(4), G.SO(2)
QUARTER = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)


def artists(figure, kind) -> list:
    return [c for axes in figure.axes for c in axes.collections if isinstance(c, kind)]


def arrow_on_screen(figure) -> np.ndarray:
    """The direction of the first arrow in pixels, x right and y up."""
    (axes, *_), (quiver, *_) = figure.axes, artists(figure, Quiver)
    figure.canvas.draw()
    start = np.array([quiver.X[0], quiver.Y[0]], dtype=float)
    step = np.array([quiver.U[0], quiver.V[0]], dtype=float) / quiver.scale
    moved = axes.transData.transform([start, start + step])
    return (moved[1] - moved[0]) / np.linalg.norm(moved[1] - moved[0])


@pytest.mark.parametrize("rep", [R.standard(C8), R.irrep(SO2, 1), R.irrep(G.O(2), 1, 1), R.standard(D4).restrict(C4)])
@pytest.mark.parametrize(("vector", "screen"), [((1.0, 0.0), (0, -1)), ((0.0, 1.0), (1, 0)), ((-1.0, 1.0), (1, 1))])
def test_arrows(rep, vector, screen):
    """Component 0 points down, component 1 to the right."""
    tensor = torch.tensor(vector)[:, None, None].expand(2, 8, 8)
    direction = arrow_on_screen(plot.field(tensor, rep))
    np.testing.assert_allclose(direction, np.array(screen) / np.linalg.norm(screen), atol=1e-6)


def test_arrows_turn_with_the_image():
    """rot90 of the image and of the arrows: a counterclockwise quarter turn on the screen."""
    x = torch.randn(1, 2, 6, 6)
    field = Field(x, R.standard(C4))
    turned = field.transform(QUARTER)
    torch.testing.assert_close(turned.tensor.norm(dim=1), torch.rot90(x, 1, (-2, -1)).norm(dim=1))
    before, after = (artists(plot.field(f), Quiver)[0] for f in (field, turned))
    place = {
        (round(a, 6), round(b, 6)): (u, v) for a, b, u, v in zip(before.X, before.Y, before.U, before.V, strict=True)
    }
    assert len(place) == len(after.X)
    for x, y, u, v in zip(after.X, after.Y, after.U, after.V, strict=True):  # y points down: (x, y) came from (-y, x)
        np.testing.assert_allclose((u, v), (place[round(-y, 6), round(x, 6)][1], -place[round(-y, 6), round(x, 6)][0]))


def test_images_lie_as_tensors():
    x = torch.zeros(1, 5, 7)
    x[0, 0, 6] = 1.0  # top right
    figure = plot.field(x, R.trivial(C4))
    image = figure.axes[0].images[0]
    np.testing.assert_array_equal(image.get_array(), x[0])
    left, right, bottom, top = image.get_extent()
    assert (left, right, bottom, top) == (-3.5, 3.5, 2.5, -2.5)
    assert figure.axes[0].get_ylim() == (2.5, -2.5)


def test_limits():
    signed, positive = torch.randn(1, 6, 6), torch.rand(1, 6, 6)
    low, high = plot.field(signed, R.trivial(C4)).axes[0].images[0].get_clim()
    assert -low == high == pytest.approx(float(signed.abs().max()))
    assert plot.field(positive, R.trivial(C4)).axes[0].images[0].get_clim()[0] == 0
    assert plot.field(0 * positive, R.trivial(C4)).axes[0].images[0].get_clim() == (0, 1)


def test_fields_of_one_kind_share_a_scale():
    figure = plot.field(torch.randn(4, 6, 6), 4 * R.trivial(C4))
    assert len({axes.images[0].get_clim() for axes in figure.axes if axes.images}) == 1


FUNCTIONS = [
    (R.regular(C4), C4),
    (R.regular(D4), D4),
    (R.quotient(D4, G.Reflection(2)), D4),
    (R.quotient(C4, G.Cyclic(2)), C4),
    (R.regular(G.Reflection(2)), G.Reflection(2)),
    (R.regular(G.Reflection(2, axis=0)), G.Reflection(2, axis=0)),
    (R.regular(D4).restrict(C4), C4),
    (R.regular(SO2, 3), C4),
    (R.regular(G.O(2), 2), D4),
    (R.quotient(G.O(2), G.Reflection(2), 3), D4),
    (R.irrep(SO2, 2), C4),
    (R.irrep(G.O(2), 1, 3), D4),
    (R.symmetric(G.O(2), 2), D4),
    (R.symmetric(SO2, 3), C4),
]


@pytest.mark.parametrize(("rep", "group"), FUNCTIONS, ids=lambda x: str(x))
def test_glyphs_turn_with_the_group(rep, group):
    """The glyph of ρ(g) f is the glyph of f moved by g: wedge by wedge, at the moved directions."""
    found, f = wedges(rep), np.random.default_rng(0).normal(size=rep.dim)
    direction = np.stack([np.cos(found.angles), np.sin(found.angles)], axis=-1)
    assert np.abs(found.matrix @ f).max() > 0.1
    for g in group.element_array:
        after = found.matrix @ (rep.rho(g) @ f)
        distance = np.linalg.norm((direction @ g.T)[:, None] - direction[None], axis=-1)
        assert distance.min(1).max() < 1e-9
        np.testing.assert_allclose(after[distance.argmin(1)], found.matrix @ f, atol=1e-9)


def test_wedges_of_c4_point_where_the_elements_point():
    """The wedge of r^k is centred on r^k · (axis 0): down, right, up, left."""
    for k, (x, y) in enumerate([(0, 1), (1, 0), (0, -1), (-1, 0)]):
        tensor = torch.zeros(4, 1, 1)
        tensor[k] = 1.0
        (patches,) = artists(plot.field(tensor, R.regular(C4)), PolyCollection)[:1]
        large = max(patches.get_paths(), key=lambda path: np.ptp(path.vertices))
        centre = large.vertices[:-1].mean(0)
        np.testing.assert_allclose(centre / np.linalg.norm(centre), (x, y), atol=1e-9)


def test_wedges_of_dihedral_groups_lie_between_mirrors():
    assert fundamental_angle(C8.element_array) == 0
    assert fundamental_angle(D4.element_array) == pytest.approx(np.pi / 8)
    assert fundamental_angle(G.Reflection(2).element_array) == pytest.approx(np.pi / 2)


@pytest.mark.parametrize(
    ("rep", "count"),
    [(R.regular(C8), 8), (R.regular(D4), 8), (R.regular(SO2, 3), 32), (R.irrep(SO2, 2), 32)],
    ids=lambda x: str(x),
)
def test_a_glyph_has_a_wedge_for_each_element(rep, count):
    figure = plot.field(torch.randn(rep.dim, 5, 5), rep)
    (patches,) = artists(figure, PolyCollection)[:1]
    assert len(patches.get_paths()) == 25 * count
    assert patches.get_clim()[0] == -patches.get_clim()[1]


def test_one_panel_a_field_and_one_bar_a_kind():
    rep = 2 * R.trivial(SO2) + R.irrep(SO2, 1) + R.irrep(SO2, 2)
    figure = plot.field(torch.randn(rep.dim, 9, 9), rep)
    assert len(figure.axes) == 4 + 3
    assert {"0: trivial", "2: irrep(1)", "3: irrep(2)"} <= {t.get_text() for t in figure.texts}


def test_the_title_says_that_fields_are_left_out():
    figure = plot.field(torch.randn(9, 6, 6), 9 * R.trivial(C4), limit=2)
    assert len(figure.axes) == 3
    assert "the first 2 of 9" in figure.texts[0].get_text()


def test_components():
    figure = plot.field(torch.randn(4, 6, 6), R.tensor(C4, 2), style="components")
    assert sum(bool(axes.images) for axes in figure.axes) == 4


def test_spacing_stretches_the_image():
    field = Field(torch.randn(1, 2, 4, 4), R.standard(G.Cyclic(2)), Grid(2, (1.0, 3.0)))
    assert plot.field(field).axes[0].images[0].get_extent() == [-6, 6, 2, -2]


def test_fields_on_a_line():
    r = G.Reflection(1)
    x = torch.randn(1, 3, 11)
    figure = plot.field(x, R.trivial(r) + R.regular(r))
    curves = [[line.get_ydata() for line in axes.lines[1:]] for axes in figure.axes]
    assert [len(c) for c in curves] == [1, 2]
    np.testing.assert_allclose(curves[1][1], x[0, 2])


def test_samples():
    x = torch.rand(2, 1, 4, 4)
    figure = plot.field(x, R.trivial(C4), sample=1)
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), x[1, 0])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("rep", [R.trivial(C4), R.standard(C4), R.regular(C4)], ids=str)
def test_nan(rep, bad):
    x = torch.rand(rep.dim, 5, 5)
    x[0, 2, 2] = bad
    with pytest.raises(FieldTypeError, match="NaN or infinite"):
        plot.field(x, rep)


@pytest.mark.parametrize(
    ("shape", "rep", "options", "error", "message"),
    [
        ((4, 5, 5), R.tensor(C4, 2), {}, FieldTypeError, "has no glyph.*components"),
        ((3, 5, 5, 5), R.standard(G.SO(3)), {}, SpaceError, "1 and 2 dimensions are drawn"),
        ((3, 5, 5), R.standard(C4), {}, FieldTypeError, "2 channels"),
        ((1, 2, 5), R.standard(C4), {}, FieldTypeError, "channels|expected a tensor"),
        ((2, 5, 5), None, {}, FieldTypeError, "without a type"),
        ((2, 5, 5), R.standard(C4), {"style": "pretty"}, FieldTypeError, "style among"),
        ((2, 5, 5), R.standard(C4), {"sample": 1}, FieldTypeError, "sample among 1"),
    ],
)
def test_errors(shape, rep, options, error, message):
    with pytest.raises(error, match=message):
        plot.field(torch.randn(shape), rep, **options)


def test_a_missing_matplotlib_names_the_extra():
    code = """
import sys, torch
sys.modules["matplotlib"] = None
from torsor import groups, kernels, plot, reps
from torsor.errors import MissingExtraError
rho = reps.trivial(groups.Cyclic(4))
calls = (
    lambda: plot.field(torch.rand(1, 4, 4), rho),
    lambda: plot.kernels(kernels.Harmonic(3), rho, rho),
    lambda: plot.rotation(torch.nn.Identity(), torch.rand(1, 4, 4), in_rep=rho, out_rep=rho),
)
for call in calls:
    try:
        call()
    except MissingExtraError as error:
        print('pip install "torsor[plot]"' in str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3


def test_no_global_state():
    code = """
import sys, torch
from torsor import groups, plot, reps
plot.field(torch.rand(1, 4, 4), reps.trivial(groups.Cyclic(4)))
print("matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
