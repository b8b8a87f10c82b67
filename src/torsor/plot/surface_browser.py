"""Pictures of surfaces in the browser, that can be turned there: figures of plotly."""

from __future__ import annotations

from typing import Any

import numpy as np

from torsor.errors import require
from torsor.plot.canvas import INK, Scale, matplotlib
from torsor.plot.surface_geometry import arrow_triangles
from torsor.plot.surface_picture import Arrows, Curve, Part, Skin, View

SIDE, HEAD = 560, 50
LIGHT = {"ambient": 0.65, "diffuse": 0.45, "specular": 0.05, "roughness": 0.9}


def browser_figure(views: list[View]) -> Any:
    """A `plotly.graph_objects.Figure` with a scene for each view.

    Raises:
        MissingExtraError: plotly is not installed.
    """
    kinds = [[{"type": "scene"}] * len(views)]
    titles = [view.title for view in views]
    figure = require("plotly.subplots", "plot").make_subplots(1, len(views), specs=kinds, subplot_titles=titles)
    for column, view in enumerate(views, start=1):
        traces = [trace for part in view.parts for trace in _traces(part)]
        figure.add_traces(traces, rows=[1] * len(traces), cols=[column] * len(traces))
        figure.layout["scene" if column == 1 else f"scene{column}"].update(_scene(view))
    figure.update_layout(
        width=SIDE * len(views) + 60,
        height=SIDE + HEAD,
        margin={"l": 10, "r": 10, "t": HEAD, "b": 10},
        paper_bgcolor="white",
        font={"color": INK, "size": 14},
        showlegend=False,
    )
    return figure


def _scene(view: View) -> dict[str, Any]:
    """An orthographic camera, and no axes."""
    hidden = {"visible": False}
    right, up, eye = view.screen
    camera = {"eye": _xyz(1.6 * eye), "up": _xyz(up), "projection": {"type": "orthographic"}}
    return {"xaxis": hidden, "yaxis": hidden, "zaxis": hidden, "aspectmode": "data", "camera": camera}


def _xyz(point: np.ndarray) -> dict[str, float]:
    return dict(zip("xyz", map(float, point), strict=True))


def _columns(points: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip("xyz", points.T, strict=True))


def _traces(part: Part) -> list[Any]:
    go = require("plotly.graph_objects", "plot")
    if isinstance(part, Skin):
        return _skin(go, part)
    if isinstance(part, Arrows):
        points, faces = arrow_triangles(part.tails, part.vectors)
        return _skin(go, Skin(points, faces, colour=part.colour)) if len(points) else []
    if isinstance(part, Curve):
        line = {"color": part.colour, "width": 1.5 * part.width}
        return [go.Scatter3d(**_columns(part.points), mode="lines", line=line, hoverinfo="skip")]
    font = {"color": part.colour, "size": 16}
    place = _columns(part.point[None])
    return [go.Scatter3d(**place, mode="text", text=[part.words], textfont=font, hoverinfo="skip")]


def _skin(go: Any, skin: Skin) -> list[Any]:
    corners = dict(zip("ijk", skin.faces.T, strict=True))
    style: dict[str, Any] = {"lighting": LIGHT, "flatshading": skin.normals is None, "color": skin.colour}
    if skin.values is None or skin.scale is None:
        style["hoverinfo"] = "skip"
    else:
        low, high = skin.scale.limits
        style |= {"intensity": skin.values, "cmin": low, "cmax": high, "colorscale": _colours(skin.scale)}
        bar = {"title": {"text": skin.label}, "thickness": 14, "len": 0.5, "outlinewidth": 0}
        style |= {"showscale": bool(skin.label), "colorbar": bar}
    lines = [_edges(go, skin)] if skin.lines else []
    return [go.Mesh3d(**_columns(skin.points), **corners, **style), *lines]


def _edges(go: Any, skin: Skin) -> Any:
    """All edges as one broken line."""
    broken = np.full((len(skin.faces), 5, 3), np.nan)
    broken[:, :4] = skin.points[skin.faces[:, [0, 1, 2, 0]]]
    line = {"color": "#999999", "width": 1}
    return go.Scatter3d(**_columns(broken.reshape(-1, 3)), mode="lines", line=line, hoverinfo="skip")


def _colours(scale: Scale) -> list[tuple[float, str]]:
    """The colours of a scale as plotly takes them."""
    style = scale.style()
    shown = matplotlib("cm").ScalarMappable(cmap=style["cmap"])
    places = np.linspace(0, 1, 33)
    to_hex = matplotlib("colors").to_hex
    shown.set_clim(0, 1)
    return [(float(t), to_hex(c)) for t, c in zip(places, shown.to_rgba(places), strict=True)]
