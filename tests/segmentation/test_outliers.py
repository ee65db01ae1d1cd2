"""Debris does not set the intensity limits, and nothing else is taken for debris."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, zoom

from napari_pmrnet import Settings, load_model, segment
from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained
from napari_pmrnet.errors import ImageError
from napari_pmrnet.evaluation.instance import match
from napari_pmrnet.segmentation.normalise import intensity_limits, sample_limits
from napari_pmrnet.segmentation.plane import Plane

SIDE = 256


def nuclei(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Generated nuclei as 16 bit above a pedestal, and their labels."""
    image, truth = make_fluorescence((SIDE, SIDE), seed=seed)
    return (image.astype(np.uint16) * 4 + 100), truth


def littered(
    image: np.ndarray, share: float, times: float, radius: int, seed: int
) -> np.ndarray:
    """An image under discs of a brightness in that of its brightest pixels."""
    random, debris = np.random.default_rng(seed), np.zeros(image.shape)
    y, x = np.ogrid[:SIDE, :SIDE]
    while (debris > 0).mean() < share:
        at = random.integers(0, SIDE, 2)
        debris[np.hypot(y - at[0], x - at[1]) <= radius] = 1
    dark, bright = np.percentile(image, (50, 99))
    laid = image + times * (bright - dark) * gaussian_filter(debris, 0.7)
    return np.clip(laid, 0, 65535).astype(np.uint16)


def assert_limits_stay(image: np.ndarray, dirty: np.ndarray) -> None:
    """Those of an image with debris are about those of the clean one."""
    low, high = intensity_limits(image)
    found = intensity_limits(dirty)
    assert found[0] == pytest.approx(low, abs=0.02 * (high - low))
    assert 0.65 < (found[1] - low) / (high - low) < 1.25


def lit(random: np.random.Generator, n: int, radius: int, light: float) -> np.ndarray:
    """Discs of light in the dark, as many as `n`."""
    y, x = np.ogrid[:SIDE, :SIDE]
    image = np.zeros((SIDE, SIDE))
    for at in random.integers(0, SIDE, (n, 2)):
        image[np.hypot(y - at[0], x - at[1]) <= radius] = light
    return image


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 3),
    st.floats(0.004, 0.03),
    st.floats(20, 400),
    st.integers(1, 12),
    st.integers(0, 9),
)
def test_limits_are_those_without_debris(
    seed: int, share: float, times: float, radius: int, place: int
) -> None:
    image, _ = nuclei(seed)
    assert_limits_stay(image, littered(image, share, times, radius, place))


@settings(max_examples=20, deadline=None)
@example(2, 3.0, 0.006, 80.0, 0)
@given(
    st.integers(0, 3),
    st.floats(1, 4),
    st.floats(0.004, 0.01),
    st.floats(20, 400),
    st.integers(0, 9),
)
def test_hot_pixels_set_no_limits_in_a_smooth_image(
    seed: int, blur: float, share: float, times: float, place: int
) -> None:
    image, _ = nuclei(seed)
    image = gaussian_filter(image.astype(np.float32), blur).round().astype(np.uint16)
    low, high = intensity_limits(image)
    random = np.random.default_rng(place)
    hot = random.choice(image.size, round(share * image.size), replace=False)
    dirty = image.copy()
    dirty.ravel()[hot] = min(65535, low + times * (high - low))
    assert_limits_stay(image, dirty)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9), st.integers(0, 12), st.floats(0.5, 3))
def test_a_few_nuclei_in_the_dark_are_no_debris(seed: int, n: int, blur: float) -> None:
    random = np.random.default_rng(seed)
    light = lit(random, n, 9, 500)
    image = random.poisson(30 + gaussian_filter(light, blur)).astype(np.uint16)
    assert intensity_limits(image) == sample_limits(image)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 99),
    st.integers(1, 8),
    st.floats(0.5, 3),
    st.integers(1, 2),
    st.floats(0.005, 0.03),
)
def test_nuclei_with_halos_in_a_smooth_image_are_no_debris(
    seed: int, n: int, blur: float, times: int, halo: float
) -> None:
    random = np.random.default_rng(seed)
    light = lit(random, n, 8, 400)
    light = gaussian_filter(light, 1) + halo * 10 * gaussian_filter(light, 15)
    image = gaussian_filter(random.poisson(30 + light).astype(np.float32), blur)
    image = zoom(image, times, order=1)
    assert intensity_limits(image) == sample_limits(image)


@pytest.mark.parametrize("seed", range(4))
def test_haze_of_a_few_grey_levels_is_no_nuclei(seed: int) -> None:
    random = np.random.default_rng(seed)
    light, haze = lit(random, 5, 7, 120), lit(random, 12, 9, 3)
    image = gaussian_filter(light, 1) + gaussian_filter(haze, 2)
    image = image.round().astype(np.uint8)
    assert intensity_limits(image) == sample_limits(image)


@pytest.mark.parametrize("make", [make_fluorescence, make_stained])
@pytest.mark.parametrize("seed", range(4))
def test_images_without_debris_keep_their_limits(make, seed: int) -> None:
    image, _ = make(seed=seed)
    assert intensity_limits(image) == sample_limits(image)


@pytest.mark.parametrize("times", [80.0, 1e6])
def test_nuclei_beside_debris_are_found_and_it_is_told(times: float) -> None:
    model, (image, truth) = load_model(), nuclei(1)
    low, high = intensity_limits(image)
    dirty = littered(image, 0.006, times, 4, 3)
    choices = ("automatic", f"{low}:{high}", "percentiles")
    found = [segment(dirty, Settings(limits=choice), model) for choice in choices]
    automatic, known, with_debris = (
        match(truth, result.labels, [0.5])[0].f1 for result in found
    )
    assert automatic > known - 0.05 and with_debris < automatic - 0.3
    (note,) = found[0].notes
    assert "far brighter" in note and not found[2].notes


def test_limits_are_those_that_the_settings_name() -> None:
    image, _ = nuclei(2)
    dirty = littered(image, 0.01, 80, 5, 0)
    plane = Plane([dirty])
    assert plane.limited("automatic") is plane
    assert plane.limited("percentiles").limits == sample_limits(dirty)
    assert plane.limited("120:4000").limits == (120, 4000)
    assert plane.limits == intensity_limits(dirty)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_region_has_limits_of_its_own_only_if_asked(lazy: bool) -> None:
    model, (image, _) = load_model(), nuclei(0)
    # Before any is dropped: that is judged among the nuclei of a region, or of all.
    every = Settings.for_card(model.card, least_certainty=0)
    image = image.astype(np.uint16)
    image[:, :128] //= 8
    mask = np.zeros(image.shape, bool)
    mask[20:230, 10:120] = True
    levels = image
    if lazy:
        levels = pytest.importorskip("dask.array").from_array(image)
    whole = segment(image, every, model).labels
    plane = Plane([levels])
    usual = segment(plane, every, model, region=mask)
    own = segment(plane, replace(every, limits="region"), model, region=mask)
    centres = np.unique(whole[mask & (whole > 0)])
    assert usual.labels.max() <= len(centres)
    assert own.labels.max() > usual.labels.max()
    assert own.settings.limits == "region"
    low, high = np.percentile(image[mask], (1, 99.8))
    exact = segment(plane, replace(every, limits=f"{low}:{high}"), model, region=mask)
    np.testing.assert_array_equal(own.labels, exact.labels)


def test_limits_of_a_region_need_one() -> None:
    image, _ = nuclei(0)
    with pytest.raises(ImageError, match="region"):
        segment(image, Settings(limits="region"), load_model(), image_name="cells")


def test_other_limits_need_the_network() -> None:
    result = segment(nuclei(0)[0], model=load_model())
    with pytest.raises(ValueError, match="limits"):
        result.relabel(Settings(limits="1:2"))
