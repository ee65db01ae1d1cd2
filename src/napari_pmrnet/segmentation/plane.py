"""Any image in, the network's three planes in [0, 1] out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation.normalise import (
    intensity_limits,
    noise_level,
    normalise,
    sample_limits,
    smooth,
    smoothing_for,
    thinning,
    with_rim,
)
from napari_pmrnet.segmentation.tiles import Box


def prepare(
    image: np.ndarray,
    *,
    channel: int | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    name: str = "image",
) -> np.ndarray:
    """Bring an image into the form the network sees.

    Parameters
    ----------
    image : array-like
        (H, W) grey, (H, W, 3) or (H, W, 4) colour, or a stack of channels with
        `channel_axis`. Any real dtype in either byte order, bright or dark background.
    channel : int, optional
        Channel to use, from 0. By default all of a colour image, the first of a stack
        of channels.
    channel_axis : int, optional
        Axis of a stack of channels.
    rgb : bool, optional
        Whether the last axis holds colours. By default a third axis of length 3 or 4
        at the end does, unless `channel_axis` is given.
    name : str
        Name of the layer or file, for error messages.

    Returns
    -------
    ndarray of float32, shape (3, H, W)
        Between 0 and 1; grey images have three equal planes. Noisy images are smoothed,
        see `smoothing_for`.

    Raises
    ------
    ImageError
        If the image is empty, constant, not finite, not numeric or has axes that were
        not named.
    """
    plane = choose_plane(
        np.asarray(image),
        channel=channel,
        channel_axis=channel_axis,
        rgb=rgb,
        name=name,
    )
    return PreparedPlane(plane, name).whole()


class PreparedPlane:
    """What the network sees of a plane, made only where it is asked for.

    Parameters
    ----------
    plane : ndarray, shape (H, W) or (H, W, 3)
        Of `choose_plane`.
    name : str
        Of the layer or file, for error messages.

    Attributes
    ----------
    noise : float
        Of `noise_level`.
    smoothing : float
        Of `smoothing_for`, in pixels.

    Raises
    ------
    ImageError
        If the plane is empty, constant or not numeric, and later where it holds NaN.
    """

    def __init__(self, plane: np.ndarray, name: str) -> None:
        check_values(plane[:1, :1] if plane.size else plane, name)
        self.shape = (3, *plane.shape[:2])
        self._plane, self._name = plane, name
        self._limits = intensity_limits(plane, name=name)
        self.noise = noise_level(
            plane.shape[:2], lambda box: normalise(plane[box], self._limits)
        )
        self.smoothing = smoothing_for(self.noise)

    def __getitem__(self, where: tuple[slice, slice, slice]) -> np.ndarray:
        """Float32 (3, h, w) of some rows and columns."""
        planes, *box = where
        read, kept = tuple(box), (slice(None), slice(None))
        if self.smoothing:
            read, kept = with_rim(read, self.shape[1:], self.smoothing)
        part = self._plane[read]
        check_values(part, self._name)
        return as_planes(part, self._limits, self.smoothing)[planes, *kept]

    def whole(self) -> np.ndarray:
        """All of it, contiguous."""
        everything = slice(None)
        return np.ascontiguousarray(self[everything, everything, everything])


def as_planes(
    plane: np.ndarray, limits: tuple[float, float], smoothing: float = 0.0
) -> np.ndarray:
    """What the network sees of a plane with intensity limits that are known.

    Parameters
    ----------
    plane : ndarray, shape (H, W) or (H, W, 3)
    limits : tuple of float
        Of `intensity_limits`.
    smoothing : float
        Of `smoothing_for`, in pixels.

    Returns
    -------
    ndarray of float32, shape (3, H, W)
        Of a grey plane one and the same plane three times, not to be written to.
    """
    scaled = smooth(normalise(plane, limits), smoothing)
    planes = scaled[None] if scaled.ndim == 2 else np.moveaxis(scaled, 2, 0)
    return np.broadcast_to(planes, (3, *planes.shape[1:]))


def _looks_rgb(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[-1] in (3, 4)


def choose_plane(
    image: np.ndarray,
    *,
    channel: int | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    name: str = "image",
) -> np.ndarray:
    """The part of an image that is segmented; the parameters are those of `prepare`.

    Returns
    -------
    ndarray
        A view: one plane (H, W), or three colours (H, W, 3).

    Raises
    ------
    ImageError
        If the image has no such channel or axes that were not named.
    """
    if channel_axis is not None:
        if not -image.ndim <= channel_axis < image.ndim:
            raise ImageError(
                f"'{name}' has {image.ndim} axes: channel axis {channel_axis} is not "
                "one of them."
            )
        plane = np.moveaxis(image, channel_axis, -1)
        plane = _pick(plane, channel or 0, name)
    elif rgb or (rgb is None and _looks_rgb(image.shape)):
        plane = image[..., :3]
        if plane.shape[-1] != 3:
            raise ImageError(
                f"'{name}' is marked as colour but its last axis has "
                f"{plane.shape[-1]} entries, not 3 or 4."
            )
        if channel is not None:
            plane = _pick(plane, channel, name)
    else:
        plane = image
    colour = plane is not image and plane.ndim == 3 and channel_axis is None
    if plane.ndim != (3 if colour else 2):
        raise ImageError(
            f"'{name}' has shape {image.shape}: which axes are channels, time or depth "
            "is not known. Choose one plane, or name the channel axis."
        )
    return plane


def _pick(planes: np.ndarray, channel: int, name: str) -> np.ndarray:
    """One channel of the last axis."""
    count = planes.shape[-1]
    if not 0 <= channel < count:
        raise ImageError(
            f"'{name}' has {count} channels, numbered 0 to {count - 1}: there is no "
            f"channel {channel}. Choose another one."
        )
    return planes[..., channel]


def check_values(plane: np.ndarray, name: str) -> None:
    """Refuse what has no intensities to scale, by an `ImageError`."""
    if plane.size == 0:
        raise ImageError(f"'{name}' is empty (shape {plane.shape}). Choose another.")
    if plane.dtype.kind not in "biuf":
        raise ImageError(
            f"'{name}' has values of type {plane.dtype}. Convert it to whole or "
            "floating-point numbers first."
        )
    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        raise ImageError(
            f"'{name}' holds NaN or infinite values. Replace them first, for example "
            "with numpy.nan_to_num."
        )


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
