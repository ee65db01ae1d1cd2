"""An image of any number of planes, segmented plane by plane with its axes kept."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.provenance import Provenance, software
from napari_pmrnet.io.space import TIME
from napari_pmrnet.io.tiff import native_order
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.segmentation import sizes
from napari_pmrnet.segmentation.flow_labels import numbered
from napari_pmrnet.segmentation.label_store import LabelledPlane, LabelStore
from napari_pmrnet.segmentation.linking import Links
from napari_pmrnet.segmentation.normalise import thinning
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.segment import (
    Segmentation,
    ready_model,
    segment_steps,
)
from napari_pmrnet.segmentation.tracking import Tracks
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.io.images import ImageData
    from napari_pmrnet.models import Model

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
    axes : tuple of str
        Names of the axes of `labels`.
    link : str or None
        Axis through which nuclei keep their number.
    planes : dict of Segmentation
        By place, that of every plane but blank ones, each with labels from 1, for other
        thresholds and for a review; empty where maps were not asked for.
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
    axes: tuple[str, ...] = ()
    link: str | None = None
    planes: Mapping[tuple[int, ...], Segmentation] = field(
        repr=False, default_factory=dict
    )

    def relabel_steps(
        self, settings: Settings
    ) -> Generator[tuple[int, int], None, StackSegmentation]:
        """Label all planes for other thresholds; see `Segmentation.relabel`.

        Yields
        ------
        (int, int)
            Planes labelled so far and in all.

        Raises
        ------
        ValueError
            If the maps were not kept, or the settings ask for a new run.
        """
        if not self.planes:
            raise ValueError("the maps of the planes were not kept")
        numbers = _Numbers(self.axes, self.link, _has_classes(self.model))
        labels, rows = np.zeros(self.labels.shape, np.int32), []
        planes: dict[tuple[int, ...], Segmentation] = {}
        for place in np.ndindex(*labels.shape[:-2]):
            part = self.planes.get(place)
            if part is None:
                numbers.skip(place, labels.shape[-2:])
                continue
            part = part.relabel(settings)
            own = numbers.of(place, part.labels)
            labels[place] = own[part.labels]
            steps = dict(zip(self.axes[:-2], place, strict=True))
            label = own[part.objects["label"]]
            rows.append(part.objects.assign(label=label, **steps))
            planes[place] = part
            yield len(planes), len(self.planes)
        return replace(
            self,
            labels=labels,
            objects=pd.concat(rows, ignore_index=True),
            settings=settings,
            planes=planes,
        )


Labelled = Segmentation | StackSegmentation
"""Results that the viewer shows: labels of one plane, or of all."""


class MapKeeper(Protocol):
    """Keeps what the network gave for planes, and gives it back."""

    def take(self, place: tuple[int, ...]) -> Segmentation | None:
        """What would be found in a plane; None if nothing was kept of it."""
        ...

    def keep(self, place: tuple[int, ...], found: Segmentation) -> None:
        """Keep what was found in a plane."""
        ...


def segment_planes(
    stack: Stack,
    settings: Settings,
    model: Model | None,
    name: str,
    *,
    link: str | None = None,
    maps: bool = False,
    store: LabelStore | None = None,
    keeper: MapKeeper | None = None,
) -> Generator[Progress, None, StackSegmentation]:
    """Segment every plane of an image.

    Blank planes of a stack have no nuclei; an image that is blank throughout is
    refused as a blank plain image is.

    Parameters
    ----------
    stack : Stack
        With at most two axes beside y, x, channels, colours and those of length one.
    settings : Settings
    model : Model or None
        None: the model and device that the settings name.
    name : str
        Of the layer or file, for messages.
    link : str, optional
        Axis through which nuclei keep their number: through time by `Tracks`, through
        others as `link_by_overlap` does. By default every plane has numbers of its own.
        An image without that axis has nothing to link, and a note says so if it has
        others.
    maps : bool
        Also keep the maps of all planes, and what `StackSegmentation.relabel_steps`
        needs: `Stack.map_bytes`.
    store : LabelStore, optional
        Takes the labels, for images that are too large: those with large planes need
        it. It is finished here. Nuclei of large planes are not linked.
    keeper : MapKeeper, optional
        Asked before the network is, and told what that gave; not of large planes.

    Yields
    ------
    Progress
        Before the network is loaded, and after every batch of tiles, counted over all
        planes.

    Returns
    -------
    StackSegmentation

    Raises
    ------
    ImageError
        If the image cannot be segmented as it is.
    DataError
        If the store cannot be written.
    WeightsError
        If the model is missing or altered.
    """
    with nullcontext() if store is None else store:
        steps = _planes_of(stack, settings, model, name, link, maps, store, keeper)
        return (yield from steps)


def _planes_of(
    stack: Stack,
    settings: Settings,
    model: Model | None,
    name: str,
    link: str | None,
    maps: bool,
    store: LabelStore | None,
    keeper: MapKeeper | None,
) -> Generator[Progress, None, StackSegmentation]:
    """Steps of `segment_planes`."""
    started = time.perf_counter()
    check_stack(stack, name)
    model = yield from ready_model(settings, model)
    in_blocks = store is not None and stack.has_large_planes
    made = _Making(stack, settings, model, link, maps, store, name)
    for number, place in enumerate(np.ndindex(*stack.shape[:-2])):
        last_hope = stack.count == 1 or made.shown is None and number == stack.count - 1
        plane = stack.plane(place, settings.channel, name)
        plane = plane if in_blocks else plane.loaded()
        if not last_hope and plane.is_blank():
            made.skip(place)
            continue
        if store is not None and in_blocks:
            steps = store.label(plane, place, settings, model, made.count)
            found = yield from within_stack(steps, number, stack.count, plane.title)
            made.add_large(place, plane, found)
        else:
            result = None if keeper is None else keeper.take(place)
            if result is None:
                steps = segment_steps(plane, settings, model)
                result = yield from within_stack(
                    steps, number, stack.count, plane.title
                )
                if keeper is not None:
                    keeper.keep(place, result)
            made.add(place, plane, result)
    found = made.result(time.perf_counter() - started)
    if store is not None:
        store.finish(found.objects)
    return found


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


class _Making:
    """The labels of a stack as they come, plane by plane."""

    def __init__(
        self,
        stack: Stack,
        settings: Settings,
        model: Model,
        link: str | None,
        maps: bool,
        store: LabelStore | None,
        name: str,
    ) -> None:
        self._stack, self._settings, self._model = stack, settings, model
        self._labels: Any = (
            np.zeros(stack.shape, np.int32)
            if store is None
            else store.create(
                stack.shape,
                Provenance(
                    settings.as_dict(),
                    model.card.sha256,
                    name,
                    stack.print_of_middle(settings.channel),
                    software=software(),
                ),
                stack.axes,
            )
        )
        self._maps = (
            {kind: np.zeros(stack.shape, np.float32) for kind in MAPS} if maps else {}
        )
        self._rows: list[pd.DataFrame] = []
        self._notes: dict[str, None] = {}
        self._diameters: list[float] = []
        self._planes: dict[tuple[int, ...], Segmentation] = {}
        self._device, self._blank = "", 0
        self.shown: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        stacked = stack.stacked
        large = store is not None and stack.has_large_planes
        classes = _has_classes(model)
        linked = link in stacked and not large and not classes
        self._link = link if linked else None
        self._numbers = _Numbers(stack.axes, self._link, classes)
        if link is not None and stacked and not linked and not classes:
            why = "planes are too large" if link in stacked else f"no axis {link}"
            self._notes[f"{why}, so nuclei were not linked"] = None

    @property
    def count(self) -> int:
        """Largest number in use."""
        return self._numbers.count

    def skip(self, place: tuple[int, ...]) -> None:
        """Leave a blank plane without nuclei."""
        self._blank += 1
        self._numbers.skip(place, self._stack.shape[-2:])

    def add(self, place: tuple[int, ...], plane: Plane, result: Segmentation) -> None:
        """Take in what was found in a plane."""
        numbers = self._numbers.of(place, result.labels)
        self._labels[place] = numbers[result.labels]
        for kind, maps in self._maps.items():
            maps[place] = result.maps[kind]
        if self._maps:
            shared = {kind: maps[place] for kind, maps in self._maps.items()}
            self._planes[place] = replace(result, maps={**result.maps, **shared})
        rows = result.objects
        certainty = rows["certainty"].to_numpy()
        shown = numbered(result.labels, rows["label"].to_numpy())
        rows = rows.assign(label=numbers[rows["label"]])
        self._note(place, rows, result.notes, result.device, result.diameter)
        if self.shown is None or len(certainty) > len(self.shown[2]):
            self.shown = plane.read(), shown, certainty

    def add_large(
        self, place: tuple[int, ...], plane: Plane, found: LabelledPlane
    ) -> None:
        """Take in what was found in a plane whose labels are in the store."""
        objects, first = found.objects, self.count
        self._numbers.count += len(objects)
        device, diameter = self._model.runs_on, found.stats.diameter
        self._note(place, objects, found.notes, device, diameter)
        if self.shown is None or len(objects) > len(self.shown[2]):
            thin = slice(None, None, thinning(int(np.prod(plane.shape))))
            labels = self._labels[(*place, thin, thin)]
            labels = np.where(labels > 0, labels - first, 0)
            self.shown = plane.overview, labels, objects["certainty"].to_numpy()

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

    def result(self, seconds: float) -> StackSegmentation:
        """All planes together."""
        if self._blank:
            self._notes[f"{self._blank} of {self._stack.count} planes are blank"] = None
        return StackSegmentation(
            self._labels,
            self._maps,
            pd.concat(self._rows, ignore_index=True),
            self._settings,
            self._model,
            self._device,
            tuple(self._notes),
            seconds,
            float(np.median(self._diameters)) if self._diameters else None,
            self.shown,
            self._stack.axes,
            self._link,
            self._planes,
        )


class _Numbers:
    """Numbers in a stack of the labels of its planes, one plane after the other.

    Parameters
    ----------
    axes : sequence of str
        Of the stack.
    link : str or None
        Axis through which nuclei keep their number.
    classes : bool
        Whether labels are classes, whose numbers stay.
    """

    def __init__(self, axes: Sequence[str], link: str | None, classes: bool) -> None:
        self._along = None if link is None else list(axes).index(link)
        self._links: Links | Tracks | None = None
        if link is not None:
            self._links = Tracks() if link.lower() in TIME else Links()
        self._classes = classes
        self.count = 0

    def of(self, place: tuple[int, ...], labels: np.ndarray) -> np.ndarray:
        """The number in the stack of every label of a plane."""
        if self._links is not None and self._along is not None:
            series = place[: self._along] + place[self._along + 1 :]
            return self._links.numbers(labels, series)
        numbers = np.arange(labels.max(initial=0) + 1, dtype=np.int32)
        if self._classes:
            return numbers
        numbers[1:] += self.count
        self.count += len(numbers) - 1
        return numbers

    def skip(self, place: tuple[int, ...], shape: tuple[int, ...]) -> None:
        """Pass a plane without nuclei, of a height and a width."""
        if self._links is not None:
            self.of(place, np.zeros(shape, np.int32))


def _has_classes(model: Model) -> bool:
    """Tell whether a model labels classes."""
    return model.card.label_kind is LabelKind.CLASSES


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
