"""Boxes around nuclei, so that an edit looks at a part of the image only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from napari_pmrnet.errors import EditError
from napari_pmrnet.segmentation.tiles import Box, box_of

_ROWS = 512


def everywhere(image: np.ndarray) -> Box:
    """The box of a whole image (H, W)."""
    return box_of(slice(0, length) for length in image.shape)


def box_around(labels: np.ndarray, label: int, within: Box | None = None) -> Box:
    """Smallest box around a nucleus.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    label : int
    within : tuple of slice, optional
        A box known to hold the nucleus, which saves a look at the whole image.

    Raises
    ------
    EditError
        If no pixel has the label.
    """
    within = within or everywhere(labels)
    mask = labels[within] == label
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if label == 0 or not len(rows):
        raise EditError(f"there is no nucleus {label}. It may have been deleted.")
    return box_of(
        slice(outer.start + int(span[0]), outer.start + int(span[-1]) + 1)
        for outer, span in zip(within, (rows, columns), strict=True)
    )


def grown(box: Box, margin: int, shape: Sequence[int]) -> Box:
    """A box with a margin on every side, inside an image of `shape`."""
    return box_of(
        slice(max(0, s.start - margin), min(n, s.stop + margin))
        for s, n in zip(box, shape, strict=True)
    )


def inside(box: Box, around: Box) -> Box:
    """A box as it lies in another one that holds it."""
    return box_of(
        slice(s.start - o.start, s.stop - o.start)
        for s, o in zip(box, around, strict=True)
    )


def union(boxes: Iterable[Box]) -> Box:
    """Smallest box that holds all boxes, of which there is at least one."""
    return box_of(
        slice(min(s.start for s in axis), max(s.stop for s in axis))
        for axis in zip(*boxes, strict=True)
    )


def differing_box(
    before: np.ndarray, after: np.ndarray, within: Box | None = None
) -> Box | None:
    """Smallest box that holds every pixel in which two images differ.

    Parameters
    ----------
    before, after : ndarray of int, shape (H, W)
        `after` may lie on disk.
    within : tuple of slice, optional
        A box known to hold all of them.

    Returns
    -------
    tuple of slice or None
        None if they are equal.
    """
    within = within or everywhere(before)
    top, left = within[0].start, within[1].start
    rows: list[int] = []
    columns = np.zeros(within[1].stop - left, bool)
    # In bands, so that a large image needs no large temporary array.
    for start in range(top, within[0].stop, _ROWS):
        band = slice(start, min(start + _ROWS, within[0].stop)), within[1]
        differs = before[band] != np.asarray(after[band])
        if differs.any():
            rows.extend((start + np.flatnonzero(differs.any(axis=1))).tolist())
            columns |= differs.any(axis=0)
    if not rows:
        return None
    found = left + np.flatnonzero(columns)
    return slice(rows[0], rows[-1] + 1), slice(int(found[0]), int(found[-1]) + 1)
