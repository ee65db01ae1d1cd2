"""An image of any number of planes, segmented plane by plane with its axes kept."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.segment import Segmentation, segment_steps
from napari_pmrnet.segmentation.settings import Settings
from napari_pmrnet.segmentation.tracking import Links

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model

MOST_STACKED = 2
MAPS = ("probability", "boundary", "certainty")


@dataclass(frozen=True, eq=False)
class Stack:
    """Planes of an image, which may lie on disk.

    Attributes
    ----------
    data : array-like
        y and x are the last axes, followed only by the samples of a colour. Planes are
        read from it one at a time.
    axes : tuple of str
        Names of all axes but those of channels and colours; y and x are the last two.
    channel_axis : int or None
        Axis of `data` that holds the channels.
    rgb : bool
        Whether the last axis of `data` holds the samples of a colour.
    """

    data: Any
    axes: tuple[str, ...]
    channel_axis: int | None = None
    rgb: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis but channels and colours."""
        shape = self.data.shape[:-1] if self.rgb else self.data.shape
        return tuple(n for axis, n in enumerate(shape) if axis != self.channel_axis)

    @property
    def count(self) -> int:
        """How many planes there are."""
        return int(np.prod(self.shape[:-2]))

    @property
    def map_bytes(self) -> int:
        """Memory that the maps of all planes take."""
        return len(MAPS) * np.dtype(np.float32).itemsize * int(np.prod(self.shape))

    def planes(self) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
        """Place and pixels of every plane, with its channels first or colours last."""
        for place in np.ndindex(*self.shape[:-2]):
            index: list[Any] = list(place)
            if self.channel_axis is not None:
                index.insert(self.channel_axis, slice(None))
            yield place, np.asarray(self.data[tuple(index)])

    def title(self, place: tuple[int, ...]) -> str:
        """Where a plane lies, such as ``"t=2 z=5"``; empty for a plain image."""
        named = zip(self.axes[:-2], place, strict=True)
        return " ".join(f"{axis}={step}" for axis, step in named)


@dataclass(frozen=True, eq=False)
class StackSegmentation:
    """Labels of all planes of an image.

    Attributes
    ----------
    labels : ndarray of int32, shape (..., H, W)
        With the axes of the image, channels and colours apart. No number stands for
        two nuclei; linked nuclei have the same number in several planes.
    maps : dict of ndarray
        float32, of the shape of `labels`; empty unless asked for. See `Segmentation`.
    objects : DataFrame
        One row for every nucleus of every plane; see `describe_objects`. Beside its
        columns one for each axis before y and x: the place of the plane.
    settings : Settings
    model : Model
    device : str
        The device that was really used.
    notes : tuple of str
        What the user should know, each once.
    seconds : float
        Time from image to labels.
    diameter : float or None
        Of a typical nucleus in pixels: the median over the planes.
    shown : tuple of ndarray, or None
        Pixels, labels from 1 and certainties of the plane with most nuclei.
    """

    labels: np.ndarray
    maps: dict[str, np.ndarray]
    objects: pd.DataFrame
    settings: Settings
    model: Model
    device: str
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    diameter: float | None = None
    shown: tuple[np.ndarray, np.ndarray, np.ndarray] | None = field(
        repr=False, default=None
    )


Labelled = Segmentation | StackSegmentation
"""What the viewer shows: labels of one plane, or of all."""


def segment_planes(
    stack: Stack,
    settings: Settings,
    model: Model | None,
    name: str,
    *,
    link: str | None = None,
    maps: bool = False,
) -> Generator[Progress, None, StackSegmentation]:
    """Segment every plane of an image.

    Blank planes of a stack have no nuclei; an image that is blank throughout is
    refused as a blank plain image is.

    Parameters
    ----------
    stack : Stack
        With at most two axes beside y, x, channels and colours.
    settings : Settings
    model : Model or None
        None: the model and device that the settings name.
    name : str
        Of the layer or file, for messages.
    link : str, optional
        Axis through which nuclei keep their number; see `link_by_overlap`. By default
        every plane has numbers of its own. An image without that axis has nothing to
        link, and a note says so if it has others.
    maps : bool
        Also keep the maps of all planes: `Stack.map_bytes`.

    Yields
    ------
    Progress
        Before the network is loaded, and after every batch of windows, counted over all
        planes.

    Returns
    -------
    StackSegmentation

    Raises
    ------
    ImageError
        If the image cannot be segmented as it is.
    WeightsError
        If the model is missing or altered.
    """
    started = time.perf_counter()
    check_stack(stack, name)
    if model is None:
        yield Progress(0, 0, "loading the network")
        from napari_pmrnet.pretrained import load_model

        model = load_model(settings.model, settings.device)
    made = _Making(stack, settings, link, maps)
    for number, (place, plane) in enumerate(stack.planes()):
        last_hope = made.shown is None and number == stack.count - 1
        if stack.count > 1 and not last_hope and _is_blank(plane, stack, settings):
            made.skip(place)
            continue
        title = stack.title(place)
        steps = segment_steps(
            plane,
            settings,
            model,
            channel_axis=None if stack.channel_axis is None else 0,
            rgb=stack.rgb,
            image_name=f"{name} {title}".rstrip(),
        )
        result = yield from _within(steps, number, stack.count, title)
        made.add(place, plane, result)
    return made.result(model, time.perf_counter() - started)


def check_stack(stack: Stack, name: str) -> None:
    """Refuse what cannot be segmented plane by plane, by an `ImageError`."""
    if len(stack.axes) - 2 > MOST_STACKED:
        raise ImageError(
            f"'{name}' has the axes {', '.join(stack.axes)}: beside y and x at most "
            f"{MOST_STACKED}, such as time and depth, can be segmented plane by plane. "
            "Save its parts as files of their own."
        )
    if not stack.count:
        raise ImageError(f"'{name}' is empty (shape {stack.data.shape}).")


class _Making:
    """The labels of a stack as they come, plane by plane."""

    def __init__(
        self, stack: Stack, settings: Settings, link: str | None, maps: bool
    ) -> None:
        self._stack, self._settings = stack, settings
        self._labels = np.zeros(stack.shape, np.int32)
        self._maps = (
            {kind: np.zeros(stack.shape, np.float32) for kind in MAPS} if maps else {}
        )
        self._rows: list[pd.DataFrame] = []
        self._notes: dict[str, None] = {}
        self._diameters: list[float] = []
        self._device, self._blank, self._count = "", 0, 0
        self.shown: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        stacked = stack.axes[:-2]
        self._along = stacked.index(link) if link in stacked else None
        self._links = Links() if self._along is not None else None
        if link is not None and stacked and self._along is None:
            self._notes[f"no axis {link}, so nuclei were not linked"] = None

    def skip(self, place: tuple[int, ...]) -> None:
        """Leave a blank plane without nuclei."""
        self._blank += 1
        self._numbers(place, self._labels[place])

    def add(
        self, place: tuple[int, ...], plane: np.ndarray, result: Segmentation
    ) -> None:
        """Take in what was found in a plane."""
        numbers = self._numbers(place, result.labels)
        self._labels[place] = numbers[result.labels]
        for kind, maps in self._maps.items():
            maps[place] = result.maps[kind]
        rows = result.objects
        certainty = rows["certainty"].to_numpy()
        steps = dict(zip(self._stack.axes[:-2], place, strict=True))
        self._rows.append(rows.assign(label=numbers[rows["label"]], **steps))
        self._notes.update(dict.fromkeys(result.notes))
        self._device = result.device
        if result.diameter is not None:
            self._diameters.append(result.diameter)
        if self.shown is None or len(certainty) > len(self.shown[2]):
            pixels = _displayed(plane, self._stack, self._settings)
            self.shown = pixels, result.labels, certainty

    def result(self, model: Model, seconds: float) -> StackSegmentation:
        """All planes together."""
        if self._blank:
            self._notes[f"{self._blank} of {self._stack.count} planes are blank"] = None
        return StackSegmentation(
            self._labels,
            self._maps,
            pd.concat(self._rows, ignore_index=True),
            self._settings,
            model,
            self._device,
            tuple(self._notes),
            seconds,
            float(np.median(self._diameters)) if self._diameters else None,
            self.shown,
        )

    def _numbers(self, place: tuple[int, ...], labels: np.ndarray) -> np.ndarray:
        """The number in the stack of every label of a plane."""
        if self._links is not None:
            series = place[: self._along] + place[self._along + 1 :]
            return self._links.numbers(labels, series)
        numbers = np.arange(labels.max(initial=0) + 1, dtype=np.int32)
        numbers[1:] += self._count
        self._count += len(numbers) - 1
        return numbers


def _displayed(plane: np.ndarray, stack: Stack, settings: Settings) -> np.ndarray:
    """The channel of a plane that is segmented, or its colours."""
    if stack.channel_axis is not None:
        return plane[settings.channel or 0]
    if stack.rgb and settings.channel is not None:
        return plane[..., settings.channel]
    return plane[..., :3] if stack.rgb else plane


def _is_blank(plane: np.ndarray, stack: Stack, settings: Settings) -> bool:
    """Whether there is nothing to see in a plane."""
    try:
        pixels = _displayed(plane, stack, settings)
    except IndexError:
        return False
    return pixels.size > 0 and bool(pixels.min() == pixels.max())


def _within(
    steps: Generator[Progress, None, Any], number: int, count: int, title: str
) -> Generator[Progress, None, Any]:
    """Steps of one plane of several, counted over all of them."""
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
