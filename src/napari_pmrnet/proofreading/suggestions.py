"""Nuclei that are probably one, and nuclei that are probably two.

A pair of touching nuclei is seen once as it is and once as one nucleus, a nucleus with
a ridge of the boundary gate inside once as it is and once cut along the ridge. What is
suggested is what the certainty of nuclei prefers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.segmentation import watershed

from napari_pmrnet.segmentation.flow_labels import components
from napari_pmrnet.segmentation.objects import fitted_probability, object_certainty

MERGE, SPLIT = "merge", "split"
FEATURES = ("apart", "together", "gate", "contact", "size")
RIDGE = 0.35
CORE_AREA = 6
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


class Suggestions(NamedTuple):
    """Edits that are worth a look.

    Attributes
    ----------
    table : DataFrame
        ``kind``, ``merge`` or ``split``; ``label`` and ``other``, the two nuclei to
        merge, or the nucleus to split and 0; ``parts``, the numbers in `parts` of a
        split, else empty; ``score``, the estimated probability that the edit is right;
        and the `FEATURES` it was estimated from. Likeliest first.
    parts : ndarray of int32, shape (H, W)
        How nuclei would be split.
    """

    table: pd.DataFrame
    parts: np.ndarray


def suggest(
    labels: np.ndarray,
    maps: Mapping[str, np.ndarray],
    flows: np.ndarray,
    calibration: Mapping[str, float],
    coefficients: Mapping[str, Mapping[str, float] | None] | None = None,
) -> Suggestions:
    """Find pairs to merge and nuclei to split.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        Numbered 1 to n.
    maps : mapping of ndarray, each (H, W)
        ``probability``, ``certainty`` and ``boundary``.
    flows : ndarray of float32, shape (2, H, W)
    calibration : mapping
        ``object_certainty`` of the model card.
    coefficients : mapping, optional
        ``suggestions`` of the model card: for ``merge`` and ``split`` an ``intercept``
        and a coefficient for each of `FEATURES`. Without it the score is the gain in
        certainty, between 0 and 1.

    Returns
    -------
    Suggestions
    """

    def seen(some: np.ndarray) -> np.ndarray:
        return object_certainty(some, maps, flows, calibration)

    certainty = seen(labels)
    areas = np.bincount(labels.ravel(), minlength=len(certainty) + 1)[1:]
    typical = float(np.median(areas)) if len(areas) else 1.0
    parts = _parts(labels, maps["boundary"])
    rows = [
        *_merges(labels, certainty, areas, maps["boundary"], seen),
        *_splits(labels, certainty, areas, maps["boundary"], parts, seen),
    ]
    columns = ["kind", "label", "other", "parts", *FEATURES]
    table = pd.DataFrame(rows, columns=columns)
    table["size"] = np.log(table["size"].astype(float) / typical)
    table["score"] = _scores(table, coefficients)
    table = table.sort_values("score", ascending=False, ignore_index=True)
    return Suggestions(table, parts)


def _scores(
    table: pd.DataFrame, coefficients: Mapping[str, Mapping[str, float] | None] | None
) -> np.ndarray:
    """Estimated probability that each suggestion is right."""
    merging = (table["kind"] == MERGE).to_numpy()
    if coefficients is None:
        gain = (table["together"] - table["apart"]).to_numpy(float)
        return (np.where(merging, gain, -gain) + 1) / 2
    scores = np.zeros(len(table))
    for kind, chosen in ((MERGE, merging), (SPLIT, ~merging)):
        weights = coefficients.get(kind)
        if weights is not None:
            scores[chosen] = fitted_probability(
                table.loc[chosen, list(FEATURES)], weights
            )
    return scores


class Contact(NamedTuple):
    """Contact of two labels: its length in pixels, and the mean of a map there."""

    first: np.ndarray
    second: np.ndarray
    length: np.ndarray
    mean: np.ndarray


def contacts(labels: np.ndarray, image: np.ndarray) -> Contact:
    """Every pair of labels with neighbouring pixels, the smaller number first.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        Numbered 1 to n.
    image : ndarray of float, shape (H, W)
        Taken at the higher of the two pixels of every neighbourhood.
    """
    keys, values = [], []
    count = int(labels.max(initial=0)) + 1
    for dy, dx in _NEIGHBOURS:
        here = np.s_[: labels.shape[0] - dy, max(0, -dx) : labels.shape[1] - max(0, dx)]
        there = np.s_[dy:, max(0, dx) : labels.shape[1] + min(0, dx)]
        a, b = labels[here], labels[there]
        meet = (a != b) & (a > 0) & (b > 0)
        a, b = a[meet].astype(np.int64), b[meet].astype(np.int64)
        keys.append(np.minimum(a, b) * count + np.maximum(a, b))
        values.append(np.maximum(image[here][meet], image[there][meet]))
    pairs, owner = np.unique(np.concatenate(keys), return_inverse=True)
    number = np.bincount(owner, minlength=len(pairs))
    total = np.bincount(owner, np.concatenate(values), minlength=len(pairs))
    first, second = np.divmod(pairs, count)
    # Of the four neighbourhoods a straight border is counted about three times.
    return Contact(first, second, number / 3, total / np.maximum(number, 1))


def _merges(
    labels: np.ndarray,
    certainty: np.ndarray,
    areas: np.ndarray,
    gate: np.ndarray,
    seen: Callable[[np.ndarray], np.ndarray],
) -> Iterator[tuple]:
    """Rows of every touching pair."""
    found = contacts(labels, gate)
    together = np.zeros(len(found.first))
    for turn in _turns(found.first, found.second):
        table = np.arange(len(areas) + 1, dtype=np.int32)
        table[found.second[turn]] = found.first[turn]
        kept = np.unique(table)
        number = np.searchsorted(kept, table).astype(np.int32)
        together[turn] = seen(number[labels])[number[found.first[turn]] - 1]
    for index, (a, b) in enumerate(zip(found.first, found.second, strict=True)):
        smaller = min(areas[a - 1], areas[b - 1])
        yield (
            MERGE,
            int(a),
            int(b),
            (),
            min(certainty[a - 1], certainty[b - 1]),
            together[index],
            found.mean[index],
            found.length[index] / np.sqrt(smaller),
            areas[a - 1] + areas[b - 1],
        )


def _turns(first: np.ndarray, second: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of pairs, so that no label is in two pairs of one turn."""
    left = np.arange(len(first))
    while len(left):
        used: set[int] = set()
        turn = []
        for index in left:
            pair = {int(first[index]), int(second[index])}
            if not pair & used:
                used |= pair
                turn.append(index)
        yield np.array(turn)
        left = np.setdiff1d(left, turn)


def _splits(
    labels: np.ndarray,
    certainty: np.ndarray,
    areas: np.ndarray,
    gate: np.ndarray,
    parts: np.ndarray,
    seen: Callable[[np.ndarray], np.ndarray],
) -> Iterator[tuple]:
    """Rows of every nucleus that has parts."""
    if not parts.any():
        return
    of_parts = seen(parts)
    found = contacts(parts, gate)
    owner = np.zeros(len(of_parts) + 1, int)
    owner[parts[parts > 0]] = labels[parts > 0]
    part_areas = np.bincount(parts.ravel(), minlength=len(owner))
    same = owner[found.first] == owner[found.second]
    for label in np.unique(owner[1:]):
        mine = np.flatnonzero(owner == label)
        inner = same & (owner[found.first] == label)
        length = found.length[inner].sum()
        total = (found.mean[inner] * found.length[inner]).sum()
        # Parts that do not touch are as good as divided by a wall.
        mean = total / length if length else 1.0
        yield (
            SPLIT,
            int(label),
            0,
            tuple(mine.tolist()),
            of_parts[mine - 1].min(),
            certainty[label - 1],
            mean,
            length / np.sqrt(part_areas[mine].min()),
            areas[label - 1],
        )


def _parts(labels: np.ndarray, gate: np.ndarray) -> np.ndarray:
    """Nuclei with ridges inside, cut along them; the others are 0."""
    cores, count = components((labels > 0) & (gate < RIDGE))
    # Cores of different nuclei never touch unless the gate between them is weak.
    owner = np.zeros(count + 1, np.int64)
    owner[cores.ravel()] = labels.ravel()
    owner[0] = 0
    mixed = cores > 0
    cores[mixed & (labels != owner[cores])] = 0
    areas = np.bincount(cores.ravel(), minlength=count + 1)
    large = areas >= CORE_AREA
    large[0] = False
    several = np.bincount(owner[large], minlength=int(labels.max(initial=0)) + 1) > 1
    several[0] = False
    keep = large & several[owner]
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    seeds = numbers[cores]
    divided = several[labels]
    # Walls between nuclei, so that no part leaves its own.
    parts = np.zeros(labels.shape, np.int32)
    for label, box in enumerate(ndimage.find_objects(labels * divided), start=1):
        if box is not None:
            mask = labels[box] == label
            flooded = watershed(gate[box], np.where(mask, seeds[box], 0), mask=mask)
            parts[box][mask] = flooded[mask]
    return parts
