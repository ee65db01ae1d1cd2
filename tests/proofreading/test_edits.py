"""Edits on labels small enough to draw by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.errors import EditError
from napari_pmrnet.proofreading.boxes import box_around
from napari_pmrnet.proofreading.edits import (
    Edit,
    add,
    delete,
    fill_holes,
    labels_under,
    merge,
    smooth,
    snap,
    split,
    split_along,
)


def drawn(*rows: str) -> np.ndarray:
    """Labels from lines of digits; a dot is background."""
    return np.array(
        [[0 if c == "." else int(c) for c in row] for row in rows], np.int32
    )


def disc(size: int, y: float, x: float, radius: float) -> np.ndarray:
    ys, xs = np.mgrid[:size, :size]
    return np.hypot(ys - y, xs - x) < radius


def ridge(mask: np.ndarray) -> np.ndarray:
    """A boundary gate two pixels wide around a mask."""
    from skimage.segmentation import find_boundaries

    return find_boundaries(mask, mode="thick").astype(np.float32)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return (first & second).sum() / (first | second).sum()


BAR = drawn(
    "..........",
    ".33333333.",
    ".33333333.",
    "..........",
    ".5......7.",
)


def test_two_clicks_split_where_the_gate_is() -> None:
    gate = np.zeros(BAR.shape, np.float32)
    gate[:, 3] = 1
    edited = split(BAR, 3, [(1, 2), (2, 8)], gate).applied_to(BAR)
    assert (edited[1:3, 4:9] == 3).all() and (edited[1:3, 1:3] == 8).all()
    assert set(np.unique(edited)) == {0, 3, 5, 7, 8}
    assert (edited[4] == BAR[4]).all()


def test_without_a_gate_the_nearest_click_wins() -> None:
    edited = split(BAR, 3, [(1, 1), (1, 8)], next_label=40).applied_to(BAR)
    assert set(np.unique(edited)) == {0, 3, 5, 7, 40}
    halves = edited[1:3, 1:5], edited[1:3, 5:9]
    assert len({int(n) for half in halves for n in np.unique(half)}) == 2


def test_three_clicks_give_three_parts() -> None:
    edited = split(BAR, 3, [(1, 1), (1, 4), (1, 8)]).applied_to(BAR)
    assert set(np.unique(edited)) == {0, 3, 5, 7, 8, 9}


def test_a_click_beside_the_nucleus_counts_for_the_nearest_pixel() -> None:
    inside = split(BAR, 3, [(1, 1), (1, 8)])
    beside = split(BAR, 3, [(-6, 1), (1, 40)])
    assert (inside.applied_to(BAR) == beside.applied_to(BAR)).all()


@pytest.mark.parametrize("clicks", [[], [(1, 2)], [(1, 2), (1.2, 2.3)]])
def test_split_needs_two_places(clicks: list) -> None:
    with pytest.raises(EditError, match="two clicks"):
        split(BAR, 3, clicks or [(1, 2)])


def test_a_line_cuts_a_nucleus() -> None:
    edited = split_along(BAR, 3, [(0, 3), (3, 3)]).applied_to(BAR)
    assert (edited[1:3, 4:9] == 3).all() and (edited[1:3, 1:3] == 8).all()
    assert ((edited == 3) | (edited == 8))[1:3, 3].all()


def test_a_slanted_line_leaves_no_bridge() -> None:
    labels = np.ones((12, 12), np.int32)
    edited = split_along(labels, 1, [(0, 0), (11, 11)]).applied_to(labels)
    assert set(np.unique(edited)) == {1, 2} and (edited > 0).all()


def test_a_line_that_ends_inside_is_refused() -> None:
    with pytest.raises(EditError, match="from one side"):
        split_along(BAR, 3, [(0, 3), (1, 3)])
    with pytest.raises(EditError, match="from one side"):
        split_along(BAR, 3, [(4, 1), (4, 8)])


def test_merging_keeps_the_first_label() -> None:
    edited = merge(BAR, 5, [7, 3, 5]).applied_to(BAR)
    assert set(np.unique(edited)) == {0, 5}
    assert ((edited > 0) == (BAR > 0)).all()
    with pytest.raises(EditError, match="second"):
        merge(BAR, 5, [5])
    with pytest.raises(EditError, match="no nucleus 9"):
        merge(BAR, 5, [9])


def test_a_drawn_line_meets_labels_in_order() -> None:
    assert labels_under(BAR, [(4, 8), (4, 1), (2, 1)]) == [7, 5, 3]
    assert labels_under(BAR, [(0, 0), (0, 30)]) == []
    assert labels_under(BAR, [(1, 1)]) == [3]


def test_deleting_one_and_many() -> None:
    assert set(np.unique(delete(BAR, [5]).applied_to(BAR))) == {0, 3, 7}
    assert set(np.unique(delete(BAR, [5, 7, 11]).applied_to(BAR))) == {0, 3}
    with pytest.raises(EditError, match="no nucleus"):
        delete(BAR, [11])


def test_a_box_saves_the_look_at_the_whole_image() -> None:
    within = (slice(3, 5), slice(5, 10))
    assert box_around(BAR, 7, within) == (slice(4, 5), slice(8, 9))
    edit = delete(BAR, [7], within)
    assert edit.ys.tolist() == [4] and edit.xs.tolist() == [8]
    with pytest.raises(EditError, match="no nucleus 5"):
        box_around(BAR, 5, within)


def test_holes_are_filled_unless_another_nucleus_is_there() -> None:
    labels = drawn("11111", "1.121", "11111")
    assert (
        fill_holes(labels, 1).applied_to(labels) == drawn(*["11111", "11121", "11111"])
    ).all()


def test_smoothing_drops_a_thread_and_keeps_the_neighbour() -> None:
    labels = disc(40, 15, 15, 9).astype(np.int32)
    labels[15, 24:36] = 1
    labels[30:, :] = 2
    edited = smooth(labels, 1).applied_to(labels)
    assert not (edited[15, 28:36] == 1).any()
    assert iou(edited == 1, disc(40, 15, 15, 9)) > 0.9
    assert ((edited == 2) == (labels == 2)).all()
    with pytest.raises(EditError, match="too small"):
        smooth(BAR, 5)


@pytest.mark.parametrize(
    "rough",
    [disc(60, 30, 30, 9), disc(60, 30, 30, 15), disc(60, 32, 28, 12)],
    ids=["eroded", "dilated", "shifted"],
)
def test_snapping_finds_the_ridge(rough: np.ndarray) -> None:
    truth = disc(60, 30, 30, 12)
    labels = rough.astype(np.int32) * 4
    assert iou(rough, truth) < 0.75
    edited = snap(labels, 4, ridge(truth)).applied_to(labels)
    assert iou(edited == 4, truth) > 0.95


def test_snapping_leaves_other_nuclei_alone() -> None:
    truth = disc(60, 30, 30, 12)
    labels = disc(60, 30, 30, 15).astype(np.int32)
    labels[:, 40:] = 2
    edited = snap(labels, 1, ridge(truth)).applied_to(labels)
    assert ((edited == 2) == (labels == 2)).all()


def test_snapping_at_the_border_of_the_image_does_not_shrink_from_it() -> None:
    truth = disc(60, 0, 30, 12)
    labels = truth.astype(np.int32)
    edited = snap(labels, 1, ridge(truth)).applied_to(labels)
    assert iou(edited == 1, truth) > 0.95


def test_adding_takes_no_pixel_from_others() -> None:
    edit = add(BAR, np.ones((2, 3), bool), (3, 0), 9)
    edited = edit.applied_to(BAR)
    assert (edited[3, :3] == 9).all() and edited[4].tolist()[:3] == [9, 5, 9]
    with pytest.raises(EditError, match="cover"):
        add(BAR, np.ones((1, 2), bool), (1, 2), 9)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_split_is_undone_by_a_merge(data: st.DataObject) -> None:
    labels = np.zeros((24, 24), np.int32)
    labels[disc(24, 12, 12, data.draw(st.floats(2, 11)))] = 6
    labels[20:, 20:] = 2
    place = st.tuples(st.floats(-3, 27), st.floats(-3, 27))
    clicks = data.draw(st.lists(place, min_size=2, max_size=5))
    gate = np.random.default_rng(data.draw(st.integers(0, 99))).random((24, 24))
    try:
        edit = split(labels, 6, clicks, gate.astype(np.float32))
    except EditError:
        return
    edited = edit.applied_to(labels)
    parts = sorted(set(np.unique(edited)) - {0, 2})
    assert parts[0] == 6 and parts[1] == 7 and len(parts) <= len(clicks)
    assert ((edited > 0) == (labels > 0)).all()
    assert (edited == 6).sum() == max((edited == part).sum() for part in parts)
    assert isinstance(edit, Edit) and (labels[edit.ys, edit.xs] == 6).all()
    assert (merge(edited, 6, parts[1:]).applied_to(edited) == labels).all()
