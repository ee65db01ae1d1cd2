"""Nuclei, objects or classes of an image, or of a region of it, from its maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_pmrnet.models.label_kind import classes_of, whole_scale
from napari_pmrnet.segmentation.flow_labels import (
    SMALLEST_AREA,
    drop_small,
    label_nuclei,
    numbered,
    smallest_area,
)
from napari_pmrnet.segmentation.objects import (
    ImageContext,
    describe_objects,
    object_maps,
)
from napari_pmrnet.segmentation.on_device import on_device
from napari_pmrnet.segmentation.region import Region
from napari_pmrnet.settings import LARGEST_MIN_AREA, Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model
    from napari_pmrnet.models.card import ModelCard


def nuclei_of(
    maps: Mapping[str, np.ndarray],
    flows: np.ndarray | None,
    settings: Settings,
    region: Region | None,
    diameter: float | None,
    model: Model,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Label nuclei, or what else the model labels, and measure them.

    Nuclei of less than ``least_certainty`` are dropped. Certainties are fitted and
    measured among all, so that those of the rest do not depend on it.

    Parameters
    ----------
    maps : mapping of ndarray, each (H, W)
        ``probability``, ``boundary`` and ``certainty``.
    flows : ndarray of float32, shape (2, H, W), or None
    settings : Settings
    region : Region or None
        Only nuclei whose centre lies inside; nothing outside its view is looked at.
        None for a model that sees images whole, see `LabelKind.refuse_tiles`.
    diameter : float or None
        Of a typical nucleus, in pixels.
    model : Model
        Its card says what it labels, and how certainty is calibrated; where it is, see
        `on_device`, labels are made.

    Returns
    -------
    ndarray of int32, shape (H, W)
    DataFrame
        See `describe_objects`. Of classes, one row for each that is present, with its
        name as ``class``.
    """
    card = model.card
    settings = whole_settings(settings, maps["probability"].shape, card)
    flows = None if card.label_kind.sees_whole else flows
    if card.classes:
        probability = maps["probability"]
        labels = on_device(model, label_nuclei, probability, flows, settings, diameter)
        return _classes(labels, maps, card.classes)
    if region is not None:
        maps, flows = _cut(maps, flows, region)
    labels, objects = _every(maps, flows, settings, region, diameter, card, model)
    if drops(settings, card, flows is not None):
        sure = objects["certainty"].to_numpy() >= settings.least_certainty
        labels, objects = only(labels, objects, sure)
    if region is None:
        return labels, objects
    return region.place(labels, region.view), _in_the_image(objects, region)


def drops(settings: Settings, card: ModelCard, measured: bool) -> bool:
    """Tell whether nuclei are dropped: only a fitted certainty is a probability.

    Parameters
    ----------
    settings : Settings
    card : ModelCard
        Of the model.
    measured : bool
        Whether what a fitted certainty needs, such as flows, is there.
    """
    fitted = card.object_certainty is not None and measured
    return fitted and settings.least_certainty > 0


def only(
    labels: np.ndarray, objects: pd.DataFrame, kept: NDArray[np.bool_]
) -> tuple[np.ndarray, pd.DataFrame]:
    """Some of the labels 1 to n and their rows, numbered from 1; `kept` is (n,)."""
    if kept.all():
        return labels, objects
    numbers, rows = renumbered(objects, kept)
    return numbers[labels], rows


def renumbered(
    objects: pd.DataFrame, kept: NDArray[np.bool_], first: int = 0
) -> tuple[NDArray[np.int32], pd.DataFrame]:
    """New number of each label 0 to n, 0 of those that go, and the rows of the rest.

    Numbers go on from `first`; `kept` is (n,).
    """
    numbers = np.concatenate([[0], np.where(kept, first + kept.cumsum(), 0)])
    numbers = numbers.astype(np.int32)
    rows = objects.assign(label=numbers[1:]).loc[kept].reset_index(drop=True)
    return numbers, rows


def _every(
    maps: Mapping[str, np.ndarray],
    flows: np.ndarray | None,
    settings: Settings,
    region: Region | None,
    diameter: float | None,
    card: ModelCard,
    model: Model | None = None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """All nuclei before any is dropped, and their rows; of a region in its view."""
    probability, whole = maps["probability"], None
    labels = on_device(model, label_nuclei, probability, flows, settings, diameter)
    if region is not None:
        labels = _kept(labels, region)
        whole = _whole(labels, maps["certainty"], region)
    calibration = card.object_certainty
    used = object_maps(maps)
    objects = on_device(
        model, describe_objects, labels, used, flows, calibration, whole
    )
    return labels, objects


def whole_settings(
    settings: Settings, shape: tuple[int, int], card: ModelCard
) -> Settings:
    """Settings with the smallest area that an image seen whole calls for.

    Where it is open it is `SMALLEST_AREA` in pixels as the network sees them: what is
    smaller is noise of one of them, enlarged.
    """
    if settings.min_area is not None or not card.label_kind.sees_whole:
        return settings
    area = round(SMALLEST_AREA / whole_scale(card.tile, shape) ** 2)
    return replace(settings, min_area=min(area, LARGEST_MIN_AREA))


def _classes(
    parts: np.ndarray, maps: Mapping[str, np.ndarray], names: tuple[str, ...]
) -> tuple[np.ndarray, pd.DataFrame]:
    """Labels of classes from the parts of the foreground, and a row for each."""
    labels = classes_of(parts, maps)
    present = np.unique(labels[labels > 0])
    table = describe_objects(numbered(labels, present), maps)
    table.insert(1, "class", [names[k - 1] for k in present])
    return labels, table.assign(label=present)


def missed_of(
    labels: np.ndarray,
    maps: Mapping[str, np.ndarray],
    flows: np.ndarray | None,
    settings: Settings,
    region: Region | None,
    diameter: float | None,
    card: ModelCard,
) -> Missed:
    """Propose nuclei where nothing was labelled, and those that were dropped.

    See `missed_nuclei`.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        The nuclei that were found.
    maps, flows, settings, region, diameter
        As for `nuclei_of`.
    card : ModelCard
        Of the model.
    """
    if card.classes:
        none = np.zeros(labels.shape, np.int32)
        return Missed(none, describe_objects(none, maps).assign(dropped=False))
    settings = whole_settings(settings, labels.shape, card)
    flows = None if card.label_kind.sees_whole else flows
    if region is not None:
        maps, flows = _cut(maps, flows, region)
        labels = labels[region.view]
    dropped = None
    if drops(settings, card, flows is not None):
        every, objects = _every(maps, flows, settings, region, diameter, card)
        off, free = _off(every, labels)
        dropped = Missed(*only(off, objects, free[1:]))
    missed = missed_nuclei(
        labels, maps, flows, settings, card.missed_certainty, diameter, dropped
    )
    if region is None:
        return missed
    objects = _in_the_image(missed.objects, region)
    centres = objects[["centroid_y", "centroid_x"]].to_numpy()
    objects = objects.loc[region.holds(np.round(centres).astype(int))]
    kept = np.where(np.isin(missed.labels, objects["label"]), missed.labels, 0)
    return Missed(region.place(kept, region.view), objects)


def _cut(
    maps: Mapping[str, np.ndarray], flows: np.ndarray | None, region: Region
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Maps and flows in the view of a region."""
    view = region.view
    cut = {name: values[view] for name, values in maps.items()}
    return cut, None if flows is None else flows[:, *view]


def _kept(labels: np.ndarray, region: Region) -> np.ndarray:
    """Labels (h, w) of a region's view whose centre lies in the region, from 1 on."""
    top, left = (s.start for s in region.view)
    inside = region.centred(labels, (top, left))
    return drop_small(np.where(np.isin(labels, inside), labels, 0), 0)


def _whole(labels: np.ndarray, certainty: np.ndarray, region: Region) -> ImageContext:
    """Context of the nuclei of a region: each other."""
    top, left = (s.start for s in region.view)
    areas = np.bincount(labels.ravel())[1:]
    some = len(areas) > 0
    return ImageContext(
        (top, left),
        region.shape,
        float(np.median(np.log(areas))) if some else 0.0,
        float(certainty[labels > 0].mean()) if some else 0.0,
    )


def _in_the_image(objects: pd.DataFrame, region: Region) -> pd.DataFrame:
    """A table whose centroids count from the first pixel of the image."""
    top, left = (s.start for s in region.view)
    return objects.assign(
        centroid_y=objects["centroid_y"] + top, centroid_x=objects["centroid_x"] + left
    )


LOW_THRESHOLD = 0.2


class Missed(NamedTuple):
    """Proposed nuclei and a table of them.

    ``labels`` is int32 (H, W), numbered 1 to n; ``objects`` has the columns of
    `describe_objects`, ``certainty`` being the estimated probability that the proposal
    is a nucleus, least doubtful first, and of `missed_nuclei` ``dropped``, whether it
    was labelled and dropped as too uncertain.
    """

    labels: np.ndarray
    objects: pd.DataFrame


def missed_nuclei(
    labels: np.ndarray,
    maps: Mapping[str, np.ndarray],
    flows: np.ndarray | None,
    settings: Settings,
    calibration: Mapping[str, float] | None = None,
    diameter: float | None = None,
    dropped: Missed | None = None,
) -> Missed:
    """Propose nuclei where nothing was labelled.

    A proposal is what the thresholds would find at `LOW_THRESHOLD`, apart from the
    labels there are: at least half of it must lie off them.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        The nuclei that were found.
    maps : mapping of ndarray, each (H, W)
        ``probability``, ``certainty`` and ``boundary``.
    flows : ndarray of float32, shape (2, H, W), or None
        Vectors towards the centres.
    settings : Settings
        Those that gave the labels.
    calibration : mapping, optional
        ``missed_certainty`` of the model card.
    diameter : float, optional
        Of a typical nucleus, in pixels.
    dropped : Missed, optional
        Labels that were dropped. They are proposed as they were; other proposals are
        those there are without dropping.

    Returns
    -------
    Missed
    """
    loose = replace(
        settings,
        probability_threshold=min(LOW_THRESHOLD, settings.probability_threshold),
        seed_threshold=min(LOW_THRESHOLD, settings.seed_threshold),
    )
    proposals = label_nuclei(maps["probability"], flows, loose, diameter)
    taken = labels if dropped is None else np.maximum(labels, dropped.labels)
    proposals, free = _off(proposals, taken)
    kept = np.where(free, np.arange(len(free)), 0)
    proposals = drop_small(kept[proposals], smallest_area(settings, diameter))
    objects = describe_objects(proposals, maps, flows, calibration)
    objects["dropped"] = False
    if dropped is not None and len(dropped.objects):
        count = len(objects)
        again = dropped.labels + count * (dropped.labels > 0)
        proposals = np.maximum(proposals, again)
        rows = dropped.objects.assign(dropped=True)
        rows["label"] += count
        objects = pd.concat([objects, rows], ignore_index=True) if count else rows
    return Missed(proposals, objects.sort_values("certainty", ascending=False))


def _off(
    proposals: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, NDArray[np.bool_]]:
    """Proposals where no label is, and by number if at least half of one is there."""
    areas = np.bincount(proposals.ravel())
    off = np.where(labels > 0, 0, proposals)
    return off, 2 * np.bincount(off.ravel(), minlength=len(areas)) >= areas
