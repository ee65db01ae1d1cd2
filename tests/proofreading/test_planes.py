"""Planes of a stack under review: one queue, one order of steps, nothing next door."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from napari_pmrnet.errors import EditError
from napari_pmrnet.io.space import Space
from napari_pmrnet.proofreading import planes
from napari_pmrnet.proofreading.course import Course
from napari_pmrnet.proofreading.journal import Journal, read_journal
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.origin import Origin, begin_review, origin_of, origins
from napari_pmrnet.proofreading.place import Plane
from napari_pmrnet.proofreading.queue import listed, progress, row_of
from napari_pmrnet.proofreading.review import Review
from napari_pmrnet.proofreading.saved_review import (
    SavedReview,
    load_review,
    save_review,
)


def movie(frames: int = 4) -> np.ndarray:
    """Squares 1 to 4 on every frame, and one with a number of its own."""
    labels = np.zeros((frames, 24, 30), np.int32)
    for t in range(frames):
        for n in range(4):
            labels[t, 2:8, 2 + 7 * n : 7 + 7 * n] = n + 1
        labels[t, 14:20, 3 + t : 9 + t] = 10 + t
    return labels


def begin(labels: np.ndarray, certainty: np.ndarray | None = None) -> Course:
    """Reviews of all planes of labels, which they follow."""
    course = Course()
    found = labels.copy()
    for plane in np.ndindex(*labels.shape[:-2]):
        maps = {} if certainty is None else {"certainty": certainty[plane]}
        origin = Origin(found[plane], maps, None)
        begin_review(labels[plane], origin, None, "", course, plane)
    return course


def apply(labels: np.ndarray, edits: planes.Edits) -> None:
    values = [edit.values for edit in edits.values()]
    labels[planes.indices_of(edits)] = np.concatenate(values)


def test_the_queue_holds_the_places_of_all_planes() -> None:
    labels = movie()
    certainty = np.full(labels.shape, 0.9, np.float32)
    certainty[2, labels[2] == 3] = 0.1
    course = begin(labels, certainty)
    places = planes.places(course)
    assert len(places) == 5 * 4
    first = places.iloc[0]
    assert (first["kind"], first["number"], first["axis 0"]) == ("nucleus", 3, 2)
    assert row_of(places, ("nucleus", 3, 2)) == 0
    assert row_of(places, ("nucleus", 13, 2)) is None
    course.tell({("nucleus", 3, 2): "accepted", ("nucleus", 1, 0): "accepted"})
    places = planes.places(course)
    assert places["status"].eq("accepted").sum() == 2
    assert progress(places) == "2 of 20 reviewed, 0 edited"
    by_plane = listed(places, column="plane", ascending=True)
    assert by_plane["axis 0"].is_monotonic_increasing
    course.undo()
    assert not course.statuses and planes.places(course)["status"].eq("").all()


def test_what_has_not_changed_is_not_listed_anew() -> None:
    labels = movie()
    course = begin(labels)
    before = [review.places() for review in course.planes.values()]
    labels[1, 2:8, 2:7] = 0
    planes.follow(course)
    after = [review.places() for review in course.planes.values()]
    assert [a is b for a, b in zip(before, after, strict=True)] == [True, False] + [
        True
    ] * 2
    course.tell({("nucleus", 2, 3): "accepted"})
    assert course.planes[(3,)].places() is not after[3]
    assert course.planes[(0,)].places() is before[0]


def test_flags_of_a_linked_nucleus_are_those_of_all_its_planes() -> None:
    labels = movie(2)
    certainty = np.where(np.arange(2)[:, None, None] == 0, 0.2, 0.8) + 0 * labels
    course = begin(labels, certainty.astype(np.float32))
    course.tell({("nucleus", 1, 0): "accepted", ("nucleus", 1, 1): "accepted"})
    course.tell({("nucleus", 2, 0): "accepted"})
    labels[1, 7, 2 + 14 : 7 + 14] = 0
    planes.follow(course)
    flags = planes.flags(course)
    assert flags.index.tolist() == [1, 2, 3, 4, 10, 11]
    assert flags["reviewed"].tolist() == [True, False, False, False, False, False]
    assert flags["edited"].tolist() == [False, False, True, False, False, False]
    assert flags["certainty"].tolist() == pytest.approx([0.5] * 4 + [0.2, 0.8])
    assert flags["area"].tolist() == [30, 30, 27.5, 30, 36, 36]


def test_labels_are_those_under_review_if_all_planes_are() -> None:
    labels = movie()
    course = begin(labels)
    assert planes.are_those_of(course, labels.astype(np.uint16))
    assert not planes.are_those_of(course, labels[:3])
    other = labels.copy()
    other[3, 0, 0] = 1
    assert not planes.are_those_of(course, other)
    plain = begin(labels[0])
    assert planes.are_those_of(plain, labels[0].copy())
    assert not planes.are_those_of(plain, labels)


def test_a_number_is_new_on_all_planes() -> None:
    labels = movie()
    course = begin(labels)
    assert course.planes[(0,)].nuclei.next_label() == 11
    assert course.next_label() == 14
    edit = course.planes[(0,)].split(1, [(4, 3), (4, 6)])
    assert set(edit.values) == {14}


def test_edits_go_through_all_planes_if_asked() -> None:
    labels = movie()
    course = begin(labels)
    before = labels.copy()
    apply(labels, planes.deleted(course.planes.values(), [2]))
    assert not (labels == 2).any() and ((labels == before) | (before == 2)).all()
    changes = planes.follow(course)
    assert [change.gone for change in changes] == [{2}] * 4
    apply(labels, planes.merged(course.planes.values(), 12, [13, 11, 10]))
    assert ((labels == 12) == (before >= 10)).all()
    planes.follow(course)
    edits = planes.through(course, 12, Review.smooth)
    assert list(edits) == [(0,), (1,), (2,), (3,)]
    apply(labels, planes.deleted_below(course.planes.values(), "area", 31))
    planes.follow(course)
    assert set(np.unique(labels)) == {0, 12}
    for which, reason in (([77], "no nucleus to delete"), ([2], "no nucleus")):
        with pytest.raises(EditError, match=reason):
            planes.deleted(course.planes.values(), which)
    with pytest.raises(EditError, match="no nucleus 77"):
        planes.merged(course.planes.values(), 12, [77])
    with pytest.raises(EditError, match="one nucleus alone"):
        planes.merged(course.planes.values(), 12, [12])


def test_numbering_keeps_links_and_statuses() -> None:
    labels = movie(3)
    course = begin(labels)
    course.tell({("nucleus", 12, 2): "accepted", ("nucleus", 3, 1): "accepted"})
    edits, moved = planes.renumbering(course)
    apply(labels, edits)
    planes.follow(course, statuses=moved)
    assert np.unique(labels).tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert (labels == 3).any(axis=(1, 2)).all() and (labels[2] == 7).any()
    assert set(course.statuses) == {("nucleus", 3, 1), ("nucleus", 7, 2)}
    course.undo()
    assert set(course.statuses) == {("nucleus", 3, 1), ("nucleus", 12, 2)}


def test_a_journal_holds_all_planes(tmp_path: Path) -> None:
    labels = movie()
    found = labels.copy()
    course = begin(labels)
    labels[0, 2:4, 2:4] = 0
    planes.follow(course)
    journal = Journal(tmp_path / "a", found, "abc")
    planes.keep(course, journal)
    apply(labels, planes.deleted(course.planes.values(), [3]))
    planes.follow(course)
    course.tell({("nucleus", 1, 2): "accepted", ("missed", 1, 0): "dismissed"})
    assert journal.close()
    there = read_journal(tmp_path / "a")
    assert (there.labels == labels).all() and (there.found == found).all()
    assert there.statuses == course.statuses
    again = begin(found.copy())
    assert planes.differences(again, there.labels).keys() == {(0,), (1,), (2,), (3,)}
    assert planes.differences(course, there.labels) == {}


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((3, 8, 9), "tyx"), ((2, 3, 8, 9), "ztyx"), ((1, 8, 9), "zyx")],
)
def test_a_saved_review_holds_all_planes(tmp_path: Path, shape, axes: str) -> None:
    rng = np.random.default_rng(0)
    labels, found = rng.integers(0, 9, (2, *shape), dtype=np.int32)
    maps = {n: rng.random(shape, np.float32) for n in ("certainty", "flow_y")}
    space = Space.of(axes, (2.0, *(0.5,) * (len(shape) - 1)), ("um",) * len(shape))
    statuses = {("nucleus", 3, *(0,) * (len(shape) - 2)): "accepted"}
    saved = SavedReview(labels, found, maps, statuses, "abc", space=space)
    save_review(tmp_path / "r", saved)
    save_review(tmp_path / "r", saved)
    back = load_review(tmp_path / "r")
    assert (back.labels == labels).all() and (back.found == found).all()
    assert back.statuses == statuses and back.space == space
    assert back.maps.keys() == maps.keys()
    assert all((back.maps[name] == maps[name]).all() for name in maps)


def test_origins_of_planes() -> None:
    labels = movie(2)
    known = origins(labels)
    assert origin_of(known, (1,)) is known[1,] and origin_of(None, (1,)) is None
    assert origin_of(known, (5,)) is None
    assert (known[1,].labels == labels[1]).all()


boxes = st.tuples(st.integers(0, 20), st.integers(0, 26))


@given(
    plane=st.integers(0, 3),
    label=st.sampled_from([1, 2, 3, 4, 10]),
    what=st.sampled_from(["split", "fill", "smooth", "delete", "merge", "cut"]),
    at=st.tuples(boxes, boxes),
)
@settings(max_examples=60, deadline=None)
def test_an_edit_of_a_plane_changes_no_other(plane, label, what, at) -> None:
    labels = movie()
    course = begin(labels)
    review, before = course.planes[plane,], labels.copy()
    make = {
        "split": lambda: review.split(label, at),
        "cut": lambda: review.cut(label, at),
        "fill": lambda: review.fill_holes(label),
        "smooth": lambda: review.smooth(label),
        "delete": lambda: review.delete([label]),
        "merge": lambda: planes.merged([review], label, [2])[review.plane],
    }[what]
    try:
        edits = {review.plane: make()}
    except EditError:
        return
    apply(labels, edits)
    others = np.arange(4) != plane
    assert (labels[others] == before[others]).all()
    changes = planes.follow(course)
    assert {change.plane for change in changes} <= {(plane,)}
    new = set(np.unique(labels[plane])) - set(np.unique(before[plane]))
    assert not new & set(np.unique(before)), "a new number is new on all planes"


class AnyStack(RuleBasedStateMachine):
    """Whatever is done on whatever plane, undo brings back in the opposite order."""

    def __init__(self) -> None:
        super().__init__()
        self.labels = movie(3)
        self.course = begin(self.labels)
        self.past: list[np.ndarray] = []
        self.future: list[np.ndarray] = []

    @rule(t=st.integers(0, 2), y=st.integers(0, 20), x=st.integers(0, 26))
    def paint(self, t: int, y: int, x: int) -> None:
        self._change({(t,): (y, x)}, 30)

    @rule(y=st.integers(0, 20), x=st.integers(0, 26), value=st.integers(0, 12))
    def paint_through(self, y: int, x: int, value: int) -> None:
        self._change({(t,): (y, x) for t in range(3)}, value)

    def _change(self, at: dict[Plane, tuple[int, int]], value: int) -> None:
        before = self.labels.copy()
        for plane, (y, x) in at.items():
            self.labels[(*plane, slice(y, y + 4), slice(x, x + 4))] = value
        if planes.follow(self.course):
            self.past.append(before)
            self.future.clear()

    @rule(t=st.integers(0, 2), label=st.integers(1, 4))
    def accept(self, t: int, label: int) -> None:
        self.course.tell({("nucleus", label, t): "accepted"})
        self.future.clear()

    @rule()
    def undo(self) -> None:
        self._turn(self.course.undo, self.past, self.future)

    @rule()
    def redo(self) -> None:
        self._turn(self.course.redo, self.future, self.past)

    def _turn(self, turn, taken: list, given: list) -> None:
        step = turn()
        if step is not None and step.painted:
            given.append(self.labels.copy())
            self.labels[:] = taken.pop()
            planes.follow(self.course, step.boxes, step=False)

    @invariant()
    def all_is_known(self) -> None:
        for plane, review in self.course.planes.items():
            nuclei = review.nuclei
            fresh = Nuclei(self.labels[plane], nuclei.original, nuclei.maps)
            pd.testing.assert_frame_equal(nuclei.table, fresh.table, check_dtype=False)
            assert (review.labels == self.labels[plane]).all()


TestAnyStack = AnyStack.TestCase
TestAnyStack.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
