"""What of an image layer is segmented: a plane, what is seen of it, or all planes."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin._axes import (
    CHANNEL_NAMES,
    axis_names,
    check_names,
    first_level,
)
from napari_pmrnet.plugin._camera import camera_of
from napari_pmrnet.segmentation.planes import Stack, check_stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_pmrnet.plugin._axes import Plane

MOST_MAP_BYTES = 1 << 30
"""Maps of a stack that would take more are left out."""


class Area(Enum):
    """Areas that are no layer."""

    SEEN = "Only what I see"
    PLANES = "All planes"


def stack_of(layer: Image, viewer_names: Sequence[str] = ()) -> Stack:
    """All planes of an image layer, none of them read yet.

    Parameters
    ----------
    layer : napari.layers.Image
    viewer_names : sequence of str
        ``viewer.dims.axis_labels``.

    Raises
    ------
    ImageError
        If the axes leave open what a plane is, are too many, or lie so that labels
        without channels would not move with the image's sliders.
    """
    names = axis_names(layer, viewer_names)
    check_names(layer, names)
    channel = next((i for i, name in enumerate(names) if name in CHANNEL_NAMES), None)
    if channel:
        raise ImageError(
            f"The layer '{layer.name}' has its channels between its other axes "
            f"({', '.join(names)}). Split them into layers to segment all planes "
            "(right click on the layer, Split Stack)."
        )
    axes = tuple(
        name or f"axis {axis}" for axis, name in enumerate(names) if axis != channel
    )
    stack = Stack(first_level(layer), axes, channel, bool(layer.rgb))
    check_stack(stack, layer.name)
    return stack


def kept_axes(layer: Image, viewer_names: Sequence[str] = ()) -> tuple[int, ...]:
    """Axes of an image layer that labels of all its planes have: all but channels."""
    names = axis_names(layer, viewer_names)
    return tuple(i for i, name in enumerate(names) if name not in CHANNEL_NAMES)


def keeps_maps(stack: Stack) -> bool:
    """Whether there is room for the maps of all planes."""
    return stack.map_bytes <= MOST_MAP_BYTES


def describe_stack(stack: Stack) -> str:
    """What segmenting all planes means, in a sentence or two."""
    *steps, height, width = stack.shape
    counts = " x ".join(map(str, steps))
    axes = ", ".join(stack.axes[:-2])
    text = f"Segments {counts} planes ({axes}) of {width} x {height} pixels"
    if stack.is_large:
        return (
            f"{text}. The labels go to a folder that you are asked for, and maps are "
            "left out."
        )
    if keeps_maps(stack):
        return f"{text}."
    return (
        f"{text}. Labels only: the three maps of all planes would take "
        f"{stack.map_bytes / 1e9:.1f} GB."
    )


def seen_polygon(viewer: ViewerModel, layer: Image) -> NDArray[np.float64]:
    """What the canvas shows, in the pixels of an image layer.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    layer : napari.layers.Image
        Its transform is applied; it may be turned against the canvas.

    Returns
    -------
    ndarray, shape (4, 2)
        Rows and columns of the corners.

    Raises
    ------
    ImageError
        If the viewer does not show y and x as a flat image.
    """
    dims = viewer.dims
    if dims.ndisplay != 2:
        raise ImageError(
            "The viewer shows three dimensions. Switch to two to segment what you see."
        )
    if tuple(dims.order[-2:]) not in ((dims.ndim - 2, dims.ndim - 1),):
        raise ImageError(
            "The viewer shows other axes than y and x. Reset the order of the axes to "
            "segment what you see."
        )
    canvas = getattr(viewer, "canvas", None)
    if canvas is None:
        return _corners(layer)
    camera = camera_of(viewer)
    half = np.asarray(canvas.size) / camera.zoom / 2
    centre = np.asarray(camera.center[-2:])
    point = np.asarray(dims.point, float)
    polygon = []
    for across in ((-1, -1), (-1, 1), (1, 1), (1, -1)):
        point[-2:] = centre + half * across
        polygon.append(layer.world_to_data(point)[-2:])
    return np.array(polygon)


def _corners(layer: Image) -> NDArray[np.float64]:
    """What napari before 0.9, which hides the size of its canvas, says of the view."""
    factors = layer.downsample_factors[layer.data_level] if layer.multiscale else 1
    (top, left), (bottom, right) = (layer.corner_pixels * factors)[:, -2:]
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)], float)


def seen_size(polygon: NDArray[np.float64], shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the pixels of an image that lie in a polygon's box."""
    low = np.clip(np.ceil(polygon.min(axis=0)), 0, shape)
    high = np.clip(np.floor(polygon.max(axis=0)) + 1, 0, shape)
    height, width = np.maximum(high - low, 0).astype(int)
    return int(height), int(width)


def describe_seen(polygon: NDArray[np.float64], plane: Plane) -> str:
    """What segmenting the visible field means, in a sentence."""
    height, width = seen_size(polygon, plane.shape)
    if not height or not width:
        return "Nothing of the image is in view."
    return f"Segments {width} x {height} pixels of {plane.shape[1]} x {plane.shape[0]}."
