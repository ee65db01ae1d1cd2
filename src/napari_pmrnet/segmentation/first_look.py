"""The first look: how large nuclei are, and so the scale at which to see them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_pmrnet.segmentation.instances import SMALLEST_AREA, label_nuclei
from napari_pmrnet.segmentation.kind import sees_whole, whole_scale
from napari_pmrnet.segmentation.objects import describe_objects, object_features
from napari_pmrnet.segmentation.predict import (
    Planes,
    Prediction,
    Progress,
    predict,
    run_to_end,
    take_flows,
)
from napari_pmrnet.segmentation.scale import working_scale
from napari_pmrnet.segmentation.settings import Settings
from napari_pmrnet.segmentation.windows import WindowGrid

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model

KNOWN_LEAST, KNOWN_MOST = 0.6, 1.3
ENOUGH = 0.4
THRESHOLDS = Settings(probability_threshold=0.6, seed_threshold=0.6)
"""Those at which the rule of the first look was chosen, whatever the user's are."""

LOOKS = {1.0: 1.75, 0.5: 1.0, 0.25: 1.0, 2.0: 1.75}
"""Scales, and the side of the part looked at in windows of the network."""


def choose_scale(
    model: Model,
    planes: Planes,
    diameter: float | None,
    whole: dict[float, Prediction] | None = None,
) -> Generator[Progress, None, tuple[float, float | None]]:
    """Scale at which the network is to see an image.

    Parameters
    ----------
    model : Model
    planes : ndarray of float32, shape (3, H, W)
        As `prepare` gives it.
    diameter : float or None
        Of a typical nucleus, in pixels. None: measured by `first_look`. A model whose
        card names no ``working_diameters`` sees every image as it is, one of objects or
        classes sees it whole.
    whole : dict, optional
        Filled with what the looks predicted of the whole image, by scale, so that a
        small image need not be predicted again.

    Yields
    ------
    Progress

    Returns
    -------
    scale : float
        Pixels the network sees for each pixel of the image.
    diameter : float or None
        None where no nucleus was found.
    """
    if sees_whole(model.card):
        return whole_scale(model.window, planes.shape[1:]), None
    if needs_a_look(model, diameter):
        diameter = yield from first_look(model, planes, whole)
    return scale_for(model, diameter), diameter


def needs_a_look(model: Model, diameter: float | None) -> bool:
    """Whether the scale can only be told from the image."""
    return diameter is None and model.card.get("working_diameters") is not None


def scale_for(model: Model, diameter: float | None) -> float:
    """Scale for nuclei of a diameter in pixels, 1 where it is not known."""
    working = model.card.get("working_diameters")
    if working is None or diameter is None:
        return 1.0
    return working_scale(diameter, *working)


def first_look(
    model: Model, planes: Planes, whole: dict[float, Prediction] | None = None
) -> Generator[Progress, None, float | None]:
    """Diameter of a typical nucleus, from a quick look at a part of the image.

    The part is the one with the most contrast. It is seen at several scales. Of those
    at which nuclei have a size that the network knows, the one is believed whose nuclei
    are to be trusted most: at the wrong scale they run together or fall to pieces, into
    which the flows do not lead. An image whose nuclei are trusted well enough as it is
    gets no further look.

    Parameters
    ----------
    model : Model
    planes : ndarray of float32, shape (3, H, W)
    whole : dict, optional
        As for `choose_scale`.

    Yields
    ------
    Progress

    Returns
    -------
    float or None
        In pixels; None where no nucleus was found.
    """
    small, large = model.card["working_diameters"]
    small, large = KNOWN_LEAST * small, KNOWN_MOST * large
    known, native = [], None
    for scale, windows in LOOKS.items():
        yield Progress(0, 0, "measuring nuclei")
        part = liveliest(planes, round(windows * model.window / scale))
        seen = look(model, part, scale)
        native = native or seen
        if whole is not None and seen.prediction and part.shape == planes.shape:
            whole[scale] = seen.prediction
        if seen.diameter is None or not small <= seen.diameter * scale <= large:
            continue
        if seen is native and seen.trust >= ENOUGH:
            return seen.diameter
        known.append(seen)
    return max(known, key=lambda told: told.trust, default=native).diameter


class Look(NamedTuple):
    """What one look told: mean trust of the nuclei, typical diameter or None, maps."""

    trust: float
    diameter: float | None
    prediction: Prediction | None = None


def look(model: Model, planes: np.ndarray, scale: float) -> Look:
    """Find nuclei at one scale.

    A nucleus is trusted as far as its pixels are clearly foreground, and its flows are
    long and lead to its centre. The diameter is the median weighted by trust.
    """
    prediction = run_to_end(predict(model, planes, scale=scale))
    maps = dict(prediction.maps)
    flows = take_flows(maps)
    settings = replace(THRESHOLDS, min_area=round(SMALLEST_AREA / scale**2))
    labels = label_nuclei(maps["probability"], flows, settings)
    if not labels.any():
        return Look(0.0, None, prediction)
    maps["certainty"] = np.abs(2 * maps["probability"] - 1)
    if flows is None:
        objects = describe_objects(labels, maps)
        trust, area = objects["certainty"].to_numpy(), objects["area"].to_numpy()
    else:
        seen = object_features(labels, maps, flows)
        trust = np.clip(seen["flow_agreement"], 0, 1) ** 2 * seen["pixel_certainty"]
        trust = (trust * np.minimum(seen["flow_strength"], 1)).to_numpy()
        area = np.exp(seen["log_area"].to_numpy())
    diameter = weighted_median(np.sqrt(4 / np.pi * area), trust)
    return Look(float(np.average(trust, weights=area)), diameter, prediction)


def liveliest(planes: Planes, side: int) -> np.ndarray:
    """Part of an image with the largest standard deviation.

    Parameters
    ----------
    planes : ndarray, shape (C, H, W)
    side : int
        Of the part, in pixels.

    Returns
    -------
    ndarray, shape (C, h, w)
        A view; h and w are `side`, or all of a smaller image.
    """
    boxes = WindowGrid(planes.shape[1:], side, side // 2).boxes()
    best = 0
    if len(boxes) > 1:
        thinned = (tuple(slice(s.start, s.stop, 4) for s in box) for box in boxes)
        best = int(np.argmax([planes[:, ys, xs].std() for ys, xs in thinned]))
    ys, xs = boxes[best]
    return planes[:, ys, xs]


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """Smallest value at which half of the weight is reached."""
    order = np.argsort(values)
    reached = np.cumsum(np.asarray(weights)[order])
    return float(np.asarray(values)[order][np.searchsorted(reached, reached[-1] / 2)])
