"""One row a nucleus: where it is, how large, and how surely its label is right."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import expit
from skimage.segmentation import find_boundaries

from napari_pmrnet.segmentation.certainty import log_odds

RIGHT_IOU = 0.7
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
)


def describe_objects(
    labels: np.ndarray,
    maps: Mapping[str, np.ndarray],
    flows: np.ndarray | None = None,
    calibration: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Measure every nucleus.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        Numbered 1 to n.
    maps : mapping of ndarray, each (H, W)
        ``certainty``, and with a calibration ``probability`` and ``boundary``.
    flows : ndarray of float32, shape (2, H, W), optional
        Needed with a calibration.
    calibration : mapping, optional
        ``intercept`` and a coefficient for each of `FEATURES`, from the model card.

    Returns
    -------
    DataFrame
        ``label``; ``certainty``, the estimated probability that the label overlaps a
        true nucleus with IoU >= `RIGHT_IOU`, or without a calibration the mean
        certainty of its pixels; ``area``, ``centroid_y`` and ``centroid_x`` in pixels.
    """
    regions = _Regions(labels)
    if calibration is None or flows is None:
        certainty = regions.mean(regions.take(maps["certainty"]))
    else:
        table = _measure(regions, maps, flows)
        weights = np.array([calibration[name] for name in FEATURES])
        certainty = expit(table.to_numpy() @ weights + calibration["intercept"])
    return pd.DataFrame(
        {
            "label": np.arange(1, regions.count + 1),
            "certainty": certainty,
            "area": regions.area.astype(int),
            "centroid_y": regions.centre[0],
            "centroid_x": regions.centre[1],
        }
    )


def object_features(
    labels: np.ndarray, maps: Mapping[str, np.ndarray], flows: np.ndarray
) -> pd.DataFrame:
    """What the certainty of a nucleus is estimated from.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        Numbered 1 to n.
    maps : mapping of ndarray, each (H, W)
        ``certainty``, ``probability`` and ``boundary``.
    flows : ndarray of float32, shape (2, H, W)

    Returns
    -------
    DataFrame
        One row a nucleus. Means over its pixels of certainty and log odds, its least
        certainty; boundary gate on its rim and inside; how well the flows lead to its
        centroid (mean cosine) and their length; logarithm of its area; its area over
        that of the ellipse with the same second moments; logarithm of that ellipse's
        elongation; whether it touches the border of the image.
    """
    return _measure(_Regions(labels), maps, flows)


def _measure(
    regions: _Regions, maps: Mapping[str, np.ndarray], flows: np.ndarray
) -> pd.DataFrame:
    """`object_features`, reading the maps within the labels only."""
    certainty, probability, gate, rim = map(
        regions.take,
        (maps["certainty"], maps["probability"], maps["boundary"], regions.rim()),
    )
    flow = np.stack([regions.take(component) for component in flows])
    strength = np.hypot(*flow)
    roundness, elongation = regions.ellipse()
    return pd.DataFrame(
        {
            "pixel_certainty": regions.mean(certainty),
            "least_certain": regions.least(certainty),
            "log_odds": regions.mean(log_odds(probability)),
            "rim_gate": regions.mean(gate, rim),
            "inner_gate": regions.mean(gate, ~rim),
            "flow_agreement": regions.mean(regions.towards_centre(flow, strength)),
            "flow_strength": regions.mean(strength),
            "log_area": np.log(np.maximum(regions.area, 1)),
            "roundness": roundness,
            "log_elongation": np.log(elongation),
            "cut": regions.touching_the_border().astype(float),
        },
        columns=FEATURES,
    )


class _Regions:
    """Sums over the pixels of every label, all labels at once."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels
        self.count = int(labels.max(initial=0))
        self.pixels = np.flatnonzero(labels)
        self.owner = self.take(labels) - 1
        self.y, self.x = np.divmod(self.pixels, labels.shape[1])
        self.area = self._sum(None)
        self.centre = self._sum(self.y) / self.area, self._sum(self.x) / self.area
        self.dy = self.y - self.centre[0][self.owner]
        self.dx = self.x - self.centre[1][self.owner]

    def take(self, image: np.ndarray) -> np.ndarray:
        """Values of an image (H, W) at the labelled pixels, (n,)."""
        return image.ravel()[self.pixels]

    def rim(self) -> np.ndarray:
        """Pixels with a 4-neighbour of another label or none, (H, W)."""
        return find_boundaries(self.labels, mode="inner")

    def _sum(self, values: np.ndarray | None) -> np.ndarray:
        return np.bincount(self.owner, values, minlength=self.count).astype(float)

    def mean(self, values: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
        """Mean over every label; 0 where `where` leaves no pixel of it."""
        if where is None:
            return self._sum(values) / self.area
        return self._sum(values * where) / np.maximum(self._sum(where), 1)

    def least(self, values: np.ndarray) -> np.ndarray:
        """Smallest value within every label."""
        least = np.full(self.count, np.inf)
        np.minimum.at(least, self.owner, values)
        return least

    def towards_centre(self, flow: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """Cosine between the flow (2, n) and the way to the centroid, (n,)."""
        along = flow[0] * self.dy + flow[1] * self.dx
        return -along / (np.hypot(self.dy, self.dx) * strength + 1e-6)

    def ellipse(self) -> tuple[np.ndarray, np.ndarray]:
        """Share of the ellipse of equal second moments filled; its axes' ratio."""
        # A pixel is a square, not a point: 1/12 is its own second moment.
        yy, xx = (self._sum(d * d) / self.area + 1 / 12 for d in (self.dy, self.dx))
        xy = self._sum(self.dy * self.dx) / self.area
        mean, half = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
        minor = np.maximum(mean - half, 1 / 12)
        roundness = self.area / (4 * np.pi * np.sqrt((mean + half) * minor))
        return roundness, np.sqrt((mean + half) / minor)

    def touching_the_border(self) -> np.ndarray:
        """Whether a label has a pixel on the border of the image."""
        height, width = self.labels.shape
        edge = (self.y == 0) | (self.x == 0)
        edge |= (self.y == height - 1) | (self.x == width - 1)
        return self._sum(edge) > 0
