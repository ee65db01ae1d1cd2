"""Labels that can be edited as they are, and their planes in memory or on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pmrnet.errors import EditError

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_pmrnet.proofreading.place import Plane
    from napari_pmrnet.segmentation.tiles import Box

LARGEST_REVIEW = 67_108_864
"""Pixels of the largest labels that can be reviewed, since they are read whole."""


def plane_of(data: Any, plane: Plane) -> Any:
    """A plane of labels, in which later changes of these are seen."""
    if not plane:
        return data
    return data[plane] if isinstance(data, np.ndarray) else _PlaneOnDisk(data, plane)


class _PlaneOnDisk:
    """A plane of labels on disk, read anew whenever it is looked at."""

    def __init__(self, data: Any, plane: Plane) -> None:
        self._data, self._plane = data, plane
        self.shape, self.dtype = data.shape[-2:], data.dtype

    def __getitem__(self, box: Box) -> np.ndarray:
        return np.asarray(self._data[(*self._plane, *box)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._data[self._plane], dtype)


def check_editable(layer: Labels) -> None:
    """Raise unless a layer can be reviewed as it is.

    Raises
    ------
    EditError
        With what to do instead.
    """
    if layer.multiscale:
        raise EditError(
            f"'{layer.name}' has several resolutions, which napari shows but cannot "
            "edit. Open its finest level as a layer of its own."
        )
    if not (isinstance(layer.data, np.ndarray) or is_zarr(layer.data)):
        raise EditError(
            f"'{layer.name}' is computed when it is looked at, so that napari cannot "
            "edit it. Save it and open the copy."
        )
    *leading, height, width = layer.data.shape
    if layer.data.size > LARGEST_REVIEW:
        size = " x ".join(map(str, (width, height, *leading)))
        part = "the plane on show" if leading else "'Only what I see'"
        raise EditError(
            f"'{layer.name}' has {size} pixels, more than a review holds in memory. "
            f"Correct it with napari's own tools, or review a part: segment {part}."
        )


def is_zarr(data: Any) -> bool:
    """Tell whether an array lies in a Zarr store, which napari can write to."""
    return type(data).__module__.partition(".")[0] == "zarr"
