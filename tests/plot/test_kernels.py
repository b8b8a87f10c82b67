import math

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib")

from torsor import groups as G  # noqa: E402
from torsor import kernels as K  # noqa: E402
from torsor import nn, plot  # noqa: E402
from torsor import reps as R  # noqa: E402
from torsor.errors import FieldTypeError, KernelError  # noqa: E402
from torsor.plot.samples import voronoi_cell  # noqa: E402

HEXAGONAL = ((1.0, 0.5), (0.0, math.sqrt(3) / 2))
C4 = G.Cyclic(4)


def blocks(figure, rows: int, columns: int) -> list[np.ndarray]:
    """The arrays handed to imshow, one block of matrix entries a kernel: (rows, columns, h, w)."""
    found = []
    for axes in figure.axes:
        images = [np.asarray(image.get_array()) for image in axes.images]
        if len(images) == rows * columns:
            found.append(np.stack(images).reshape(rows, columns, *images[0].shape))
    return found


def words(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("spec", [K.Harmonic(5), K.Harmonic(4), K.Stencil(3), K.Stencil(4)])
def test_images_satisfy_the_constraint(spec):
    """K(gv) = ρ_out(g) K(v) ρ_in(g)⁻¹ of what is drawn: rot90 gives K(g⁻¹v)."""
    rho_in, rho_out = R.irrep(C4, 1), R.standard(C4)
    kernels = blocks(plot.kernels(spec, rho_in, rho_out), 2, 2)
    assert len(kernels) == spec(rho_in, rho_out).weight.numel()
    g = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    out, into = rho_out.rho(g).numpy(), rho_in.rho(g).numpy()
    for kernel in kernels:
        assert np.abs(kernel).max() > 0.1
        turned = np.rot90(kernel, 1, (-2, -1))
        expected = np.einsum("ab,bchw,cd->adhw", out, kernel, np.linalg.inv(into))
        np.testing.assert_allclose(turned, expected, atol=1e-12)


def test_images_are_the_kernel_at_its_points():
    """The image of a Stencil kernel is its stencil; rows of the image are axis 0."""
    kernel = K.Stencil(3)(R.trivial(C4), R.trivial(C4)).double()
    drawn = blocks(plot.kernels(kernel), 1, 1)
    for k, image in enumerate(drawn):
        with torch.no_grad():
            kernel.weight.zero_()
            kernel.weight[k] = 1.0
        stencil = kernel.stencil()[0, 0].detach()
        np.testing.assert_allclose(stencil / stencil.max(), image[0, 0] / image.max())


def test_a_gradient_kernel_points_down_and_right():
    """Of trivial → standard, degree 1, K(v) ∝ v: the entry of axis 0 is antisymmetric in rows and larger below."""
    figure = plot.kernels(K.Harmonic(5), R.trivial(G.O(2)), R.standard(G.O(2)))
    for kernel in blocks(figure, 2, 1):
        down, right = kernel[0, 0], kernel[1, 0]
        sign = np.sign(down[45, 30])
        np.testing.assert_allclose(down, -down[::-1], atol=1e-12)
        assert sign * down[35:].min() > -1e-12 and sign * right[:, 35:].min() > -1e-12


def test_one_scale_symmetric_about_zero():
    figure = plot.kernels(K.Harmonic(5)(R.trivial(C4), R.regular(C4)))
    limits = {image.get_clim() for axes in figure.axes for image in axes.images}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low == -high < 0
    largest = max(np.abs(image.get_array()).max() for axes in figure.axes for image in axes.images)
    assert high == pytest.approx(largest)


def test_own_scales():
    figure = plot.kernels(K.Harmonic(5), R.trivial(C4), R.trivial(C4), scale="each")
    for axes in figure.axes:
        for image in axes.images:
            assert image.get_clim() == pytest.approx(
                (-np.abs(image.get_array()).max(), np.abs(image.get_array()).max())
            )


def test_rows_and_columns_are_named():
    spec, rho_in, rho_out = K.Harmonic(5), R.irrep(G.SO(2), 1), R.irrep(G.SO(2), 2)
    figure = plot.kernels(spec, rho_in, rho_out)
    text = " ".join(words(figure))
    for degree, ring, covariant in spec.labels(rho_in, rho_out):
        assert f"degree {degree}\nmap {covariant}" in text and f"ring {int(ring)}" in text
    assert "irrep(1) → irrep(2)" in words(figure)
    assert len(figure.axes) == len(spec.labels(rho_in, rho_out)) + 1  # and the colour bar


def test_every_pair_of_irreps_has_a_table():
    figure = plot.kernels(nn.Conv(R.regular(C4), 2 * R.trivial(C4) + R.standard(C4), K.Harmonic(3)))
    names = ("trivial", "irrep(1)", "irrep(2)")
    assert {f"{a} → {b}" for a in names for b in names[:2]} <= set(words(figure))


def test_a_pair_without_kernels_says_so():
    figure = plot.kernels(K.Harmonic(1), R.trivial(C4) + R.sign(C4), R.trivial(C4) + R.standard(C4))
    assert "trivial → irrep(1): no kernel" in words(figure)


def test_text_does_not_overlap():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for figure in (
        plot.kernels(K.Harmonic(7), R.trivial(G.Cyclic(8)), R.regular(G.Cyclic(8))),
        plot.kernels(K.Stencil(3), R.trivial(G.Dihedral(4)), R.standard(G.Dihedral(4))),
        plot.kernels(K.Harmonic((3, 9)), R.trivial(G.Reflection(2)), R.sign(G.Reflection(2))),
    ):
        renderer = FigureCanvasAgg(figure).get_renderer()
        boxes = [text.get_window_extent(renderer) for text in figure.texts]
        cells = [axes.get_window_extent(renderer) for axes in figure.axes]
        for i, box in enumerate(boxes):
            assert 0 <= box.x0 and box.x1 <= figure.bbox.x1 and 0 <= box.y0 and box.y1 <= figure.bbox.y1
            assert not any(box.overlaps(other) for other in boxes[i + 1 :] + cells)


def test_lines():
    rho = R.trivial(G.Reflection(1))
    spec = K.Harmonic(5)
    figure = plot.kernels(spec, rho, R.sign(rho.group))
    assert len(figure.axes) == len(spec.labels(rho, R.sign(rho.group)))
    for axes in figure.axes:
        _, curve = axes.lines
        np.testing.assert_allclose(curve.get_ydata(), -curve.get_ydata()[::-1], atol=1e-12)  # odd
        assert np.abs(curve.get_ydata()).max() > 0.1


def test_cells_of_a_hexagonal_lattice():
    corners = voronoi_cell(np.array(HEXAGONAL))
    assert len(corners) == 6
    np.testing.assert_allclose(np.linalg.norm(corners, axis=1), 1 / math.sqrt(3))
    C6 = G.Cyclic(6)
    spec = K.Stencil(3, lattice=HEXAGONAL)
    figure = plot.kernels(spec, R.trivial(C6), R.standard(C6))
    cells = [c for axes in figure.axes[:-1] for c in axes.collections]
    assert len(cells) == 2 * spec(R.trivial(C6), R.standard(C6)).weight.numel()
    first = cells[0]
    centres = np.array([path.vertices[:6].mean(0)[::-1] for path in first.get_paths()])
    np.testing.assert_allclose(centres, spec.offsets(2), atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((K.Harmonic(5),), FieldTypeError, "in_rep and out_rep"),
        (("Harmonic",), FieldTypeError, "expected a kernel specification"),
        ((K.Harmonic(5), R.trivial(C4), R.trivial(G.Cyclic(2))), KernelError, "one group"),
        ((K.Stencil(3), R.trivial(G.Cyclic(8)), R.regular(G.Cyclic(8))), KernelError, "C4"),
        ((K.Harmonic(1), R.trivial(C4), R.standard(C4)), KernelError, "no Harmonic kernel"),
        ((K.Harmonic(3), R.trivial(G.SO(3)), R.standard(G.SO(3))), KernelError, "1 and 2 dimensions are drawn"),
        ((K.Harmonic(3)(R.trivial(C4), R.trivial(C4)), R.standard(C4)), FieldTypeError, "other types"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        plot.kernels(*arguments)


def test_too_many_kernels_and_unknown_scales():
    with pytest.raises(KernelError, match="more than limit=3"):
        plot.kernels(K.Harmonic(5), R.trivial(C4), R.regular(C4), limit=3)
    with pytest.raises(FieldTypeError, match='"shared" or "each"'):
        plot.kernels(K.Harmonic(5), R.trivial(C4), R.trivial(C4), scale="own")
