"""The size of a typical nucleus, drawn as a circle on the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QPushButton

from napari_pmrnet.plugin.layers.axes import camera_of, height_and_width
from napari_pmrnet.plugin.layers.overlay import CURRENT, PARTS, Overlay
from napari_pmrnet.plugin.widgets.layout import NarrowButton

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

NAME = "nucleus size"
COLOURS = (CURRENT, PARTS[0])
"""Of the diameter that is used, and of another one that was seen."""

GAP = 1.2


class SizeGuide:
    """Circles side by side in the middle of what is on show.

    Parameters
    ----------
    viewer : napari.components.ViewerModel

    Attributes
    ----------
    sizes : sequence of float
        Diameters of the circles that are drawn.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.sizes: Sequence[float] = ()
        self._overlay: Overlay | None = None
        self._over: Image | None = None

    def show(self, image: Image, diameters: Sequence[float]) -> None:
        """Draw circles of these diameters, in pixels of an image."""
        if self._over is not image:
            self.release()
        if self._overlay is None:
            self._overlay, self._over = Overlay(self._viewer, image, NAME), image
        self.sizes = diameters
        y, x = self._middle(image)
        apart, middle = GAP * sum(diameters) / 2, (len(diameters) - 1) / 2
        self._overlay.circles(
            [
                ((y, x + apart * (number - middle)), across, COLOURS[number])
                for number, across in enumerate(diameters)
            ]
        )

    def release(self) -> None:
        """Take the circles away."""
        if self._overlay is not None:
            self._overlay.release()
        self._overlay = self._over = None
        self.sizes = ()

    def _middle(self, image: Image) -> np.ndarray:
        """Pixel (y, x) of an image in the middle of the canvas, or nearest to it."""
        point = np.array(self._viewer.dims.point, float)
        point[-2:] = camera_of(self._viewer).center[-2:]
        place = np.asarray(image.world_to_data(point[-image.ndim :]))[-2:]
        return np.clip(place, 0, np.subtract(height_and_width(image), 1))


def size_button() -> QPushButton:
    """Button that shows and hides the circle of a typical nucleus."""
    button = NarrowButton("\N{LARGE CIRCLE}", "Draw a typical nucleus on the image")
    button.setCheckable(True)
    button.setToolTip(
        "<span>Draw a circle of this diameter in the middle of the view: that of the "
        "nuclei that were found, unless you set one.</span>"
    )
    return button
