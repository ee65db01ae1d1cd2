"""Tracks are scored by their links, whatever their numbers are."""

import numpy as np
from compare_tracking import Score, by_tracks, movie, score


def frames(*rows: list[int]) -> np.ndarray:
    """A pixel a nucleus, frame by frame."""
    return np.array(rows, np.int32)[:, None, :]


def test_links_count_and_not_numbers() -> None:
    truth = frames([1, 2, 3], [1, 2, 3], [1, 2, 0])
    assert score(truth, frames([7, 5, 4], [7, 5, 4], [7, 5, 0])) == Score(1, 1, 1)
    swapped = score(truth, frames([7, 5, 4], [5, 7, 4], [5, 7, 0]))
    assert swapped == Score(3 / 5, 3 / 5, 1 / 3)
    lost = score(truth, frames([7, 5, 4], [8, 5, 4], [8, 5, 0]))
    assert lost == Score(4 / 5, 1, 2 / 3)


def test_a_daughter_under_the_number_of_its_mother_counts_neither_way() -> None:
    truth = frames([1, 2, 0], [4, 2, 5])
    assert score(truth, frames([7, 8, 0], [7, 8, 9]))[:2] == (1, 1)


def test_some_of_a_movie_are_missing() -> None:
    truth, seen = movie(0, drift=0.0, jitter=0.0)
    missing = (truth > 0) & (seen == 0)
    assert 0.01 < missing.sum() / (truth > 0).sum() < 0.06
    assert score(truth, by_tracks(seen)).recall > 0.99
