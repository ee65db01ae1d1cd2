"""A review follows every change of the labels and takes steps back in their order."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from napari_pmrnet.errors import EditError
from napari_pmrnet.proofreading.course import Course
from napari_pmrnet.proofreading.edits import delete
from napari_pmrnet.proofreading.journal import Journal, read_journal
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.queue import progress
from napari_pmrnet.proofreading.review import Review
from napari_pmrnet.proofreading.suggestions import Suggestions
from napari_pmrnet.segmentation.postprocess import Missed


def squares() -> np.ndarray:
    """Nine squares of 16 pixels, labels 1 to 9."""
    labels = np.zeros((30, 30), np.int32)
    for index in range(9):
        y, x = 10 * (index // 3), 10 * (index % 3)
        labels[y + 1 : y + 5, x + 1 : x + 5] = index + 1
    return labels


def proposals() -> Missed:
    labels = np.zeros((30, 30), np.int32)
    labels[6:9, 6:9], labels[16:19, 16:19] = 1, 2
    objects = pd.DataFrame({"label": [2, 1], "certainty": [0.8, 0.3], "area": [9, 9]})
    return Missed(labels, objects)


def a_review(journal: Journal | None = None) -> Review:
    labels = squares()
    certainty = np.where(labels == 4, 0.1, 0.95).astype(np.float32)
    nuclei = Nuclei(labels, labels.copy(), {"certainty": certainty})
    return Review(nuclei, proposals(), course=Course(journal))


def test_the_most_doubtful_come_first() -> None:
    places = a_review().places()
    order = list(zip(places["kind"], places["number"], strict=True))[:3]
    assert order == [("nucleus", 4), ("missed", 2), ("missed", 1)]
    assert places["doubt"].iloc[:3].tolist() == pytest.approx([0.9, 0.8, 0.3])
    assert len(places) == 11


def test_labels_without_certainty_come_as_they_are() -> None:
    places = Review(Nuclei(squares(), squares())).places()
    assert places["doubt"].isna().all() and places["number"].tolist() == [*range(1, 10)]


def test_painting_is_followed() -> None:
    review = a_review()
    assert review.follow() is None
    review.nuclei.labels[12:14, 2:9] = 5
    change = review.follow()
    assert change.labels == {4, 5}
    assert change.box == (slice(12, 14), slice(2, 9))
    assert progress(review.places()) == "2 of 9 reviewed, 2 edited"
    review.nuclei.labels[0, 0] = 77
    assert review.follow((slice(20, 30), slice(0, 30))) is None
    assert review.follow((slice(0, 2), slice(0, 2))).labels == {77}


def test_accepting_and_painting_are_taken_back_in_their_order() -> None:
    review = a_review()
    labels, before = review.nuclei.labels, review.nuclei.labels.copy()
    review.accept([4, 5])
    labels[0, 0] = 77
    review.follow()
    review.dismiss([("missed", 1)])
    assert not review.course.undo().painted and ("missed", 1) not in review.statuses
    assert review.course.undo().painted
    labels[:] = before
    review.follow(step=False)
    assert progress(review.places()) == "2 of 9 reviewed, 0 edited"
    assert not review.course.undo().painted and not review.statuses
    assert review.course.undo() is None
    assert not review.course.redo().painted
    assert progress(review.places()) == "2 of 9 reviewed, 0 edited"
    assert review.course.redo().painted
    review.follow(step=False)
    assert (
        not review.course.redo().painted and review.statuses["missed", 1] == "dismissed"
    )
    review.accept([7])
    assert review.course.redo() is None and len(review.statuses) == 4


def test_an_added_proposal_leaves_the_queue_and_comes_back_when_undone() -> None:
    review = a_review()
    edit = review.proposal(("missed", 2))
    labels = review.nuclei.labels
    labels[edit.ys, edit.xs] = edit.values
    assert review.follow(edit.box).labels == {10}
    assert (labels[16:19, 16:19] == 10).all()
    assert "missed" in set(review.places()["kind"]) and len(review.places()) == 11
    with pytest.raises(EditError, match="cover"):
        review.proposal(("missed", 2))
    labels[edit.ys, edit.xs] = 0
    review.follow(step=False)
    assert (review.places()["kind"] == "missed").sum() == 2
    with pytest.raises(EditError, match="no proposal 3"):
        review.box(("missed", 3))


def test_a_change_says_what_was_made_and_what_is_gone() -> None:
    review = a_review()
    labels = review.nuclei.labels
    labels[1:5, 1:5] = 0
    labels[12:14, 12:14] = 70
    change = review.follow(place=("nucleus", 1))
    assert (change.made, change.gone, change.kept) == ({70}, {1}, {5})
    assert review.course.undo().place == ("nucleus", 1)


def test_a_place_is_there_as_long_as_it_can_be_looked_at() -> None:
    review = a_review()
    review.suggestions = None
    assert review.is_there(("nucleus", 4)) and not review.is_there(("nucleus", 70))
    assert review.is_there(("missed", 2)) and not review.is_there(("missed", 3))
    assert not review.is_there(("merge", 0))
    edit = review.proposal(("missed", 2))
    review.nuclei.labels[edit.ys, edit.xs] = edit.values
    review.nuclei.labels[11:15, 1:5] = 0
    review.follow()
    assert not review.is_there(("missed", 2)) and not review.is_there(("nucleus", 4))


def test_the_journal_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a", squares(), "abc")
    review = a_review(journal)
    edit = delete(review.nuclei.labels, [6])
    review.nuclei.labels[edit.ys, edit.xs] = 0
    review.follow()
    review.accept([1, 2])
    review.course.undo()
    review.dismiss([("missed", 2)])
    journal.close()
    there = read_journal(tmp_path / "a")
    assert (there.labels == review.nuclei.labels).all()
    assert there.statuses == {("missed", 2): "dismissed"}


def suggestions() -> Suggestions:
    """One merge that is likely, one that is not, and a likely split."""
    rows = [("merge", 1, 2, 0.7), ("split", 3, 0, 0.6), ("merge", 5, 6, 0.2)]
    table = pd.DataFrame(rows, columns=["kind", "label", "other", "score"])
    parts = np.zeros((30, 30), np.int32)
    parts[1:5, 21:23], parts[1:5, 23:25] = 1, 2
    return Suggestions(table, parts)


def test_likely_suggestions_are_places() -> None:
    certainty = np.full((30, 30), 0.95, np.float32)
    nuclei = Nuclei(squares(), squares(), {"certainty": certainty})
    review = Review(nuclei, suggestions=suggestions())
    places = review.places()
    assert list(zip(places["kind"], places["number"], strict=True))[:2] == [
        ("merge", 0),
        ("split", 1),
    ]
    assert places["area"].tolist()[:2] == [32, 16]
    assert review.box(("merge", 0)) == (slice(1, 5), slice(1, 15))
    merged = review.proposal(("merge", 0)).applied_to(nuclei.labels)
    assert (merged[squares() == 2] == 1).all() and (merged == 1).sum() == 32
    halves = review.proposal(("split", 1)).applied_to(nuclei.labels)
    assert (halves[1:5, 21:25] == [[3, 3, 10, 10]] * 4).all()
    assert review.is_there(("merge", 0)) and not review.is_there(("merge", 9))
    nuclei.labels[2, 2] = 0
    review.follow()
    assert not review.is_there(("merge", 0)) and review.is_there(("split", 1))
    assert set(review.places()["kind"]) == {"nucleus", "split"}
    nuclei.labels[2, 2] = 1
    review.follow(step=False)
    review.dismiss([("merge", 0)])
    assert review.places().set_index("kind").at["merge", "status"] == "dismissed"
    swapped = np.where(squares() == 3, 4, np.where(squares() == 4, 3, squares()))
    nuclei.labels[:] = swapped
    review.follow()
    assert "split" not in set(review.places()["kind"])


class AnyReview(RuleBasedStateMachine):
    """Whatever is done and undone: the review knows the labels as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.review = a_review()
        self.past: list[np.ndarray] = []
        self.future: list[np.ndarray] = []

    @rule(y=st.integers(0, 29), x=st.integers(0, 29), value=st.integers(0, 12))
    def paint(self, y: int, x: int, value: int) -> None:
        labels = self.review.nuclei.labels
        before = labels.copy()
        labels[y : y + 6, x : x + 6] = value
        if self.review.follow() is not None:
            self.past.append(before)
            self.future.clear()

    @rule(label=st.integers(1, 9))
    def accept(self, label: int) -> None:
        self.review.accept([label])
        self.future.clear()

    @rule()
    def undo(self) -> None:
        self._turn(self.review.course.undo, self.past, self.future)

    @rule()
    def redo(self) -> None:
        self._turn(self.review.course.redo, self.future, self.past)

    def _turn(self, turn, taken: list, given: list) -> None:
        step = turn()
        if step is not None and step.painted:
            given.append(self.review.nuclei.labels.copy())
            self.review.nuclei.labels[:] = taken.pop()
            self.review.follow(step=False)

    @invariant()
    def all_is_known(self) -> None:
        nuclei = self.review.nuclei
        fresh = Nuclei(nuclei.labels, nuclei.original, nuclei.maps)
        pd.testing.assert_frame_equal(nuclei.table, fresh.table, check_dtype=False)


TestAnyReview = AnyReview.TestCase
TestAnyReview.settings = settings(
    max_examples=15, stateful_step_count=12, deadline=None
)
