"""Which merges and splits are needed, which are right, and how many of both."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.evaluation.suggestions import (
    Needed,
    needed,
    overlaps,
    precision_and_recall,
    right,
)

small_labels = arrays(np.int32, (6, 7), elements=st.integers(0, 4))


@given(small_labels, small_labels)
def test_common_pixels_of_every_pair(labels: np.ndarray, truth: np.ndarray) -> None:
    table, names = overlaps(labels, truth), np.unique(np.append(truth, 0))
    assert table.shape == (labels.max() + 1, len(names))
    for (label, column), count in np.ndenumerate(table):
        assert count == ((labels == label) & (truth == names[column])).sum()


@given(small_labels)
def test_what_is_right_needs_nothing(labels: np.ndarray) -> None:
    assert needed(labels, labels) == Needed(0, 0)


def test_each_further_part_needs_a_merge_and_each_pair_a_split() -> None:
    truth = np.array([[1] * 6 + [0] + [2] * 3 + [3] * 3])
    labels = np.array([[1, 1, 2, 2, 3, 3, 0] + [4] * 6])
    assert needed(labels, truth) == Needed(merge=2, split=1)
    assert needed(truth, labels) == Needed(merge=1, split=1)


def test_a_label_that_lies_mainly_outside_needs_no_merge() -> None:
    truth = np.array([[1, 1, 1, 1, 0, 0, 0, 0]])
    labels = np.array([[1, 1, 1, 2, 2, 2, 2, 2]])
    assert needed(labels, truth) == Needed(0, 0)


def suggested(parts: np.ndarray, *rows: tuple) -> SimpleNamespace:
    table = pd.DataFrame(rows, columns=["kind", "label", "other", "parts"])
    return SimpleNamespace(table=table, parts=parts)


def test_merges_are_right_within_one_true_nucleus() -> None:
    truth = np.array([[1, 1, 1, 1, 2, 2, 0, 0]])
    labels = np.array([[1, 1, 2, 2, 3, 3, 4, 4]])
    merges = [("merge", 1, 2, ()), ("merge", 2, 3, ()), ("merge", 4, 4, ())]
    found = right(suggested(np.zeros_like(truth), *merges), labels, truth)
    assert found.tolist() == [True, False, False]


def test_splits_are_right_where_two_parts_fit_two_nuclei() -> None:
    truth = np.array([[1, 1, 1, 2, 2, 2, 3, 3, 3, 3]])
    labels = np.array([[1, 1, 1, 1, 1, 1, 2, 2, 2, 2]])
    parts = np.array([[1, 1, 1, 2, 2, 2, 3, 3, 4, 4]])
    splits = [("split", 1, 0, (1, 2)), ("split", 2, 0, (3, 4))]
    found = right(suggested(parts, *splits), labels, truth)
    assert found.tolist() == [True, False]


def test_precision_and_recall_by_falling_score() -> None:
    table = pd.DataFrame(
        {"kind": ["merge"] * 3 + ["split"], "score": [0.2, 0.9, 0.5, 1]}
    )
    other = pd.DataFrame({"kind": ["merge"], "score": [0.7]})
    curve = precision_and_recall(
        [(table, np.array([True, True, False, False])), (other, np.array([True]))],
        [Needed(2, 0), Needed(2, 0)],
    )
    merges = curve[curve["kind"] == "merge"]
    assert merges["score"].tolist() == [0.9, 0.7, 0.5, 0.2]
    assert merges["precision"].tolist() == pytest.approx([1, 1, 2 / 3, 3 / 4])
    assert merges["recall"].tolist() == [0.25, 0.5, 0.5, 0.75]
    (split,) = curve[curve["kind"] == "split"].to_dict("records")
    assert split["precision"] == split["recall"] == 0
