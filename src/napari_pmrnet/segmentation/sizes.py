"""Sizes above which images and labels are no longer held in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import psutil

LARGE_PLANE = 16_777_216
"""Pixels of a plane above which it is segmented block by block: 4096 x 4096."""

LARGE_LOADED_PLANE = 4 * LARGE_PLANE
"""The same for a plane whose pixels are in memory already."""

LARGEST_LABELS = 268_435_456
"""Pixels of a stack whose labels take one GB; those of larger ones go to disk."""

MOST_MAP_BYTES = 1 << 31
"""Maps of a stack that would take more are left out."""

SHARE_OF_MEMORY = 0.5
"""Share of the free memory that maps of a stack may take."""


def is_large_plane(shape: Sequence[int], loaded: bool = False) -> bool:
    """Tell whether a plane is to be segmented block by block.

    Parameters
    ----------
    shape : sequence of int
        Height and width in pixels.
    loaded : bool
        Whether its pixels are in memory already.
    """
    return int(np.prod(shape)) > (LARGE_LOADED_PLANE if loaded else LARGE_PLANE)


def has_large_labels(shape: Sequence[int]) -> bool:
    """Tell whether the labels of a stack (..., H, W) are to go to disk."""
    return is_large_plane(shape[-2:]) or int(np.prod(shape)) > LARGEST_LABELS


def maps_fit(size: int) -> bool:
    """Tell whether maps of so many bytes are kept in memory."""
    free = psutil.virtual_memory().available
    return size <= min(MOST_MAP_BYTES, SHARE_OF_MEMORY * free)
