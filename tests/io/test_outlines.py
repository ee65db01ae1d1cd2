"""Outlines hold exactly the pixels of their nuclei."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.io.outlines import outlines, trace

small_labels = arrays(np.int32, (9, 11), elements=st.integers(0, 3))


def area(ring: np.ndarray) -> float:
    """Area of a ring, above 0 if it runs clockwise on the screen (y down)."""
    y, x = ring[:, 0], ring[:, 1]
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


@given(small_labels)
def test_rings_enclose_the_area_of_their_label(labels: np.ndarray) -> None:
    found = {one.label: one.polygons for one in outlines(labels)}
    assert list(found) == [n for n in np.unique(labels) if n]
    for label, polygons in found.items():
        enclosed = sum(area(ring) for rings in polygons for ring in rings)
        assert enclosed == (labels == label).sum()
        for outer, *holes in polygons:
            assert area(outer) > 0 and all(area(hole) < 0 for hole in holes)


@given(small_labels)
def test_every_side_runs_along_the_pixels(labels: np.ndarray) -> None:
    for one in outlines(labels):
        for ring in (ring for rings in one.polygons for ring in rings):
            steps = np.roll(ring, -1, axis=0) - ring
            assert ((steps == 0).sum(axis=1) == 1).all()
            turned = (steps != 0)[:, 0] != (np.roll(steps, -1, axis=0) != 0)[:, 0]
            assert turned.all(), "a corner where none is"


def test_a_square_with_a_hole_far_from_the_corner_of_the_image() -> None:
    labels = np.zeros((30, 40), np.uint16)
    labels[10:14, 20:25] = 700
    labels[11:13, 22] = 0
    (one,) = outlines(labels)
    assert one.label == 700
    ((outer, hole),) = one.polygons
    assert outer.tolist() == [[10, 20], [10, 25], [14, 25], [14, 20]]
    assert sorted(map(tuple, hole.tolist())) == [(11, 22), (11, 23), (13, 22), (13, 23)]


def test_pixels_that_touch_at_a_corner_are_apart() -> None:
    assert len(trace(np.eye(3, dtype=bool))) == 3
    assert trace(np.zeros((3, 3), bool)) == []
    assert list(outlines(np.zeros((3, 3), int))) == []
