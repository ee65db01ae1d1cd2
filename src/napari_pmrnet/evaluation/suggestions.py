"""Precision and recall of suggested merges and splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from napari_pmrnet.evaluation.instance import iou_matrix
from napari_pmrnet.io.label_numbers import number_labels
from napari_pmrnet.proofreading.suggestions import MERGE, SPLIT, Suggestions

MAINLY = 0.5
PART_IOU = 0.5


class Needed(NamedTuple):
    """Merges and splits that would be right in one image, as they are needed."""

    merge: int
    split: int


def overlaps(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Common pixels of every label (rows) and true nucleus (columns), 0 included.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        Numbered 1 to n.
    truth : ndarray of int, shape (H, W)
        Any numbers from 0; columns are in their order.
    """
    truth, _ = number_labels(truth)
    width = int(truth.max(initial=0)) + 1
    height = int(labels.max(initial=0)) + 1
    keys = labels.ravel().astype(np.int64) * width + truth.ravel()
    return np.bincount(keys, minlength=height * width).reshape(height, width)


def needed(labels: np.ndarray, truth: np.ndarray) -> Needed:
    """Count what would have to be merged and split.

    A true nucleus in which two or more labels mainly lie needs one merge fewer than
    those; a label in which two or more true nuclei mainly lie needs a split.

    Parameters
    ----------
    labels, truth : ndarray of int, shape (H, W)
    """
    common = overlaps(labels, truth)
    lying = common >= MAINLY * np.maximum(common.sum(axis=1, keepdims=True), 1)
    holding = common >= MAINLY * np.maximum(common.sum(axis=0, keepdims=True), 1)
    inside = (lying & (common > 0))[1:, 1:].sum(axis=0)
    held = (holding & (common > 0))[1:, 1:].sum(axis=1)
    return Needed(int(np.maximum(inside - 1, 0).sum()), int((held > 1).sum()))


def right(
    suggestions: Suggestions, labels: np.ndarray, truth: np.ndarray
) -> np.ndarray:
    """Tell which suggestions are right.

    A merge is, if both nuclei lie mainly in the same true one; a split, if two of its
    parts overlap different true nuclei with IoU >= `PART_IOU`.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    common = overlaps(labels, truth)
    mainly = common.argmax(axis=1)
    share = common.max(axis=1) / np.maximum(common.sum(axis=1), 1)
    mainly[share < MAINLY] = 0
    iou = np.empty((0, 0))
    if suggestions.parts.any():
        iou = iou_matrix(truth, suggestions.parts)
    answers = []
    rows = suggestions.table[["kind", "label", "other", "parts"]]
    for kind, label, other, parts in rows.itertuples(index=False):
        if kind == MERGE:
            answers.append(mainly[label] > 0 and mainly[label] == mainly[other])
        else:
            fits = iou[:, np.array(parts) - 1] >= PART_IOU
            answers.append(len(set(np.nonzero(fits)[0].tolist())) >= 2)
    return np.array(answers, bool)


def precision_and_recall(
    tables: Sequence[tuple[pd.DataFrame, np.ndarray]], wanted: Sequence[Needed]
) -> pd.DataFrame:
    """Precision and recall of the suggestions above every score.

    Parameters
    ----------
    tables : sequence of (DataFrame, ndarray of bool)
        Of every image the table of suggestions and which are right.
    wanted : sequence of Needed

    Returns
    -------
    DataFrame
        ``kind``, ``score``, ``precision`` and ``recall``, by falling score.
    """
    rows = pd.concat([table.assign(right=answer) for table, answer in tables])
    parts = []
    for kind in (MERGE, SPLIT):
        some = rows.loc[rows["kind"] == kind].sort_values("score", ascending=False)
        hits = some["right"].cumsum().to_numpy(float)
        total = sum(getattr(image, kind) for image in wanted)
        parts.append(
            pd.DataFrame(
                {
                    "kind": kind,
                    "score": some["score"].to_numpy(),
                    "precision": hits / np.arange(1, len(some) + 1),
                    "recall": hits / max(total, 1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
