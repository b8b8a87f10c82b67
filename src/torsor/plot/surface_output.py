"""Pictures of surfaces drawn: as an image by pyvista, without a screen, or as a figure for the browser by plotly."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from torsor.errors import FieldTypeError, require
from torsor.plot.canvas import INK
from torsor.plot.surface_browser import browser_figure
from torsor.plot.surface_geometry import arrow_triangles
from torsor.plot.surface_picture import Arrows, Curve, Part, Skin, View

BACKENDS = ("pyvista", "plotly")
SIDE, HEAD, BAR, MARGIN = 760, 60, 130, 1.06
"""Pixels: of a panel, above it for a title, right of all for a colour bar; and the window around what is seen."""

MATTE = {"ambient": 0.55, "diffuse": 0.45, "specular": 0.0}
BAR_STYLE: dict[str, Any] = {
    "vertical": True,
    "n_labels": 3,
    "fmt": "%.2g",
    "color": INK,
    "font_family": "arial",
    "title_font_size": 20,
    "label_font_size": 18,
    "position_x": 0.1,
    "position_y": 0.3,
    "width": 0.5,
    "height": 0.4,
}


def shown(views: list[View], backend: str, path: str | PathLike[str] | None) -> Any:
    """Draw views side by side; with a path also into a file, PNG or HTML.

    Raises:
        FieldTypeError: an unknown backend.
        MissingExtraError: the backend is not installed.
    """
    if backend not in BACKENDS:
        raise FieldTypeError(f"expected a backend among {BACKENDS}, got {backend!r}")
    if backend == "plotly":
        figure = browser_figure(views)
        if path is not None:
            figure.write_html(path)
        return figure
    return image(views, path)


def image(views: list[View], path: str | PathLike[str] | None = None) -> np.ndarray:
    """(height, width, 3) of 8 bits: the views side by side, drawn by pyvista without a screen.

    Raises:
        MissingExtraError: pyvista is not installed.
    """
    pv = require("pyvista", "mesh")
    heights = [HEAD] * any(view.title for view in views) + [SIDE]
    labels = [part.label for view in views for part in view.parts if isinstance(part, Skin) and part.label]
    widths = [SIDE] * len(views) + [BAR] * bool(labels)
    with pv.vtk_verbosity("off"):  # without a screen VTK complains of it, then draws by other means
        plotter = pv.Plotter(
            off_screen=True,
            shape=(len(heights), len(widths)),
            row_weights=heights,
            col_weights=widths,
            border=False,
            window_size=(sum(widths), sum(heights)),
            lighting="none",
        )
        plotter.set_background("white")
        try:
            mappers = [_panel(pv, plotter, view, len(heights) - 1, column) for column, view in enumerate(views)]
            if labels:
                plotter.subplot(len(heights) - 1, len(views))
                plotter.add_scalar_bar(f"{labels[-1]}\n", mapper=[m for m in mappers if m is not None][-1], **BAR_STYLE)
            plotter.enable_anti_aliasing("ssaa")
            return np.asarray(plotter.screenshot(None if path is None else str(path), return_img=True))
        finally:
            plotter.close()


def _panel(pv: Any, plotter: Any, view: View, row: int, column: int) -> Any:
    """Draw a view, and its title in the row above; what maps values to colours, if there are any."""
    if view.title:
        plotter.subplot(0, column)
        plotter.add_text(view.title, position=(0.04, 0.3), viewport=True, font_size=13, color=INK, font="arial")
    plotter.subplot(row, column)
    plotter.add_light(pv.Light(light_type="headlight"), only_active=True)
    mappers = [_add(pv, plotter, _facing(view, part) if isinstance(part, Arrows) else part) for part in view.parts]
    _, up, eye = view.screen
    centre, half = view.window
    distance = 10 * float(np.linalg.norm(np.ptp(view.focus, axis=0)))
    camera = plotter.camera
    camera.position, camera.focal_point, camera.up = centre + distance * eye, centre, up
    camera.parallel_projection, camera.parallel_scale = True, MARGIN * float(half.max())
    camera.clipping_range = (0.5 * distance, 1.5 * distance)
    return next((mapper for mapper in mappers if mapper is not None), None)


def _facing(view: View, arrows: Arrows) -> Arrows:
    """Without the arrows that stand on the far side of the surface."""
    if arrows.normals is None:
        return arrows
    seen = arrows.normals @ view.screen[2] > 0
    return replace(arrows, tails=arrows.tails[seen], vectors=arrows.vectors[seen])


def _add(pv: Any, plotter: Any, part: Part) -> Any:
    """Draw a part; what maps its values to colours, if it has any."""
    if isinstance(part, Skin):
        return _add_skin(pv, plotter, part)
    if isinstance(part, Arrows):
        if len(part.tails):
            points, faces = arrow_triangles(part.tails, part.vectors)
            _add_skin(pv, plotter, Skin(points, faces, colour=part.colour))
    elif isinstance(part, Curve):
        plotter.add_mesh(pv.MultipleLines(part.points), color=part.colour, line_width=part.width, lighting=False)
    else:
        plotter.add_point_labels(
            part.point[None],
            [part.words],
            text_color=part.colour,
            font_size=24,
            shape=None,
            show_points=False,
            always_visible=True,
        )
    return None


def _add_skin(pv: Any, plotter: Any, skin: Skin) -> Any:
    mesh = pv.PolyData.from_regular_faces(skin.points, skin.faces)
    style: dict[str, Any] = {**MATTE, "show_edges": skin.lines, "edge_color": "#a0a0a0", "line_width": 1}
    if skin.normals is not None:
        mesh.point_data.active_normals = skin.normals
        style["smooth_shading"] = True
    if skin.values is None or skin.scale is None:
        plotter.add_mesh(mesh, color=skin.colour, **style)
        return None
    mesh.point_data["values"] = skin.values
    style |= {"cmap": skin.scale.style()["cmap"], "clim": skin.scale.limits, "interpolate_before_map": True}
    return plotter.add_mesh(mesh, scalars="values", show_scalar_bar=False, **style).mapper
