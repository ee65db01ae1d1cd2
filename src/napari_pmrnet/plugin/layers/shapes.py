"""Shapes that outline a region, as pixels of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation.region import Region

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


def region_of(
    polygons: Sequence[NDArray[np.float64]], shape: tuple[int, int]
) -> Region:
    """Pixels inside any of the polygons.

    Parameters
    ----------
    polygons : sequence of (N, 2) arrays
        Rows and columns of the vertices, in pixels; they may lie beyond the image.
    shape : tuple of int
        Height and width of the image.

    Returns
    -------
    Region
        Without a pixel where no polygon meets the image.
    """
    from skimage.draw import polygon

    vertices = np.concatenate(polygons)
    low = np.clip(np.floor(vertices.min(axis=0)), 0, shape).astype(int)
    high = np.clip(np.ceil(vertices.max(axis=0)) + 1, low, shape).astype(int)
    inside = np.zeros(tuple(high - low), dtype=bool)
    for outline in polygons:
        rows, columns = (outline - low).T
        inside[polygon(rows, columns, inside.shape)] = True
    return Region(inside, (int(low[0]), int(low[1])), shape)


def _on_plane(shapes: Shapes, vertices: NDArray, point: Sequence[float]) -> bool:
    """Tell whether a shape of a stack lies on the plane that is shown."""
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
