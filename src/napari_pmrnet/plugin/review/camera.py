"""The camera of a review: places come into view, at a zoom that the user may choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pmrnet.plugin.layers.axes import camera_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_pmrnet.segmentation.tiles import Box

SHARE = 1 / 8
"""Share of the canvas that a typical nucleus takes."""
ZOOMED = 1.6
"""Times the zoom that shows all, from which on a zoom was chosen.

A dock that opens makes the canvas narrower and leaves the zoom as it is.
"""


class ReviewCamera:
    """Moves to places; zooms to the typical nucleus unless the user has zoomed.

    The zoom is set once for an image and not for each place, so that sizes can be
    compared. napari's "reset view" gives it out of the user's hand again.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    room : callable
        Gives width and height of the canvas, in pixels of the screen.
    """

    def __init__(
        self, viewer: ViewerModel, room: Callable[[], tuple[int, int]]
    ) -> None:
        self._viewer, self._camera, self._room = viewer, camera_of(viewer), room
        self._moving = False
        self._chosen: bool | None = None
        self._framed = 0.0
        self._camera.events.zoom.connect(self._on_zoom)
        viewer.events.reset_view.connect(self._on_reset)

    def release(self) -> None:
        """Let go of the viewer."""
        self._camera.events.zoom.disconnect(self._on_zoom)
        self._viewer.events.reset_view.disconnect(self._on_reset)

    def bring(self, layer: Labels, box: Box, diameter: float) -> None:
        """Bring a box of a layer into the middle.

        Parameters
        ----------
        layer : napari.layers.Labels
        box : tuple of slice
        diameter : float
            Of the typical nucleus, in pixels of the layer; 0 where there is none.
        """
        corners = [[s.start - 0.5 for s in box], [s.stop - 0.5 for s in box]]
        before = (0,) * (layer.ndim - 2)
        both = [layer.data_to_world((*before, *corner)) for corner in corners]
        world = np.array(both)[:, -2:]
        self._camera.center = (*self._camera.center[:-2], *world.mean(axis=0))
        size = diameter * float(np.abs(layer.scale[-2:]).mean())
        if not size:
            return
        everything = self._showing_all(layer)
        if self._chosen is None:
            self._chosen = self._camera.zoom > ZOOMED * everything
        if self._chosen or np.isclose(size, self._framed, rtol=1e-3):
            return
        zoom = SHARE * min(self._room()) / size
        if zoom > everything or self._framed:
            self._zoom_to(max(zoom, everything))
        self._framed = size

    def _zoom_to(self, zoom: float) -> None:
        self._moving = True
        try:
            self._camera.zoom = zoom
        finally:
            self._moving = False

    def _showing_all(self, layer: Labels) -> float:
        """The zoom that shows all of a layer."""
        low, high = layer.extent.world[:, -2:]
        width, height = self._room()
        extent = np.maximum(high - low, 1e-9)
        return float(np.min(np.array([height, width]) / extent))

    def _on_zoom(self, event: Any = None) -> None:
        if not self._moving:
            self._chosen = True

    def _on_reset(self, event: Any = None) -> None:
        self._chosen, self._framed = False, 0.0
