"""A y-x plane of any image in, the network's three channels in [0, 1] out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.space import has_channels_last
from napari_pmrnet.io.stains import nuclear_channel
from napari_pmrnet.segmentation.colours import colour_notes
from napari_pmrnet.segmentation.normalise import (
    automatic_limits,
    known,
    noise_level,
    noise_notes,
    normalise,
    plain,
    sample_limits,
    smooth,
    smoothing_for,
    thinning,
    with_rim,
)
from napari_pmrnet.segmentation.region import Region
from napari_pmrnet.segmentation.tiles import Box
from napari_pmrnet.settings import AUTOMATIC, OF_REGION, fixed_limits

OVERVIEW_PIXELS = 1_000_000
EVERYWHERE: Box = slice(None), slice(None)


def prepare(
    image: np.ndarray,
    *,
    channel: int | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    name: str = "image",
    limits: str = AUTOMATIC,
) -> np.ndarray:
    """Bring an image into the form the network sees.

    Parameters
    ----------
    image : array-like
        (H, W) grey, (H, W, 3) or (H, W, 4) colour, (H, W, 2) with two channels, or a
        stack of channels with `channel_axis`; also with more axes of length one.
        Any real dtype in either byte order, bright or dark background.
    channel, channel_axis, rgb, name
        As for `Plane`.
    limits : str
        As of `Settings`, but those of a region.

    Returns
    -------
    ndarray of float32, shape (3, H, W)
        Between 0 and 1; grey images have three equal channels. Noisy images are
        smoothed, see `smoothing_for`.

    Raises
    ------
    ImageError
        If the image is empty, constant, not numeric or has axes that were not named.
    """
    plane = Plane(
        [np.asanyarray(image)],
        channel=channel,
        channel_axis=channel_axis,
        rgb=rgb,
        name=name,
    )
    return plane.limited(limits).prepared()


class PlaneStats(NamedTuple):
    """Measurements of a plane, made once for all of it.

    ``scale`` is the pixels the network sees for each pixel of the image, ``diameter``
    that of a typical nucleus in pixels or None, ``limits`` the intensity limits,
    ``smoothing`` that of `smoothing_for`, in pixels, ``notes`` what the user should
    know of the diameter.
    """

    scale: float
    diameter: float | None
    limits: tuple[float, float]
    smoothing: float
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class Plane:
    """A y-x plane of an image in memory or on disk: one channel, or three colours.

    Nothing is read before it is asked for. ``plane[:, rows, columns]`` is float32
    (3, h, w) in [0, 1], normalised and smoothed as in the whole plane. Pixels that are
    NaN, infinite or masked count as background: they have the plane's median.

    Attributes
    ----------
    levels : sequence of array-like
        NumPy, Zarr or Dask arrays, memory maps, or anything else with ``shape``,
        ``dtype`` and slices: the image at full size, then any coarser copies of it.
        (H, W) grey, (H, W, 3) or (H, W, 4) colour, or channels with `channel_axis`,
        behind the axes of `place`. Any real dtype. Axes of length one do not count, and
        (H, W, 2) is two channels.
    place : tuple of int
        Place of the plane along the axes before y and x, that of channels left out.
    channel : int, optional
        Channel to use, from 0. By default all of a colour image; of a stack of channels
        the one that `channel_names` tell to be of nuclei, or else the first.
    channel_axis : int, optional
        Axis of the arrays that holds channels.
    rgb : bool, optional
        Whether the last axis holds colours. By default a third axis of length 3 or 4
        at the end does, unless `channel_axis` is given.
    name : str
        Name of the layer or file, for error messages.
    title : str
        Place in words, such as ``"t=2 z=5"``; empty for a plain image.
    channel_names : sequence of str
        One a channel of a stack of channels, where they are known.
    shape : tuple of int
        Height and width in pixels.
    channels : int
        Number of channels there are: 3 or 4 of colours, 1 of grey.

    Raises
    ------
    ImageError
        If the image has no such channel, has axes that were not named, is empty or not
        numeric; and later where it holds one value only, or none.
    """

    levels: Sequence[Any]
    place: tuple[int, ...] = ()
    channel: int | None = None
    channel_axis: int | None = None
    rgb: bool | None = None
    name: str = "image"
    title: str = ""
    channel_names: Sequence[str] = ()
    shape: tuple[int, int] = field(init=False)
    channels: int = field(init=False)

    def __post_init__(self) -> None:
        self._remarks: dict[str, str] = {}
        full = self.levels[0].shape
        if self.channel_axis is not None:
            if not -len(full) <= self.channel_axis < len(full):
                raise ImageError(
                    f"'{self.name}' has {len(full)} axes: channel axis "
                    f"{self.channel_axis} is not one of them."
                )
            self.channel_axis %= len(full)
            if self.channel is None:
                self._choose_channel(full[self.channel_axis])
            self.channel, self.rgb = self.channel or 0, False
        others = [axis for axis in range(len(full)) if axis != self.channel_axis]
        self._leading, axes = others[: len(self.place)], others[len(self.place) :]
        axes = _without_single(axes, full, 3 if self.rgb is not False else 2, self.rgb)
        if self.rgb is None:
            self.rgb = len(axes) == 3 and full[axes[-1]] in (3, 4)
        if not self.rgb:
            axes = _without_single(axes, full, 2)
        if (
            self.channel_axis is None
            and not self.rgb
            and has_channels_last(tuple(full[axis] for axis in axes))
        ):
            self.channel_axis, self.channel = axes.pop(), self.channel or 0
        self.channels = 1
        if self.channel_axis is not None:
            self.channels = full[self.channel_axis]
            self._check_channel(self.channels)
        elif self.rgb:
            self.channels = full[-1]
            self._check_colours()
        elif self.channel:
            self._remarks["channel"] = (
                f"it has one channel only, which was taken for channel {self.channel}"
            )
        if len(axes) != (3 if self.rgb else 2):
            seen = tuple(full[axis] for axis in axes)
            if self.channel_axis is not None:
                seen = tuple(full[len(self.place) :])
            raise ImageError(
                f"'{self.name}' has shape {seen}: which axes are channels, time or "
                "depth is not known. Choose one plane, or name the channel axis."
            )
        self._axes, self._colours = (axes[0], axes[1]), axes[-1]
        self.shape = self._size_of(self.levels[0])
        self._check_type()

    @property
    def in_memory(self) -> bool:
        """Tell whether the plane is part of a NumPy array."""
        return isinstance(self.levels[0], np.ndarray)

    def at(self, steps: Iterable[int]) -> Plane:
        """The plane at other steps along its leading axes that are longer than one."""
        full, given = self.levels[0].shape, iter(steps)
        place = (next(given, 0) if full[axis] > 1 else 0 for axis in self._leading)
        return replace(self, place=tuple(place))

    def loaded(self) -> Plane:
        """The same plane in memory: its chosen channel or colours, and no other."""
        pixels = self.read()
        loaded = Plane([pixels], rgb=pixels.ndim == 3, name=self.name, title=self.title)
        loaded._remarks.update(self._remarks)
        return loaded

    def frozen(self) -> Plane:
        """The plane as it is now: a copy of what is in memory; the rest stays lazy."""
        if not self.in_memory:
            return self
        copy = self.loaded()
        copy.levels = [copy.levels[0].copy()]
        return copy

    def read(self, box: Box = EVERYWHERE) -> np.ndarray:
        """Read pixels (h, w) or (h, w, 3) of a box as they are; NaN where masked."""
        return self._take(self.levels[0], *box)

    def unknown(self, box: Box = EVERYWHERE) -> np.ndarray | None:
        """Pixels (h, w) that are NaN, infinite or masked; None if all are numbers."""
        if self.levels[0].dtype.kind != "f" and not _may_be_masked(self.levels[0]):
            return None
        pixels = self.read(box)
        finite = np.isfinite(pixels)
        finite = finite if finite.ndim == 2 else np.all(finite, axis=2)
        return None if finite.all() else np.logical_not(finite)

    def prepared(self) -> np.ndarray:
        """All of the plane as the network sees it: float32 (3, H, W), contiguous."""
        return np.ascontiguousarray(self[:, :, :])

    def __getitem__(self, where: tuple[slice, slice, slice]) -> np.ndarray:
        """Rows and columns of it: float32 (3, h, w), not to be written to."""
        channels, *box = where
        read, kept = (box[0], box[1]), EVERYWHERE
        if self.smoothing:
            read, kept = with_rim(read, self.shape, self.smoothing)
        scaled = smooth(self._normalised(read), self.smoothing)
        planes = scaled[None] if scaled.ndim == 2 else np.moveaxis(scaled, 2, 0)
        return np.broadcast_to(planes, (3, *planes.shape[1:]))[channels, *kept]

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Intensity limits of the whole plane, from `overview`; may be set.

        Raises
        ------
        ImageError
            If the overview holds one value only, or no number.
        """
        low, upper = automatic_limits(self.overview, self.name)
        if upper.outliers:
            self._remarks["limits"] = (
                "a few pixels are far brighter than the nuclei and do not count for "
                "the intensity limits"
            )
        return low, upper.limit

    def limited(self, choice: str, region: Region | None = None) -> Plane:
        """The plane with the intensity limits that `Settings.limits` names.

        Parameters
        ----------
        choice : str
        region : Region, optional
            The one whose limits are meant if it says so.

        Raises
        ------
        ImageError
            If they are to be those of a region and there is none, or it holds one value
            only.
        """
        if choice == AUTOMATIC:
            return self
        limits = fixed_limits(choice)
        if limits is None and choice == OF_REGION:
            limits = sample_limits(self._sample_of(region), f"{self.name} (region)")
        elif limits is None:
            limits = sample_limits(self.overview, self.name)
        limited = copy(self)
        for measured in ("noise", "smoothing", "_background"):
            vars(limited).pop(measured, None)
        limited._remarks = {k: v for k, v in self._remarks.items() if k != "limits"}
        if choice == OF_REGION:
            low, high = limits
            limited._remarks["limits"] = (
                f"the intensity limits are those of the region, {low:.5g} to {high:.5g}"
            )
        limited.limits = limits
        return limited

    def _sample_of(self, region: Region | None) -> np.ndarray:
        """Values of a region, (n,) or (n, 3), thinned out if need be."""
        if region is None:
            raise ImageError(
                f"The intensity limits of '{self.name}' are to be those of a region, "
                "and there is none. Draw one, or choose other limits."
            )
        height, width = region.inside.shape
        step = thinning(height * width * (3 if self._has_colours else 1))
        rows, columns = (slice(s.start, s.stop, step) for s in region.box)
        inside = region.inside[::step, ::step]
        if not inside.any():
            rows, columns, inside = *region.box, region.inside
        return self.read((rows, columns))[inside]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of how the plane is seen."""
        noise, colours = noise_notes(self.smoothing), ()
        if self._has_colours:
            colours = colour_notes(self.normalised_overview())
        return (*self._remarks.values(), *colours, *noise)

    @cached_property
    def noise(self) -> float:
        """Noise by `noise_level`; at most nine tiles are read for it."""
        return noise_level(self.shape, self._normalised)

    @cached_property
    def smoothing(self) -> float:
        """Sigma by `smoothing_for` the noise, in pixels; may be set."""
        return smoothing_for(self.noise)

    @cached_property
    def overview(self) -> np.ndarray:
        """The coarsest copy of at least a million pixels, thinned out if need be.

        As many values (h, w) or (h, w, 3) as `intensity_limits` looks at, or fewer.
        Without coarser copies all of the plane is read for it.
        """
        level = self.levels[0]
        for coarser in self.levels[1:]:
            height, width = self._size_of(coarser)
            if height * width >= OVERVIEW_PIXELS:
                level = coarser
        height, width = self._size_of(level)
        step = thinning(height * width * (3 if self._has_colours else 1))
        return self._take(level, slice(None, None, step), slice(None, None, step))

    def normalised_overview(self) -> np.ndarray:
        """The overview in [0, 1], without smoothing: float32 (h, w) or (h, w, 3)."""
        return self._scaled(self.overview)

    def is_blank(self) -> bool:
        """Tell whether the overview holds one value only, or no number."""
        values = known(self.overview)
        return not values.size or bool(values.min() == values.max())

    @cached_property
    def _background(self) -> np.ndarray:
        """Median of the overview, normalised, () or (3,): what is not known gets it."""
        sample = self.overview
        sample = sample.reshape(-1, sample.shape[2] if sample.ndim == 3 else 1)
        channels = (normalise(known(values), self.limits) for values in sample.T)
        return np.array([np.median(c) if c.size else 0 for c in channels], np.float32)

    def _normalised(self, box: Box) -> np.ndarray:
        """Pixels (h, w) or (h, w, 3) of a box in [0, 1], without smoothing."""
        return self._scaled(self.read(box))

    def _scaled(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels by the limits of the plane; what is no number as the background."""
        if pixels.dtype.kind != "f" or np.isfinite(pixels).all():
            return normalise(pixels, self.limits)
        finite = np.isfinite(pixels)
        scaled = normalise(np.where(finite, pixels, pixels.dtype.type(0)), self.limits)
        return np.where(finite, scaled, self._background)

    @property
    def _has_colours(self) -> bool:
        return bool(self.rgb) and self.channel is None

    def _choose_channel(self, count: int) -> None:
        """Take the channel whose name tells that it shows nuclei."""
        if len(self.channel_names) != count or count < 2:
            return
        self.channel = nuclear_channel(self.channel_names)
        if self.channel is not None:
            name = self.channel_names[self.channel]
            self._remarks["channel"] = (
                f"channel {self.channel} was chosen because its name is '{name}'"
            )

    def _check_channel(self, count: int) -> None:
        """Refuse a channel that is not there."""
        if self.channel is not None and not 0 <= self.channel < count:
            raise ImageError(
                f"'{self.name}' has {count} channels, numbered 0 to {count - 1}: there "
                f"is no channel {self.channel}. Choose another one."
            )

    def _check_colours(self) -> None:
        """Refuse a last axis that holds no colours, or not the one chosen."""
        if self.channels < 3:
            raise ImageError(
                f"'{self.name}' is marked as colour but its last axis has "
                f"{self.channels} entries, not 3 or 4."
            )
        self._check_channel(3)

    def _check_type(self) -> None:
        """Refuse pixels without intensities to normalise."""
        if 0 in self.shape:
            shape = (*self.shape, 3) if self._has_colours else self.shape
            raise ImageError(f"'{self.name}' is empty (shape {shape}). Choose another.")
        dtype = self.levels[0].dtype
        if dtype.kind not in "biuf":
            raise ImageError(
                f"'{self.name}' has values of type {dtype}. Convert it to whole or "
                "floating-point numbers first."
            )

    def _size_of(self, level: Any) -> tuple[int, int]:
        """Height and width of a level."""
        y, x = self._axes
        return int(level.shape[y]), int(level.shape[x])

    def _take(self, level: Any, rows: slice, columns: slice) -> np.ndarray:
        """Pixels (h, w) or (h, w, 3) of a level."""
        index: list[Any] = [0] * len(level.shape)
        for axis, step in zip(self._leading, self.place, strict=True):
            index[axis] = step
        y, x = self._axes
        index[y], index[x] = rows, columns
        if self.channel_axis is not None:
            index[self.channel_axis] = self.channel
        elif self.rgb:
            index[self._colours] = slice(0, 3) if self.channel is None else self.channel
        pixels = level[tuple(index)]
        # np.asarray would lose the mask of what Dask reads.
        return plain(pixels.compute() if hasattr(pixels, "compute") else pixels)


def _without_single(
    axes: list[int], shape: tuple[int, ...], most: int, keep_last: bool | None = None
) -> list[int]:
    """Axes, at most so many, less the first ones of length one: those are no choice."""
    single = [axis for axis in axes if shape[axis] == 1]
    single = [axis for axis in single if not keep_last or axis != axes[-1]]
    dropped = single[: max(0, len(axes) - most)]
    return [axis for axis in axes if axis not in dropped]


def _may_be_masked(level: Any) -> bool:
    """Tell whether an array, in memory or of Dask, can have masked pixels."""
    return isinstance(getattr(level, "_meta", level), np.ma.MaskedArray)
