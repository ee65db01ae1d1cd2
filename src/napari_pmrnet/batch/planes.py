"""An image of any number of planes, segmented plane by plane with its axes kept."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.images import ImageData
from napari_pmrnet.segmentation import segment_steps
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model

MOST_STACKED = 2


@dataclass
class Found:
    """Labels of an image and what was measured on the way.

    Attributes
    ----------
    labels : ndarray of int32
        With the axes of the image, channels and colours apart; numbers start anew in
        every plane.
    certainties : ndarray of float
        One for every nucleus of every plane.
    notes : list of str
        What the user should know, each once.
    shown : (ndarray, ndarray, ndarray)
        Pixels, labels and certainties of the plane with most nuclei.
    """

    labels: np.ndarray
    certainties: np.ndarray
    shown: tuple[np.ndarray, np.ndarray, np.ndarray]
    notes: list[str] = field(default_factory=list)


def segment_planes(
    image: ImageData, settings: Settings, model: Model, name: str
) -> Generator[Progress, None, Found]:
    """Segment every plane of an image.

    Blank planes of a stack have no nuclei; an image that is blank throughout is
    refused as a blank plain image is.

    Parameters
    ----------
    image : ImageData
        y and x are the last axes, with at most two more beside channels and colours.
    settings : Settings
    model : Model
    name : str
        Of the file, for messages.

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
    channel_axis = None if image.channel_axis is None else 0
    labels = np.zeros(plane_shape(image), np.int32)
    certainties: list[np.ndarray] = []
    notes: dict[str, None] = {}
    shown, blank = None, 0
    count = int(np.prod(labels.shape[:-2]))
    if not count:
        raise ImageError(f"'{name}' is empty (shape {image.data.shape}).")
    for number, (place, plane) in enumerate(planes(image)):
        last_hope = shown is None and number == count - 1
        if count > 1 and not last_hope and _is_blank(plane, image, settings):
            blank += 1
            continue
        where = "".join(f" {a}={i}" for a, i in zip(stacked, place, strict=True))
        steps = segment_steps(
            plane,
            settings,
            model,
            channel_axis=channel_axis,
            rgb=image.rgb,
            image_name=f"{name}{where}",
        )
        result = yield from _within(steps, number, count, where)
        labels[place] = result.labels
        found = result.objects["certainty"].to_numpy()
        certainties.append(found)
        notes.update(dict.fromkeys(result.notes))
        if shown is None or len(found) > len(shown[2]):
            shown = _displayed(plane, image, settings), result.labels, found
    if blank:
        notes[f"{blank} of {count} planes are blank"] = None
    return Found(labels, np.concatenate(certainties), shown, list(notes))


def planes(image: ImageData) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Place and pixels of every plane, with all its channels first or colours last."""
    for place in np.ndindex(*plane_shape(image)[:-2]):
        index: list[Any] = list(place)
        if image.channel_axis is not None:
            index.insert(image.channel_axis, slice(None))
        yield place, image.data[tuple(index)]


def plane_shape(image: ImageData) -> tuple[int, ...]:
    """Length of every axis but channels and colours."""
    shape = image.data.shape[:-1] if image.rgb else image.data.shape
    return tuple(n for axis, n in enumerate(shape) if axis != image.channel_axis)


def _displayed(plane: np.ndarray, image: ImageData, settings: Settings) -> np.ndarray:
    """The channel of a plane that is segmented, or its colours."""
    if image.channel_axis is not None:
        return plane[settings.channel or 0]
    if image.rgb and settings.channel is not None:
        return plane[..., settings.channel]
    return plane[..., :3] if image.rgb else plane


def _is_blank(plane: np.ndarray, image: ImageData, settings: Settings) -> bool:
    """Whether there is nothing to see in a plane."""
    try:
        pixels = _displayed(plane, image, settings)
    except IndexError:
        return False
    return pixels.size > 0 and bool(pixels.min() == pixels.max())


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
