"""Shapes that outline a region, as a mask on the pixels of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pmrnet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image, Shapes

CLOSED = frozenset({"rectangle", "ellipse", "polygon"})


def region_polygons(
    shapes: Shapes, image: Image, point: Sequence[float] = ()
) -> list[NDArray[np.float64]]:
    """Turn the closed shapes of a layer into polygons in the pixels of an image.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        Rectangles, ellipses and polygons count; lines and paths have no inside.
    image : napari.layers.Image
        Layer whose pixel coordinates are wanted; both transforms are applied.
    point : sequence of float
        ``viewer.dims.point``; shapes of a stack count on the plane shown.

    Returns
    -------
    list of (N, 2) arrays
        Rows and columns of the vertices.

    Raises
    ------
    ImageError
        If no closed shape lies on the plane shown.
    """
    polygons = []
    for vertices, kind in zip(shapes.data, shapes.shape_type, strict=True):
        if kind not in CLOSED or not _on_plane(shapes, vertices, point):
            continue
        outline = _ellipse(vertices) if kind == "ellipse" else np.asarray(vertices)
        world = [shapes.data_to_world(vertex) for vertex in outline]
        polygons.append(np.array([image.world_to_data(p)[-2:] for p in world]))
    if not polygons:
        raise ImageError(
            f"The Shapes layer '{shapes.name}' outlines nothing on this plane. Draw a "
            "rectangle, ellipse or polygon in it, or choose 'Whole image'."
        )
    return polygons


def region_mask(
    polygons: Sequence[NDArray[np.float64]], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Pixels inside any of the polygons.

    Parameters
    ----------
    polygons : sequence of (N, 2) arrays
        Rows and columns of the vertices, in pixels.
    shape : tuple of int
        Height and width of the mask.
    """
    from skimage.draw import polygon

    mask = np.zeros(shape, dtype=bool)
    for vertices in polygons:
        mask[polygon(vertices[:, 0], vertices[:, 1], shape)] = True
    return mask


def _on_plane(shapes: Shapes, vertices: NDArray, point: Sequence[float]) -> bool:
    """Whether a shape of a stack lies on the plane that is shown."""
    if shapes.ndim <= 2 or not len(point):
        return True
    shown = np.round(shapes.world_to_data(point)[:-2])
    return bool(np.all(np.round(vertices[:, :-2]) == shown))


def _ellipse(corners: NDArray, points: int = 72) -> NDArray:
    """Outline of the ellipse that touches the four sides of a box."""
    corners = np.asarray(corners)
    centre = corners.mean(axis=0)
    across, along = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)[:, None]
    return centre + np.cos(turn) * across + np.sin(turn) * along
