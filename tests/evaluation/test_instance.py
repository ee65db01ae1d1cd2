"""Instance scores on hand-written arrays, and against the field's reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.evaluation.instance import (
    Match,
    average_precision,
    causes_of_misses,
    iou_matrix,
    match,
)

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


def test_f1_and_panoptic_quality() -> None:
    truth = np.array([[1, 1, 0, 2, 2, 2]])
    prediction = np.array([[3, 3, 0, 4, 4, 0]])
    (half,) = match(truth, prediction, (0.5,))
    assert half.f1 == 1
    assert half.panoptic_quality == pytest.approx((1 + 2 / 3) / 2)
    both = half + match(truth, np.zeros_like(truth), (0.5,))[0]
    assert both.f1 == 2 / 3
    assert both.panoptic_quality == pytest.approx((1 + 2 / 3) / 3)


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
        assert ours.f1 == pytest.approx(theirs.f1 if a.any() or b.any() else 1)
        quality = theirs.panoptic_quality if a.any() or b.any() else 1
        assert ours.panoptic_quality == pytest.approx(quality)


def test_misses_by_what_befell_the_nuclei() -> None:
    truth = np.repeat(np.arange(1, 8), 10)[None]
    prediction = truth.copy()
    prediction[0, 10:28] = 2  # two nuclei in one label
    prediction[0, 30:34], prediction[0, 34:40] = 44, 45  # fits with IoU .6: no miss
    prediction[0, 41:50], prediction[0, 40] = 0, 50  # hardly anything
    prediction[0, 50:53], prediction[0, 53:56], prediction[0, 56:60] = 60, 61, 62
    prediction[0, 60:64], prediction[0, 64:70] = 70, 0  # too small
    found = causes_of_misses(truth, prediction)
    assert found == {"merged": 1, "split": 1, "no label": 1, "outline": 1}
    assert sum(causes_of_misses(truth, truth).values()) == 0
    assert causes_of_misses(truth, truth * 0)["no label"] == 7
    assert sum(causes_of_misses(truth * 0, truth).values()) == 0


@given(small_labels, small_labels, st.sampled_from([0.3, 0.5, 0.7]))
@settings(deadline=None)
def test_every_nucleus_that_no_label_fits_has_one_cause(truth, prediction, level):
    best = iou_matrix(truth, prediction).max(axis=1, initial=0.0)
    found = causes_of_misses(truth, prediction, level)
    assert sum(found.values()) == (best < level).sum()
