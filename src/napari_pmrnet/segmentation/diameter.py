"""Estimate of the diameter of nuclei, and so of the scale at which to see them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_pmrnet.io.label_numbers import number_labels
from napari_pmrnet.models.label_kind import whole_scale
from napari_pmrnet.segmentation.flow_labels import SMALLEST_AREA, label_nuclei
from napari_pmrnet.segmentation.normalise import normalise
from napari_pmrnet.segmentation.objects import describe_objects, object_features
from napari_pmrnet.segmentation.plane import Plane, PlaneStats
from napari_pmrnet.segmentation.predict import (
    Prediction,
    Progress,
    height_and_width,
    predict,
    run_to_end,
    take_flows,
)
from napari_pmrnet.segmentation.tiles import Box, TileGrid
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

KNOWN_LEAST, KNOWN_MOST = 0.6, 1.3
ENOUGH = 0.4
THRESHOLDS = Settings(probability_threshold=0.6, seed_threshold=0.6)
"""Those at which the rule of the estimate was chosen, whatever the user's are."""

ESTIMATE_SCALES = {1.0: 1.75, 0.5: 1.0, 0.25: 1.0, 2.0: 1.75}
"""Scales, and the side of the part that nuclei are measured in, in tiles."""


def choose_scale(
    model: Model,
    image: np.ndarray | Plane,
    diameter: float | None,
    whole: dict[float, Prediction] | None = None,
) -> Generator[Progress, None, tuple[float, float | None]]:
    """Scale at which the network is to see an image.

    Parameters
    ----------
    model : Model
    image : Plane, or ndarray of float32, shape (3, H, W)
        As `prepare` gives it.
    diameter : float or None
        Of a typical nucleus, in pixels. None: by `estimate_diameter`. A model whose
        card names no ``working_diameters`` sees every image as it is, one of objects or
        classes sees it whole.
    whole : dict, optional
        Filled with what estimates predicted of the whole image, by scale, so that a
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
    if model.card.label_kind.sees_whole:
        return whole_scale(model.tile, height_and_width(image)), None
    if needs_estimate(model, diameter):
        diameter = yield from estimate_diameter(model, image, whole)
    return scale_for(model, diameter), diameter


def needs_estimate(model: Model, diameter: float | None) -> bool:
    """Tell whether the scale can only be told from the image."""
    return diameter is None and model.card.working_diameters is not None


def scale_for(model: Model, diameter: float | None) -> float:
    """Scale for nuclei of a diameter in pixels, 1 where it is not known."""
    working = model.card.working_diameters
    if working is None or diameter is None:
        return 1.0
    return working_scale(diameter, *working)


def estimate_diameter(
    model: Model,
    image: np.ndarray | Plane,
    whole: dict[float, Prediction] | None = None,
) -> Generator[Progress, None, float | None]:
    """Estimate the diameter of a typical nucleus in a part of the image.

    The part is the one with the most contrast. It is seen at several scales. Of those
    at which nuclei have a size that the network knows, the one is believed whose nuclei
    are to be trusted most: at the wrong scale they run together or fall to pieces, into
    which the flows do not lead. An image whose nuclei are trusted well enough as it is
    is seen at no other scale.

    Parameters
    ----------
    model : Model
    image : Plane, or ndarray of float32, shape (3, H, W)
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
    small, large = model.card.working_diameters or (SMALL, LARGE)
    small, large = KNOWN_LEAST * small, KNOWN_MOST * large
    known: list[DiameterEstimate] = []
    native = None
    for scale, tiles in ESTIMATE_SCALES.items():
        yield Progress(0, 0, "measuring nuclei")
        part = liveliest(image, round(tiles * model.tile / scale))
        seen = estimate_at(model, part, scale)
        native = native or seen
        if (
            whole is not None
            and seen.prediction
            and part.shape[1:] == height_and_width(image)
        ):
            whole[scale] = seen.prediction
        if seen.diameter is None or not small <= seen.diameter * scale <= large:
            continue
        if seen is native and seen.trust >= ENOUGH:
            return seen.diameter
        known.append(seen)
    if known:
        return max(known, key=lambda seen: seen.trust).diameter
    return None if native is None else native.diameter


class DiameterEstimate(NamedTuple):
    """Mean trust of the nuclei at one scale, typical diameter or None, and maps."""

    trust: float
    diameter: float | None
    prediction: Prediction | None = None


def estimate_at(model: Model, planes: np.ndarray, scale: float) -> DiameterEstimate:
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
        return DiameterEstimate(0.0, None, prediction)
    maps["certainty"] = np.abs(2 * maps["probability"] - 1)
    if flows is None:
        objects = describe_objects(labels, maps)
        trust, area = objects["certainty"].to_numpy(), objects["area"].to_numpy()
    else:
        seen = object_features(labels, maps, flows)
        agreement, certainty, strength = (
            seen[name].to_numpy()
            for name in ("flow_agreement", "pixel_certainty", "flow_strength")
        )
        trust = np.clip(agreement, 0, 1) ** 2 * certainty * np.minimum(strength, 1)
        area = np.exp(seen["log_area"].to_numpy())
    diameter = weighted_median(np.sqrt(4 / np.pi * area), trust)
    return DiameterEstimate(
        float(np.average(trust, weights=area)), diameter, prediction
    )


def liveliest(image: np.ndarray | Plane, side: int) -> np.ndarray:
    """Part of an image with the largest standard deviation.

    Parameters
    ----------
    image : Plane, or ndarray of float32, shape (3, H, W)
    side : int
        Of the part, in pixels.

    Returns
    -------
    ndarray, shape (C, h, w)
        A view; h and w are `side`, or all of a smaller image.
    """
    boxes = TileGrid(height_and_width(image), side, side // 2).boxes()
    best = 0
    if len(boxes) > 1:
        thinned = (tuple(slice(s.start, s.stop, 4) for s in box) for box in boxes)
        best = int(np.argmax([image[:, ys, xs].std() for ys, xs in thinned]))
    ys, xs = boxes[best]
    return image[:, ys, xs]


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """Smallest value at which half of the weight is reached."""
    order = np.argsort(values)
    reached = np.cumsum(np.asarray(weights)[order])
    return float(np.asarray(values)[order][np.searchsorted(reached, reached[-1] / 2)])


SMALL, LARGE = 20.0, 34.0
LEAST_SCALE, MOST_SCALE = 0.1, 3.0


def working_scale(diameter: float, small: float = SMALL, large: float = LARGE) -> float:
    """Pixels the network sees for each pixel of the image.

    Nuclei smaller than `small` pixels across are enlarged to that, those larger than
    `large` are shrunk; between them the image is left as it is.

    Parameters
    ----------
    diameter : float
        Of a typical nucleus, in pixels of the image.
    small, large : float
        ``working_diameters`` of the model card; by default those of training.

    Returns
    -------
    float
        Between `LEAST_SCALE` and `MOST_SCALE`.
    """
    scale = np.clip(diameter, small, large) / diameter
    return float(np.clip(scale, LEAST_SCALE, MOST_SCALE))


def typical_diameter(labels: np.ndarray) -> float | None:
    """Median diameter of nuclei: of the circle with the area of each.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)

    Returns
    -------
    float or None
        In pixels; None where there is no nucleus.
    """
    numbered, _ = number_labels(labels)
    areas = np.bincount(numbered.ravel())[1:]
    return median_diameter(areas)


def median_diameter(areas: np.ndarray) -> float | None:
    """`typical_diameter` of nuclei whose areas, in pixels, are known."""
    return float(np.sqrt(4 / np.pi * np.median(areas))) if len(areas) else None


MOST_ESTIMATES = 3


def measure_plane(
    plane: Plane, model: Model, diameter: float | None
) -> Generator[Progress, None, PlaneStats]:
    """Intensity limits, smoothing and scale by which the network is to see an image.

    All are decided once. Where the diameter is not given, the parts with the most
    contrast are predicted until nuclei are found in one, three at most.

    Parameters
    ----------
    plane : Plane
    model : Model
    diameter : float or None
        Of a typical nucleus, in pixels.

    Yields
    ------
    Progress

    Returns
    -------
    PlaneStats

    Raises
    ------
    ImageError
        If the model sees images whole.
    """
    model.card.label_kind.refuse_tiles(plane.name, "Shrink it, and segment it at once.")
    yield Progress(0, 0, "reading an overview")
    limits = plane.limits
    boxes = liveliest_boxes(plane, model.tile)
    while needs_estimate(model, diameter):
        box = next(boxes, None)
        if box is None:
            break
        diameter = yield from estimate_diameter(model, plane[:, *box])
    return PlaneStats(scale_for(model, diameter), diameter, limits, plane.smoothing)


def liveliest_boxes(plane: Plane, tile: int) -> Iterator[Box]:
    """Parts of a large image with the largest standard deviation, apart, at most three.

    Parameters
    ----------
    plane : Plane
    tile : int
        Side of a tile of the network, in pixels.

    Yields
    ------
    tuple of slice
        Just large enough for every scale of `estimate_diameter`.
    """
    side = round(max(tiles * tile / scale for scale, tiles in ESTIMATE_SCALES.items()))
    overview = normalise(plane.overview, plane.limits)
    step = max(plane.shape[0] / overview.shape[0], 1.0)
    small = max(1, round(side / step))
    grid = TileGrid(overview.shape[:2], small, small // 2)
    boxes = np.array([[s.start for s in box] for box in grid.boxes()])
    contrast = np.array(
        [overview[y : y + small, x : x + small].std() for y, x in boxes]
    )
    for _ in range(MOST_ESTIMATES):
        if not len(boxes):
            return
        best = boxes[int(np.argmax(contrast))]
        y, x = (
            max(0, min(round(int(at) * step), n - side))
            for at, n in zip(best, plane.shape, strict=True)
        )
        yield slice(y, y + side), slice(x, x + side)
        apart = (np.abs(boxes - best) >= small).any(axis=1)
        boxes, contrast = boxes[apart], contrast[apart]
