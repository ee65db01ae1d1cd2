"""An image of any number of planes, segmented plane by plane with its axes kept."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.space import Space
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.segmentation.blocks import SIDE
from napari_pmrnet.segmentation.flow_labels import numbered
from napari_pmrnet.segmentation.label_store import LabelledPlane, LabelStore, is_large
from napari_pmrnet.segmentation.linking import Links
from napari_pmrnet.segmentation.normalise import thinning
from napari_pmrnet.segmentation.plane import LargePlane
from napari_pmrnet.segmentation.predict import Progress, run_to_end
from napari_pmrnet.segmentation.segment import Segmentation, segment_steps
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.io.images import ImageData
    from napari_pmrnet.models import Model

MOST_STACKED = 2
LARGEST_LABELS = 268_435_456
"""Pixels of a stack whose labels take one GB; those of larger ones go to disk."""
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
    coarser : tuple of array-like
        Smaller copies of `data`, for overviews of large planes.
    """

    data: Any
    axes: tuple[str, ...]
    channel_axis: int | None = None
    rgb: bool = False
    coarser: tuple[Any, ...] = ()

    @classmethod
    def of(cls, image: ImageData) -> Stack:
        """The planes of an image that was read or opened."""
        return cls(
            image.data, image.space.axes, image.channel_axis, image.rgb, image.coarser
        )

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

    @property
    def has_large_planes(self) -> bool:
        """Whether planes are segmented block by block."""
        return is_large(self.shape[-2:])

    @property
    def is_large(self) -> bool:
        """Whether labels are too large for memory, or a plane is."""
        return self.has_large_planes or int(np.prod(self.shape)) > LARGEST_LABELS

    def plane(self, place: tuple[int, ...]) -> np.ndarray:
        """Pixels of a plane, with its channels first or colours last."""
        return np.asarray(self.data[self._index(place)])

    def lazy_plane(
        self, place: tuple[int, ...], channel: int | None, name: str
    ) -> LargePlane:
        """A plane of which nothing is read yet.

        Raises
        ------
        ImageError
            If it has no such channel.
        """
        index = self._index(place)
        return LargePlane(
            [level[index] for level in (self.data, *self.coarser)],
            channel=channel,
            channel_axis=None if self.channel_axis is None else 0,
            rgb=self.rgb,
            name=name,
        )

    def _index(self, place: tuple[int, ...]) -> tuple[Any, ...]:
        """What to take of `data` for a plane."""
        index: list[Any] = list(place)
        if self.channel_axis is not None:
            index.insert(self.channel_axis, slice(None))
        return tuple(index)

    def title(self, place: tuple[int, ...]) -> str:
        """Where a plane lies, such as ``"t=2 z=5"``; empty for a plain image."""
        named = zip(self.axes[:-2], place, strict=True)
        return " ".join(f"{axis}={step}" for axis, step in named)


@dataclass(frozen=True, eq=False)
class StackSegmentation:
    """Labels of all planes of an image.

    Attributes
    ----------
    labels : array-like of int32, shape (..., H, W)
        With the axes of the image, channels and colours apart; in memory, or of the
        store that was given. No number stands for two nuclei; linked nuclei have the
        same number in several planes, and so have classes.
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

    labels: Any
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
    store: LabelStore | None = None,
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
    store : LabelStore, optional
        Takes the labels, for images that are too large: those with large planes need
        it. Nuclei of large planes are not linked.

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
        from napari_pmrnet.models import shared_model

        model = shared_model(settings.model, settings.device)
    classes = model.card.label_kind is LabelKind.CLASSES
    made = _Making(stack, settings, link, maps, store, classes)
    for number, place in enumerate(np.ndindex(*stack.shape[:-2])):
        last_hope = stack.count == 1 or made.shown is None and number == stack.count - 1
        title = stack.title(place)
        if store is not None and stack.has_large_planes:
            large = stack.lazy_plane(
                place, settings.channel, f"{name} {title}".rstrip()
            )
            if not last_hope and large.is_blank():
                made.skip(place)
                continue
            steps = store.label(large, place, settings, model, made.count)
            found = yield from _within(steps, number, stack.count, title)
            made.add_large(place, large, found, model.runs_on)
            continue
        plane = stack.plane(place)
        if not last_hope and _is_blank(plane, stack, settings):
            made.skip(place)
            continue
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
        self,
        stack: Stack,
        settings: Settings,
        link: str | None,
        maps: bool,
        store: LabelStore | None,
        classes: bool = False,
    ) -> None:
        self._stack, self._settings = stack, settings
        self._labels: Any = (
            np.zeros(stack.shape, np.int32)
            if store is None
            else store.create(stack.shape)
        )
        self._maps = (
            {kind: np.zeros(stack.shape, np.float32) for kind in MAPS} if maps else {}
        )
        self._rows: list[pd.DataFrame] = []
        self._notes: dict[str, None] = {}
        self._diameters: list[float] = []
        self._device, self._blank, self.count = "", 0, 0
        self.shown: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        stacked = stack.axes[:-2]
        large = store is not None and stack.has_large_planes
        self._classes = classes
        linked = link in stacked and not large and not classes
        self._along = stacked.index(link) if linked else None
        self._links = Links() if self._along is not None else None
        if link is not None and stacked and self._along is None and not classes:
            why = "planes are too large" if link in stacked else f"no axis {link}"
            self._notes[f"{why}, so nuclei were not linked"] = None

    def skip(self, place: tuple[int, ...]) -> None:
        """Leave a blank plane without nuclei."""
        self._blank += 1
        if self._links is not None:
            self._numbers(place, np.zeros(self._stack.shape[-2:], np.int32))

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
        shown = numbered(result.labels, rows["label"].to_numpy())
        rows = rows.assign(label=numbers[rows["label"]])
        self._note(place, rows, result.notes, result.device, result.diameter)
        if self.shown is None or len(certainty) > len(self.shown[2]):
            pixels = _displayed(plane, self._stack, self._settings)
            self.shown = pixels, shown, certainty

    def add_large(
        self,
        place: tuple[int, ...],
        plane: LargePlane,
        found: LabelledPlane,
        device: str,
    ) -> None:
        """Take in what was found in a plane whose labels are in the store."""
        objects, first = found.objects, self.count
        self.count += len(objects)
        self._note(place, objects, found.notes, device, found.stats.diameter)
        if self.shown is None or len(objects) > len(self.shown[2]):
            thin = slice(None, None, thinning(int(np.prod(plane.shape))))
            labels = self._labels[(*place, thin, thin)]
            labels = np.where(labels > 0, labels - first, 0)
            self.shown = plane.overview(), labels, objects["certainty"].to_numpy()

    def _note(
        self,
        place: tuple[int, ...],
        rows: pd.DataFrame,
        notes: tuple[str, ...],
        device: str,
        diameter: float | None,
    ) -> None:
        """Keep what is told of a plane beside its labels."""
        steps = dict(zip(self._stack.axes[:-2], place, strict=True))
        self._rows.append(rows.assign(**steps))
        self._notes.update(dict.fromkeys(notes))
        self._device = device
        if diameter is not None:
            self._diameters.append(diameter)

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
        if self._classes:
            return numbers
        numbers[1:] += self.count
        self.count += len(numbers) - 1
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


@dataclass(frozen=True)
class LargeSegmentation:
    """Labels of a large image, on disk, and the table of its nuclei.

    Attributes
    ----------
    labels : Path
        OME-Zarr folder of one level, int32 (H, W); see `open_label_zarr`.
    table : Path
        CSV beside it: `objects`.
    objects : DataFrame
        One row a nucleus; see `describe_objects`.
    settings : Settings
    device : str
        The device that was really used.
    notes : tuple of str
        What the user should know, such as a device that ran out of memory.
    seconds : float
        Time of this run, without what an earlier one had done.
    scale : float
        Pixels the network saw for each pixel of the image.
    diameter : float or None
        Of a typical nucleus in pixels, as set or measured; None if none was found.
    """

    labels: Path
    table: Path
    objects: pd.DataFrame
    settings: Settings
    device: str
    notes: tuple[str, ...]
    seconds: float
    scale: float
    diameter: float | None


def segment_large(
    image: LargePlane | Any,
    output: str | Path,
    settings: Settings | None = None,
    model: Model | None = None,
    **keywords: Any,
) -> LargeSegmentation:
    """Segment a large image block by block.

    Parameters
    ----------
    image : LargePlane or array-like
        A Zarr or Dask array, a memory map, or anything else with ``shape``, ``dtype``
        and slices, (H, W) or (H, W, 3).
    output : str or Path
        Folder for the labels, ending in ``.zarr``.
    settings : Settings, optional
        By default with the thresholds that were tuned for the model.
    model : Model, optional
        By default the model and device that the settings name.
    **keywords
        ``space`` of the labels, as for `create_label_zarr`; ``block``, most
        pixels along a side of a block: memory grows with its square.

    Returns
    -------
    LargeSegmentation

    Raises
    ------
    ImageError
        If the image cannot be segmented as it is.
    DataError
        If the output cannot be written, or zarr is not installed.
    WeightsError
        If the model is missing or altered.
    """
    steps = segment_large_steps(image, output, settings, model, **keywords)
    return run_to_end(steps)


def segment_large_steps(
    image: LargePlane | Any,
    output: str | Path,
    settings: Settings | None = None,
    model: Model | None = None,
    *,
    space: Space | None = None,
    block: int = SIDE,
) -> Generator[Progress, None, LargeSegmentation]:
    """`segment_large` as a generator: the same parameters, result and errors.

    Blocks that are done are kept beside the output until the labels are whole, so that
    a run that was stopped goes on where it was, if it is asked for the same.

    Yields
    ------
    Progress
        After every batch of windows, counted over all blocks.
    """
    started = time.perf_counter()
    plane = image
    if settings is None:
        settings = Settings() if model is None else Settings.for_card(model.card)
    if not isinstance(image, LargePlane):
        plane = LargePlane([image], channel=settings.channel, name=Path(output).stem)
    if model is None:
        yield Progress(0, 0, "loading the network")
        from napari_pmrnet.models import shared_model

        model = shared_model(settings.model, settings.device)
    model.card.label_kind.refuse_tiles(plane.name, "Shrink it, and segment it at once.")
    store = LabelStore(
        output,
        space,
        Provenance(settings.as_dict(), model.card.sha256),
        block=block,
    )
    store.create(plane.shape)
    found = yield from store.label(plane, (), settings, model)
    store.finish(found.objects)
    return LargeSegmentation(
        store.output,
        store.table,
        found.objects,
        settings,
        model.runs_on,
        found.notes,
        time.perf_counter() - started,
        found.stats.scale,
        found.stats.diameter,
    )
