"""Labels of every integer type are edited as int64 ones would be, never wrapped."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.errors import DataError, EditError
from napari_pmrnet.io.label_numbers import LARGEST_LABEL, number_labels
from napari_pmrnet.proofreading import edits
from napari_pmrnet.proofreading.measure import count_pixels, measure
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.origin import begin_review
from napari_pmrnet.proofreading.planes import merged, renumbering
from napari_pmrnet.proofreading.review import Review
from napari_pmrnet.proofreading.suggestions import Suggestions

NOTHING = edits.Edit(*np.zeros((3, 0), int))
TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
TOO_LARGE = np.array([[0, LARGEST_LABEL + 1], [1, 1]], np.int64)
NEGATIVE = np.array([[0, -1], [1, 1]], np.int32)


@st.composite
def label_images(draw: st.DrawFn) -> np.ndarray:
    """Boxes with numbers near the ends of types, as int64."""
    labels = np.zeros((18, 20), np.int64)
    numbers = st.sampled_from(
        [1, 2, 126, 127, 128, 254, 255, 256, 32767, 65534, 65535, LARGEST_LABEL - 4]
    )
    for number in draw(st.lists(numbers, min_size=1, max_size=5, unique=True)):
        y, x = draw(st.integers(0, 12)), draw(st.integers(0, 14))
        height, width = draw(st.integers(2, 6)), draw(st.integers(2, 6))
        labels[y : y + height, x : x + width] = number
    return labels


points = st.tuples(st.floats(-1, 18), st.floats(-1, 20))
commands = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(
            ["split", "cut", "merge", "delete", "draw", "fill", "smooth", "number"]
        ),
        "which": st.tuples(st.integers(0, 9), st.integers(0, 9)),
        "path": st.lists(points, min_size=2, max_size=4),
        "corner": st.tuples(st.integers(0, 14), st.integers(0, 16)),
    }
)


def edit_of(review: Review, command: dict[str, Any]) -> edits.Edit:
    """The edit that a command asks for, of a review of any type of labels."""
    names = review.nuclei.table.index.tolist() or [1]
    first, second = (names[n % len(names)] for n in command["which"])
    match command["kind"]:
        case "split":
            return review.split(first, command["path"])
        case "cut":
            return review.cut(first, command["path"])
        case "merge":
            return merged([review], first, [second])[review.plane]
        case "delete":
            return review.delete([first, second])
        case "draw":
            outline, new = np.ones((4, 4), bool), review.nuclei.next_label()
            return edits.add(review.labels, outline, command["corner"], new)
        case "fill":
            return review.fill_holes(first)
        case "smooth":
            return review.smooth(first)
    return renumbering(review.course)[0].get((), NOTHING)


def after(labels: np.ndarray, command: dict[str, Any]) -> np.ndarray | str:
    """Labels after a command, or why it cannot be done."""
    try:
        return edit_of(begin_review(labels), command).applied_to(labels)
    except EditError as error:
        return str(error)


@given(
    label_images(), st.sampled_from(TYPES), st.lists(commands, min_size=1, max_size=5)
)
@settings(max_examples=200, deadline=None)
def test_every_type_is_edited_as_int64_is(
    reference: np.ndarray, dtype: str, some: list[dict[str, Any]]
) -> None:
    reference = np.minimum(reference, min(np.iinfo(dtype).max, LARGEST_LABEL))
    typed = reference.astype(dtype)
    for command in some:
        expected, found = after(reference, command), after(typed, command)
        if isinstance(expected, str):
            assert found == expected
            continue
        assert not isinstance(found, str) and np.array_equal(found, expected)
        assert found.dtype in (dtype, np.int32) and found.min() >= 0
        reference, typed = expected, found


def test_the_last_number_is_said_to_be_the_last() -> None:
    labels = np.full((4, 9), LARGEST_LABEL, np.int64)
    with pytest.raises(EditError, match="Number the nuclei 1 to n first"):
        begin_review(labels).split(LARGEST_LABEL, [(1, 1), (1, 7)])
    edited = edit_of(begin_review(labels), {"kind": "number", "which": [0, 0]})
    assert (edited.applied_to(labels) == 1).all()


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (TOO_LARGE, f"label {LARGEST_LABEL + 1} is above {LARGEST_LABEL}"),
        (TOO_LARGE.astype(np.uint32), "Renumber the labels"),
        (NEGATIVE, "label -1 is negative"),
        (np.ones((2, 2)), "whole numbers, not float64"),
    ],
)
def test_a_review_refuses_what_it_does_not_keep(
    labels: np.ndarray, reason: str
) -> None:
    with pytest.raises(DataError, match=f"'cells': .*{reason}"):
        begin_review(labels, name="'cells'")


def test_the_largest_label_takes_no_memory() -> None:
    labels = np.zeros((30, 40), np.int32)
    labels[5:10, 5:10], labels[20:25, 20:30] = LARGEST_LABEL, 7
    tracemalloc.start()
    review = begin_review(labels)
    edited = merged([review], 7, [LARGEST_LABEL])[()].applied_to(labels)
    review.places(), review.flags(), measure(labels), count_pixels(labels)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
    assert set(np.unique(edited)) == {0, 7}


def test_suggestions_for_large_labels_take_no_memory() -> None:
    labels = np.zeros((30, 40), np.int32)
    labels[5:10, 5:10], labels[5:10, 10:18] = 20_000_000, 7
    rows = [("merge", 7, 20_000_000, 0.9)]
    table = pd.DataFrame(rows, columns=["kind", "label", "other", "score"])
    tracemalloc.start()
    nuclei = Nuclei(labels, labels.copy())
    review = Review(nuclei, suggestions=Suggestions(table, np.zeros_like(labels)))
    places = review.places()
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
    assert set(places["kind"]) == {"merge", "nucleus"}


def test_labels_beyond_53_bits_are_told_apart() -> None:
    labels = np.array([[0, 1 << 53], [(1 << 53) + 1, 1]], np.uint64)
    numbered, names = number_labels(labels)
    assert numbered.tolist() == [[0, 2], [3, 1]]
    assert names.tolist() == [0, 1, 1 << 53, (1 << 53) + 1]
    assert measure(labels).index.tolist() == names[1:].tolist()


@pytest.mark.parametrize("labels", [NEGATIVE, np.full((2, 2), 1.5)])
def test_what_cannot_be_counted_is_not_counted(labels: np.ndarray) -> None:
    for count in (measure, count_pixels):
        with pytest.raises(DataError, match="negative|whole numbers"):
            count(labels)
