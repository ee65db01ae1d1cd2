"""Estimate of the diameter of nuclei, and so of the scale at which to see them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_pmrnet.io.label_numbers import number_labels
from napari_pmrnet.models.label_kind import whole_scale
from napari_pmrnet.segmentation.flow_labels import SMALLEST_AREA, label_nuclei
from napari_pmrnet.segmentation.normalise import thinning
from napari_pmrnet.segmentation.objects import (
    describe_objects,
    object_features,
    object_maps,
)
from napari_pmrnet.segmentation.on_device import on_device
from napari_pmrnet.segmentation.plane import Plane, PlaneStats
from napari_pmrnet.segmentation.predict import (
    Prediction,
    Progress,
    grid_for,
    height_and_width,
    predict,
    run_to_end,
    runs_beside,
    take_flows,
)
from napari_pmrnet.segmentation.tiles import Box, TileGrid, block_mean, box_of
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

LOOKS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Scales at which nuclei are looked for, one after the other."""

MOST_PARTS = 3
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

NEAR = 1.1
"""Factor up to which the scale of a look serves for the image."""

FINENESS = 2
"""Pixels of a look for each that the network sees, at least: more tell nothing."""

SMALLEST_LOOK = 64
"""Shortest image, along its longer side, that a look makes sense of, in pixels."""

THRESHOLDS = Settings(probability_threshold=0.6, seed_threshold=0.6)
"""Those at which the rule of the estimate was chosen, whatever the user's are."""


class ChosenScale(NamedTuple):
    """Scale of an image, typical diameter of its nuclei, and another one seen.

    ``scale`` is the pixels the network sees for each pixel of the image; ``diameter``
    is in pixels of the image, None where no nucleus was found; ``other`` is that of a
    look that disagreed, None if none did.
    """

    scale: float
    diameter: float | None = None
    other: float | None = None

    def notes(self) -> tuple[str, ...]:
        """What the user is told where looks disagreed."""
        if self.diameter is None or self.other is None:
            return ()
        return (
            f"nuclei were taken to be about {self.diameter:.0f} pixels across, but "
            f"could be {self.other:.0f}: if the labels do not fit, set that diameter",
        )


def choose_scale(
    model: Model,
    image: np.ndarray | Plane,
    diameter: float | None,
    whole: dict[float, Prediction] | None = None,
) -> Generator[Progress, None, ChosenScale]:
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
        Filled with what estimates predicted of the whole image, by scale. A small image
        need not be predicted again where one of these scales is near enough.

    Yields
    ------
    Progress

    Returns
    -------
    ChosenScale
    """
    if model.card.label_kind.sees_whole:
        return ChosenScale(whole_scale(model.tile, height_and_width(image)))
    other = None
    if needs_estimate(model, diameter):
        diameter, other = yield from estimate_diameter(model, image, whole)
    scale = scale_for(model, diameter)
    near = [look for look in whole or () if 1 / NEAR <= look / scale <= NEAR]
    scale = min(near, key=lambda look: abs(look - scale), default=scale)
    return ChosenScale(scale, diameter, other)


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
    parts = {scale: eye.parts_at(scale) for scale in _looks(eye.shape)}
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


def likely_tiles(
    model: Model, shape: tuple[int, int], diameter: float | None
) -> list[tuple[tuple[int, int], bool]]:
    """Sizes of the tiles that the network will probably see of an image.

    Those of the looks that have to be taken, and those of the image at the scale for
    the diameter; at its own, which is the likeliest, where no diameter is known.

    Parameters
    ----------
    model : Model
    shape : tuple of int
        Height and width of the image, in pixels.
    diameter : float or None
        Of a typical nucleus, in pixels.

    Returns
    -------
    list of ((int, int), bool)
        Height and width as the network sees them, and whether several are under way
        at once; see `Model.prepare`.
    """
    sizes = []
    if needs_estimate(model, diameter):
        for scale in _looks(shape):
            if scale > 1:  # rarely needed
                continue
            part = [min(n, round(LOOK_SIDE * model.tile / scale)) for n in shape]
            side = _coarseness(scale, part)
            seen, _ = grid_for(model, (part[0] // side, part[1] // side), scale * side)
            sizes.append((seen, False))
    seen, grid = grid_for(model, shape, scale_for(model, diameter))
    sizes.append((seen, runs_beside(model, seen, len(grid.boxes()))))
    return list(dict.fromkeys(sizes))


def _looks(shape: tuple[int, int]) -> list[float]:
    """Scales at which an image is large enough to be looked at."""
    return [s for s in LOOKS if max(shape) * s >= SMALLEST_LOOK or s >= 1]


def _coarseness(scale: float, shape: Sequence[int]) -> int:
    """Side of the squares whose means are looked at, in pixels of the image."""
    return min(max(1, int(1 / (FINENESS * scale))), *shape)


class DiameterEstimate(NamedTuple):
    """Mean trust of the nuclei at one scale, typical diameter or None, and maps.

    ``prediction`` is None where only means of squares of pixels were looked at.
    """

    scale: float
    trust: float
    diameter: float | None
    prediction: Prediction | None = None


def estimate_at(model: Model, planes: np.ndarray, scale: float) -> DiameterEstimate:
    """Find nuclei at one scale.

    A nucleus is trusted as far as its pixels are clearly foreground, and its flows are
    long and lead to its centre. The diameter is a weighted median, see `EVENNESS`.
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


def overview_of(image: np.ndarray | Plane) -> np.ndarray:
    """An image thinned out, from 0 to 1: float32 (h, w) or (h, w, 3)."""
    if isinstance(image, Plane):
        return image.normalised_overview()
    step = thinning(image[0].size)
    return np.moveaxis(image[:, ::step, ::step], 0, 2)


def liveliest_boxes(
    overview: np.ndarray, shape: tuple[int, int], side: int
) -> Iterator[Box]:
    """Parts of an image with the largest standard deviation, apart.

    Parameters
    ----------
    overview : ndarray, shape (h, w) or (h, w, 3)
        Of the image, thinned out.
    shape : tuple of int
        Height and width of the image.
    side : int
        Of a part, in pixels of the image.

    Yields
    ------
    tuple of slice
        As large as `side`, or as the image along a shorter axis.
    """
    step = max(shape[0] / overview.shape[0], 1.0)
    small = max(1, round(side / step))
    grid = TileGrid(overview.shape[:2], (small, small), small // 2)
    corners = np.array([[s.start for s in box] for box in grid.boxes()])
    if len(corners) == 1:
        yield _part((0, 0), side, shape)
        return
    contrast = np.array(
        [overview[y : y + small, x : x + small].std() for y, x in corners]
    )
    while len(corners):
        best = corners[int(np.argmax(contrast))]
        y, x = (round(int(at) * step) for at in best)
        yield _part((y, x), side, shape)
        apart = (np.abs(corners - best) >= small).any(axis=1)
        corners, contrast = corners[apart], contrast[apart]


def _part(first: tuple[int, int], side: int, shape: tuple[int, int]) -> Box:
    """Part of an image that begins at a pixel, moved to lie within it."""
    starts = (max(0, min(at, n - side)) for at, n in zip(first, shape, strict=True))
    return box_of(
        slice(at, min(at + side, n)) for at, n in zip(starts, shape, strict=True)
    )


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


def measure_plane(
    plane: Plane, model: Model, diameter: float | None
) -> Generator[Progress, None, PlaneStats]:
    """Intensity limits, smoothing and scale by which the network is to see an image.

    All are decided once.

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
    chosen = yield from choose_scale(model, plane, diameter)
    return PlaneStats(
        chosen.scale, chosen.diameter, limits, plane.smoothing, chosen.notes()
    )
