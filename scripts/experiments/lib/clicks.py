"""True nuclei that were missed, and the outlines that one click at each would give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.optimize import minimize
from scipy.special import logsumexp

from napari_pmrnet.errors import EditError
from napari_pmrnet.proofreading.review import Review
from napari_pmrnet.segmentation.objects import RIGHT_IOU

HAND = 2.0
"""Pixels by which a click misses the centroid."""
STEADY = 0.1
"""Standard deviation of the logarithm of a dragged length over the diameter."""
UNLABELLED = 0.2
"""Share of a nucleus that lies in labels at most: the cause "no label" of misses."""
SPECK = 20
"""Pixels below which what is true is no nucleus to add."""
RIDGE = 0.1


class Missed(NamedTuple):
    """A true nucleus without a label: its number, box, area, and where it is clicked.

    ``across`` is a diameter that a drag could give.
    """

    number: int
    box: tuple[slice, ...]
    area: int
    click: tuple[float, float]
    across: float


class Trial(NamedTuple):
    """What a click at a true nucleus gives.

    ``features`` (n, k) are those of the outlines and ``iou`` (n,) theirs with the
    nucleus; ``reached`` is the IoU of the one that is shown. All is empty or 0 where
    the click is refused.
    """

    names: tuple[str, ...]
    features: np.ndarray
    iou: np.ndarray
    reached: float


def missed_nuclei(
    truth: np.ndarray, labels: np.ndarray, seed: int = 0
) -> Iterator[Missed]:
    """True nuclei that hardly any label covers, and clicks `HAND` off their centroids.

    Parameters
    ----------
    truth, labels : ndarray of int, shape (H, W)
    seed : int
        Of the directions.
    """
    rng = np.random.default_rng(seed)
    for number, box in enumerate(ndimage.find_objects(truth), start=1):
        if box is None:
            continue
        mask = truth[box] == number
        area = int(mask.sum())
        if area < SPECK or (labels[box][mask] > 0).sum() >= UNLABELLED * area:
            continue
        angle, length = rng.uniform(0, 2 * np.pi), np.exp(rng.normal(0, STEADY))
        middle = np.argwhere(mask).mean(axis=0) + [box[0].start, box[1].start]
        click = middle + HAND * np.array([np.sin(angle), np.cos(angle)])
        y, x = np.clip(click, 0, np.array(truth.shape) - 1)
        across = float(np.sqrt(4 / np.pi * area) * length)
        yield Missed(number, box, area, (float(y), float(x)), across)


def trial(
    review: Review, truth: np.ndarray, missed: Missed, dragged: bool = False
) -> Trial:
    """The outlines that a click at a missed nucleus gives, or a drag over it."""
    try:
        found = review.outlines(missed.click, missed.across if dragged else None)
    except EditError:
        return Trial((), np.zeros((0, 0)), np.zeros(0), 0.0)
    true = truth[found.box] == missed.number
    masks = [*found.masks.values(), found.best()]
    shared = np.array([(mask & true).sum() for mask in masks])
    areas = np.array([mask.sum() for mask in masks])
    *iou, reached = shared / (areas + missed.area - shared)
    return Trial(tuple(found.masks), found.features, np.array(iou), float(reached))


def fitted(
    trials: Sequence[Trial], names: Sequence[str], ridge: float = RIDGE
) -> dict[str, float]:
    """Weights under which it is likeliest that a right outline is chosen.

    A conditional logit (McFadden 1974) over the outlines of each click, with a ridge on
    the standardised features. Clicks all or none of whose outlines are right tell
    nothing.

    Parameters
    ----------
    trials : sequence of Trial
    names : sequence of str
        Of the features.
    ridge : float
        Weight of half the sum of the squared coefficients, beside the mean loss.
    """
    telling = [t for t in trials if 0 < (t.iou >= RIGHT_IOU).sum() < len(t.iou)]
    features = [t.features for t in telling]
    spread = np.maximum(np.concatenate([f - f.mean(0) for f in features]).std(0), 1e-9)
    right = [t.iou >= RIGHT_IOU for t in telling]

    def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = 0.0, np.zeros(len(weights))
        for each, good in zip(features, right, strict=True):
            x = each / spread
            score = x @ weights
            every, some = logsumexp(score), logsumexp(score[good])
            loss += every - some
            gradient += np.exp(score - every) @ x
            gradient -= np.exp(score[good] - some) @ x[good]
        count = max(len(features), 1)
        pull = ridge * weights
        return loss / count + pull @ weights / 2, gradient / count + pull

    start = np.zeros(len(names))
    found = minimize(cost, start, jac=True, method="L-BFGS-B").x / spread
    return {name: float(value) for name, value in zip(names, found, strict=True)}
