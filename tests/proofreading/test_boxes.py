"""Boxes around nuclei, on arrays of any labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.errors import EditError
from napari_pmrnet.proofreading.boxes import (
    box_around,
    differing_box,
    everywhere,
    grown,
    number_labels,
    union,
)

labels_of = arrays(np.int32, (8, 10), elements=st.sampled_from([0, 1, 2, 9]))


def inside(box, shape=(8, 10)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[box] = True
    return mask


@given(labels_of)
def test_a_box_holds_its_nucleus_and_touches_it_on_every_side(labels) -> None:
    for label in set(np.unique(labels)) - {0}:
        box = box_around(labels, label)
        assert inside(box)[labels == label].all()
        rows, columns = (
            (labels[box] == label).any(axis=1),
            (labels[box] == label).any(0),
        )
        assert rows[0] and rows[-1] and columns[0] and columns[-1]
        assert box_around(labels, label, within=grown(box, 1, labels.shape)) == box


@pytest.mark.parametrize("label", [0, 5])
def test_a_nucleus_that_is_not_there_is_refused(label: int) -> None:
    labels = np.zeros((4, 4), int)
    labels[1, 1] = 3
    with pytest.raises(EditError, match=f"no nucleus {label}"):
        box_around(labels, label)
    with pytest.raises(EditError, match="no nucleus 3"):
        box_around(labels, 3, within=(slice(2, 4), slice(0, 4)))


def test_a_margin_stays_in_the_image() -> None:
    box = slice(1, 3), slice(5, 9)
    assert grown(box, 2, (8, 10)) == (slice(0, 5), slice(3, 10))
    assert grown(box, 0, (8, 10)) == box
    assert everywhere(np.zeros((8, 10))) == grown(box, 99, (8, 10))


@given(st.lists(labels_of.filter(lambda a: a.any()), min_size=1, max_size=3))
def test_the_union_holds_all_boxes_and_no_more(images) -> None:
    boxes = [box_around(image, image.max()) for image in images]
    together = np.any([inside(box) for box in boxes], axis=0)
    assert union(boxes) == box_around(together.astype(int), 1)


@given(
    arrays(
        st.sampled_from([np.int32, np.uint16, np.int64]),
        (6, 7),
        elements=st.sampled_from([0, 1, 5, 40, 60_000]),
    )
)
def test_numbers_are_consecutive_and_lead_back(labels) -> None:
    numbered, names = number_labels(labels)
    np.testing.assert_array_equal(names[numbered], labels)
    assert names[0] == 0 and (np.diff(names) > 0).all()
    assert set(names) - {0} == set(np.unique(labels)) - {0}


@given(labels_of, labels_of)
def test_a_box_around_all_differences(before, after) -> None:
    box = differing_box(before, after)
    differs = before != after
    if box is None:
        assert not differs.any()
    else:
        assert box == box_around(differs.astype(int), 1)
        assert differing_box(before, after, within=grown(box, 1, before.shape)) == box


def test_differences_in_a_tall_image_are_found_band_by_band() -> None:
    before = np.zeros((1300, 5), np.int32)
    after = before.copy()
    after[[3, 1290], [4, 1]] = 1
    assert differing_box(before, after) == (slice(3, 1291), slice(1, 5))
