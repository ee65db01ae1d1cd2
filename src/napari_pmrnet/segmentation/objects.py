"""One row a nucleus: where it is, how large, and how surely its label is right.

Labels, maps and flows may be of NumPy or of torch, see `arrays`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit

from napari_pmrnet.segmentation.arrays import (
    beside,
    host,
    library,
    logistic,
    minima,
    sums,
)
from napari_pmrnet.segmentation.flow_labels import highest_near, rims

RIGHT_IOU = 0.7
DOUBT_LIMIT = 0.5
"""Certainty below which a nucleus is doubtful: its label is likelier wrong than right.
"""
FEATURES = (
    "pixel_certainty",
    "least_certain",
    "log_odds",
    "rim_gate",
    "inner_gate",
    "flow_agreement",
    "flow_strength",
    "log_area",
    "roundness",
    "log_elongation",
    "cut",
    "firm",
    "ring_probability",
    "touching",
    "relative_size",
    "relative_size_squared",
    "company",
)


def object_maps(maps: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some maps that nuclei are measured on; no others need go to a GPU."""
    wanted = ("certainty", "probability", "boundary")
    return {name: maps[name] for name in wanted if name in maps}


class ImageContext(NamedTuple):
    """Facts of the whole image that a part of it needs.

    Attributes
    ----------
    offset : (y, x)
        Place of the part's first pixel.
    shape : (height, width)
        Of the whole image, in pixels.
    log_area : float
        Median over all nuclei of the logarithm of their area in pixels.
    mean_certainty : float
        Mean certainty of all labelled pixels.
    """

    offset: tuple[int, int]
    shape: tuple[int, int]
    log_area: float
    mean_certainty: float


def describe_objects(
    labels: np.ndarray,
    maps: Mapping[str, Any],
    flows: Any = None,
    calibration: Mapping[str, float] | None = None,
    whole: ImageContext | None = None,
) -> pd.DataFrame:
    """Measure every nucleus.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        Numbered 1 to n.
    maps : mapping of array, each (H, W)
        ``certainty``, and with a calibration ``probability`` and ``boundary``.
    flows : array of float32, shape (2, H, W), optional
        Needed with a calibration.
    calibration : mapping, optional
        ``intercept`` and a coefficient for each of `FEATURES`, from the model card;
        those that an older card does not name count for nothing.
    whole : ImageContext, optional
        The image that labels and maps are a part of. Rows of nuclei that the part cuts
        are then of no use; centroids count from the part's first pixel.

    Returns
    -------
    DataFrame
        ``label``; ``certainty``, the estimated probability that the label overlaps a
        true nucleus with IoU >= `RIGHT_IOU`, or without a calibration the mean
        certainty of its pixels; ``area``, ``centroid_y`` and ``centroid_x`` in pixels.
    """
    regions = _Regions(beside(labels, maps["certainty"]))
    if calibration is None or flows is None:
        certainty = regions.mean(regions.take(maps["certainty"]))
    else:
        features = _measure(regions, maps, flows, whole)
        certainty = fitted_probability(features, calibration)
    return _table(regions, certainty)


def describe_part(
    labels: np.ndarray,
    maps: Mapping[str, Any],
    flows: Any,
    whole: ImageContext,
) -> pd.DataFrame:
    """Measure the nuclei of a part of an image, for `seen_together`.

    Parameters
    ----------
    labels, maps, flows, whole
        As for `describe_objects`.

    Returns
    -------
    DataFrame
        The columns of `describe_objects` without a calibration, and with flows those of
        `object_features`.
    """
    regions = _Regions(beside(labels, maps["certainty"]))
    table = _table(regions, regions.mean(regions.take(maps["certainty"])))
    if flows is None:
        return table
    return pd.concat([table, _measure(regions, maps, flows, whole)], axis=1)


def _table(regions: _Regions, certainty: Any) -> pd.DataFrame:
    """The columns of `describe_objects`."""
    return pd.DataFrame(
        {
            "label": np.arange(1, regions.count + 1),
            "certainty": host(certainty),
            "area": host(regions.area).astype(int),
            "centroid_y": host(regions.centre[0]),
            "centroid_x": host(regions.centre[1]),
        }
    )


def object_certainty(
    labels: np.ndarray,
    maps: Mapping[str, Any],
    flows: Any,
    calibration: Mapping[str, float],
) -> np.ndarray:
    """The column ``certainty`` of `describe_objects` alone, shape (n,)."""
    return fitted_probability(object_features(labels, maps, flows), calibration)


def fitted_probability(
    features: pd.DataFrame, weights: Mapping[str, float]
) -> np.ndarray:
    """Probability by a fitted logistic regression.

    Parameters
    ----------
    features : DataFrame
        One row a case.
    weights : mapping
        ``intercept`` and a coefficient for each column; those that are not named, as
        in an older card, count for nothing.

    Returns
    -------
    ndarray of float, shape (n,)
    """
    slopes = np.array([weights.get(name, 0.0) for name in features])
    return expit(features.to_numpy(float) @ slopes + weights["intercept"])


def object_features(
    labels: np.ndarray,
    maps: Mapping[str, Any],
    flows: Any,
) -> pd.DataFrame:
    """Features that the certainty of a nucleus is estimated from.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        Numbered 1 to n.
    maps : mapping of array, each (H, W)
        ``certainty``, ``probability`` and ``boundary``.
    flows : array of float32, shape (2, H, W)

    Returns
    -------
    DataFrame
        One row a nucleus. Means over its pixels of certainty and log odds, its least
        certainty; boundary gate on its rim and inside; how well the flows lead to its
        centroid (mean cosine) and their length; logarithm of its area; its area over
        that of the ellipse with the same second moments; logarithm of that ellipse's
        elongation; whether it touches the border of the image; share of its pixels with
        a probability above 0.9; mean probability of the unlabelled pixels around it;
        share of its rim that touches another nucleus; logarithm of its area over the
        median of the image, and the square of that; mean certainty of all labelled
        pixels of the image.
    """
    return _measure(_Regions(beside(labels, maps["certainty"])), maps, flows)


def seen_together(features: pd.DataFrame, areas: np.ndarray) -> pd.DataFrame:
    """Features of all nuclei of an image that was measured in parts.

    Parameters
    ----------
    features : DataFrame
        Of `describe_part`, of all parts, measured with any `ImageContext`.
    areas : ndarray of int, shape (n,)
        Pixels of every nucleus.

    Returns
    -------
    DataFrame
        With those columns set anew that compare a nucleus with the whole image.
    """
    if features.empty:
        return features
    relative = features["log_area"] - np.median(features["log_area"])
    mean_certainty = np.average(features["pixel_certainty"], weights=areas)
    return features.assign(
        relative_size=relative,
        relative_size_squared=relative**2,
        company=mean_certainty,
    )


def _measure(
    regions: _Regions,
    maps: Mapping[str, Any],
    flows: Any,
    whole: ImageContext | None = None,
) -> pd.DataFrame:
    """`object_features`, reading the maps within the labels only."""
    xp = library(regions.labels)
    certainty, probability, gate, rim = map(
        regions.take,
        (maps["certainty"], maps["probability"], maps["boundary"], regions.rim()),
    )
    log_area = xp.log(xp.clip(regions.area, 1, None))
    if whole is None:
        typical = float(np.median(host(log_area))) if regions.count else 0.0
        mean_certainty = float(certainty.mean()) if regions.count else 0.0
        whole = ImageContext((0, 0), regions.labels.shape, typical, mean_certainty)
    relative_size = log_area - whole.log_area
    touching, ring = regions.surroundings(maps["probability"])
    flow = [regions.take(component) for component in flows]
    strength = xp.hypot(*flow)
    roundness, elongation = regions.ellipse()
    columns = {
        "pixel_certainty": regions.mean(certainty),
        "least_certain": regions.least(certainty),
        "log_odds": regions.mean(log_odds(probability)),
        "rim_gate": regions.mean(gate, rim),
        "inner_gate": regions.mean(gate, ~rim),
        "flow_agreement": regions.mean(regions.towards_centre(flow, strength)),
        "flow_strength": regions.mean(strength),
        "log_area": log_area,
        "roundness": roundness,
        "log_elongation": xp.log(elongation),
        "cut": regions.touching_the_border(whole),
        "firm": regions.mean(probability > 0.9),
        "ring_probability": ring,
        "touching": regions.mean(touching, rim),
        "relative_size": relative_size,
        "relative_size_squared": relative_size**2,
    }
    table = pd.DataFrame({name: host(column) for name, column in columns.items()})
    return table.assign(company=whole.mean_certainty).loc[:, list(FEATURES)]


class _Regions:
    """Sums over the pixels of every label, all labels at once."""

    def __init__(self, labels: Any) -> None:
        self._xp = xp = library(labels)
        self.labels, width = labels, labels.shape[1]
        self.pixels = xp.where(labels.ravel() != 0)[0]
        self.owner = self.take(labels) - 1
        self.y, self.x = self.pixels // width, self.pixels % width
        areas = xp.bincount(self.owner)
        self.count = len(areas)
        self.area = xp.asarray(areas, dtype=xp.float64)
        self.centre = self._sum(self.y) / self.area, self._sum(self.x) / self.area
        self.dy = self.y - self.centre[0][self.owner]
        self.dx = self.x - self.centre[1][self.owner]

    def take(self, image: Any) -> Any:
        """Values of an image (H, W) at the labelled pixels, (n,)."""
        return image.ravel()[self.pixels]

    def rim(self) -> Any:
        """Pixels with a 4-neighbour of another label or none, (H, W)."""
        return rims(self.labels)

    def _sum(self, values: Any) -> Any:
        return sums(self.owner, values, self.count)

    def mean(self, values: Any, where: Any = None) -> Any:
        """Mean over every label; 0 where `where` leaves no pixel of it."""
        if where is None:
            return self._sum(values) / self.area
        return self._sum(values * where) / self._xp.clip(self._sum(where), 1, None)

    def least(self, values: Any) -> Any:
        """Smallest value within every label."""
        return minima(self.owner, values, self.count)

    def towards_centre(self, flow: Sequence[Any], strength: Any) -> Any:
        """Cosine between the flow, 2 of (n,), and the way to the centroid, (n,)."""
        along = flow[0] * self.dy + flow[1] * self.dx
        return -along / (self._xp.hypot(self.dy, self.dx) * strength + 1e-6)

    def ellipse(self) -> tuple[Any, Any]:
        """Share of the ellipse of equal second moments filled; its axes' ratio."""
        xp = self._xp
        # A pixel is a square, not a point: 1/12 is its own second moment.
        yy, xx = (self._sum(d * d) / self.area + 1 / 12 for d in (self.dy, self.dx))
        xy = self._sum(self.dy * self.dx) / self.area
        mean, half = (yy + xx) / 2, xp.hypot((yy - xx) / 2, xy)
        minor = xp.clip(mean - half, 1 / 12, None)
        roundness = self.area / (4 * np.pi * xp.sqrt((mean + half) * minor))
        return roundness, xp.sqrt((mean + half) / minor)

    def surroundings(self, probability: Any) -> tuple[Any, Any]:
        """Labelled pixels that touch another label; probability around it.

        Returns
        -------
        array of bool, shape (n,)
            Another label among the eight neighbours of the pixel.
        array of float, shape (count,)
            Mean probability of the unlabelled pixels next to a nucleus, 0 if none are.
        """
        xp = self._xp
        highest = highest_near(self.labels)
        reverse = xp.where(self.labels > 0, self.count + 1 - self.labels, 0)
        lowest = self.count + 1 - highest_near(reverse)
        touching = self.take((highest != self.labels) | (lowest != self.labels))
        around = (self.labels == 0) & (highest > 0)
        owner = highest[around] - 1
        total = sums(owner, probability[around], self.count)
        number = xp.bincount(owner, minlength=self.count)
        return touching, total / xp.clip(number, 1, None)

    def touching_the_border(self, whole: ImageContext) -> Any:
        """1.0 for a label with a pixel on the border of the whole image, else 0.0."""
        (top, left), (height, width) = whole.offset, whole.shape
        y, x = self.y + top, self.x + left
        edge = (y == 0) | (x == 0) | (y == height - 1) | (x == width - 1)
        return self._xp.clip(self._sum(edge), 0, 1)


PIXEL_FEATURES = ("pgrf", "log_odds", "boundary")
_LOG_ODDS_CAP = 8.0


def pixel_features(maps: Mapping[str, Any]) -> dict[str, Any]:
    """Features that the certainty of a pixel is estimated from.

    Parameters
    ----------
    maps : mapping
        ``pgrf`` (raw PGRF map), ``probability`` and ``boundary``, each (H, W).

    Returns
    -------
    dict of array, each (H, W)
        Keys as in `PIXEL_FEATURES`; the log odds are of the likelier class, at most 8.
    """
    return {
        "pgrf": maps["pgrf"],
        "log_odds": log_odds(maps["probability"]),
        "boundary": maps["boundary"],
    }


def log_odds(probability: Any) -> Any:
    """Log odds of the likelier class, 0 to 8, float32 of the same shape."""
    xp = library(probability)
    probability = xp.asarray(probability, dtype=xp.float32)
    likelier = xp.clip(xp.maximum(probability, 1 - probability), None, 1 - 1e-6)
    return xp.clip(xp.log(likelier / (1 - likelier)), None, _LOG_ODDS_CAP)


def certainty_map(
    maps: Mapping[str, Any], calibration: Mapping[str, float] | None
) -> np.ndarray:
    """Estimated probability that a pixel's class is right.

    The PGRF gate is learned, so neither its sign nor its scale is guaranteed. A
    logistic regression on `PIXEL_FEATURES`, fitted on the validation set and stored in
    the model card, turns it into a probability.

    Parameters
    ----------
    maps : mapping
        As for `pixel_features`.
    calibration : mapping or None
        ``intercept`` and one coefficient a feature. None gives the raw PGRF map.

    Returns
    -------
    ndarray of float32, shape (H, W)
        In [0, 1].
    """
    if calibration is None:
        return host(maps["pgrf"])
    score: Any = float(calibration["intercept"])
    for name, values in pixel_features(maps).items():
        score = score + float(calibration.get(name, 0.0)) * values
    return host(logistic(score))
