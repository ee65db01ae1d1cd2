"""Thumbnails: small, with the outlines where the nuclei are."""

import io

import numpy as np
import pytest
from PIL import Image

from napari_pmrnet.batch.thumbnail import (
    DOUBTFUL_COLOUR,
    LARGEST,
    SIDE,
    SURE_COLOUR,
    thumbnail,
)


def drawn(pixels: np.ndarray, labels: np.ndarray, *certainties: float) -> np.ndarray:
    data = thumbnail(pixels, labels, np.array(certainties))
    assert len(data) <= LARGEST
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_outlines_lie_on_the_rims_of_their_nuclei() -> None:
    labels = np.zeros((SIDE, SIDE), np.int32)
    labels[20:100, 20:100], labels[140:220, 140:220] = 1, 2
    picture = drawn(np.where(labels > 0, 150, 30), labels, 0.99, 0.01)
    for colour, first in ((SURE_COLOUR, 20), (DOUBTFUL_COLOUR, 140)):
        near = np.abs(picture - colour).max(axis=2) < 60
        found, inner = np.argwhere(near), slice(first + 4, first + 76)
        assert found.min() >= first - 2 and found.max() <= first + 81
        assert not near[inner, inner].any() and len(found) > 4 * 70


@pytest.mark.parametrize("shape", [(10, 20), (900, 300), (1, 400), (256, 256)])
def test_the_longer_side_is_that_of_a_thumbnail(shape: tuple[int, int]) -> None:
    picture = drawn(np.zeros(shape), np.zeros(shape, int))
    assert max(picture.shape[:2]) == SIDE
    assert min(picture.shape[:2]) == max(1, round(min(shape) * SIDE / max(shape)))


def test_colours_stay_and_other_pixels_are_stretched() -> None:
    colour = np.zeros((40, 40, 3), np.uint8)
    colour[:] = 200, 30, 90
    empty = np.zeros((40, 40), int)
    assert np.abs(drawn(colour, empty) - (200, 30, 90)).max() < 12
    picture = drawn(np.tile(np.linspace(1000, 1010, 40), (40, 1)), empty)
    assert picture.min() < 15 and picture.max() > 240
    assert np.ptp(picture, axis=2).max() < 15, "not grey"
