"""Planes of layers whose pixels lie on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_pmrnet.large.plane import LargePlane

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dask.array as da

    from napari_pmrnet.plugin._axes import Plane


def lazy_plane(data: Any, plane: Plane, channel: int | None, name: str) -> LargePlane:
    """A plane of a lazy array that is read where it is asked for.

    Parameters
    ----------
    data : array-like or list of array-like
        Zarr or Dask array, memory map or the like; of a multiscale layer all levels,
        the finest first.
    plane : Plane
    channel : int or None
        Channel to segment.
    name : str
        Of the layer, for error messages.
    """
    return LargePlane(
        lazy_levels(data if isinstance(data, list) else [data], plane),
        channel=channel,
        channel_axis=plane.channel_axis,
        rgb=plane.rgb,
        name=name,
    )


def lazy_levels(levels: Sequence[Any], plane: Plane) -> list[da.Array]:
    """A plane at every level that has as many planes as the finest, none read yet."""
    import dask.array as da

    rows = len(plane.index) - 3 if plane.rgb else len(plane.index) - 2
    leading = levels[0].shape[:rows]
    return [
        da.asarray(level)[plane.index]
        for level in levels
        if level.shape[:rows] == leading
    ]
