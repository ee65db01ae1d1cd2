"""How sure the network is: of every pixel, and of every nucleus."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import ndimage

FEATURES = ("pgrf", "log_odds", "boundary")
_LOG_ODDS_CAP = 8.0


def pixel_features(maps: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the certainty of a pixel is estimated from.

    Parameters
    ----------
    maps : mapping
        ``pgrf`` (raw PGRF map), ``probability`` and ``boundary``, each (H, W).

    Returns
    -------
    dict of ndarray, each (H, W)
        Keys as in `FEATURES`; the log odds are of the likelier class, at most 8.
    """
    probability = maps["probability"].astype(np.float32)
    likelier = np.clip(np.maximum(probability, 1 - probability), None, 1 - 1e-6)
    log_odds = np.minimum(np.log(likelier / (1 - likelier)), _LOG_ODDS_CAP)
    return {"pgrf": maps["pgrf"], "log_odds": log_odds, "boundary": maps["boundary"]}


def certainty_map(
    maps: Mapping[str, np.ndarray], calibration: Mapping[str, float] | None
) -> np.ndarray:
    """Estimated probability that a pixel's class is right.

    The PGRF gate is learned, so neither its sign nor its scale is guaranteed. A
    logistic regression on `FEATURES`, fitted on the validation set and stored in the
    model card, turns it into a probability.

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
        return maps["pgrf"]
    score = np.float32(calibration["intercept"])
    for name, values in pixel_features(maps).items():
        score = score + np.float32(calibration[name]) * values
    return (1 / (1 + np.exp(-score))).astype(np.float32)


def describe_objects(labels: np.ndarray, certainty: np.ndarray) -> pd.DataFrame:
    """One row a nucleus.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        Numbered 1 to n.
    certainty : ndarray of float32, shape (H, W)

    Returns
    -------
    DataFrame
        ``label``; ``certainty``, the mean over the nucleus' pixels; ``area`` in pixels;
        ``centroid_y`` and ``centroid_x`` in pixels.
    """
    index = np.arange(1, int(labels.max(initial=0)) + 1)
    rows, columns = np.ogrid[: labels.shape[0], : labels.shape[1]]
    area = np.bincount(labels.ravel(), minlength=len(index) + 1)[1:]

    def mean(values: np.ndarray) -> np.ndarray:
        values = np.broadcast_to(values, labels.shape)
        return np.asarray(ndimage.mean(values, labels, index), float)

    return pd.DataFrame(
        {
            "label": index,
            "certainty": mean(certainty),
            "area": area,
            "centroid_y": mean(rows),
            "centroid_x": mean(columns),
        }
    )
