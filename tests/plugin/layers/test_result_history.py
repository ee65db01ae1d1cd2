"""The run behind the labels on show, told by their pixels alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.plugin.layers import result_history
from napari_pmrnet.plugin.layers.result_history import History, Run

from ..conftest import make_segmentation


def found(labels: np.ndarray) -> Run:
    return Run(make_segmentation((labels > 0).astype(float)))


def stepped(states: list[np.ndarray]) -> tuple[History, list[Run]]:
    """A history of runs that gave one state of the labels after the other."""
    runs = [found(state) for state in states]
    history = History(runs[0])
    for run, before, after in zip(runs[1:], states, states[1:], strict=False):
        where = np.nonzero(before != after)
        history.add(run, where, before, after)
    return history, runs


@given(
    st.lists(st.integers(0, 2**16 - 1), min_size=2, max_size=5, unique=True),
    st.lists(st.booleans(), min_size=1, max_size=8),
)
def test_each_step_back_or_forth_is_seen(numbers, turns):
    states = [
        np.array([n >> bit & 1 for bit in range(16)]).reshape(4, 4) for n in numbers
    ]
    history, runs = stepped(states)
    at = len(states) - 1
    assert history.run is runs[at]
    for turn in turns:
        # napari goes one step back or forth at a time.
        at = min(max(at + (1 if turn else -1), 0), len(states) - 1)
        history.follow(states[at])
        assert history.run is runs[at]


def test_a_run_after_an_undo_takes_the_place_of_what_was_undone():
    states = [np.full((3, 3), n) for n in (0, 1, 2)]
    history, runs = stepped(states)
    assert history.follow(states[1]) and history.run is runs[1]
    assert not history.follow(states[1])
    other, where = found(np.full((3, 3), 5)), np.nonzero(np.ones((3, 3), bool))
    history.add(other, where, states[1], np.full((3, 3), 5))
    assert history.run is other
    assert not history.follow(states[2]) and history.run is other
    assert history.follow(states[1]) and history.run is runs[1]
    assert history.follow(states[0]) and history.run is runs[0]


def test_a_run_that_changes_nothing_is_no_step():
    history, _ = stepped([np.zeros((2, 2), int)])
    same, nowhere = found(np.zeros((2, 2), int)), np.nonzero(np.zeros((2, 2), bool))
    history.add(same, nowhere, np.zeros((2, 2), int), np.zeros((2, 2), int))
    assert history.run is same and not history.follow(np.zeros((2, 2), int))


def test_maps_of_old_runs_are_let_go_but_for_one(monkeypatch):
    monkeypatch.setattr(result_history, "KEPT_BYTES", 1)
    history, runs = stepped([np.full((3, 3), n) for n in range(5)])
    assert history.follow(np.full((3, 3), 3)) and history.run is runs[3]
    assert not history.follow(np.full((3, 3), 2)) and history.run is runs[3]
