"""Instance scores: one-to-one matching by intersection over union."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array


@dataclass(frozen=True)
class Match:
    """Counts of one image at one IoU threshold, and the sum of the matched IoUs."""

    true_positive: int
    false_positive: int
    false_negative: int
    iou_sum: float = field(default=0.0, compare=False)

    @property
    def precision(self) -> float:
        """``TP / (TP + FP + FN)``, the AP of the field; 1 where there is nothing."""
        total = self.true_positive + self.false_positive + self.false_negative
        return self.true_positive / total if total else 1.0

    @property
    def f1(self) -> float:
        """``2 TP / (2 TP + FP + FN)``; 1 where there is nothing."""
        return self.true_positive / self._mean_count if self._mean_count else 1.0

    @property
    def panoptic_quality(self) -> float:
        """Sum of the matched IoUs over ``TP + FP / 2 + FN / 2``.

        Kirillov et al., "Panoptic Segmentation", CVPR 2019.
        """
        return self.iou_sum / self._mean_count if self._mean_count else 1.0

    @property
    def _mean_count(self) -> float:
        """Mean of the number of true and of predicted nuclei."""
        return self.true_positive + (self.false_positive + self.false_negative) / 2

    def __add__(self, other: Match) -> Match:
        return Match(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.iou_sum + other.iou_sum,
        )


def iou_matrix(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Intersection over union of every true and every predicted label.

    Parameters
    ----------
    truth, prediction : ndarray of int, shape (H, W)
        0 is background; labels need not be consecutive.

    Returns
    -------
    ndarray of float, shape (n true, n predicted)
    """
    return _iou(_shared_pixels(truth, prediction))


def _iou(counts: np.ndarray) -> np.ndarray:
    """Intersection over union, of `_shared_pixels`."""
    overlap = counts[1:, 1:]
    union = counts.sum(1)[1:, None] + counts.sum(0)[None, 1:] - overlap
    return overlap / np.maximum(union, 1)


def _shared_pixels(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Pixels that every true and every predicted label share, the ground as number 0.

    Shape (1 + n true, 1 + n predicted).
    """
    if truth.shape != prediction.shape:
        raise ValueError(
            f"truth has shape {truth.shape}, prediction {prediction.shape}"
        )
    rows, columns = _renumber(truth), _renumber(prediction)
    shape = (rows.max(initial=0) + 1, columns.max(initial=0) + 1)
    return coo_array(
        (np.ones(rows.size, np.int64), (rows.ravel(), columns.ravel())), shape=shape
    ).toarray()


def best_iou(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Highest IoU of every predicted label with a true one, shape (n predicted,)."""
    return iou_matrix(truth, prediction).max(axis=0, initial=0.0)


CAUSES: tuple[str, ...] = ("merged", "split", "no label", "outline")


def causes_of_misses(
    truth: np.ndarray, prediction: np.ndarray, threshold: float = 0.5
) -> dict[str, int]:
    """Count the true nuclei that no label fits, by what befell them.

    Parameters
    ----------
    truth, prediction : ndarray of int, shape (H, W)
    threshold : float
        IoU from which on a label fits.

    Returns
    -------
    dict of int
        ``no label``: a fifth of the nucleus at most lies in labels. ``merged``: half of
        it lies in a label that holds half of another nucleus too, or most of it in one
        that holds more of another. ``split``: several labels lie for the most part in
        it. ``outline``: what is left.
    """
    counts = _shared_pixels(truth, prediction)
    areas, sizes = counts.sum(1)[1:], counts.sum(0)[1:]
    found = dict.fromkeys(CAUSES, 0)
    for number in np.flatnonzero(_iou(counts).max(axis=1, initial=0.0) < threshold):
        shared, area = counts[number + 1, 1:], areas[number]
        if shared.sum() < area / 5:
            found["no label"] += 1
            continue
        label = int(shared.argmax())
        others = np.delete(counts[1:, label + 1], number)
        with_another = (2 * others >= np.delete(areas, number)).any()
        most = others.max(initial=0) > shared[label]
        swallowed = most and shared[label] >= 0.3 * area
        parts = (2 * shared >= sizes) & (shared >= area / 10)
        if (2 * shared[label] >= area and with_another) or swallowed:
            found["merged"] += 1
        elif parts.sum() > 1:
            found["split"] += 1
        else:
            found["outline"] += 1
    return found


def _renumber(labels: np.ndarray) -> np.ndarray:
    """Labels as 1, 2, ..., background staying 0."""
    values, numbers = np.unique(labels, return_inverse=True)
    numbers = numbers.reshape(labels.shape)
    return numbers if values.size and values[0] == 0 else numbers + 1


def match(
    truth: np.ndarray, prediction: np.ndarray, thresholds: Iterable[float]
) -> list[Match]:
    """Match true and predicted nuclei at each IoU threshold.

    As many pairs as possible are matched, those of higher IoU first (the definition of
    ``stardist.matching``).

    Parameters
    ----------
    truth, prediction : ndarray of int, shape (H, W)
    thresholds : iterable of float

    Returns
    -------
    list of Match
    """
    iou = iou_matrix(truth, prediction)
    n_true, n_predicted = iou.shape
    matches = []
    for threshold in thresholds:
        hits, iou_sum = 0, 0.0
        if iou.size:
            costs = -(iou >= threshold).astype(float) - iou / (2 * min(iou.shape))
            paired = iou[linear_sum_assignment(costs)]
            hits = int((paired >= threshold).sum())
            iou_sum = float(paired[paired >= threshold].sum())
        matches.append(Match(hits, n_predicted - hits, n_true - hits, iou_sum))
    return matches


def average_precision(matches: Iterable[Match]) -> tuple[float, float]:
    """AP pooled over all nuclei, and the mean of the images' APs."""
    matches = list(matches)
    pooled = sum(matches, Match(0, 0, 0)).precision
    return pooled, float(np.mean([m.precision for m in matches]))
