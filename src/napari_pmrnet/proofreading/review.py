"""A review of the labels of a plane: what there is to look at, and what was done.

The labels belong to whoever shows and edits them. The review keeps a copy of them as it
last saw them and finds by comparison what has changed, so it follows every tool, and
undo and redo, which tell no one what they did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from napari_pmrnet.errors import DataError, EditError
from napari_pmrnet.io.label_numbers import check_labels
from napari_pmrnet.proofreading import edits
from napari_pmrnet.proofreading.add import Outlines, outlines_at
from napari_pmrnet.proofreading.boxes import differing_box, union
from napari_pmrnet.proofreading.course import Course
from napari_pmrnet.proofreading.edits import Edit
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.place import (
    ACCEPTED,
    AXIS,
    DISMISSED,
    MISSED,
    NUCLEUS,
    Place,
    Plane,
    statuses_by_plane,
)
from napari_pmrnet.proofreading.proposals import MissedPlaces, SuggestedPlaces
from napari_pmrnet.proofreading.suggestions import SPLIT, Suggestions
from napari_pmrnet.segmentation.diameter import median_diameter
from napari_pmrnet.segmentation.postprocess import Missed
from napari_pmrnet.segmentation.tiles import Box

SNAP_REACH = 5
"""Pixels by which a rim is moved at most to the boundary gate."""
_SEEN = ["certainty", "area", "intensity", "at_border", "edited"]


class Change(NamedTuple):
    """Change of the labels since the review last looked.

    Attributes
    ----------
    box : tuple of slice
        Holds all pixels that changed.
    labels : set of int
        Nuclei that were changed, made or removed.
    made, gone : set of int
        Those of them that were not there before, and that are not there any more.
    plane : tuple of int
        Plane of a stack that it is on.
    """

    box: Box
    labels: set[int]
    made: set[int]
    gone: set[int]
    plane: Plane = ()

    @property
    def kept(self) -> set[int]:
        """Nuclei that were there before and are there now."""
        return self.labels - self.made - self.gone


@dataclass
class Review:
    """Places to look at in a label image, and how far one has come.

    A *place* is a nucleus, ``("nucleus", label)``, a proposal where one may have been
    missed, ``("missed", number)``, or nuclei that are probably one or two,
    ``("merge", row)`` and ``("split", row)``, by their row in the table of suggestions.
    Places of a stack name its plane after that.

    Parameters
    ----------
    nuclei : Nuclei
        Of the labels under review, which others edit.
    missed : Missed, optional
        Proposals; see `Segmentation.missed`.
    suggestions : Suggestions, optional
        Merges and splits of the nuclei as they were found; see `suggest`. Those likely
        enough to be worth a look become places.
    course : Course
        What was said and done: of a stack one for all planes.
    plane : tuple of int
        Plane of a stack that the labels are of.
    """

    nuclei: Nuclei
    missed: Missed | None = None
    suggestions: Suggestions | None = None
    course: Course = field(default_factory=Course)
    plane: Plane = ()

    def __post_init__(self) -> None:
        self.course.planes[self.plane] = self
        self._listed: tuple[pd.DataFrame, dict[Place, str], pd.DataFrame] | None = None
        self._seen = np.array(self.nuclei.labels, np.int32)
        self._proposals = MissedPlaces(self.missed, self._seen)
        self._suggestions = SuggestedPlaces(self.suggestions, self.nuclei.original)

    @property
    def labels(self) -> np.ndarray:
        """Copy of the labels as the review last saw them; not to be written to."""
        return self._seen

    @property
    def statuses(self) -> dict[Place, str]:
        """Status of places, on all planes."""
        return self.course.statuses

    def follow(
        self,
        within: Box | None = None,
        step: bool = True,
        statuses: Mapping[Place, str] | None = None,
        place: Place | None = None,
    ) -> Change | None:
        """Find out what has changed in the labels, whoever changed them.

        Parameters
        ----------
        within : tuple of slice, optional
            A box known to hold all changes, which saves a look at the whole image.
        step : bool
            Whether the change is a step of the user's own, to be undone in its turn.
        statuses : mapping, optional
            Statuses that change with it.
        place : Place, optional
            The place it is the answer to.

        Returns
        -------
        Change or None
            None if nothing has changed.

        Raises
        ------
        EditError
            If a label has a number that a review does not keep. Nothing is noted then:
            whoever made the change has to take it back.
        """
        box = differing_box(self._seen, self.nuclei.labels, within)
        if box is None:
            return None
        before = self._seen[box].copy()
        after = np.asarray(self.nuclei.labels[box])
        try:
            check_labels(after)
        except DataError as error:
            raise EditError(str(error)) from error
        self._seen[box] = after
        old = self.nuclei.table.index
        touched = self.nuclei.update(box, before)
        new = self.nuclei.table.index
        if self.course.journal is not None:
            self.course.journal.changed(box, before, after, self.plane)
        if step:
            self.course.painted({self.plane: box}, statuses, place)
        self._proposals.follow(self._seen, box)
        made = {label for label in touched if label not in old}
        gone = {label for label in touched if label not in new}
        return Change(box, touched, made, gone, self.plane)

    def accept(self, labels: Iterable[int]) -> None:
        """Say of nuclei that they are right."""
        self.course.tell({self.nucleus(label): ACCEPTED for label in labels})

    def dismiss(self, places: Iterable[Place]) -> None:
        """Say of proposals and suggestions that nothing is to be done there."""
        numbered = ((place[0], int(place[1]), *self.plane) for place in places)
        self.course.tell(dict.fromkeys(numbered, DISMISSED))

    def nucleus(self, label: int) -> Place:
        """The place of a nucleus."""
        return NUCLEUS, int(label), *self.plane

    @property
    def gate(self) -> np.ndarray | None:
        """Boundary gate of the image; None for labels made elsewhere."""
        return self.nuclei.maps.get("boundary")

    def label_at(self, point: Sequence[float]) -> int:
        """Label at a place (y, x) in pixels; 0 beside all nuclei and the image."""
        y, x = (int(n) for n in np.rint(point))
        height, width = self._seen.shape
        inside = 0 <= y < height and 0 <= x < width
        return int(self._seen[y, x]) if inside else 0

    def place_at(self, point: Sequence[float]) -> Place | None:
        """The nucleus, or else the open proposal, at a place (y, x) in pixels."""
        label = self.label_at(point)
        if label:
            return self.nucleus(label)
        return self.proposed_at(*(int(n) for n in np.rint(point)))

    def labels_under(self, path: Sequence[tuple[float, float]]) -> list[int]:
        """Labels under a drawn line (y, x), in the order in which it meets them."""
        return edits.labels_under(self._seen, path)

    def labels_inside(self, start: Sequence[float], end: Sequence[float]) -> list[int]:
        """Nuclei whose centroid lies in the box between two corners (y, x)."""
        table = self.nuclei.table
        centroids = table[["centroid_y", "centroid_x"]].to_numpy()
        low, high = np.minimum(start, end), np.maximum(start, end)
        chosen = ((centroids >= low) & (centroids <= high)).all(axis=1)
        return table.index.to_numpy()[chosen].tolist()

    def split(self, label: int, clicks: Sequence[tuple[float, float]]) -> Edit:
        """The edit that splits a nucleus at clicks (y, x); see `edits.split`."""
        return self._parted(edits.split, label, clicks, self.gate)

    def cut(self, label: int, path: Sequence[tuple[float, float]]) -> Edit:
        """The edit that cuts a nucleus along a line; see `edits.split_along`."""
        return self._parted(edits.split_along, label, path)

    def names_under(self, path: Sequence[tuple[float, float]]) -> list[int]:
        """Labels of the nuclei under a line that is drawn to make them one.

        Raises
        ------
        EditError
            If it meets fewer than two.
        """
        names = self.labels_under(path)
        if len(names) < 2:
            raise EditError("the line meets fewer than two nuclei. Draw it over them.")
        return names

    def delete(self, which: Iterable[int]) -> Edit:
        """The edit that deletes nuclei."""
        boxes = self.nuclei.boxes(which)
        return edits.joined([edits.delete(self._seen, [n], box) for n, box in boxes])

    def add(self, click: tuple[float, float], across: float | None = None) -> Edit:
        """The edit that makes the nucleus at a click (y, x); see `outlines`."""
        found = self.outlines(click, across)
        mask, origin = found.best(), found.box
        number = self.course.next_label()
        return edits.add(self._seen, mask, (origin[0].start, origin[1].start), number)

    def outlines(
        self, click: tuple[float, float], across: float | None = None
    ) -> Outlines:
        """Outlines that the nucleus at a click could have; see `outlines_at`.

        Parameters
        ----------
        click : (y, x)
            In pixels.
        across : float, optional
            Its diameter; by default that of a typical nucleus.

        Raises
        ------
        EditError
            If there is no room for a nucleus, or too little is known to find its
            outline.
        """
        typical = across or self._typical()
        if typical is None:
            raise EditError(
                "no nucleus here tells how large they are. Drag over this one, from "
                "side to side."
            )
        return outlines_at(
            self._seen,
            click,
            typical,
            maps=self.nuclei.maps,
            flows=self.nuclei.flows,
            image=self.nuclei.image,
            proposals=None if self.missed is None else self.missed.labels,
            dragged=across is not None,
        )

    def _typical(self) -> float | None:
        """Diameter of the median nucleus, or else proposal, in pixels."""
        areas = self.nuclei.table["area"]
        if not len(areas) and self.missed is not None:
            areas = self.missed.objects["area"]
        return median_diameter(areas.to_numpy())

    def snap(self, label: int) -> Edit:
        """The edit that moves a rim to the boundary gate; see `edits.snap`.

        Raises
        ------
        EditError
            If there is no boundary gate.
        """
        if self.gate is None:
            raise EditError(
                "these labels have no boundary gate to snap to. Segment their image "
                "with PMRNet first."
            )
        box = self.nuclei.box(label)
        return edits.snap(self._seen, label, self.gate, SNAP_REACH, within=box)

    def fill_holes(self, label: int) -> Edit:
        """The edit that fills the holes of a nucleus."""
        return edits.fill_holes(self._seen, label, within=self.nuclei.box(label))

    def smooth(self, label: int) -> Edit:
        """The edit that smooths the outline of a nucleus; see `edits.smooth`."""
        return edits.smooth(self._seen, label, within=self.nuclei.box(label))

    def _parted(self, how: Callable[..., Edit], label: int, *args: Any) -> Edit:
        box, number = self.nuclei.box(label), self.course.next_label()
        return how(self._seen, label, *args, within=box, next_label=number)

    def proposal(self, place: Place) -> Edit:
        """The edit that is proposed at a place: adds, merges or splits.

        Raises
        ------
        EditError
            If there is no such proposal any more, or other nuclei cover it.
        """
        kind, number, *_ = place
        box, names = self.box(place), self.labels_at(place)
        new = self.course.next_label()
        if kind == MISSED and self.missed is not None:
            outline = self.missed.labels[box] == number
            return edits.add(self._seen, outline, (box[0].start, box[1].start), new)
        if kind == SPLIT and self.suggestions is not None:
            parts = self.suggestions.parts[box]
            return edits.take_parts(self._seen, names[0], box, parts, new)
        return edits.merge(self._seen, names[0], names[1:], box)

    def proposed_at(self, y: int, x: int) -> Place | None:
        """The place of an open proposal that holds a pixel."""
        number = self._proposals.at(y, x)
        return (MISSED, number, *self.plane) if number else None

    def is_there(self, place: Place) -> bool:
        """Tell whether a place is still one to look at."""
        kind, number, *_ = place
        if kind == MISSED:
            return self._proposals.is_open(number)
        if kind == NUCLEUS:
            return number in self.nuclei.table.index
        return self._suggestions.is_open(kind, number, self.nuclei.table, self._seen)

    def labels_at(self, place: Place) -> tuple[int, ...]:
        """Labels of the nuclei at a place; none where one may have been missed."""
        kind, number, *_ = place
        if kind == NUCLEUS:
            return (number,)
        return self._suggestions.labels(kind, number)

    def box(self, place: Place) -> Box:
        """Smallest box around a place.

        Raises
        ------
        EditError
            If it is not there any more.
        """
        if place[0] == MISSED:
            return self._proposals.box(place[1])
        if not self.labels_at(place):
            raise EditError(f"there is no proposal {place[1]}.")
        return union(self.nuclei.box(label) for label in self.labels_at(place))

    def places(self, statuses: dict[Place, str] | None = None) -> pd.DataFrame:
        """Every place, the most doubtful first.

        Parameters
        ----------
        statuses : dict, optional
            Those of places of this plane, where they are at hand.

        Returns
        -------
        DataFrame
            ``kind`` and ``number``, and of a stack `AXIS` for every axis before y and
            x; ``doubt``, the estimated probability that something is to be done there
            (NaN, and last, where nothing is known); ``certainty``, ``area``,
            ``intensity``, ``at_border``, ``edited`` and ``status``. Proposals that
            nuclei cover and suggestions for nuclei that were edited are left out. Made
            anew only where something has changed, and not to be written to.
        """
        if statuses is None:
            statuses = statuses_by_plane(self.statuses).get(self.plane, {})
        table = self.nuclei.table
        if self._listed is not None:
            of, known, places = self._listed
            if of is table and known == statuses:
                return places
        rows = table.loc[:, _SEEN].reset_index(names="number")
        rows.insert(0, "kind", NUCLEUS)
        rows["doubt"] = 1 - rows["certainty"]
        suggested = self._suggestions.rows(table, self._seen)
        more = [part for part in (self._proposals.rows(), suggested) if len(part)]
        if more:
            rows = pd.concat([rows, *more], ignore_index=True)
        rows["status"] = _status(rows, statuses)
        for axis, step in enumerate(self.plane):
            rows[AXIS.format(axis)] = step
        rows = rows.sort_values("doubt", ascending=False, ignore_index=True)
        self._listed = table, statuses, rows
        return rows

    def flags(self, statuses: Mapping[Place, str] | None = None) -> pd.DataFrame:
        """``certainty``, ``reviewed`` and ``edited`` of every nucleus, by label.

        A nucleus is reviewed if it was accepted or edited.

        Parameters
        ----------
        statuses : mapping, optional
            Those on this plane, if they are at hand.
        """
        table = self.nuclei.table
        if statuses is None:
            statuses = statuses_by_plane(self.statuses).get(self.plane, {})
        accepted = [
            place[1]
            for place, status in statuses.items()
            if place[0] == NUCLEUS and status == ACCEPTED
        ]
        flags = table.loc[:, ["certainty", "edited"]].copy()
        flags.insert(1, "reviewed", flags["edited"] | flags.index.isin(accepted))
        return flags


def _status(rows: pd.DataFrame, statuses: Mapping[Place, str]) -> np.ndarray:
    """Status of every row of a plane, empty for most."""
    status = np.full(len(rows), "", object)
    for kind in {place[0] for place in statuses}:
        given = {place[1]: said for place, said in statuses.items() if place[0] == kind}
        chosen = (rows["kind"] == kind) & rows["number"].isin(list(given))
        status[chosen] = rows.loc[chosen, "number"].map(given)
    return status
