"""Perimeters against discs of known size and against scikit-image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import perimeter_crofton

from napari_pmrnet.proofreading.crofton import perimeters


@given(
    arrays(np.int32, st.tuples(*[st.integers(1, 12)] * 2), elements=st.integers(0, 3))
)
def test_square_pixels_give_what_scikit_image_gives(labels: np.ndarray) -> None:
    found = perimeters(labels, 4)
    for label in (1, 2, 3):
        expected = perimeter_crofton(labels == label, directions=4)
        assert found[label] == pytest.approx(expected)


@pytest.mark.parametrize("radius", [8, 20, 60])
@pytest.mark.parametrize("size", [(1.0, 1.0), (0.5, 0.5), (1.0, 2.0), (0.6, 0.2)])
def test_a_disc_has_its_perimeter(radius: float, size: tuple[float, float]) -> None:
    height, width = size
    far = 2 * radius
    y, x = np.meshgrid(
        np.arange(-far, far, height), np.arange(-far, far, width), indexing="ij"
    )
    disc = (np.hypot(y + 0.37 * height, x - 0.21 * width) <= radius).astype(np.int32)
    found = perimeters(disc, 2, size)[1]
    assert found == pytest.approx(2 * np.pi * radius, rel=0.05)


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0.01, 100))
def test_lengths_grow_with_the_pixels(height: float, width: float, by: float) -> None:
    labels = np.array([[0, 1, 1], [2, 2, 1], [0, 2, 1]])
    once = perimeters(labels, 3, (height, width))
    scaled = perimeters(labels, 3, (by * height, by * width))
    assert scaled[1:] == pytest.approx(by * once[1:])
    turned = perimeters(labels.T, 3, (width, height))
    assert turned[1:] == pytest.approx(once[1:])
