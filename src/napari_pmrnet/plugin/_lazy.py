"""Planes of layers whose pixels lie on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_pmrnet.segmentation.planes import Stack

if TYPE_CHECKING:
    from napari_pmrnet.plugin._axes import Plane


def plane_stack(data: Any, plane: Plane) -> Stack:
    """A plane of a lazy array as a stack of one, none of it read yet.

    Parameters
    ----------
    data : array-like or list of array-like
        Zarr or Dask array, memory map or the like; of a multiscale layer all levels,
        the finest first. Levels with fewer planes than the finest are left out.
    plane : Plane
    """
    import dask.array as da

    levels = data if isinstance(data, list) else [data]
    rows = len(plane.index) - 3 if plane.rgb else len(plane.index) - 2
    leading = levels[0].shape[:rows]
    finest, *coarser = (
        da.asarray(level)[plane.index]
        for level in levels
        if level.shape[:rows] == leading
    )
    return Stack(finest, ("y", "x"), plane.channel_axis, plane.rgb, tuple(coarser))
