"""A review of labels: what there is to look at, what was done, and in which order.

The labels belong to whoever shows and edits them. The review keeps a copy of them as it
last saw them and finds by comparison what has changed, so it follows every tool, and
undo and redo, which tell no one what they did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

from napari_pmrnet.errors import EditError
from napari_pmrnet.proofreading.edits import Edit, add
from napari_pmrnet.proofreading.journal import Journal
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.segmentation.missed import Missed
from napari_pmrnet.segmentation.windows import Box

NUCLEUS, MISSED = "nucleus", "missed"
ACCEPTED, DISMISSED = "accepted", "dismissed"
PIXELS = "pixels"
_ROWS = 512


class Change(NamedTuple):
    """What has changed since the review last looked.

    Attributes
    ----------
    box : tuple of slice
        Holds all pixels that changed.
    labels : set of int
        Nuclei that were changed, made or removed.
    """

    box: Box
    labels: set[int]


class Told(NamedTuple):
    """Statuses given in one step: those before, by place."""

    before: dict[tuple[str, int], str]


@dataclass
class Review:
    """What is to be looked at in a label image, and how far one has come.

    A *place* is a nucleus, ``("nucleus", label)``, or a proposal where one may have
    been missed, ``("missed", number)``.

    Parameters
    ----------
    nuclei : Nuclei
        Of the labels under review, which others edit.
    missed : Missed, optional
        Proposals; see `Segmentation.missed`.
    journal : Journal, optional
        Is told all that happens; of a proposal under its negative number.
    statuses : dict
        Status of places: ``accepted`` or ``dismissed``. Others have none.
    """

    nuclei: Nuclei
    missed: Missed | None = None
    journal: Journal | None = None
    statuses: dict[tuple[str, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._seen = np.array(self.nuclei.labels)
        self._done: list[Told | str] = []
        self._undone: list[Told | str] = []
        self._covered: set[int] = set()
        self._boxes: dict[int, Box] = {}
        if self.missed is not None:
            self._boxes = _boxes(self.missed.labels)
            self._notice_covered(tuple(slice(0, n) for n in self._seen.shape))

    def follow(self, within: Box | None = None, step: bool = True) -> Change | None:
        """Find out what has changed in the labels, whoever changed them.

        Parameters
        ----------
        within : tuple of slice, optional
            A box known to hold all changes, which saves a look at the whole image.
        step : bool
            Whether the change is a step of the user's own, to be undone in its turn.

        Returns
        -------
        Change or None
            None if nothing has changed.
        """
        box = _differing(self._seen, self.nuclei.labels, within)
        if box is None:
            return None
        before = self._seen[box].copy()
        after = np.asarray(self.nuclei.labels[box])
        self._seen[box] = after
        touched = self.nuclei.update(box, before)
        if self.journal is not None:
            self.journal.changed(box, before, after)
        if step:
            self.painted()
        if self.missed is not None:
            self._notice_covered(box)
        return Change(box, touched)

    def painted(self) -> None:
        """Note a change of pixels as a step of the user's own, to be undone in turn."""
        self._did(PIXELS)

    def accept(self, labels: Iterable[int]) -> None:
        """Say of nuclei that they are right."""
        self._tell({(NUCLEUS, int(label)): ACCEPTED for label in labels})

    def dismiss(self, proposals: Iterable[int]) -> None:
        """Say of proposals that there is no nucleus."""
        self._tell({(MISSED, int(number)): DISMISSED for number in proposals})

    def proposal(self, number: int) -> Edit:
        """The edit that adds a proposed nucleus, under the next free label.

        Raises
        ------
        EditError
            If there is no such proposal, or other nuclei cover it.
        """
        box = self.box((MISSED, number))
        outline = self.missed.labels[box] == number
        corner = box[0].start, box[1].start
        return add(self.nuclei.labels, outline, corner, self.nuclei.next_label())

    def box(self, place: tuple[str, int]) -> Box:
        """Smallest box around a place.

        Raises
        ------
        EditError
            If it is not there any more.
        """
        kind, number = place
        if kind == NUCLEUS:
            return self.nuclei.box(number)
        if number not in self._boxes:
            raise EditError(f"there is no proposal {number}.")
        return self._boxes[number]

    def undo(self) -> str | None:
        """Take back the last step.

        Returns
        -------
        str or None
            ``"pixels"`` if that step changed pixels: the owner of the labels has to
            undo it and then call `follow` with ``step=False``. None if it is taken back
            or there is none.
        """
        return self._turn_back(self._done, self._undone)

    def redo(self) -> str | None:
        """Do again what was taken back last; returns what `undo` does."""
        return self._turn_back(self._undone, self._done)

    def places(self) -> pd.DataFrame:
        """Every place, the most doubtful first.

        Returns
        -------
        DataFrame
            ``kind`` and ``number``; ``doubt``, the estimated probability that something
            is to be done there (NaN, and last, where nothing is known); ``certainty``,
            ``area``, ``intensity``, ``at_border``, ``edited`` and ``status``.
        """
        columns = ["certainty", "area", "intensity", "at_border", "edited"]
        rows = self.nuclei.table[columns].reset_index(names="number")
        rows.insert(0, "kind", NUCLEUS)
        rows["doubt"] = 1 - rows["certainty"]
        if self.missed is not None:
            open_ = self.missed.objects
            open_ = open_[~open_["label"].isin(self._covered)]
            more = open_.rename(columns={"label": "number"})[
                ["number", "certainty", "area"]
            ].assign(kind=MISSED, at_border=False, edited=False, intensity=np.nan)
            more["doubt"] = more["certainty"]
            rows = pd.concat([rows, more], ignore_index=True) if len(more) else rows
        keys = zip(rows["kind"], rows["number"], strict=True)
        rows["status"] = [self.statuses.get(key, "") for key in keys]
        return rows.sort_values("doubt", ascending=False, ignore_index=True)

    def flags(self) -> pd.DataFrame:
        """``certainty``, ``reviewed`` and ``edited`` of every nucleus, by label.

        A nucleus is reviewed if it was accepted or edited.
        """
        table = self.nuclei.table
        accepted = [
            label
            for (kind, label), status in self.statuses.items()
            if kind == NUCLEUS and status == ACCEPTED
        ]
        flags = table[["certainty", "edited"]].copy()
        flags.insert(1, "reviewed", flags["edited"] | flags.index.isin(accepted))
        return flags

    def progress(self) -> str:
        """How far the review has come, such as ``"41 of 312 reviewed, 9 edited"``."""
        flags = self.flags()
        reviewed, edited = flags["reviewed"].sum(), flags["edited"].sum()
        return f"{reviewed} of {len(flags)} reviewed, {edited} edited"

    def _tell(self, statuses: dict[tuple[str, int], str]) -> None:
        """Give places a status, as one step; an empty one takes it away."""
        if not statuses:
            return
        before = {place: self.statuses.get(place, "") for place in statuses}
        self._set(statuses)
        self._did(Told(before))

    def _set(self, statuses: dict[tuple[str, int], str]) -> None:
        for place, status in statuses.items():
            if status:
                self.statuses[place] = status
            else:
                self.statuses.pop(place, None)
            if self.journal is not None:
                kind, number = place
                self.journal.told([number if kind == NUCLEUS else -number], status)

    def _did(self, step: Told | str) -> None:
        self._done.append(step)
        self._undone.clear()

    def _turn_back(
        self, steps: list[Told | str], others: list[Told | str]
    ) -> str | None:
        """Take one step off a pile, reverse it and put it on the other pile."""
        if not steps:
            return None
        step = steps.pop()
        if step == PIXELS:
            others.append(step)
            return PIXELS
        now = {place: self.statuses.get(place, "") for place in step.before}
        self._set(step.before)
        others.append(Told(now))
        return None

    def _notice_covered(self, box: Box) -> None:
        """Drop proposals that nuclei now cover by more than half; bring back others."""
        for number in np.unique(self.missed.labels[box]).tolist():
            if number:
                place = self._boxes[number]
                outline = self.missed.labels[place] == number
                taken = np.asarray(self.nuclei.labels[place])[outline] > 0
                if 2 * taken.sum() > len(taken):
                    self._covered.add(number)
                else:
                    self._covered.discard(number)


def _boxes(labels: np.ndarray) -> dict[int, Box]:
    """Box of every label."""
    found = enumerate(ndimage.find_objects(labels), start=1)
    return {number: box for number, box in found if box is not None}


def _differing(before: np.ndarray, after: np.ndarray, within: Box | None) -> Box | None:
    """Smallest box that holds every pixel in which two images differ."""
    within = within or tuple(slice(0, n) for n in before.shape)
    top, left = within[0].start, within[1].start
    rows, columns = [], np.zeros(within[1].stop - left, bool)
    # In bands, so that a large image needs no large temporary array.
    for start in range(top, within[0].stop, _ROWS):
        band = slice(start, min(start + _ROWS, within[0].stop)), within[1]
        differs = before[band] != np.asarray(after[band])
        if differs.any():
            rows.extend((start + np.flatnonzero(differs.any(axis=1))).tolist())
            columns |= differs.any(axis=0)
    if not rows:
        return None
    found = left + np.flatnonzero(columns)
    return slice(rows[0], rows[-1] + 1), slice(int(found[0]), int(found[-1]) + 1)
