"""An image of any number of planes, segmented plane by plane with its axes kept."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.images import ImageData
from napari_pmrnet.large.plane import LargePlane
from napari_pmrnet.large.store import LabelStore, is_large
from napari_pmrnet.segmentation import segment_steps
from napari_pmrnet.segmentation.intensity import thinning
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model
    from napari_pmrnet.segmentation import Segmentation

MOST_STACKED = 2
LARGEST_LABELS = 268_435_456
"""Pixels of a stack whose labels take one GB; those of larger ones go to disk."""


@dataclass
class Found:
    """Labels of an image and what was measured on the way.

    Attributes
    ----------
    labels : ndarray of int32, or zarr.Array
        With the axes of the image, channels and colours apart; numbers start anew in
        every plane.
    objects : DataFrame
        One row for every nucleus of every plane: its place on the axes beside y and x,
        then the columns of `describe_objects`.
    notes : list of str
        What the user should know, each once.
    shown : (ndarray, ndarray, ndarray)
        Pixels, labels and certainties of the plane with most nuclei.
    """

    labels: Any
    objects: pd.DataFrame
    shown: tuple[np.ndarray, np.ndarray, np.ndarray]
    notes: list[str] = field(default_factory=list)


def segment_planes(
    image: ImageData,
    settings: Settings,
    model: Model,
    name: str,
    store: LabelStore | None = None,
) -> Generator[Progress, None, Found]:
    """Segment every plane of an image.

    Blank planes of a stack have no nuclei; an image that is blank throughout is
    refused as a blank plain image is.

    Parameters
    ----------
    image : ImageData
        y and x are the last axes, with at most two more beside channels and colours.
        Planes of a lazy image are read one after the other.
    settings : Settings
    model : Model
    name : str
        Of the file, for messages.
    store : LabelStore, optional
        Puts labels on disk; large planes are then segmented block by block.

    Yields
    ------
    Progress
        After every batch of windows, counted over all planes.

    Returns
    -------
    Found

    Raises
    ------
    ImageError
        If the image cannot be segmented as it is.
    """
    stacked = image.axes[:-2]
    if len(stacked) > MOST_STACKED:
        raise ImageError(
            f"'{name}' has the axes {', '.join(image.axes)}: beside y and x at most "
            f"{MOST_STACKED}, such as time and depth, can be segmented plane by plane. "
            "Save its parts as files of their own."
        )
    shape = plane_shape(image)
    count = int(np.prod(shape[:-2]))
    if not count:
        raise ImageError(f"'{name}' is empty (shape {image.data.shape}).")
    labels = np.zeros(shape, np.int32) if store is None else store.create(shape)
    tables: list[pd.DataFrame] = []
    notes: dict[str, None] = {}
    shown, blank = None, 0
    for number, place in enumerate(np.ndindex(*shape[:-2])):
        where = "".join(f" {a}={i}" for a, i in zip(stacked, place, strict=True))
        plane = plane_at(image, place, settings, f"{name}{where}")
        last_hope = shown is None and number == count - 1
        if count > 1 and not last_hope and plane.is_blank():
            blank += 1
            continue
        if store is not None and is_large(plane.shape):
            steps = store.label(plane, place, settings, model)
        else:
            steps = _in_memory(plane, labels, place, settings, model)
        found = yield from _within(steps, number, count, where)
        tables.append(_placed(found.objects, stacked, place))
        notes.update(dict.fromkeys(found.notes))
        if shown is None or len(found.objects) > len(shown[2]):
            shown = _picture(plane, labels, place, found.objects)
    if blank:
        notes[f"{blank} of {count} planes are blank"] = None
    return Found(labels, pd.concat(tables, ignore_index=True), shown, list(notes))


def labels_on_disk(image: ImageData) -> bool:
    """Whether an image's labels are too large for memory, or one of its planes is."""
    shape = plane_shape(image)
    return is_large(shape[-2:]) or int(np.prod(shape)) > LARGEST_LABELS


def plane_at(
    image: ImageData, place: tuple[int, ...], settings: Settings, name: str
) -> LargePlane:
    """One plane of an image, of which nothing is read yet.

    Parameters
    ----------
    image : ImageData
    place : tuple of int
        On the axes beside y, x, channels and colours.
    settings : Settings
        For the channel.
    name : str
        For messages.

    Raises
    ------
    ImageError
        If the image has no such channel.
    """
    index: list[Any] = list(place)
    if image.channel_axis is not None:
        index.insert(image.channel_axis, slice(None))
    return LargePlane(
        [level[tuple(index)] for level in (image.data, *image.coarser)],
        channel=settings.channel,
        channel_axis=None if image.channel_axis is None else 0,
        rgb=image.rgb,
        name=name,
    )


def plane_shape(image: ImageData) -> tuple[int, ...]:
    """Length of every axis but channels and colours."""
    shape = image.data.shape[:-1] if image.rgb else image.data.shape
    return tuple(n for axis, n in enumerate(shape) if axis != image.channel_axis)


def _in_memory(
    plane: LargePlane,
    labels: Any,
    place: tuple[int, ...],
    settings: Settings,
    model: Model,
) -> Generator[Progress, None, Segmentation]:
    """Segment a plane that fits into memory, and put its labels in their place."""
    pixels = plane.pixels()
    result = yield from segment_steps(
        pixels,
        replace(settings, channel=None),
        model,
        channel_axis=None,
        rgb=pixels.ndim == 3,
        image_name=plane.name,
    )
    labels[place] = result.labels
    return result


def _placed(
    objects: pd.DataFrame, axes: tuple[str, ...], place: tuple[int, ...]
) -> pd.DataFrame:
    """A table with columns in front that tell the plane."""
    return pd.concat(
        [pd.DataFrame(dict(zip(axes, place, strict=True)), objects.index), objects],
        axis=1,
    )


def _picture(
    plane: LargePlane, labels: Any, place: tuple[int, ...], objects: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels, labels and certainties of a plane, thinned out where it is large."""
    step = thinning(int(np.prod(plane.shape)))
    thin = slice(None, None, step)
    return (
        plane.overview(),
        np.asarray(labels[(*place, thin, thin)]),
        objects["certainty"].to_numpy(),
    )


def _within(
    steps: Generator[Progress, None, Any], number: int, count: int, where: str
) -> Generator[Progress, None, Any]:
    """Steps of one plane of several, counted over all of them."""
    while True:
        try:
            done, total, message = next(steps)
        except StopIteration as stop:
            return stop.value
        if count > 1:
            part = done / total if total else 0.0
            message = f"{where.strip()}: {message}"
            done, total = round(100 * (number + part)), 100 * count
        yield Progress(done, total, message)
