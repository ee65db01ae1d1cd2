"""One number for a nucleus through time, by where it is and where all of them drift.

Nuclei of consecutive frames are assigned to each other so that the sum of the squared
distances is least (Jaqaman et al., Nature Methods 5, 2008, 695-702), by SciPy. Unlike
overlap this follows nuclei that move by more than half their diameter, and those that
are missed in a frame.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import KDTree

from napari_pmrnet.segmentation.linking import number_new

REACH = 1.0
"""Typical diameters that a nucleus moves at most from frame to frame, beside all."""
MISSING = 2
"""Frames in a row in which a nucleus may be missing."""
MOST_ALIKE = 5
"""Nuclei from which on the way that most of them go counts for all."""


class _Seen(NamedTuple):
    """Nuclei that were seen lately: numbers, centres (n, 2), frames missing; drift."""

    numbers: np.ndarray
    centres: np.ndarray
    missing: np.ndarray
    drift: np.ndarray


_NONE = _Seen(np.zeros(0, np.int32), np.zeros((0, 2)), np.zeros(0, int), np.zeros(2))


class Tracks:
    """Carries numbers from frame to frame, one frame of a series after the other."""

    def __init__(self) -> None:
        self._count = 0
        self._seen: dict[Hashable, _Seen] = {}

    def numbers(self, frame: np.ndarray, series: Hashable = ()) -> np.ndarray:
        """Numbers for the labels of the next frame; see `Links.numbers`.

        Parameters
        ----------
        frame : ndarray of int, shape (H, W)
            Numbered 1 to n.
        series : hashable
            Which of several series this is a frame of; they share their numbers.

        Returns
        -------
        ndarray of int32, shape (highest label + 1,)
            The number of every label; 0 for labels that are not in the frame.
        """
        present, first = np.unique(frame, return_index=True)
        present, first = present[present > 0], first[present > 0]
        centres, diameter = _described(frame, present)
        seen = self._seen.get(series, _NONE)
        old, new, drift = _assigned(seen, centres, REACH * diameter)
        given = np.zeros(len(present), np.int32)
        given[new] = seen.numbers[old]
        self._count = number_new(given, first, self._count)
        lost = np.setdiff1d(np.arange(len(seen.numbers)), old)
        lost = lost[seen.missing[lost] < MISSING]
        self._seen[series] = _Seen(
            np.concatenate([given, seen.numbers[lost]]),
            np.concatenate([centres, seen.centres[lost] + drift]),
            np.concatenate([np.zeros(len(given), int), seen.missing[lost] + 1]),
            drift,
        )
        numbers = np.zeros(int(frame.max(initial=0)) + 1, np.int32)
        numbers[present] = given
        return numbers


def _described(frame: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, float]:
    """Centres (n, 2) of the labels of a frame, and their median diameter."""
    if not len(present):
        return np.zeros((0, 2)), 0.0
    ys, xs = np.nonzero(frame)
    names = frame[ys, xs]
    areas = np.bincount(names)[present]
    centres = [np.bincount(names, axis)[present] / areas for axis in (ys, xs)]
    return np.stack(centres, axis=1), float(np.sqrt(4 * np.median(areas) / np.pi))


def _assigned(
    seen: _Seen, centres: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of nuclei seen before and of those that they are now, and the drift.

    Where many are seen, the way that most of them go is that of all: they are assigned
    once by where they were, and again by where they would have drifted to.
    """
    nothing = np.zeros(0, int)
    old, new, drift = nothing, nothing, seen.drift
    for _ in range(2):
        old, new = _nearest(seen.centres + drift, centres, reach)
        lately = seen.missing[old] == 0
        ways = centres[new[lately]] - seen.centres[old[lately]]
        drift = np.median(ways, axis=0) if len(ways) >= MOST_ALIKE else np.zeros(2)
    return old, new, drift


def _nearest(
    before: np.ndarray, after: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of places (n, 2) and (m, 2), one to one, of the least squared distances.

    None is farther apart than a reach, and leaving one alone costs as much as that.
    """
    if not len(before) or not len(after):
        return np.zeros(0, int), np.zeros(0, int)
    close = KDTree(before).sparse_distance_matrix(
        KDTree(after), reach, output_type="coo_matrix"
    )
    rows = np.arange(len(before))
    # A cost of 0 would be no edge; each has a partner of its own to be alone with.
    costs = np.concatenate([close.data**2, np.full(len(rows), reach**2)]) + 1
    edges = coo_matrix(
        (
            costs,
            (
                np.concatenate([close.row, rows]),
                np.concatenate([close.col, len(after) + rows]),
            ),
        ),
        shape=(len(before), len(after) + len(before)),
    )
    old, new = min_weight_full_bipartite_matching(edges.tocsr())
    met = new < len(after)
    return old[met], new[met]
