"""Diameters of labels, and the scale for them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import disk

from napari_pmrnet.segmentation.diameter import (
    LARGE,
    LEAST_SCALE,
    MOST_SCALE,
    SMALL,
    typical_diameter,
    weighted_median,
    working_scale,
)


@given(st.floats(1, 2000))
@settings(deadline=None)
def test_nuclei_come_to_the_working_range(diameter: float) -> None:
    scale = working_scale(diameter)
    assert LEAST_SCALE <= scale <= MOST_SCALE
    if SMALL / MOST_SCALE <= diameter <= LARGE / LEAST_SCALE:
        assert SMALL - 1e-6 <= diameter * scale <= LARGE + 1e-6
    if SMALL <= diameter <= LARGE:
        assert scale == 1


def test_typical_diameter_is_that_of_the_median_nucleus() -> None:
    labels = np.zeros((100, 200), np.int32)
    for number, (x, radius) in enumerate([(20, 5), (60, 12), (120, 30)], start=3):
        labels[disk((50, x), radius)] = number
    assert typical_diameter(labels) == pytest.approx(24, rel=0.02)
    assert typical_diameter(labels * 0) is None


def test_weighted_median() -> None:
    assert weighted_median(np.array([9.0, 1, 5]), np.array([1.0, 1, 1])) == 5
    assert weighted_median(np.array([9.0, 1, 5]), np.array([9.0, 1, 1])) == 9
