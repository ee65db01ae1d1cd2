"""Which places are listed, in which order, and which comes next."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.proofreading.queue import (
    LISTS,
    Walk,
    is_open,
    listed,
    next_row,
    row_of,
)
from napari_pmrnet.segmentation.objects import DOUBT_LIMIT

PLACES = pd.DataFrame(
    [
        ("nucleus", 4, 0.9, 30.0, "", False),
        ("missed", 2, 0.8, 9.0, "", False),
        ("merge", 1, 0.7, np.nan, "dismissed", False),
        ("nucleus", 1, 0.6, 12.0, "accepted", False),
        ("nucleus", 3, 0.2, 12.0, "", True),
        ("nucleus", 2, 0.1, 7.0, "", False),
    ],
    columns=["kind", "number", "doubt", "area", "status", "edited"],
)


def numbers(places: pd.DataFrame) -> list[int]:
    assert list(places.index) == list(range(len(places)))
    return places["number"].tolist()


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("all", [4, 2, 1, 1, 3, 2]),
        ("open", [4, 2, 2]),
        ("edited", [3]),
        ("missed", [2]),
        ("suggested", [1]),
    ],
)
def test_lists(which: str, expected: list[int]) -> None:
    assert numbers(listed(PLACES, which)) == expected
    assert which in LISTS


def test_doubtful_is_what_is_at_least_as_doubtful() -> None:
    assert numbers(listed(PLACES, "doubtful", doubt=0.7)) == [4, 2, 1]
    assert (listed(PLACES, "doubtful")["doubt"] >= 1 - DOUBT_LIMIT).all()


def test_sorted_by_a_column_missing_values_come_last() -> None:
    assert numbers(listed(PLACES, column="area", ascending=True)) == [2, 2, 1, 3, 4, 1]
    down = listed(PLACES, column="area")
    assert down["area"].tolist()[:2] == [30, 12] and np.isnan(down["area"].iloc[-1])
    assert numbers(listed(PLACES, column="doubt", ascending=True)) == [
        *(2, 3, 1, 1, 2, 4)
    ]


def test_kinds_are_sorted_by_their_numbers_too() -> None:
    rows = listed(PLACES, column="kind", ascending=True)
    assert rows.loc[rows["kind"] == "nucleus", "number"].tolist() == [1, 2, 3, 4]


def test_a_place_is_found_by_kind_and_number() -> None:
    assert row_of(PLACES, ("nucleus", 1)) == 3
    assert row_of(PLACES, ("merge", 1)) == 2
    assert row_of(PLACES, ("missed", 1)) is None
    assert row_of(PLACES, None) is None
    assert row_of(PLACES.iloc[:0], ("nucleus", 1)) is None


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["", "accepted"])), max_size=9),
    st.integers(-1, 9),
    st.sampled_from([1, -1]),
)
def test_the_next_is_the_nearest_that_wants_a_look(rows, row: int, way: int) -> None:
    places = pd.DataFrame(rows, columns=["edited", "status"])
    wanted = [
        n
        for n, (edited, status) in enumerate(rows)
        if not edited and not status and (n - row) * way > 0
    ]
    assert next_row(places, row, way) == min(
        wanted, key=lambda n: abs(n - row), default=None
    )
    assert is_open(places).tolist() == [not e and not s for e, s in rows]


def walked(walk: Walk, places: pd.DataFrame, way: int, again: bool = False):
    """Go on and give the place that is reached."""
    row = walk.onward(places, way, again)
    if row is None:
        return None
    place = places["kind"][row], int(places["number"][row])
    walk.reach(place, row)
    return place


def without(*gone: int) -> pd.DataFrame:
    """The places, less some rows."""
    return PLACES.drop(index=list(gone)).reset_index(drop=True)


def test_a_walk_visits_what_wants_a_look_and_begins_again() -> None:
    walk = Walk()
    order = [("nucleus", 4), ("missed", 2), ("nucleus", 2)]
    assert [walked(walk, PLACES, 1) for _ in range(4)] == [*order, order[0]]
    assert walk.met == set(order)


def test_the_start_of_a_walk_is_its_start() -> None:
    walk = Walk()
    assert walk.onward(PLACES, -1) is None
    walked(walk, PLACES, 1)
    assert walk.onward(PLACES, -1) is None
    walked(walk, PLACES, 1)
    assert walked(walk, PLACES, -1) == ("nucleus", 4)
    assert walk.onward(PLACES.iloc[:0], 1) is None


def test_what_takes_the_row_of_a_place_that_is_gone_comes_next() -> None:
    walk = Walk()
    walked(walk, PLACES, 1)
    assert walked(walk, without(0), 1) == ("missed", 2)
    assert walked(walk, without(0, 1), 1) == ("nucleus", 2)
    assert walk.onward(without(0, 1, 5), -1) is None


def test_a_place_that_was_left_for_another_one_comes_again() -> None:
    walk = Walk()
    walked(walk, PLACES, 1)
    assert walked(walk, PLACES, 1, again=True) == ("nucleus", 4)
    answered = PLACES.assign(status=["accepted", *PLACES["status"][1:]])
    assert walked(walk, answered, 1, again=True) == ("missed", 2)
