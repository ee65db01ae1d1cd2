"""A field of a large image: what it reads, and that it finds what a whole run finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_pmrnet import Settings, segment
from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation.plane import LargePlane
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.segmentation.region import Region
from napari_pmrnet.segmentation.segment import segment_field_steps

LOOSE = Settings(
    diameter=25, probability_threshold=0.5, seed_threshold=0.05, min_area=1
)


class Counted:
    """An array on disk that counts the pixels it is asked for."""

    def __init__(self, data: np.ndarray) -> None:
        self._data, self.read = data, 0
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __getitem__(self, index: Any) -> np.ndarray:
        part = self._data[index]
        self.read += part.size
        return part


def test_a_field_is_segmented_as_the_whole_image_is(model) -> None:
    data = np.random.default_rng(0).integers(0, 255, (400, 500)).astype(np.uint8)
    mask = np.zeros(data.shape, bool)
    mask[150:200, 220:290] = True
    lazy = Counted(data)
    plane = LargePlane([lazy], name="slide")
    assert plane.limits and lazy.read == data.size
    assert plane.smoothing and lazy.read <= data.size + 9 * 256**2
    lazy.read = 0
    steps = segment_field_steps(plane, Region.of(mask), LOOSE, model)
    found = run_to_end(steps)
    expected = segment(data, LOOSE, model, region=mask)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.objects.equals(expected.objects) and len(found.objects)
    for kind, values in expected.maps.items():
        np.testing.assert_array_equal(found.maps[kind], values)
    assert found.labels.shape == data.shape
    reach = 2 * (64 + model.tile + round(4 * plane.smoothing))
    assert lazy.read <= (50 + reach) * (70 + reach) < data.size


def test_a_field_that_does_not_fit_is_refused(model) -> None:
    plane = LargePlane([np.zeros((40, 50), np.uint8)], name="slide")
    region = Region(np.ones((3, 3), bool), (0, 0), (40, 40))
    with pytest.raises(ImageError, match="'slide'"):
        run_to_end(segment_field_steps(plane, region, LOOSE, model))
