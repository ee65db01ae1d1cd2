"""An image of any number of planes, with its axes."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.tiff import native_order
from napari_pmrnet.segmentation import sizes
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import Progress

if TYPE_CHECKING:
    from napari_pmrnet.io.images import ImageData

MOST_STACKED = 2
MIDDLE = 256
"""Pixels along a side of what is read of an image on disk to know it again."""
OF_MIDDLE = "middle "
"""Start of a fingerprint that is of the middle only."""
MAPS = ("probability", "boundary", "certainty")
KEPT_A_PIXEL = len(MAPS) + 3
"""Numbers of 4 bytes that are kept of a pixel with its maps: two of flows, a label."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Planes of an image, which may lie on disk.

    Attributes
    ----------
    data : array-like
        y and x are the last axes, followed only by the samples of a colour. Planes are
        read from it one at a time.
    axes : tuple of str
        Names of all axes but those of channels, colours and `at`; y and x are the last
        two.
    channel_axis : int or None
        Axis of `data` that holds the channels.
    rgb : bool
        Whether the last axis of `data` holds the samples of a colour.
    coarser : tuple of array-like
        Smaller copies of `data`, for overviews of large planes.
    at : tuple of int
        Place along leading axes of `data` that only one plane is taken of.
    channel_names : tuple of str
        One a channel, where they are known.
    """

    data: Any
    axes: tuple[str, ...]
    channel_axis: int | None = None
    rgb: bool = False
    coarser: tuple[Any, ...] = ()
    at: tuple[int, ...] = ()
    channel_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, image: ImageData) -> Stack:
        """The planes of an image that was read or opened."""
        return cls(
            image.data,
            image.space.axes,
            image.channel_axis,
            image.rgb,
            image.coarser,
            channel_names=image.metadata.get("channel_names", ()),
        )

    @classmethod
    def of_plane(cls, plane: Plane) -> Stack:
        """A stack of a single plane."""
        finest, *coarser = plane.levels
        axis, rgb = plane.channel_axis, bool(plane.rgb)
        names = tuple(plane.channel_names)
        return cls(finest, ("y", "x"), axis, rgb, tuple(coarser), plane.place, names)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis but channels and colours."""
        shape = self.data.shape[:-1] if self.rgb else self.data.shape
        kept = (n for axis, n in enumerate(shape) if axis != self.channel_axis)
        return tuple(kept)[len(self.at) :]

    @property
    def count(self) -> int:
        """Number of planes."""
        return int(np.prod(self.shape[:-2]))

    @property
    def stacked(self) -> dict[str, int]:
        """Names and lengths of the axes along which there is more than one plane."""
        lengths = zip(self.axes[:-2], self.shape, strict=False)
        return {axis: n for axis, n in lengths if n != 1}

    @property
    def map_bytes(self) -> int:
        """Memory that maps, flows and labels of all planes take."""
        return KEPT_A_PIXEL * np.dtype(np.float32).itemsize * int(np.prod(self.shape))

    @property
    def keeps_maps(self) -> bool:
        """Tell whether there is room for the maps of all planes."""
        return sizes.maps_fit(self.map_bytes)

    @property
    def has_large_planes(self) -> bool:
        """Tell whether planes are segmented block by block."""
        return sizes.is_large_plane(self.shape[-2:])

    @property
    def is_large(self) -> bool:
        """Tell whether labels are too large for memory, or a plane is."""
        return sizes.has_large_labels(self.shape)

    def plane(
        self, place: tuple[int, ...], channel: int | None = None, name: str = "image"
    ) -> Plane:
        """A plane of which nothing is read yet.

        Parameters
        ----------
        place : tuple of int
        channel : int, optional
            Channel or colour to use.
        name : str
            Of the layer or file.

        Raises
        ------
        ImageError
            If it has no such channel.
        """
        title = self.title(place)
        return Plane(
            [self.data, *self.coarser],
            (*self.at, *place),
            channel,
            self.channel_axis,
            self.rgb,
            f"{name} {title}".rstrip(),
            title,
            self.channel_names,
        )

    def print_of_middle(self, channel: int | None = None) -> str:
        """Hash by which an image on disk is known again: of the middle of its pixels.

        Parameters
        ----------
        channel : int, optional
            Channel or colour that counts.

        Raises
        ------
        ImageError
            If it has no such channel.
        """
        plane = self.plane(tuple(n // 2 for n in self.shape[:-2]), channel)
        starts = (max(0, (n - MIDDLE) // 2) for n in plane.shape)
        rows, columns = (slice(start, start + MIDDLE) for start in starts)
        pixels = native_order(np.ascontiguousarray(plane.read((rows, columns))))
        shape = tuple(n for n in self.shape if n != 1)
        told = hashlib.blake2b(repr((shape, str(pixels.dtype))).encode())
        told.update(pixels.tobytes())
        return f"{OF_MIDDLE}{told.hexdigest()[:32]}"

    def title(self, place: tuple[int, ...]) -> str:
        """Place of a plane in words, such as ``"t=2 z=5"``; empty for a plain image."""
        named = zip(self.axes[:-2], place, strict=True)
        stacked = self.stacked
        return " ".join(f"{axis}={step}" for axis, step in named if axis in stacked)


def check_stack(stack: Stack, name: str) -> None:
    """Refuse what cannot be segmented plane by plane, by an `ImageError`."""
    if len(stack.stacked) > MOST_STACKED:
        raise ImageError(
            f"'{name}' has the axes {', '.join(stack.axes)}: beside y and x at most "
            f"{MOST_STACKED}, such as time and depth, can be segmented plane by plane. "
            "Save its parts as files of their own."
        )
    if not stack.count:
        raise ImageError(f"'{name}' is empty (shape {stack.data.shape}).")


def within_stack(
    steps: Generator[Progress, None, Any], number: int, count: int, title: str
) -> Generator[Progress, None, Any]:
    """Steps of one plane of several, counted over all of them.

    Parameters
    ----------
    steps : generator of Progress
    number, count : int
        Of the plane, from 0, and how many there are; a single one counts as it does.
    title : str
        Of the plane.

    Yields
    ------
    Progress

    Returns
    -------
    object
        What the steps return.
    """
    while True:
        try:
            done, total, message = next(steps)
        except StopIteration as stop:
            return stop.value
        if count > 1:
            part = done / total if total else 0.0
            message = f"plane {title}: {message}"
            done, total = round(100 * (number + part)), 100 * count
        yield Progress(done, total, message)
