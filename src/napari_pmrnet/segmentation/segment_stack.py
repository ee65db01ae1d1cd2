"""``segment_planes``: every plane of an image, one after the other."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from napari_pmrnet.io.provenance import Provenance, software
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.segmentation.flow_labels import numbered
from napari_pmrnet.segmentation.label_store import LabelStore
from napari_pmrnet.segmentation.large_plane import LabelledPlane
from napari_pmrnet.segmentation.normalise import thinning
from napari_pmrnet.segmentation.numbering import StackNumbers
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.segment import Segmentation, ready_model, segment_steps
from napari_pmrnet.segmentation.stack import MAPS, Stack, check_stack, within_stack
from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model


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
        started = time.perf_counter()
        check_stack(stack, name)
        model = yield from ready_model(settings, model)
        in_blocks = store is not None and stack.has_large_planes
        collected = _Collector(stack, settings, model, link, maps, store, name)
        for number, place in enumerate(np.ndindex(*stack.shape[:-2])):
            plane = stack.plane(place, settings.channel, name)
            plane = plane if in_blocks else plane.loaded()
            last_hope = collected.shown is None and number == stack.count - 1
            if not last_hope and plane.is_blank():
                collected.skip(place)
            elif store is not None and in_blocks:
                steps = store.label(plane, place, settings, model, collected.count)
                large = yield from within_stack(steps, number, stack.count, plane.title)
                collected.add_large(place, plane, large)
            else:
                steps = _kept_or_new(plane, place, settings, model, keeper)
                found = yield from within_stack(steps, number, stack.count, plane.title)
                collected.add(place, plane, found)
        result = collected.result(time.perf_counter() - started)
        if store is not None:
            store.finish(result.objects)
        return result


def _kept_or_new(
    plane: Plane,
    place: tuple[int, ...],
    settings: Settings,
    model: Model,
    keeper: MapKeeper | None,
) -> Generator[Progress, None, Segmentation]:
    """Steps of segmenting a plane, without the network where its maps were kept."""
    kept = None if keeper is None else keeper.take(place)
    if kept is not None:
        return kept
    found = yield from segment_steps(plane, settings, model)
    if keeper is not None:
        keeper.keep(place, found)
    return found


class _Collector:
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
            else _labels_on_disk(store, stack, settings, model, name)
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
        kind = model.card.label_kind
        classes = kind is LabelKind.CLASSES
        linked = link in stacked and not large and not classes
        self._link = link if linked else None
        self._numbers = StackNumbers(stack.axes, self._link, kind)
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


def _labels_on_disk(
    store: LabelStore, stack: Stack, settings: Settings, model: Model, name: str
) -> Any:
    """Labels of a store to fill, which tell what they are of."""
    fingerprint = stack.print_of_middle(settings.channel)
    provenance = Provenance(
        settings.as_dict(), model.card.sha256, name, fingerprint, software=software()
    )
    return store.create(stack.shape, provenance, stack.axes)
