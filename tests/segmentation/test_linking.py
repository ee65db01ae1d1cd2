"""A nucleus keeps its number from frame to frame, and shares it with no other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.errors import DataError, ImageError
from napari_pmrnet.segmentation.linking import LEAST_IOU, link_by_overlap

FRAMES = arrays(
    np.int32,
    st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
    elements=st.integers(0, 5),
)


def disc(y: float, x: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:60, :80]
    return np.hypot(rows - y, columns - x) < radius


def numbered(*masks: np.ndarray) -> np.ndarray:
    """A frame whose nuclei are numbered in the order given."""
    frame = np.zeros(masks[0].shape, np.int32)
    for number, mask in enumerate(masks, start=1):
        frame[mask] = number
    return frame


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two frames show the same nuclei, under whatever numbers."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    one_to_one = len(set(pairs[0])) == len(set(pairs[1])) == pairs.shape[1]
    return one_to_one and ((a > 0) == (b > 0)).all()


@given(FRAMES, st.sampled_from([0.01, LEAST_IOU, 0.6, 1.0]))
def test_frames_keep_their_nuclei_under_numbers_without_gaps(film, minimum) -> None:
    linked = link_by_overlap(film, minimum)
    assert linked.dtype == np.int32 and linked.shape == film.shape
    assert all(same_partition(a, b) for a, b in zip(film, linked, strict=True))
    assert np.array_equal(np.unique(linked[linked > 0]), np.arange(1, linked.max() + 1))


@given(FRAMES.map(lambda film: film[0]), st.integers(2, 5))
def test_a_still_film_keeps_all(frame, length) -> None:
    linked = link_by_overlap(np.stack([frame] * length), 1.0)
    assert (linked == linked[0]).all()
    assert linked.max() == len(np.unique(frame[frame > 0]))


@given(FRAMES, st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_the_numbers_that_frames_come_with_change_nothing(film, random) -> None:
    permuted = np.zeros_like(film)
    for before, after in zip(film, permuted, strict=True):
        names = random.sample(range(1, 30), 5)
        after[:] = np.array([0, *names], np.int32)[before]
    assert np.array_equal(link_by_overlap(film, 0.1), link_by_overlap(permuted, 0.1))


@given(st.floats(0, 0.45), st.floats(0, 2 * np.pi))
def test_a_moving_disc_keeps_its_number(share, angle) -> None:
    """It moves by less than half its diameter, beside one that stays."""
    step = share * 16 * np.array([np.sin(angle), np.cos(angle)])
    still = disc(10, 10, 6)
    film = np.stack(
        [numbered(disc(35, 50, 8), still), numbered(still, disc(*[35, 50] + step, 8))]
    )
    linked = link_by_overlap(film)
    assert linked.max() == 2
    assert linked[1, 10, 10] == linked[0, 10, 10]
    assert linked[1].max() == linked[0].max() and (linked[1] > 0).any()


@given(st.integers(8, 14), st.integers(8, 14))
def test_a_division_gives_the_number_to_one_daughter_at_most(left, right) -> None:
    mother = disc(30, 40, 15)
    daughters = (
        disc(30, 40 - left / 2, 9) & (np.mgrid[:60, :80][1] < 40),
        disc(30, 40 + right / 2, 9) & (np.mgrid[:60, :80][1] >= 40),
    )
    linked = link_by_overlap(np.stack([numbered(mother), numbered(*daughters)]), 0.05)
    numbers = {int(linked[1][daughter][0]) for daughter in daughters}
    assert len(numbers) == 2 and numbers & {1} and linked.max() == 2


def test_the_greater_overlap_wins_and_the_other_is_new() -> None:
    """A large nucleus stays; a fragment that lies wholly within it is another one."""
    before = numbered(disc(30, 40, 15))
    fragment = disc(30, 28, 3)
    after = numbered(fragment, disc(30, 42, 14) & ~fragment)
    linked = link_by_overlap(np.stack([before, after]), 0.01)
    assert linked[1, 30, 42] == 1 and linked[1, 30, 28] == 2


def test_too_little_overlap_and_a_gap_make_new_nuclei() -> None:
    here, there = numbered(disc(30, 20, 8)), numbered(disc(30, 31, 8))
    empty = np.zeros_like(here)
    assert link_by_overlap(np.stack([here, there])).max() == 2
    assert link_by_overlap(np.stack([here, there]), 0.05).max() == 1
    assert link_by_overlap(np.stack([here, empty, here])).max() == 2


@pytest.mark.parametrize(("along", "groups"), [("t", 2), ("z", 3)])
def test_the_axis_is_chosen_by_name(along, groups) -> None:
    frame = numbered(disc(30, 40, 8))
    film = np.broadcast_to(frame, (3, 2, *frame.shape))
    linked = link_by_overlap(film, axes=("t", "z", "y", "x"), along=along)
    numbers = linked.max(axis=(2, 3))
    other = 0 if along == "t" else 1
    assert linked.max() == groups
    assert (numbers == np.take(numbers, [0], axis=other)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"along": "z"}, "along 'z'"),
        ({"along": "y"}, "along 'y'"),
        ({"axes": ("y", "x"), "along": "t"}, "Name every axis"),
        ({"minimum": 0.0}, "above 0"),
        ({"minimum": 1.5}, "at most 1"),
    ],
)
def test_what_cannot_be_linked_is_refused(options, words) -> None:
    with pytest.raises(ImageError, match=words):
        link_by_overlap(np.zeros((2, 4, 4), int), **options)


def test_large_numbers_take_no_memory_and_negative_ones_are_refused() -> None:
    film = np.zeros((3, 8, 8), np.int64)
    film[0, 1:4, 1:4], film[1, 1:4, 1:4], film[2, 1:4, 2:5] = 5, (1 << 31) - 1, 1 << 40
    linked = link_by_overlap(film)
    assert np.array_equal(linked, (film > 0).astype(np.int32))
    with pytest.raises(DataError, match="negative"):
        link_by_overlap(-film)
