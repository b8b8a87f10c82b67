import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib")

from torsor import Field, nn, plot  # noqa: E402
from torsor import groups as G  # noqa: E402
from torsor import kernels as K  # noqa: E402
from torsor import reps as R  # noqa: E402
from torsor.errors import FieldTypeError, GroupError, SpaceError  # noqa: E402
from torsor.plot.turned import element, turn  # noqa: E402

C4, SO2 = G.Cyclic(4), G.SO(2)


def words(figure) -> str:
    return "\n".join(text.get_text() for text in figure.texts)


def pictures(figure) -> list[np.ndarray]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def errors(figure) -> list[float]:
    return [float(t.get_text().split("error ")[1]) for t in figure.texts if "difference" in t.get_text()]


def test_angles_follow_rot90():
    np.testing.assert_array_equal(element(C4, 90.0), [[0, -1], [1, 0]])
    x = torch.rand(1, 1, 6, 6)
    found = pictures(plot.rotation(torch.nn.Identity(), x, in_rep=R.trivial(C4), out_rep=R.trivial(C4)))
    np.testing.assert_allclose(found[0], x[0, 0])
    np.testing.assert_allclose(found[1], torch.rot90(x, 1, (-2, -1))[0, 0])


def test_panels_are_what_they_say():
    conv = nn.Conv(R.trivial(C4), 2 * R.trivial(C4), K.Harmonic(3)).double()
    x = torch.randn(1, 1, 8, 8, dtype=torch.float64)
    figure = plot.rotation(conv, x)
    f, gf, out, out_of_gf, g_out, difference = pictures(figure)[:6]
    with torch.no_grad():
        y, z = conv(x)[0, 0], conv(torch.rot90(x, 1, (-2, -1)))[0, 0]
    np.testing.assert_allclose(out, y)
    np.testing.assert_allclose(out_of_gf, z)
    np.testing.assert_allclose(g_out, torch.rot90(y, 1, (-2, -1)))
    np.testing.assert_allclose(difference, out_of_gf - g_out)
    np.testing.assert_allclose(gf, np.rot90(f))
    assert max(errors(figure)) < 1e-12
    assert len(figure.axes) == (2 + 1) + 2 * (4 + 1)
    assert all(head in words(figure) for head in ("N(f)", "N(g f)", "g N(f)", "rotation by 90°", "C4"))


def test_a_broken_symmetry_is_seen():
    plain = torch.nn.Conv2d(1, 1, 3, padding=1)
    x = torch.rand(1, 1, 9, 9)
    figure = plot.rotation(plain, x, in_rep=R.trivial(C4), out_rep=R.trivial(C4))
    difference = pictures(figure)[-1]
    limits = {axes.images[0].get_clim() for axes in figure.axes[3:7] if axes.images}
    assert errors(figure)[0] > 0.01 and np.abs(difference).max() > 0.01
    assert len(limits) == 1 and -limits.copy().pop()[0] == limits.pop()[1]


def test_other_angles_compare_inside_the_disc():
    conv = nn.Conv(R.trivial(SO2), R.irrep(SO2, 1) + R.irrep(SO2, 2), K.Harmonic(5))
    y, x = torch.meshgrid(torch.linspace(-3, 3, 25), torch.linspace(-3, 3, 25), indexing="ij")
    image = torch.exp(-((x - 0.5) ** 2) - 2 * (y + 0.3) ** 2)[None, None]
    found = turn(conv, Field(image, conv.in_rep), conv.out_rep, element(SO2, 30.0), 0)
    assert found.error() < 0.1
    assert np.abs(found.output_of_moved[:, 0, 0]).max() == 0  # a corner
    assert "inside the disc" in words(plot.rotation(conv, image, 30.0))


def test_features_without_space_are_bars():
    net = torch.nn.Sequential(nn.Conv(R.trivial(C4), 3 * R.trivial(C4), K.Harmonic(3)), torch.nn.AdaptiveAvgPool2d(1))
    figure = plot.rotation(net, torch.rand(1, 8, 8), in_rep=R.trivial(C4), out_rep=3 * R.trivial(C4))
    assert [len(axes.patches) for axes in figure.axes[-4:]] == [3] * 4
    assert errors(figure)[0] < 1e-5


def test_fields_are_spread_over_the_terms():
    rep = 5 * R.trivial(C4) + 3 * R.standard(C4) + R.regular(C4)
    figure = plot.rotation(nn.Conv(R.trivial(C4), rep, K.Harmonic(3)), torch.rand(1, 8, 8), limit=4)
    assert all(title in words(figure) for title in ("0: trivial", "1: trivial", "5: standard", "8: regular"))


def test_the_module_is_left_alone():
    layer = nn.BatchNorm(R.trivial(C4))
    layer.train()
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    plot.rotation(layer, torch.rand(1, 6, 6))
    assert layer.training and all(torch.equal(v, before[k]) for k, v in layer.state_dict().items())


def test_reflections_of_a_line():
    r = G.Reflection(1)
    conv = nn.Conv(R.trivial(r), R.regular(r) + R.sign(r), K.Harmonic(3))
    figure = plot.rotation(conv, torch.rand(1, 12), torch.tensor([[-1.0]]))
    assert max(errors(figure)) < 1e-5
    with pytest.raises(GroupError, match="give an element g"):
        plot.rotation(conv, torch.rand(1, 12))


@pytest.mark.parametrize(
    ("module", "shape", "options", "error", "message"),
    [
        (torch.nn.Identity(), (1, 6, 6), {}, FieldTypeError, "give in_rep and out_rep"),
        (torch.nn.Identity(), (1, 6, 6), {"in_rep": R.trivial(C4), "out_rep": 2 * R.trivial(C4)}, FieldTypeError, "2"),
        (nn.ReLU(R.trivial(C4)), (1, 6, 6), {"angle": 45.0}, GroupError, "45° *, which is not in it|45°"),
        (nn.ReLU(R.trivial(G.SO(3))), (1, 6, 6, 6), {}, SpaceError, "1 and 2 dimensions"),
    ],
)
def test_errors(module, shape, options, error, message):
    with pytest.raises(error, match=message):
        plot.rotation(module, torch.rand(shape), **options)


def test_nan():
    with pytest.raises(FieldTypeError, match="NaN"):
        plot.rotation(nn.ReLU(R.trivial(C4)), torch.full((1, 6, 6), float("nan")))
