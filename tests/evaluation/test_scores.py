"""Instance and semantic scores on hand-written arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.evaluation.instance import (
    Match,
    average_precision,
    iou_matrix,
    match,
)
from napari_pmrnet.evaluation.semantic import dice, protocol_pair

small_labels = arrays(np.int32, (9, 9), elements=st.integers(0, 4))


def test_iou_of_hand_written_labels() -> None:
    truth = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 7]])
    prediction = np.array([[5, 5, 5], [0, 0, 0], [0, 0, 9]])
    np.testing.assert_allclose(iou_matrix(truth, prediction), [[2 / 5, 0], [0, 1]])


def test_matching_counts() -> None:
    truth = np.array([[1, 1, 0, 2, 2, 2]])
    prediction = np.array([[3, 3, 0, 4, 0, 0]])
    half, third = match(truth, prediction, (0.5, 0.3))
    assert half == Match(1, 1, 1) and half.precision == 1 / 3
    assert third == Match(2, 0, 0) and third.precision == 1


def test_empty_images() -> None:
    empty, one = np.zeros((3, 3), int), np.ones((3, 3), int)
    assert match(empty, empty, [0.5])[0].precision == 1
    assert match(one, empty, [0.5])[0] == Match(0, 0, 1)
    assert match(empty, one, [0.5])[0] == Match(0, 1, 0)


def test_pooled_and_per_image_differ() -> None:
    pooled, per_image = average_precision([Match(9, 0, 1), Match(0, 1, 0)])
    assert pooled == pytest.approx(9 / 11) and per_image == pytest.approx(0.45)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shape"):
        iou_matrix(np.zeros((2, 2), int), np.zeros((3, 2), int))


@given(small_labels, small_labels)
@settings(max_examples=60, deadline=None)
def test_against_the_reference_of_the_field(a: np.ndarray, b: np.ndarray) -> None:
    reference = pytest.importorskip("stardist.matching")
    thresholds = (0.3, 0.5, 0.75)
    for ours, theirs in zip(
        match(a, b, thresholds), reference.matching(a, b, thresholds), strict=True
    ):
        assert (ours.true_positive, ours.false_positive, ours.false_negative) == (
            theirs.tp,
            theirs.fp,
            theirs.fn,
        )


def test_dice() -> None:
    a, b = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    assert dice(a, b) == 0.5
    assert dice(a & ~a, b & ~b) == 1
    assert dice(a, b & ~b) == 0


def test_protocol_resizes_before_the_network() -> None:
    labels = np.zeros((520, 696), np.int32)
    labels[:260] = 5
    image, mask = protocol_pair(labels * 10, labels)
    assert image.shape == (3, 256, 256) and mask.shape == (256, 256)
    assert mask[:128].all() and not mask[128:].any()
    assert image[:, 64].min() > 0.999 and image[:, 192].max() < 0.001
