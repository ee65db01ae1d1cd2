"""A proposal is open until nuclei cover it, a suggestion until its nuclei change."""

import numpy as np
import pandas as pd
import pytest

from napari_pmrnet.errors import EditError
from napari_pmrnet.proofreading.boxes import everywhere
from napari_pmrnet.proofreading.place import MISSED
from napari_pmrnet.proofreading.proposals import MissedPlaces, SuggestedPlaces
from napari_pmrnet.proofreading.suggestions import Suggestions
from napari_pmrnet.segmentation.postprocess import Missed

SHAPE = (20, 30)


@pytest.fixture
def labels() -> np.ndarray:
    labels = np.zeros(SHAPE, np.int32)
    labels[1:5, 1:5], labels[1:5, 5:9], labels[1:5, 20:26] = 1, 2, 5
    return labels


@pytest.fixture
def missed() -> Missed:
    proposed = np.zeros(SHAPE, np.int32)
    proposed[10:14, 0:4], proposed[10:14, 10:14] = 1, 2
    rows = {"label": [2, 1], "certainty": [0.8, 0.3], "area": [16, 16]}
    return Missed(proposed, pd.DataFrame(rows))


@pytest.fixture
def suggestions() -> Suggestions:
    rows = [("merge", 1, 2, 0.7), ("split", 5, 0, 0.5), ("merge", 2, 5, 0.49)]
    table = pd.DataFrame(rows, columns=["kind", "label", "other", "score"])
    return Suggestions(table, np.zeros(SHAPE, np.int32))


def table_of(edited: frozenset[int] = frozenset()) -> pd.DataFrame:
    names = pd.Index([1, 2, 5])
    columns = {"certainty": [0.9, 0.4, 0.6], "area": [16, 16, 24]}
    return pd.DataFrame(
        {
            **columns,
            "intensity": [10.0, 20.0, 30.0],
            "at_border": [False, True, False],
            "edited": names.isin(edited),
        },
        index=names,
    )


@pytest.mark.parametrize(("rows", "is_open"), [(2, True), (3, False)])
def test_a_proposal_is_covered_by_more_than_half(
    labels: np.ndarray, missed: Missed, rows: int, is_open: bool
) -> None:
    places = MissedPlaces(missed, labels)
    box = slice(10, 14), slice(0, 4)
    labels[10 : 10 + rows, 0:4] = 9
    places.follow(labels, box)
    assert places.is_open(1) == is_open and places.is_open(2)
    assert places.at(13, 0) == is_open and places.at(13, 12) == 2
    assert places.rows()["number"].tolist() == ([2, 1] if is_open else [2])
    assert places.box(1) == box, "its box is known for an undo"
    labels[10:14, 0:4] = 0
    places.follow(labels, box)
    assert places.is_open(1)


def test_rows_of_proposals_tell_what_a_queue_asks(
    labels: np.ndarray, missed: Missed
) -> None:
    rows = MissedPlaces(missed, labels).rows()
    assert set(rows["kind"]) == {MISSED} and not rows["edited"].any()
    assert rows["doubt"].tolist() == rows["certainty"].tolist() == [0.8, 0.3]


def test_beside_the_image_and_of_no_number_there_is_no_proposal(
    labels: np.ndarray, missed: Missed
) -> None:
    places = MissedPlaces(missed, labels)
    assert places.at(-1, 0) == places.at(20, 0) == places.at(0, 0) == 0
    assert not places.is_open(0) and not places.is_open(3)
    with pytest.raises(EditError, match="no proposal 3"):
        places.box(3)
    none = MissedPlaces(None, labels)
    none.follow(labels, everywhere(labels))
    assert none.at(0, 0) == 0 and none.rows().empty and not none.is_open(1)


def test_suggestions_that_are_likely_are_open(
    labels: np.ndarray, suggestions: Suggestions
) -> None:
    places, table = SuggestedPlaces(suggestions, labels), table_of()
    assert places.labels("merge", 0) == (1, 2) and places.labels("split", 1) == (5,)
    assert places.labels("merge", 2) == (), "not worth a look"
    assert places.is_open("merge", 0, table, labels)
    assert not places.is_open("merge", 2, table, labels)
    merge, split = places.rows(table, labels).to_dict("records")
    assert (merge["area"], merge["certainty"], merge["intensity"]) == (32, 0.4, 15)
    assert merge["at_border"] and merge["doubt"] == 0.7
    assert (split["kind"], split["number"], split["doubt"]) == ("split", 1, 0.5)


def test_a_suggestion_ends_with_an_edit_of_any_of_its_nuclei(
    labels: np.ndarray, suggestions: Suggestions
) -> None:
    places = SuggestedPlaces(suggestions, labels.copy())
    edited = table_of(frozenset({2}))
    assert not places.is_open("merge", 0, edited, labels)
    assert places.rows(edited, labels)["kind"].tolist() == ["split"]
    swapped = np.where(labels == 1, 2, np.where(labels == 2, 1, labels))
    assert not places.is_open("merge", 0, table_of(), swapped)
    assert places.is_open("split", 1, table_of(), swapped)


def test_without_suggestions_there_are_none(labels: np.ndarray) -> None:
    places = SuggestedPlaces(None, labels)
    assert places.labels("merge", 0) == () and places.rows(table_of(), labels).empty
    assert not places.is_open("merge", 0, table_of(), labels)
