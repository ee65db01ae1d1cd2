"""Scores of how certainty tells right from wrong, for nuclei and for pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu


class Found(NamedTuple):
    """Share of the wrong found among the least certain, and the most that could be."""

    share: float
    most: float


def auroc(score: np.ndarray, event: np.ndarray) -> float:
    """Area under the ROC curve: how often an event has the higher score.

    Parameters
    ----------
    score : ndarray of float, shape (n,)
    event : ndarray of bool, shape (n,)

    Returns
    -------
    float
        0.5 for a score that tells nothing; NaN where all or none are events.
    """
    score, event = np.asarray(score, float), np.asarray(event, bool)
    if event.all() or not event.any():
        return float("nan")
    statistic = mannwhitneyu(score[event], score[~event], method="asymptotic").statistic
    return float(statistic / (event.sum() * (~event).sum()))


def reliability(
    probability: np.ndarray, event: np.ndarray, bins: int = 10
) -> pd.DataFrame:
    """Observed frequency against estimated probability, in bins of equal width.

    Parameters
    ----------
    probability : ndarray of float, shape (n,)
        In [0, 1].
    event : ndarray of bool, shape (n,)
    bins : int

    Returns
    -------
    DataFrame
        One row a bin that is not empty: ``count``, mean ``estimated`` probability and
        ``observed`` frequency.
    """
    index = np.clip((np.asarray(probability) * bins).astype(int), 0, bins - 1)
    frame = pd.DataFrame({"bin": index, "estimated": probability, "observed": event})
    groups = frame.groupby("bin")
    means = pd.DataFrame(groups[["estimated", "observed"]].mean())
    return means.assign(count=groups.size())


def expected_calibration_error(
    probability: np.ndarray, event: np.ndarray, bins: int = 10
) -> float:
    """Mean gap between estimate and frequency over the bins of `reliability`.

    Weighted by the number in each bin (Naeini et al., AAAI 2015).
    """
    if len(probability) == 0:
        return float("nan")
    table = reliability(probability, event, bins)
    gaps = (table["estimated"] - table["observed"]).abs()
    return float(np.average(gaps, weights=table["count"]))


def wrong_among_least_certain(
    certainty: np.ndarray, right: np.ndarray, looked_at: float = 0.1
) -> Found:
    """Share of all wrong objects found by looking at the least certain ones.

    Parameters
    ----------
    certainty : ndarray of float, shape (n,)
    right : ndarray of bool, shape (n,)
    looked_at : float
        Share of the objects that is looked at, least certain first.

    Returns
    -------
    Found
        A random order finds `looked_at` of them.
    """
    wrong = ~np.asarray(right, bool)
    if not wrong.any():
        return Found(float("nan"), float("nan"))
    count = round(looked_at * wrong.size)
    least = np.argsort(certainty, kind="stable")[:count]
    return Found(
        float(wrong[least].sum() / wrong.sum()), min(1.0, count / int(wrong.sum()))
    )


def entropy(probability: np.ndarray) -> np.ndarray:
    """Entropy of a Bernoulli distribution, in bits; 0 to 1."""
    p = np.clip(np.asarray(probability, float), 1e-7, 1 - 1e-7)
    return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
