"""The steps of all planes of a review are one row, with one list of statuses."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.proofreading.course import Course, Step
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.review import Change, Review

BOX = slice(0, 2), slice(0, 3)


def two_planes() -> Course:
    """Nuclei 1 on both planes and 7 on the second."""
    course = Course()
    for plane, numbers in (((0,), [1, 0]), ((1,), [1, 7])):
        labels = np.repeat(np.array([numbers], np.int32), 4, axis=0)
        Review(Nuclei(labels, labels.copy()), course=course, plane=plane)
    return course


def test_places_name_their_plane() -> None:
    course = two_planes()
    assert course.next_label() == 8
    assert course.review_of(("nucleus", 7, 1)) is course.planes[1,]
    assert course.is_there(("nucleus", 7, 1)) and not course.is_there(("nucleus", 7, 0))
    course.planes[1,].accept([7])
    course.planes[0,].accept([1])
    assert list(course.statuses) == [("nucleus", 7, 1), ("nucleus", 1, 0)]
    assert course.planes[0,].flags()["reviewed"].tolist() == [True]
    assert course.planes[1,].flags()["reviewed"].tolist() == [False, True]


def test_steps_of_planes_are_taken_back_in_their_order() -> None:
    course = two_planes()
    course.painted({(1,): BOX}, place=("nucleus", 7, 1))
    course.painted({(0,): BOX, (1,): BOX}, {("nucleus", 1, 0): "accepted"})
    course.painted()
    assert course.undo().boxes is None
    assert course.undo().boxes == {(0,): BOX, (1,): BOX} and not course.statuses
    assert course.redo().painted and course.statuses == {("nucleus", 1, 0): "accepted"}
    course.undo()
    assert course.undo().place == ("nucleus", 7, 1)
    assert course.undo() is None
    course.tell({})
    assert course.redo() is not None, "nothing told is no step"
    course.tell({("nucleus", 1, 1): "accepted"})
    assert course.redo() is None


def test_the_place_of_a_step_is_the_answer_or_what_it_changed() -> None:
    course = two_planes()
    answer, told = ("nucleus", 7, 1), {("nucleus", 1, 0): ""}
    change = Change(BOX, {1, 7}, {7}, set(), (1,))
    assert course.place_of(Step({}, True, None, answer), [change]) == answer
    assert course.place_of(Step(told), []) == ("nucleus", 1, 0)
    assert course.place_of(Step({}, True), [change]) == ("nucleus", 1, 1), "kept first"
    gone = ("nucleus", 7, 0)
    assert course.place_of(Step({}, True, None, gone), [change]) == ("nucleus", 1, 1)
    assert course.place_of(Step({}, True, None, gone), []) is None


places = st.tuples(st.sampled_from(["nucleus", "missed"]), st.integers(1, 3))
tellings = st.dictionaries(
    st.builds(lambda place, plane: (*place, plane), places, st.integers(0, 1)),
    st.sampled_from(["accepted", "dismissed", ""]),
    min_size=1,
    max_size=3,
)


@given(st.lists(tellings, max_size=6))
@settings(max_examples=60, deadline=None)
def test_undo_brings_every_status_back_and_redo_gives_it_again(steps) -> None:
    course = two_planes()
    states = [dict(course.statuses)]
    for step in steps:
        course.tell(step)
        states.append(dict(course.statuses))
    for state in reversed(states[:-1]):
        course.undo()
        assert course.statuses == state
    for state in states[1:]:
        course.redo()
        assert course.statuses == state
