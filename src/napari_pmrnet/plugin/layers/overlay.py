"""Lines over a layer: outlines, previews, a drawn line, circles of a size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Vectors
from napari.utils.color import ColorArray

from napari_pmrnet.io.outlines import outlines
from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.layers.result_layers import (
    PLACE,
    remove_layers,
    spatial_metadata,
)
from napari_pmrnet.plugin.qt import single_shot

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_pmrnet.segmentation.tiles import Box

NAME = "review outline"
WHERE = (*PLACE, "units")
"""What is taken over from the layer below; its events have the same names."""
SCREEN_WIDTH = 3.0
TOLERANCE = 0.1
DOT = 0.35
CURRENT = "#ffe14d"
DRAWN = "#ffffff"
CORNERS = 48
PARTS = ("#4dd2ff", "#ff4df0", "#8dff4d", "#ff9a3d", "#b98dff")


class Overlay:
    """Lines over a layer, in a layer of their own that goes with what draws them.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    over : napari.layers.Labels or Image
        Layer whose pixels the marks are on.
    name : str
        Of the layer of the marks.
    """

    def __init__(
        self, viewer: ViewerModel, over: Labels | Image, name: str = NAME
    ) -> None:
        self._viewer, self._over, self._name = viewer, over, name
        self._layer: Vectors | None = None
        self._parts: dict[str, list[tuple[np.ndarray, str]]] = {}
        # A gesture may change the marks several times; they are drawn once.
        self._soon = single_shot(None, 0, self._draw)
        self._moved = False
        for name in WHERE:
            getattr(over.events, name).connect(self._on_moved)

    def outline(self, mask: np.ndarray, box: Box) -> None:
        """Mark the rim of a mask that lies in a box as the current place."""
        self._show("current", [(rims(mask, box), CURRENT)])

    def preview(self, parts: np.ndarray, box: Box) -> None:
        """Mark the rims of parts, numbered from 1, as what an edit would give."""
        self._show(
            "preview",
            [
                (rims(parts == number, box), PARTS[turn % len(PARTS)])
                for turn, number in enumerate(np.unique(parts[parts > 0]))
            ],
        )

    def line(self, path: Sequence[Sequence[float]]) -> None:
        """Mark a drawn line."""
        self._show("drawn", [(segments(path), DRAWN)])

    def dots(self, points: Sequence[Sequence[float]]) -> None:
        """Mark places that were clicked, with crosses."""
        arms = [
            segments(np.array([np.add(point, arm), np.subtract(point, arm)]))
            for point in points
            for arm in ((DOT, DOT), (DOT, -DOT))
        ]
        self._show("drawn", [(arm, DRAWN) for arm in arms])

    def circles(self, circles: Sequence[tuple[Sequence[float], float, str]]) -> None:
        """Mark circles: middle (y, x) and diameter in pixels, and colour, of each."""
        self._show(
            "circles",
            [
                (segments(circle(middle, across)), colour)
                for middle, across, colour in circles
            ],
        )

    def clear(self, *kinds: str) -> None:
        """Take marks away: ``current``, ``preview``, ``drawn``, ``circles``; or all."""
        gone = [self._parts.pop(kind, None) for kind in kinds or tuple(self._parts)]
        if any(gone):
            self._soon.start()

    def flush(self) -> None:
        """Draw now what is waiting to be drawn."""
        if self._soon.isActive():
            self._soon.stop()
            self._draw()

    def release(self) -> None:
        """Take the layer away."""
        self._soon.stop()
        for name in WHERE:
            getattr(self._over.events, name).disconnect(self._on_moved)
        if self._layer is not None:
            remove_layers(self._viewer, [self._layer])
        self._layer = None

    def _on_moved(self, event: Any = None) -> None:
        """Go with the layer below, such as when its pixel size is corrected."""
        self._moved = True
        self._soon.start()

    def _show(self, kind: str, parts: list[tuple[np.ndarray, str]]) -> None:
        self._parts[kind] = parts
        self._soon.start()

    def _draw(self) -> None:
        """Draw all marks; the layer is made when it is needed, or needed again."""
        parts = [part for some in self._parts.values() for part in some if len(part[0])]
        if self._layer is not None and self._layer not in self._viewer.layers:
            self._layer = None
        if self._layer is None and not parts:
            return
        if self._layer is None:
            self._layer = self._make()
        layer = self._layer
        if self._moved:
            place = spatial_metadata(self._over)
            for name in WHERE:
                setattr(layer, name, place[name])
        self._moved = False
        empty = np.zeros((0, 2, 2))
        layer.data = np.concatenate([lines for lines, _ in parts]) if parts else empty
        if parts:
            colours = ColorArray([colour for _, colour in parts])
            layer.edge_color = np.repeat(colours, [len(p) for p, _ in parts], axis=0)
            step = float(np.mean(np.abs(self._over.scale[-2:])))
            width = SCREEN_WIDTH / max(camera_of(self._viewer).zoom * step, 1e-9)
            if abs(width / layer.edge_width - 1) > TOLERANCE:
                layer.edge_width = width

    def _make(self) -> Vectors:
        active = self._viewer.layers.selection.active
        camera = camera_of(self._viewer)
        pans = camera.mouse_pan
        layer = Vectors(
            np.zeros((0, 2, 2)),
            ndim=2,
            name=self._name,
            vector_style="line",
            opacity=1.0,
            **spatial_metadata(self._over),
        )
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = active
        # napari lets the mouse pan again whenever another layer becomes the active one.
        camera.mouse_pan = pans
        return layer


def rims(mask: np.ndarray, box: Box) -> np.ndarray:
    """Edges of the pixels at the rim of a mask, as vectors (n, 2, 2).

    Parameters
    ----------
    mask : ndarray of bool, of the shape of `box`
    box : tuple of slice
        Where the mask lies in the image.
    """
    found = next(outlines(mask.astype(np.uint8)), None)
    if found is None:
        return np.zeros((0, 2, 2))
    # The corner of a pixel lies half a pixel before its middle.
    corner = np.array([box[0].start, box[1].start]) - 0.5
    rings = [ring + corner for polygon in found.polygons for ring in polygon]
    return np.concatenate([segments([*ring, ring[0]]) for ring in rings])


def segments(path: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Pieces of a line through places (y, x), as start and direction (n, 2, 2)."""
    corners = np.asarray(path, float).reshape(-1, 2)
    return np.stack([corners[:-1], np.diff(corners, axis=0)], axis=1)


def circle(middle: Sequence[float], across: float) -> np.ndarray:
    """Corners (`CORNERS` + 1, 2) of a closed circle, in pixels."""
    angles = np.linspace(0, 2 * np.pi, CORNERS + 1)
    return middle + across / 2 * np.column_stack([np.sin(angles), np.cos(angles)])
