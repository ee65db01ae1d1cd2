"""What is learned from and what is held back never overlap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.finetuning.corrections import UNKNOWN, Corrections
from napari_pmrnet.finetuning.holdout import HOLD_OUT_IMAGES, divide


def image(number: int, side: int = 256, step: int = 32) -> Corrections:
    """A grid of squares, all of them reviewed."""
    labels = np.zeros((side, side), np.int32)
    starts = [(y, x) for y in range(8, side, step) for x in range(8, side, step)]
    for label, (y, x) in enumerate(starts, start=1):
        labels[y : y + 16, x : x + 16] = label
    reviewed = np.arange(1, len(starts) + 1)
    return Corrections(f"{number}", (labels > 0) * 100, labels, reviewed)


def count(some: list[Corrections]) -> int:
    return sum(one.reviewed.size for one in some)


@given(st.integers(1, 6), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_no_pixel_is_both_learned_and_scored(images: int, seed: int) -> None:
    division = divide([image(n) for n in range(images)], seed)
    assert division.apart
    learned = {one.name: one for one in division.learned}
    for one in division.held_back:
        if one.name in learned:
            known = one.labels > 0
            assert (learned[one.name].labels[known] == UNKNOWN).all()
    for one in (*division.learned, *division.held_back):
        present = np.unique(one.labels[one.labels > 0])
        assert np.isin(one.reviewed, present).all()
    assert 0 < count(division.held_back) < count(division.learned)


def test_of_many_images_whole_ones_are_held_back() -> None:
    division = divide([image(n, 128) for n in range(HOLD_OUT_IMAGES + 4)])
    assert {one.name for one in division.learned}.isdisjoint(
        one.name for one in division.held_back
    )
    for one in (*division.learned, *division.held_back):
        assert not (one.labels == UNKNOWN).any()


def test_a_nucleus_that_is_cut_is_unknown_as_a_whole() -> None:
    one = image(0)
    labels = one.labels.copy()
    labels[120:136, 120:136] = 999
    division = divide(
        [Corrections("0", one.image, labels, np.append(one.reviewed, 999))]
    )
    for part in (*division.learned, *division.held_back):
        assert 999 not in part.labels and 999 not in part.reviewed


def test_the_same_seed_divides_alike() -> None:
    images = [image(n) for n in range(3)]
    first, again = divide(images, 5), divide(images, 5)
    for a, b in zip(first.learned, again.learned, strict=True):
        np.testing.assert_array_equal(a.labels, b.labels)
    names = {tuple(o.name for o in divide(images, s).held_back) for s in range(9)}
    assert len(names) > 1


@pytest.mark.parametrize("reviewed", [[3], list(range(1, 5))])
def test_too_little_to_hold_back_is_said(reviewed: list[int]) -> None:
    one = image(0, 64)
    some = Corrections("0", one.image, one.labels, np.array(reviewed))
    division = divide([some])
    assert not division.apart
    assert division.learned == division.held_back == [some]


def test_a_nucleus_in_all_pieces_is_learned_from() -> None:
    """None of them could be held back but that it would be cut, and lost."""
    labels = np.zeros((256, 256), np.int32)
    labels[20:236, 20:236] = 7
    one = Corrections("0", labels, labels, np.array([7]))
    division = divide([one])
    assert not division.apart
    assert division.learned == division.held_back == [one]
