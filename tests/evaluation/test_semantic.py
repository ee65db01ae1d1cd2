"""Semantic scores against hand-written masks and an independent implementation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from napari_pmrnet.evaluation.semantic import (
    dice,
    protocol_pair,
    semantic_scores,
    surface_distances,
)

masks = arrays(bool, (12, 15), elements=st.booleans())


def rim(mask: np.ndarray) -> np.ndarray:
    """Places (n, 2) of a mask's pixels with a 4-neighbour that is not in it."""
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(mask & ~inside)


@given(masks, masks)
@settings(max_examples=60, deadline=None)
def test_distances_against_all_pairs(a: np.ndarray, b: np.ndarray) -> None:
    if not a.any() or not b.any():
        return
    between = cdist(rim(a), rim(b))
    there, back = between.min(axis=1), between.min(axis=0)
    hd95, asd = surface_distances(a, b)
    assert hd95 == pytest.approx(np.percentile(np.r_[there, back], 95))
    assert asd == pytest.approx((there.mean() + back.mean()) / 2)


@given(masks, masks)
@settings(max_examples=40, deadline=None)
def test_distances_against_medpy(a: np.ndarray, b: np.ndarray) -> None:
    reference = pytest.importorskip("medpy.metric.binary")
    if a.any() and b.any():
        hd95, asd = surface_distances(a, b)
        assert hd95 == pytest.approx(reference.hd95(a, b))
        assert asd == pytest.approx((reference.asd(a, b) + reference.asd(b, a)) / 2)


def test_scores_of_hand_written_masks() -> None:
    truth = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
    prediction = np.array([[0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], bool)
    scores = semantic_scores(prediction, truth)
    assert scores == pytest.approx(
        {
            "IoU": 2 / 4,
            "Dice": 4 / 6,
            "HD95": 1,
            "ASD": 1 / 3,
            "SE": 2 / 3,
            "PC": 2 / 3,
            "SP": 6 / 7,
            "ACC": 8 / 10,
        }
    )


def test_empty_masks() -> None:
    none, some = np.zeros((3, 4), bool), np.eye(3, 4, dtype=bool)
    both = semantic_scores(none, none)
    assert both["IoU"] == both["Dice"] == both["SE"] == both["PC"] == 1
    assert both["HD95"] == both["ASD"] == 0
    for prediction, truth in ((none, some), (some, none)):
        scores = semantic_scores(prediction, truth)
        assert scores["IoU"] == scores["Dice"] == 0
        assert scores["HD95"] == scores["ASD"] == 5


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
