"""How sure the network is of every pixel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import expit

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
    return {
        "pgrf": maps["pgrf"],
        "log_odds": log_odds(maps["probability"]),
        "boundary": maps["boundary"],
    }


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Log odds of the likelier class, 0 to 8, float32 of the same shape."""
    probability = probability.astype(np.float32)
    likelier = np.clip(np.maximum(probability, 1 - probability), None, 1 - 1e-6)
    return np.minimum(np.log(likelier / (1 - likelier)), _LOG_ODDS_CAP)


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
    return expit(score)
