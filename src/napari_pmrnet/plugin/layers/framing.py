"""Keeping images in view: those that are opened, and those whose size is corrected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pmrnet.plugin.layers.axes import camera_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

TINY = 1 / 8
"""Share of the canvas that an image spans at least, along one side."""
SPECK = 1 / 64
"""Share of an image that lies in view at least, by area."""
FILLED = 0.95


def frame_if_lost(viewer: ViewerModel, image: Layer, others: Iterable[Layer]) -> bool:
    """Fit the view to an image that is out of sight, tiny, or in view as a speck only.

    It happens where images have other pixel sizes or places than those before. An image
    in the place of another one, such as a further channel, leaves the view as it is.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    image : napari.layers.Layer
        That was opened.
    others : iterable of napari.layers.Layer
        Images that were there before.

    Returns
    -------
    bool
        Whether the view was changed.
    """
    canvas = getattr(viewer, "canvas", None)
    # Before napari 0.9 the size of the canvas is hidden.
    if canvas is None or viewer.dims.ndisplay != 2:
        return False
    low, high = _box(image)
    if any(np.allclose(_box(other), (low, high)) for other in others):
        return False
    camera, size = camera_of(viewer), np.asarray(canvas.size, float)
    centre, half = np.asarray(camera.center[-2:]), size / camera.zoom / 2
    extent = np.maximum(high - low, 1e-12)
    inside = np.minimum(high, centre + half) - np.maximum(low, centre - half)
    share = float(np.prod(np.clip(inside, 0, None) / extent))
    if share >= SPECK and (extent * camera.zoom / size).max() >= TINY:
        return False
    camera.center = (*camera.center[:-2], *((low + high) / 2))
    camera.zoom = FILLED * float((size / extent).min())
    return True


@contextmanager
def same_view(viewer: ViewerModel, layer: Layer) -> Iterator[None]:
    """Show the same pixels of a layer as before while its pixel size is changed.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    layer : napari.layers.Layer
    """
    camera, point = camera_of(viewer), np.array(viewer.dims.point, float)
    if viewer.dims.ndisplay != 2:
        yield
        return
    point[-2:] = camera.center[-2:]
    middle = layer.world_to_data(point[-layer.ndim :])
    before = _step(layer)
    yield
    camera.center = (*camera.center[:-2], *layer.data_to_world(middle)[-2:])
    camera.zoom *= before / _step(layer)


def _step(layer: Layer) -> float:
    """Mean side of a pixel."""
    return float(np.mean(np.abs(layer.scale[-2:])))


def _box(layer: Layer) -> Any:
    """Least and largest y and x of a layer, where the viewer shows it."""
    return np.asarray(layer.extent.world)[:, -2:]
