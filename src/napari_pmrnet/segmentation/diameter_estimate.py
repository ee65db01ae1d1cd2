"""Estimate of the diameter of nuclei, from looks at parts of an image."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_pmrnet.segmentation.contrast import liveliest_boxes, overview_of
from napari_pmrnet.segmentation.diameter import LARGE, SMALL, scale_for, weighted_median
from napari_pmrnet.segmentation.flow_labels import SMALLEST_AREA, label_nuclei
from napari_pmrnet.segmentation.objects import (
    describe_objects,
    object_features,
    object_maps,
)
from napari_pmrnet.segmentation.on_device import on_device
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import (
    Prediction,
    Progress,
    grid_for,
    height_and_width,
    predict,
    run_to_end,
    take_flows,
)
from napari_pmrnet.segmentation.tiles import Box, block_mean
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

LOOKS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Scales at which nuclei are looked for, one after the other."""

MOST_PARTS = 3
"""Parts that are looked at, one after the other, where no nucleus is found."""

LOOK_SIDE = 1.25
"""Side of the part that is looked at, in tiles of the network."""

KNOWN_LEAST, KNOWN_MOST = 0.4, 1.3
"""Sizes that the network knows: of the least and the most of working diameters."""

ENOUGH, ENOUGH_AFAR = 0.35, 0.5
"""Trust from which on a look ends the search, and the one from furthest away.

From there clumps of tissue look like nuclei.
"""

LESS = 0.05
"""What a second look may be trusted less, to be believed in place of the first."""

EVENNESS = 0.25
"""Power of the trust by which a nucleus counts for the diameter.

Small nuclei are trusted less; by the trust itself the diameter comes out too large.
"""

WORTH_A_NOTE = 0.15
"""Trust from which on a look that saw nuclei of quite another size is told of."""

ANOTHER_SIZE = 1.5
"""Factor from which on diameters differ."""

FINENESS = 2
"""Pixels of a look for each that the network sees, at least: more tell nothing."""

SMALLEST_LOOK = 64
"""Shortest image, along its longer side, that a look makes sense of, in pixels."""

THRESHOLDS = Settings(probability_threshold=0.6, seed_threshold=0.6)
"""Those at which the rule of the estimate was chosen, whatever the user's are."""


class DiameterEstimate(NamedTuple):
    """Mean trust of the nuclei at one scale, typical diameter or None, and maps.

    ``scale`` is the pixels the network sees for each pixel of the image, ``trust`` lies
    between 0 and 1, ``diameter`` is in pixels of the image. ``prediction`` is None
    where only means of squares of pixels were looked at.
    """

    scale: float
    trust: float
    diameter: float | None
    prediction: Prediction | None = None


def estimate_diameter(
    model: Model,
    image: np.ndarray | Plane,
    whole: dict[float, Prediction] | None = None,
) -> Generator[Progress, None, tuple[float | None, float | None]]:
    """Estimate the diameter of a typical nucleus in a part of the image.

    The part is the one with the most contrast, of one size for the network. It is seen
    at several scales, the coarsest first: this costs least, and what looks like nuclei
    there is not taken for the spots within them. The search ends with the first look
    whose nuclei have a size that the network knows and are to be trusted: at the wrong
    scale they run together or fall to pieces, into which the flows do not lead. The
    most trusted look at nuclei of a known size is believed. Where no nucleus is found,
    two more parts are looked at.

    From afar small nuclei run together. An image that the network sees whole at the
    scale for the nuclei found is looked at once more at that scale, which costs nothing
    if the answer stays: it is the prediction of the image.

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
    diameter : float or None
        In pixels; None where no nucleus was found.
    other : float or None
        What the most trusted of the looks saw that disagree with it, if worth a note.
    """
    known: list[DiameterEstimate] = []
    others: list[DiameterEstimate] = []
    small, large = model.card.working_diameters or (SMALL, LARGE)
    small, large = KNOWN_LEAST * small, KNOWN_MOST * large
    eye = _Eye(model, image, {} if whole is None else whole)
    parts = {scale: eye.parts_at(scale) for scale in _look_scales(eye.shape)}
    for _ in range(MOST_PARTS):
        for scale, boxes in parts.items():
            box = next(boxes, None)
            if box is None:
                continue
            yield Progress(0, 0, "measuring nuclei")
            look = eye.look_at(box, scale)
            if look.diameter is None:
                continue
            is_known = small <= look.diameter * scale <= large
            (known if is_known else others).append(look)
            enough = ENOUGH_AFAR if scale == LOOKS[0] else ENOUGH
            if is_known and look.trust >= enough:
                break
        if known or others:
            best = max(known or others, key=lambda look: look.trust)
            scale = scale_for(model, best.diameter)
            if scale > best.scale and eye.sees_all_at(scale):
                yield Progress(0, 0, "measuring nuclei")
                again = eye.look_at(next(eye.parts_at(scale)), scale)
                known.append(again)
                if again.diameter and again.trust > best.trust - LESS:
                    best = again
            return best.diameter, _another(best, known)
    return None, None


class _Eye:
    """Looks at parts of an image, and keeps what it saw of all of it."""

    def __init__(
        self, model: Model, image: np.ndarray | Plane, whole: dict[float, Prediction]
    ) -> None:
        self.shape = height_and_width(image)
        self._model, self._image, self._whole = model, image, whole
        self._overview = overview_of(image)

    def _side(self, scale: float) -> int:
        """Side of a part that is seen at a scale, in pixels of the image."""
        return round(LOOK_SIDE * self._model.tile / scale)

    def sees_all_at(self, scale: float) -> bool:
        """Tell whether the image is no larger than a part."""
        return max(self.shape) <= self._side(scale)

    def parts_at(self, scale: float) -> Iterator[Box]:
        """Parts to look at, the liveliest first."""
        return liveliest_boxes(self._overview, self.shape, self._side(scale))

    def look_at(self, box: Box, scale: float) -> DiameterEstimate:
        """Find the nuclei of a part at a scale."""
        look = estimate_at(self._model, self._image[:, *box], scale)
        if look.prediction is not None and self.sees_all_at(scale):
            self._whole[scale] = look.prediction
        return look


def _another(believed: DiameterEstimate, known: list[DiameterEstimate]) -> float | None:
    """Diameter of the most trusted look that saw nuclei of quite another size."""
    size = believed.diameter or 1.0
    unlike = [
        look
        for look in known
        if look.trust >= WORTH_A_NOTE
        and not 1 / ANOTHER_SIZE <= (look.diameter or 1.0) / size <= ANOTHER_SIZE
    ]
    return max(unlike, key=lambda look: look.trust).diameter if unlike else None


def estimate_at(model: Model, planes: np.ndarray, scale: float) -> DiameterEstimate:
    """Find nuclei at one scale.

    A nucleus is trusted as far as its pixels are clearly foreground, and its flows are
    long and lead to its centre. The diameter is a weighted median, see `EVENNESS`.

    Parameters
    ----------
    model : Model
    planes : ndarray of float32, shape (3, H, W)
        The part that is looked at, as `prepare` gives it.
    scale : float
        Pixels the network sees for each pixel of the image.
    """
    side = _coarseness(scale, planes.shape[1:])
    planes, seen_at = block_mean(planes, side), scale * side
    prediction = run_to_end(predict(model, planes, scale=seen_at))
    maps = dict(prediction.maps)
    if side > 1:
        prediction = None
    flows = take_flows(maps)
    settings = replace(THRESHOLDS, min_area=round(SMALLEST_AREA / seen_at**2))
    labels = on_device(model, label_nuclei, maps["probability"], flows, settings)
    if not labels.any():
        return DiameterEstimate(scale, 0.0, None, prediction)
    maps["certainty"] = np.abs(2 * maps["probability"] - 1)
    if flows is None:
        objects = describe_objects(labels, maps)
        trust, area = objects["certainty"].to_numpy(), objects["area"].to_numpy()
    else:
        seen = on_device(model, object_features, labels, object_maps(maps), flows)
        agreement, certainty, strength = (
            seen[name].to_numpy()
            for name in ("flow_agreement", "pixel_certainty", "flow_strength")
        )
        trust = np.clip(agreement, 0, 1) ** 2 * certainty * np.minimum(strength, 1)
        area = np.exp(seen["log_area"].to_numpy())
    diameter = side * weighted_median(np.sqrt(4 / np.pi * area), trust**EVENNESS)
    overall = float(np.average(trust, weights=area))
    return DiameterEstimate(scale, overall, diameter, prediction)


def look_tiles(model: Model, shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes of the tiles that the network sees in the looks that have to be taken.

    Parameters
    ----------
    model : Model
    shape : tuple of int
        Height and width of the image, in pixels.

    Returns
    -------
    list of (int, int)
        Height and width as the network sees them, one a look.
    """
    sizes = []
    for scale in _look_scales(shape):
        if scale > 1:  # rarely needed
            continue
        part = [min(n, round(LOOK_SIDE * model.tile / scale)) for n in shape]
        side = _coarseness(scale, part)
        seen, _ = grid_for(model, (part[0] // side, part[1] // side), scale * side)
        sizes.append(seen)
    return sizes


def _look_scales(shape: tuple[int, int]) -> list[float]:
    """Scales at which an image is large enough to be looked at."""
    return [s for s in LOOKS if max(shape) * s >= SMALLEST_LOOK or s >= 1]


def _coarseness(scale: float, shape: Sequence[int]) -> int:
    """Side of the squares whose means are looked at, in pixels of the image (H, W)."""
    return min(max(1, int(1 / (FINENESS * scale))), *shape)
