"""How a large image is to be seen, from an overview and a look at a small part."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import numpy as np

from napari_pmrnet.large.blocks import Sight
from napari_pmrnet.segmentation.first_look import (
    LOOKS,
    first_look,
    needs_a_look,
    scale_for,
)
from napari_pmrnet.segmentation.intensity import normalise
from napari_pmrnet.segmentation.kind import refuse_parts
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.windows import Box, WindowGrid

if TYPE_CHECKING:
    from napari_pmrnet.large.plane import LargePlane
    from napari_pmrnet.pretrained import Model

MOST_LOOKS = 3


def choose_sight(
    plane: LargePlane, model: Model, diameter: float | None
) -> Generator[Progress, None, Sight]:
    """Intensity limits, smoothing and scale by which the network is to see an image.

    All are decided once. Where the diameter is not given, the parts with the most
    contrast are looked at until nuclei are found in one, three at most.

    Parameters
    ----------
    plane : LargePlane
    model : Model
    diameter : float or None
        Of a typical nucleus, in pixels.

    Yields
    ------
    Progress

    Returns
    -------
    Sight

    Raises
    ------
    ImageError
        If the model sees images whole.
    """
    refuse_parts(model.card, plane.name, "Shrink it, and segment it at once.")
    yield Progress(0, 0, "reading an overview")
    limits = plane.limits
    boxes = liveliest_boxes(plane, model.window)
    while needs_a_look(model, diameter):
        box = next(boxes, None)
        if box is None:
            break
        diameter = yield from first_look(model, plane.read(box).planes)
    return Sight(scale_for(model, diameter), diameter, limits, plane.smoothing)


def liveliest_boxes(plane: LargePlane, window: int) -> Iterator[Box]:
    """Parts of a large image with the largest standard deviation, apart, at most three.

    Parameters
    ----------
    plane : LargePlane
    window : int
        Side of the network's windows, in pixels.

    Yields
    ------
    tuple of slice
        Just large enough for every look of `first_look`.
    """
    side = round(max(windows * window / scale for scale, windows in LOOKS.items()))
    overview = normalise(plane.overview(), plane.limits)
    step = max(plane.shape[0] / overview.shape[0], 1.0)
    small = max(1, round(side / step))
    grid = WindowGrid(overview.shape[:2], small, small // 2)
    boxes = np.array([[s.start for s in box] for box in grid.boxes()])
    contrast = np.array(
        [overview[y : y + small, x : x + small].std() for y, x in boxes]
    )
    for _ in range(MOST_LOOKS):
        if not len(boxes):
            return
        best = boxes[int(np.argmax(contrast))]
        starts = (
            max(0, min(round(int(at) * step), n - side))
            for at, n in zip(best, plane.shape, strict=True)
        )
        yield tuple(slice(start, start + side) for start in starts)
        apart = (np.abs(boxes - best) >= small).any(axis=1)
        boxes, contrast = boxes[apart], contrast[apart]
