"""Noise is told from nuclei, and smoothed alike whichever way an image is read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_pmrnet import load_model
from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.segmentation import segment
from napari_pmrnet.segmentation.normalise import (
    SIGMAS,
    intensity_limits,
    noise_level,
    normalise,
    smoothing_for,
    with_rim,
)
from napari_pmrnet.segmentation.plane import Plane, prepare
from napari_pmrnet.settings import Settings


def level(image: np.ndarray) -> float:
    """Noise of an image from 0 to 1."""
    return noise_level(image.shape[:2], lambda box: image[box])


def discs(side: int, radius: float, apart: int) -> np.ndarray:
    """Discs on a dark background, from 0 to 1, as sharp as optics can be."""
    y, x = np.mgrid[:side, :side] % apart - apart // 2
    return gaussian_filter((np.hypot(y, x) <= radius).astype(np.float32), 0.7)


@given(
    st.floats(0.01, 0.2), st.integers(40, 700), st.integers(40, 700), st.integers(0, 99)
)
@settings(max_examples=25, deadline=None)
def test_the_level_of_white_noise_is_its_standard_deviation(
    sigma: float, height: int, width: int, seed: int
) -> None:
    """To 4.5 times the error that an estimate from so many pixels has."""
    noise = np.random.default_rng(seed).normal(0.5, sigma, (height, width))
    gradient = np.linspace(0, 0.4, width)
    within = 0.01 + 4.5 * 3 / (height * width) ** 0.5
    assert level(noise) == pytest.approx(sigma, rel=within)
    assert level(noise + gradient) == pytest.approx(sigma, rel=within)


def test_photon_noise_is_measured_where_there_is_light() -> None:
    light = gaussian_filter(discs(400, 12, 60), 1.5)
    photons = np.random.default_rng(0).poisson(30 * light)
    assert level(photons / 30) == pytest.approx(30**-0.5, rel=0.2)


@pytest.mark.parametrize(("radius", "apart"), [(1.5, 7), (2, 9), (4, 12), (9, 25)])
def test_sharp_nuclei_of_a_few_pixels_are_no_noise(radius: float, apart: int) -> None:
    assert level(discs(200, radius, apart)) < min(SIGMAS) / 2


@pytest.mark.parametrize(
    "image",
    [np.zeros((300, 300)), np.ones((300, 300)), np.ones((1, 4)), np.ones((3, 900))],
)
def test_nothing_to_measure_is_no_noise(image: np.ndarray) -> None:
    assert level(image) == 0


def test_the_images_that_come_with_the_plugin_are_left_as_they_are() -> None:
    for image, _ in (make_fluorescence(seed=0), make_stained(seed=0)):
        whole = np.moveaxis(prepare(image), 0, 2)
        scaled = normalise(image, intensity_limits(image))
        expected = scaled if scaled.ndim == 3 else np.dstack([scaled] * 3)
        np.testing.assert_array_equal(whole, expected)


@pytest.mark.parametrize("axis", [None, 0, 2])
def test_parts_of_a_noisy_image_are_smoothed_as_the_whole(axis: int | None) -> None:
    shape = (700, 530)
    image = np.random.default_rng(0).normal(100, 30, shape).astype(np.float32)
    stack = (
        image if axis is None else np.stack([image, image.T[:1].T + 0 * image], axis)
    )
    whole = prepare(stack, channel_axis=axis)
    plane = Plane([stack], channel_axis=axis)
    assert plane.smoothing == Plane([image]).smoothing == 1.5
    expected = gaussian_filter(normalise(image, intensity_limits(image)), 1.5)
    np.testing.assert_allclose(whole[0], expected, atol=1e-6)
    for box in (
        (slice(0, 40), slice(0, 3)),
        (slice(650, 800), slice(100, 230)),
        (slice(0, 30), slice(500, 560)),
    ):
        np.testing.assert_array_equal(plane[:, *box], whole[:, *box])


@given(st.integers(0, 60), st.integers(1, 60), st.integers(1, 5), st.floats(0, 3))
@settings(max_examples=50, deadline=None)
def test_a_rim_is_read_and_cut_off(start: int, length: int, step: int, sigma: float):
    values = np.arange(61)
    box = (slice(start, start + length, step), slice(None))
    read, kept = with_rim(box, (61, 5), sigma)
    np.testing.assert_array_equal(values[read[0]][kept[0]], values[box[0]])
    assert read[1] == slice(0, 5)


def test_smoothing_helps_with_few_photons_and_is_told(monkeypatch) -> None:
    model = load_model()
    # Labels before any is dropped, which does more for those of the noisy image.
    every = Settings.for_card(model.card, least_certainty=0)
    pairs = [make_fluorescence((256, 256), seed=seed) for seed in range(6)]
    random = np.random.default_rng(0)
    few = [random.poisson(image / image.max() * 12) for image, _ in pairs]
    found = [segment(image, every, model) for image in few]
    assert all(any("noisy" in note for note in one.notes) for one in found)
    assert not segment(pairs[0][0], model=model).notes
    monkeypatch.setattr("napari_pmrnet.segmentation.normalise.SIGMAS", {})
    without = [segment(image, every, model) for image in few]
    assert not any("noisy" in note for one in without for note in one.notes)
    with_ap, without_ap = (
        average_precision(
            [
                one
                for (_, truth), result in zip(pairs, results, strict=True)
                for one in match(truth, result.labels, [0.7])
            ]
        )[0]
        for results in (found, without)
    )
    assert with_ap > without_ap + 0.05


def test_the_more_noise_the_more_it_is_smoothed() -> None:
    levels = (0, 0.042, 0.043, 0.06, 0.061, 9)
    assert [smoothing_for(level) for level in levels] == [0, 0, 1, 1, 1.5, 1.5]
