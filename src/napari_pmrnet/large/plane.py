"""A plane of an image that is too large for memory, read part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_pmrnet.segmentation.intensity import normalise, sample_limits, thinning
from napari_pmrnet.segmentation.noise import noise_level, smoothing_for, with_rim
from napari_pmrnet.segmentation.prepare import as_planes, check_values, choose_plane
from napari_pmrnet.segmentation.windows import Box

OVERVIEW_PIXELS = 1_000_000


class LargePlane:
    """What is segmented of a lazy array: one plane (H, W), or three colours.

    Nothing is read before it is asked for.

    Parameters
    ----------
    levels : sequence of array-like
        Zarr or Dask arrays, memory maps, or anything else with ``shape``, ``dtype`` and
        slices: the image at full size, then any coarser copies of it. (H, W) grey,
        (H, W, 3) or (H, W, 4) colour, or channels with `channel_axis`.
    channel, channel_axis, rgb, name
        As for `prepare`.

    Raises
    ------
    ImageError
        If the image has no such channel, axes that were not named, or is empty.
    """

    def __init__(
        self,
        levels: Sequence[Any],
        *,
        channel: int | None = None,
        channel_axis: int | None = None,
        rgb: bool | None = None,
        name: str = "image",
    ) -> None:
        self._levels, self.name = list(levels), name
        full = self._levels[0]
        # An array of the same shape and type that takes no memory.
        stand_in = np.broadcast_to(np.zeros((), full.dtype), full.shape)
        chosen = choose_plane(
            stand_in, channel=channel, channel_axis=channel_axis, rgb=rgb, name=name
        )
        check_values(chosen[:1, :1] if chosen.size else chosen, name)
        self.shape: tuple[int, int] = chosen.shape[:2]
        self._colours = chosen.ndim == 3
        self._channel = channel
        self._channel_axis = channel_axis
        if channel_axis is not None:
            self._channel, self._channel_axis = channel or 0, channel_axis % full.ndim
        self._limits: tuple[float, float] | None = None
        self._smoothing: float | None = None
        self._overview: np.ndarray | None = None

    @property
    def limits(self) -> tuple[float, float]:
        """Intensity limits of the whole plane, from `overview`.

        Raises
        ------
        ImageError
            If the overview holds NaN or infinity, or one value only.
        """
        if self._limits is None:
            self._limits = sample_limits(self.overview(), name=self.name)
        return self._limits

    @limits.setter
    def limits(self, limits: tuple[float, float]) -> None:
        self._limits = limits

    @property
    def smoothing(self) -> float:
        """`smoothing_for` the noise, in pixels; at most nine tiles are read for it."""
        if self._smoothing is None:
            noise = noise_level(
                self.shape,
                lambda box: normalise(self._take(self._levels[0], *box), self.limits),
            )
            self._smoothing = smoothing_for(noise)
        return self._smoothing

    @smoothing.setter
    def smoothing(self, smoothing: float) -> None:
        self._smoothing = smoothing

    def overview(self) -> np.ndarray:
        """The coarsest copy of at least a million pixels, thinned out if need be.

        Returns
        -------
        ndarray, shape (h, w) or (h, w, 3)
            As many values as `intensity_limits` looks at, or fewer. Read once.
        """
        if self._overview is None:
            self._overview = self._read_overview()
        return self._overview

    def _read_overview(self) -> np.ndarray:
        """`overview`; without a pyramid all of the image is read for it."""
        level = self._levels[0]
        for coarser in self._levels[1:]:
            height, width = self._size_of(coarser)
            if height * width >= OVERVIEW_PIXELS:
                level = coarser
        height, width = self._size_of(level)
        step = thinning(height * width * (3 if self._colours else 1))
        return self._take(level, slice(None, None, step), slice(None, None, step))

    def pixels(self) -> np.ndarray:
        """The whole plane, read: (H, W) or (H, W, 3)."""
        return self._take(self._levels[0], slice(None), slice(None))

    def is_blank(self) -> bool:
        """Whether the overview holds one value only."""
        seen = self.overview()
        return bool(seen.min() == seen.max())

    def read(self, box: Box) -> Part:
        """Read a part for the network.

        Parameters
        ----------
        box : tuple of slice
            Rows and columns; may reach beyond the image.

        Raises
        ------
        ImageError
            If it holds NaN or infinity.
        """
        rows, columns = (
            slice(max(s.start, 0), min(s.stop, n))
            for s, n in zip(box, self.shape, strict=True)
        )
        wanted, kept = with_rim((rows, columns), self.shape, self.smoothing)
        plane = self._take(self._levels[0], *wanted)
        check_values(plane, self.name)
        native = plane.astype(plane.dtype.newbyteorder("="), copy=False)
        planes = as_planes(native, self.limits, self.smoothing)[:, *kept]
        return Part(planes, (rows.start, columns.start), self.shape)

    def _size_of(self, level: Any) -> tuple[int, int]:
        """Height and width of a level."""
        if self._channel_axis is None:
            return level.shape[0], level.shape[1]
        height, width = (
            n for i, n in enumerate(level.shape) if i != self._channel_axis
        )
        return height, width

    def _take(self, level: Any, rows: slice, columns: slice) -> np.ndarray:
        """Pixels (h, w) or (h, w, 3) of a level."""
        index: list[Any] = [rows, columns]
        if self._channel_axis is not None:
            index.insert(self._channel_axis, self._channel)
        elif level.ndim == 3:
            index.append(slice(0, 3) if self._channel is None else self._channel)
        return np.asarray(level[tuple(index)])


class Part:
    """A part of an image that is asked for by rows and columns of the whole.

    Parameters
    ----------
    planes : ndarray of float32, shape (3, h, w)
        What the network sees.
    origin : tuple of int
        Row and column of the part's first pixel.
    shape : tuple of int
        Height and width of the whole image.
    """

    def __init__(
        self, planes: np.ndarray, origin: tuple[int, int], shape: tuple[int, int]
    ) -> None:
        self.planes, self._origin = planes, origin
        self.shape = (3, *shape)

    def __getitem__(self, where: tuple[slice, slice, slice]) -> np.ndarray:
        planes, *box = where
        own = (
            slice(s.start - first, s.stop - first)
            for s, first in zip(box, self._origin, strict=True)
        )
        return self.planes[planes, *own]
