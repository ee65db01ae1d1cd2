"""Scores of a model on corrections of which some pixels are unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.evaluation.semantic import dice
from napari_pmrnet.finetuning.corrections import UNKNOWN, Corrections
from napari_pmrnet.models.model import Model
from napari_pmrnet.segmentation import Settings, segment

THRESHOLDS = (0.5, 0.75)
ROWS = ("AP0.5", "AP0.75", "Dice")


def score(model: Model, corrections: Sequence[Corrections]) -> dict[str, float]:
    """AP pooled over all nuclei and mean Dice, where labels are known.

    A nucleus that the model finds counts if more than half of it is known.

    Parameters
    ----------
    model : Model
    corrections : sequence of Corrections

    Returns
    -------
    dict
        `ROWS` to numbers in [0, 1].
    """
    matches: dict[float, list] = {threshold: [] for threshold in THRESHOLDS}
    dices = []
    settings = Settings.for_card(model.card)
    for one in corrections:
        known = one.labels != UNKNOWN
        own = replace(settings, limits=one.limits)
        found = segment(one.image, own, model, image_name=one.name).labels
        truth = np.where(known, one.labels, 0)
        kept = known_part(found, known)
        for threshold, counts in zip(
            THRESHOLDS, match(truth, kept, THRESHOLDS), strict=True
        ):
            matches[threshold].append(counts)
        dices.append(dice((found > 0) & known, truth > 0))
    pooled = [average_precision(matches[threshold])[0] for threshold in THRESHOLDS]
    return dict(zip(ROWS, (*pooled, float(np.mean(dices))), strict=True))


def known_part(found: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Labels of which more than half is known.

    Parameters
    ----------
    found : ndarray of int, shape (H, W)
    known : ndarray of bool, shape (H, W)
    """
    count = found.max(initial=0) + 1
    area = np.bincount(found.ravel(), minlength=count)
    inside = np.bincount(found[known], minlength=count)
    keep = 2 * inside > area
    keep[0] = False
    return np.where(keep[found], found, 0)
