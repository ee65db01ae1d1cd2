"""Boxes around nuclei, so that an edit looks at a part of the image only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from napari_pmrnet.errors import EditError
from napari_pmrnet.segmentation.tiles import Box


def box_of(labels: np.ndarray, label: int, within: Box | None = None) -> Box:
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
    within = within or (slice(0, labels.shape[0]), slice(0, labels.shape[1]))
    mask = labels[within] == label
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if label == 0 or not len(rows):
        raise EditError(f"there is no nucleus {label}. It may have been deleted.")
    return tuple(
        slice(outer.start + int(span[0]), outer.start + int(span[-1]) + 1)
        for outer, span in zip(within, (rows, columns), strict=True)
    )


def grown(box: Box, margin: int, shape: Sequence[int]) -> Box:
    """A box with a margin on every side, inside an image of `shape`."""
    return tuple(
        slice(max(0, s.start - margin), min(n, s.stop + margin))
        for s, n in zip(box, shape, strict=True)
    )


def union(boxes: Iterable[Box]) -> Box:
    """Smallest box that holds all boxes, of which there is at least one."""
    return tuple(
        slice(min(s.start for s in axis), max(s.stop for s in axis))
        for axis in zip(*boxes, strict=True)
    )


def number_labels(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels numbered 0 to n in their order, and the label of each number."""
    largest = int(labels.max(initial=0))
    if labels.min(initial=0) >= 0 and largest < labels.size:
        used = np.zeros(largest + 1, bool)
        used[labels.ravel()] = used[0] = True
        number = np.cumsum(used, dtype=np.int32) - 1
        return number[labels].astype(np.int32, copy=False), np.flatnonzero(used)
    # A hash table: sorting 16 million pixels, as np.unique does, takes seconds.
    codes, names = pd.factorize(np.append(labels.ravel(), 0))
    order = np.argsort(names)
    number = np.empty(len(names), np.int32)
    number[order] = np.arange(len(names))
    return number[codes[:-1]].reshape(labels.shape), names[order]
