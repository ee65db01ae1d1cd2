"""All planes of a review together: their queue, and edits of several in one step.

A plain image is a stack of one plane, at ``()``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from napari_pmrnet.errors import EditError
from napari_pmrnet.proofreading.boxes import differing_box, union
from napari_pmrnet.proofreading.course import Course
from napari_pmrnet.proofreading.edits import Edit, difference, recolour
from napari_pmrnet.proofreading.journal import Journal
from napari_pmrnet.proofreading.place import (
    AXIS,
    NUCLEUS,
    Place,
    Plane,
    statuses_by_plane,
)
from napari_pmrnet.proofreading.review import Change, Review
from napari_pmrnet.segmentation.tiles import Box

Edits = Mapping[Plane, Edit]
"""An edit for each of some planes."""


def indices_of(edits: Edits) -> tuple[np.ndarray, ...]:
    """Indices (axis by axis, y and x last) of all pixels that edits change."""
    parts = [
        (*(np.full(len(edit.ys), step) for step in plane), edit.ys, edit.xs)
        for plane, edit in edits.items()
    ]
    return tuple(np.concatenate(axis) for axis in zip(*parts, strict=True))


def follow(
    course: Course,
    within: Mapping[Plane, Box] | None = None,
    step: bool = True,
    statuses: Mapping[Place, str] | None = None,
    place: Place | None = None,
) -> list[Change]:
    """Find out what has changed in the labels of all planes; see `Review.follow`.

    Parameters
    ----------
    course : Course
    within : mapping of tuple of slice, optional
        The only planes with changes, and boxes that hold them.
    step : bool
        Whether all changes together are a step of the user's own.
    statuses, place
        As for `Review.follow`.

    Returns
    -------
    list of Change
        One for every plane with changes.

    Raises
    ------
    EditError
        If a label has a number that a review does not keep.
    """
    boxes = dict.fromkeys(course.planes) if within is None else within
    looks = (course.planes[plane].follow(box, False) for plane, box in boxes.items())
    changes = [change for change in looks if change is not None]
    if step and changes:
        course.painted({c.plane: c.box for c in changes}, statuses, place)
    return changes


def places(course: Course) -> pd.DataFrame:
    """Every place of every plane, the most doubtful first; see `Review.places`."""
    given = statuses_by_plane(course.statuses)
    parts = [r.places(given.get(plane, {})) for plane, r in course.planes.items()]
    if len(parts) == 1:
        return parts[0]
    full = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(full).sort_values(
        "doubt", ascending=False, ignore_index=True, kind="stable"
    )


def tables(course: Course) -> pd.DataFrame:
    """Tables of the nuclei of all planes, with `AXIS` for each axis before y and x."""
    planes = list(course.planes)
    parts = [course.planes[plane].nuclei.table for plane in planes]
    counts = [len(part) for part in parts]
    table = pd.concat([part for part in parts if len(part)] or parts[:1])
    steps = np.repeat(np.array(planes, int).reshape(len(planes), -1), counts, axis=0)
    columns = {AXIS.format(axis): values for axis, values in enumerate(steps.T)}
    return table.assign(**columns)


def flags_by_plane(course: Course) -> dict[Plane, pd.DataFrame]:
    """`Review.flags` of every plane."""
    given = statuses_by_plane(course.statuses)
    return {p: r.flags(given.get(p, {})) for p, r in course.planes.items()}


def flags(course: Course) -> pd.DataFrame:
    """``certainty``, ``area``, ``reviewed`` and ``edited`` of every nucleus, by label.

    Of one with a number on several planes the means of certainty and area are given;
    it is reviewed if it is on all of them, and edited if it is on any.
    """
    parts = [
        part.assign(area=course.planes[plane].nuclei.table["area"])
        for plane, part in flags_by_plane(course).items()
    ]
    columns = ["certainty", "area", "reviewed", "edited"]
    if len(parts) == 1:
        return parts[0].loc[:, columns]
    every = pd.concat([part for part in parts if len(part)] or parts[:1])
    ways = {"certainty": "mean", "area": "mean", "reviewed": "all", "edited": "any"}
    return every.groupby(level=0).agg(ways).loc[:, columns]


def originals(course: Course) -> np.ndarray:
    """Labels (..., H, W) as they were found, before the review."""
    return whole({p: r.nuclei.original for p, r in course.planes.items()})


def whole(planes: Mapping[Plane, np.ndarray]) -> np.ndarray:
    """Arrays of all planes as one, with the axes of the planes before theirs."""
    if () in planes:
        return planes[()]
    stacked = np.stack(list(planes.values()))
    leading = (max(steps) + 1 for steps in zip(*planes, strict=True))
    return stacked.reshape(*leading, *stacked.shape[1:])


def maps(course: Course) -> dict[str, np.ndarray]:
    """Maps (..., H, W) and flows (``flow_y``, ``flow_x``), 0 where there are none."""
    parts: dict[str, dict[Plane, np.ndarray]] = {}
    for plane, review in course.planes.items():
        nuclei = review.nuclei
        here = {name: np.asarray(m, np.float32) for name, m in nuclei.maps.items()}
        if nuclei.flows is not None:
            here |= {"flow_y": nuclei.flows[0], "flow_x": nuclei.flows[1]}
        for name, values in here.items():
            parts.setdefault(name, {})[plane] = values
    blank = {p: np.zeros(r.labels.shape, "f4") for p, r in course.planes.items()}
    return {name: whole({**blank, **given}) for name, given in parts.items()}


def keep(
    course: Course,
    journal: Journal,
    known: np.ndarray | None = None,
    statuses: Mapping[Place, str] | None = None,
) -> None:
    """Tell a journal from now on, and first what it does not know yet.

    Parameters
    ----------
    course : Course
    journal : Journal
    known : ndarray of int, shape (..., H, W), optional
        Labels it holds already; by default those that were found.
    statuses : mapping, optional
        Statuses it holds already.
    """
    for plane, review in course.planes.items():
        there = review.nuclei.original if known is None else known[plane]
        box = differing_box(there, review.labels, None)
        if box is not None:
            journal.changed(box, np.asarray(there[box]), review.labels[box], plane)
    for place in (statuses or {}).keys() | course.statuses.keys():
        status = course.statuses.get(place, "")
        if (statuses or {}).get(place, "") != status:
            journal.told(place, status)
    course.journal = journal


def differences(course: Course, labels: np.ndarray) -> Edits:
    """The edits that make other labels (..., H, W) of those under review."""
    every = {
        plane: difference(review.labels, labels[plane])
        for plane, review in course.planes.items()
    }
    return _some(every)


def are_those_of(course: Course, labels: np.ndarray) -> bool:
    """Tell whether labels (..., H, W) are those under review, on all planes."""
    under_review = {plane: review.labels for plane, review in course.planes.items()}
    steps = (max(along) + 1 for along in zip(*under_review, strict=True))
    shape = *steps, *next(iter(under_review.values())).shape
    return labels.shape == shape and all(
        np.array_equal(labels[plane], own) for plane, own in under_review.items()
    )


def through(course: Course, label: int, make: Callable[[Review, int], Edit]) -> Edits:
    """Edit a nucleus on every plane where it has a number.

    Parameters
    ----------
    course : Course
    label : int
    make : callable
        Gives the edit of a nucleus on one plane.
    """
    return {
        plane: make(review, label)
        for plane, review in course.planes.items()
        if label in review.nuclei.table.index
    }


def deleted(reviews: Iterable[Review], which: Collection[int]) -> Edits:
    """The edits that delete nuclei on every plane where they are.

    Raises
    ------
    EditError
        If none of them is anywhere.
    """
    return _deleted((review, which) for review in reviews)


def deleted_below(reviews: Iterable[Review], column: str, bound: float) -> Edits:
    """The edits that delete all nuclei of which a column of `Nuclei.table` is less.

    Raises
    ------
    EditError
        If there is none.
    """
    tables = ((review, review.nuclei.table) for review in reviews)
    return _deleted(
        (review, table.index[(table[column] < bound).to_numpy()].tolist())
        for review, table in tables
    )


def merged(
    reviews: Iterable[Review], into: int, others: Sequence[int]
) -> dict[Plane, Edit]:
    """The edits that give nuclei one number, on every plane where any of them is.

    Raises
    ------
    EditError
        If no two numbers are given, or one of them is nowhere.
    """
    others = [other for other in dict.fromkeys(others) if other != into]
    edits: dict[Plane, Edit] = {}
    seen: set[int] = set()
    for review in reviews:
        there = review.nuclei.boxes([into, *others])
        names, boxes = {name for name, _ in there}, [box for _, box in there]
        seen |= names
        if names - {into}:
            numbers = dict.fromkeys(names - {into}, into)
            edits[review.plane] = recolour(review.labels, numbers, union(boxes))
    if not others:
        raise EditError("one nucleus alone cannot be merged. Choose a second one.")
    for name in (into, *others):
        if name not in seen:
            raise EditError(f"there is no nucleus {name}. It may have been deleted.")
    return edits


def renumbering(course: Course) -> tuple[Edits, dict[Place, str]]:
    """The edits that number the nuclei 1 to n, and the statuses that move along."""
    reviews = course.planes.values()
    names = np.unique(np.concatenate([list(r.nuclei.table.index) for r in reviews]))
    numbers = {int(name): new for new, name in enumerate(names, start=1)}
    edits = {
        plane: recolour(r.labels, {n: numbers[n] for n in r.nuclei.table.index})
        for plane, r in course.planes.items()
    }
    given = course.statuses
    old = [p for p in given if p[0] == NUCLEUS and numbers.get(p[1], p[1]) != p[1]]
    moved = dict.fromkeys(old, "")
    for place in old:
        moved[NUCLEUS, numbers[place[1]], *place[2:]] = given[place]
    return _some(edits), moved


def _deleted(which: Iterable[tuple[Review, Collection[int]]]) -> Edits:
    """The edits that delete some nuclei of each of some planes."""
    edits = {
        review.plane: review.delete(labels)
        for review, labels in which
        if len(review.nuclei.table.index.intersection(list(labels)))
    }
    if not edits:
        raise EditError("there is no nucleus to delete.")
    return edits


def _some(edits: Edits) -> Edits:
    """Those edits that change something."""
    return {plane: edit for plane, edit in edits.items() if len(edit.values)}
