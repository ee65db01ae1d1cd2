"""Numbers through time: one to one, whatever labels are called, over gaps and drift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.datasets.synthetic import make_movie
from napari_pmrnet.segmentation.tracking import MISSING, Tracks


def linked(movie: np.ndarray) -> np.ndarray:
    tracks = Tracks()
    return np.stack([tracks.numbers(frame)[frame] for frame in movie])


def shuffled(movie: np.ndarray, seed: int) -> np.ndarray:
    """Labels 1 to n of every frame, in another order on each."""
    rng, found = np.random.default_rng(seed), np.zeros_like(movie)
    for frame, out in zip(movie, found, strict=True):
        names = rng.permutation(np.unique(frame)[1:])
        numbers = np.zeros(movie.max() + 1, np.int32)
        numbers[names] = np.arange(1, len(names) + 1)
        out[:] = numbers[frame]
    return found


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether labels differ in their numbers alone."""
    both = (one > 0) | (other > 0)
    pairs = np.unique(np.stack([one[both], other[both]]), axis=1)
    return all(len(np.unique(names)) == pairs.shape[1] for names in pairs)


@pytest.mark.parametrize("drift", [0.0, 4.0, 10.0])
def test_nuclei_that_drift_keep_their_number(drift: float) -> None:
    _, truth, _ = make_movie(
        (300, 300), 8, 30, seed=2, drift=drift, jitter=0.5, divisions=0
    )
    assert same(linked(shuffled(truth, 0)), truth)


def test_a_nucleus_that_is_missed_comes_back_under_its_number() -> None:
    _, truth, _ = make_movie((200, 200), 8, 12, seed=1, divisions=0)
    seen = truth.copy()
    seen[2 : 2 + MISSING][truth[2 : 2 + MISSING] == 3] = 0
    assert same(linked(shuffled(seen, 0)), seen)
    seen[2 : 3 + MISSING][truth[2 : 3 + MISSING] == 3] = 0
    numbers = np.unique(linked(seen)[truth == 3])
    assert len(numbers[numbers > 0]) == 2


def test_a_daughter_at_most_goes_on_under_the_number_of_its_mother() -> None:
    _, truth, mothers = make_movie(
        (200, 200), 12, 12, seed=4, drift=1, jitter=0.5, divisions=0.05
    )
    found = linked(truth)
    assert len(mothers) >= 4
    for t in range(len(truth) - 1):
        before, after = (set(np.unique(frame)) - {0} for frame in truth[t : t + 2])
        for mother in (before - after) & set(mothers.values()):
            number = np.bincount(found[t][truth[t] == mother]).argmax()
            daughters = [name for name in after if mothers.get(name) == mother]
            kept = [
                (found[t + 1][truth[t + 1] == one] == number).all() for one in daughters
            ]
            assert sum(kept) <= 1


def test_series_share_numbers_and_nothing_else() -> None:
    tracks, frame = Tracks(), np.kron(np.eye(2, dtype=int), np.ones((5, 5), int))
    frame[5:] *= 2
    assert tracks.numbers(frame, 0).tolist() == [0, 1, 2]
    assert tracks.numbers(frame, 1).tolist() == [0, 3, 4]
    assert tracks.numbers(frame, 0).tolist() == [0, 1, 2]


frames = arrays(np.int32, (12, 14), elements=st.sampled_from([0, 0, 0, 1, 2, 3, 4]))


@given(st.lists(frames, min_size=1, max_size=5))
@settings(max_examples=80, deadline=None)
def test_no_number_stands_for_two_nuclei_of_a_frame(movie: list[np.ndarray]) -> None:
    tracks, highest = Tracks(), 0
    for frame in movie:
        numbers = tracks.numbers(frame)
        present = np.unique(frame[frame > 0])
        given = numbers[present]
        assert (given > 0).all() and len(set(given.tolist())) == len(present)
        new = np.sort(given[given > highest])
        assert new.tolist() == [*range(highest + 1, highest + 1 + len(new))]
        highest += len(new)
        absent = np.setdiff1d(np.arange(len(numbers)), present)
        assert not numbers[absent].any()


@given(frames)
@settings(max_examples=40, deadline=None)
def test_what_does_not_move_keeps_its_number(frame: np.ndarray) -> None:
    first, second = linked(np.stack([frame, frame]))
    centres = {
        tuple(np.argwhere(frame == name).mean(axis=0)) for name in np.unique(frame)[1:]
    }
    if len(centres) == len(np.unique(frame)) - 1:
        assert (first == second).all()
