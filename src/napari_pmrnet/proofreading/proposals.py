"""What is proposed in a review, and of it what is still open.

A proposal where a nucleus may have been missed is open until nuclei cover it, a
suggestion to merge or split as long as its nuclei are as they were found.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import ndimage

from napari_pmrnet.errors import EditError
from napari_pmrnet.io.label_numbers import number_labels
from napari_pmrnet.proofreading.boxes import everywhere
from napari_pmrnet.proofreading.place import MISSED
from napari_pmrnet.proofreading.suggestions import Suggestions
from napari_pmrnet.segmentation.postprocess import Missed
from napari_pmrnet.segmentation.tiles import Box

WORTH_A_LOOK = 0.5
"""Score from which on a suggestion becomes a place."""


class MissedPlaces:
    """Proposals of a plane where a nucleus may have been missed.

    Parameters
    ----------
    missed : Missed or None
        None: there are none.
    labels : ndarray of int, shape (H, W)
        Those under review.
    """

    def __init__(self, missed: Missed | None, labels: np.ndarray) -> None:
        self._missed = missed
        self._boxes: dict[int, Box] = {}
        self._covered: set[int] = set()
        if missed is not None:
            found = enumerate(ndimage.find_objects(missed.labels), start=1)
            self._boxes = {number: box for number, box in found if box is not None}
            self.follow(labels, everywhere(labels))

    def follow(self, labels: np.ndarray, box: Box) -> None:
        """Close what nuclei cover by more than half by now; open what they do not.

        Parameters
        ----------
        labels : ndarray of int, shape (H, W)
            Those under review.
        box : tuple of slice
            Where they have changed.
        """
        if self._missed is None:
            return
        for number in np.unique(self._missed.labels[box]).tolist():
            if number:
                place = self._boxes[number]
                outline = self._missed.labels[place] == number
                taken = labels[place][outline] > 0
                if 2 * taken.sum() > len(taken):
                    self._covered.add(number)
                else:
                    self._covered.discard(number)

    def is_open(self, number: int) -> bool:
        """Tell whether a proposal is there and not covered."""
        return number in self._boxes and number not in self._covered

    def at(self, y: int, x: int) -> int:
        """Number of the open proposal that holds a pixel; 0 if none does."""
        if self._missed is None:
            return 0
        height, width = self._missed.labels.shape
        inside = 0 <= y < height and 0 <= x < width
        number = int(self._missed.labels[y, x]) if inside else 0
        return number if self.is_open(number) else 0

    def box(self, number: int) -> Box:
        """Smallest box around a proposal, open or not.

        Raises
        ------
        EditError
            If there is no such proposal.
        """
        if number not in self._boxes:
            raise EditError(f"there is no proposal {number}.")
        return self._boxes[number]

    def rows(self) -> pd.DataFrame:
        """Rows of `Review.places` of those that are open."""
        if self._missed is None:
            return pd.DataFrame()
        found = self._missed.objects.rename(columns={"label": "number"})
        shown = ~found["number"].isin(list(self._covered))
        rows = found.loc[shown, ["number", "certainty", "area"]].assign(
            kind=MISSED, at_border=False, edited=False, intensity=np.nan
        )
        return rows.assign(doubt=rows["certainty"])


class SuggestedPlaces:
    """Merges and splits that are likely enough to be worth a look.

    Parameters
    ----------
    suggestions : Suggestions or None
        None: there are none.
    original : ndarray of int, shape (H, W)
        Labels as they were found, which the suggestions are for.
    """

    def __init__(self, suggestions: Suggestions | None, original: np.ndarray) -> None:
        self._labels: dict[tuple[str, int], tuple[int, ...]] = {}
        self._scores: dict[tuple[str, int], float] = {}
        if suggestions is not None:
            table = suggestions.table
            likely = table.loc[table["score"] >= WORTH_A_LOOK]
            columns = ["kind", "label", "other", "score"]
            for row, kind, *pair, score in likely[columns].itertuples():
                self._labels[kind, row] = tuple(int(n) for n in pair if n)
                self._scores[kind, row] = score
        every = {label for labels in self._labels.values() for label in labels}
        self._anchors = _anchors(original, every)

    def labels(self, kind: str, number: int) -> tuple[int, ...]:
        """Labels of the nuclei that a suggestion is for; none if there is none."""
        return self._labels.get((kind, number), ())

    def is_open(
        self, kind: str, number: int, table: pd.DataFrame, labels: np.ndarray
    ) -> bool:
        """Tell whether the nuclei of a suggestion are as they were found.

        Parameters
        ----------
        kind : str
            ``merge`` or ``split``.
        number : int
            Row in the table of suggestions.
        table : DataFrame
            `Nuclei.table` of the labels.
        labels : ndarray of int, shape (H, W)
            Those under review.
        """
        names = self.labels(kind, number)
        return bool(names) and self._untouched(table, labels).issuperset(names)

    def rows(self, table: pd.DataFrame, labels: np.ndarray) -> pd.DataFrame:
        """Rows of `Review.places` of those that are open; as for `is_open`."""
        if not self._labels:
            return pd.DataFrame()
        untouched, rows = self._untouched(table, labels), []
        for (kind, number), names in self._labels.items():
            if untouched.issuperset(names):
                some = table.loc[list(names)]
                rows.append(
                    {
                        "kind": kind,
                        "number": number,
                        "certainty": some["certainty"].min(),
                        "area": some["area"].sum(),
                        "intensity": np.average(some["intensity"], weights=some.area),
                        "at_border": some["at_border"].any(),
                        "edited": False,
                        "doubt": self._scores[kind, number],
                    }
                )
        return pd.DataFrame(rows)

    def _untouched(self, table: pd.DataFrame, labels: np.ndarray) -> set[int]:
        """Nuclei with suggestions that are as they were found, number and all."""
        anchored = (
            label for label, (y, x) in self._anchors.items() if labels[y, x] == label
        )
        return set(table.index[~table["edited"].to_numpy(bool)]) & set(anchored)


def _anchors(labels: np.ndarray, which: set[int]) -> dict[int, tuple[int, int]]:
    """A pixel (y, x) of each of some labels that are there."""
    if not which:
        return {}
    numbered, names = number_labels(labels)
    found = {}
    for label, box in zip(names[1:], ndimage.find_objects(numbered), strict=True):
        if int(label) in which:
            y, x = np.argwhere(labels[box] == label)[0]
            found[int(label)] = int(y) + box[0].start, int(x) + box[1].start
    return found
