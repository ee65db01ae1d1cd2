"""What was made faster gives what the plain filters give, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.segmentation import find_boundaries

from napari_pmrnet.segmentation import flow_labels
from napari_pmrnet.segmentation.flow_labels import highest_near, rims
from napari_pmrnet.segmentation.objects import _Regions

EIGHT = np.ones((3, 3), bool)


@st.composite
def label_images(draw) -> tuple[np.ndarray, np.random.Generator]:
    """Blobs of any number and size, from one pixel to all of a small image."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), rng.uniform(0, 3))
    blobs = noise > np.quantile(noise, draw(st.floats(0, 1)))
    return ndimage.label(blobs)[0].astype(np.int32), rng


@settings(deadline=None, max_examples=60)
@given(label_images())
def test_slices_give_what_filters_give(case: tuple) -> None:
    labels, _ = case
    np.testing.assert_array_equal(
        highest_near(labels), ndimage.maximum_filter(labels, 3)
    )
    np.testing.assert_array_equal(rims(labels), find_boundaries(labels, mode="inner"))


@settings(deadline=None, max_examples=60)
@given(label_images(), st.integers(1, 400))
def test_gaps_go_to_the_nearest_nucleus_of_the_whole_image(
    case: tuple, limit: int
) -> None:
    labels, rng = case
    spread = ndimage.binary_dilation(labels > 0, iterations=int(rng.integers(0, 6)))
    foreground = spread & (rng.random(labels.shape) < 0.9) | (labels > 0)
    kept = np.where(labels % 3 == 1, 0, labels)
    np.testing.assert_array_equal(
        flow_labels._fill_gaps(kept, foreground, limit),
        gaps_filled_by_the_whole(kept, foreground, limit),
    )


def gaps_filled_by_the_whole(
    labels: np.ndarray, foreground: np.ndarray, limit: int
) -> np.ndarray:
    lost = foreground & (labels == 0)
    if not lost.any() or not labels.any():
        return labels
    pieces, count = ndimage.label(lost, EIGHT)
    touching = np.zeros(count + 1, bool)
    touching[pieces[ndimage.maximum_filter(labels, 3) > 0]] = True
    gaps = touching & (np.bincount(pieces.ravel(), minlength=count + 1) < limit)
    gaps[0] = False
    nearest = ndimage.distance_transform_edt(
        labels == 0, return_distances=False, return_indices=True
    )
    return np.where(gaps[pieces], labels[tuple(nearest)], labels)


@settings(deadline=None, max_examples=60)
@given(label_images())
def test_pixels_end_where_single_steps_lead(case: tuple) -> None:
    labels, rng = case
    foreground = labels > 0
    flows = rng.uniform(-1.2, 1.2, (2, *labels.shape)).astype(np.float32)
    pixels = np.flatnonzero(foreground)
    before = flows.copy()
    actual = flow_labels._follow(foreground, flows, pixels)
    np.testing.assert_array_equal(flows, before)
    np.testing.assert_array_equal(
        actual, followed_step_by_step(foreground, flows, pixels)
    )


def followed_step_by_step(
    foreground: np.ndarray, flows: np.ndarray, pixels: np.ndarray
) -> np.ndarray:
    numbers = {pixel: number for number, pixel in enumerate(pixels)}
    width, most = foreground.shape[1], np.array(foreground.shape) - 1
    reached = []
    for number, pixel in enumerate(pixels):
        place = np.array(divmod(pixel, width), np.float32)
        for _ in range(flow_labels.STEPS):
            at = tuple(np.rint(place).astype(int))
            step = flows[(slice(None), *at)] if foreground[at] else np.float32(0)
            place = np.clip(place + step, 0, most).astype(np.float32)
        y, x = np.rint(place).astype(int)
        reached.append(numbers.get(y * width + x, number))
    reached = np.array(reached, int)
    for _ in range(flow_labels.DOUBLINGS):
        reached = reached[reached]
    return reached


@settings(deadline=None, max_examples=60)
@given(label_images())
def test_the_least_value_of_every_label(case: tuple) -> None:
    labels, rng = case
    count = int(labels.max())
    values = rng.random(labels.shape, np.float32)
    regions = _Regions(labels)
    expected = [values[labels == n].min() for n in range(1, count + 1)]
    assert regions.least(regions.take(values)) == pytest.approx(expected, abs=0)
