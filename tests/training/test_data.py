"""Training samples: how they are made, weighted and drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lesion_images import lesion

from napari_pmrnet.errors import ImageError
from napari_pmrnet.training.augment import Augmentation, Sample
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.data import (
    CropSource,
    make_sample,
    make_samples,
    make_whole_sample,
    random_scale,
    sampling_weights,
    without_specks,
)


def gradient_sample() -> Sample:
    """An image whose grey value tells the place, with one large nucleus."""
    y, x = np.mgrid[:96, :96]
    labels = (np.hypot(y - 48, x - 48) < 30).astype(np.int32)
    return make_sample((y * 96 + x).astype(float), labels)


@pytest.mark.parametrize(("side", "least"), [(1000, 0.2), (160, 0.4), (100, 0.55)])
def test_some_crops_show_the_image_from_further_away(side: int, least: float) -> None:
    labels = np.zeros((side, side), int)
    labels[10:35, 10:35] = 1
    sample = replace(gradient_sample(), labels=torch.from_numpy(labels)[None], scale=1)
    how, rng = Augmentation(far=0.25, far_low=0.2), np.random.default_rng(0)
    factors = np.array([random_scale(sample, 64, how, rng) for _ in range(800)])
    assert factors.min() == pytest.approx(least, rel=0.03)
    assert factors.max() == pytest.approx(how.scale_high, rel=0.03)
    assert 0.2 < (factors <= 0.55 + 1e-6).mean() < 0.3


def test_the_same_seed_and_step_give_the_same_batch() -> None:
    samples = [gradient_sample(), make_sample(np.eye(64), np.eye(64, dtype=int))]
    source = CropSource(samples, np.array([0.5, 0.5]), Augmentation(), seed=4)
    first, again = source.batch(7, 3, 32), source.batch(7, 3, 32)
    other = source.batch(8, 3, 32)
    assert first[0].shape == (3, 3, 32, 32) and first[1].shape == (3, 5, 32, 32)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_rare_modalities_and_large_images_are_drawn_more_often() -> None:
    weights = sampling_weights(["a"] * 8 + ["b"], [100] * 8 + [1600], balance=1.0)
    assert weights.sum() == 1
    assert weights[8] == 8 * 2 * weights[0]


def test_a_crop_holds_an_image_whole_at_the_scale_of_use() -> None:
    image, labels = lesion(1)
    sample = make_whole_sample(image, labels, 64)
    assert sample.scale == 64 / 86 and sample.labels.shape == (1, 86, 65)
    config = TrainConfig().for_labels("classes", ("polyp", "tool"))
    plain = replace(
        config.augmentation, scale_low=1.0, scale_high=1.0, stretch=0.0, far=0.0
    )
    source = CropSource([sample], np.ones(1), plain, 0, classes=2)
    _, target = source.batch(0, 8, 64)
    assert target.shape == (8, 7, 64, 64)
    first, second = target[:, 5], target[:, 6]
    assert torch.equal(first + second, target[:, 0])
    # Turned by less than 45 degrees a corner may leave the crop, no more.
    share = [float((labels == k).mean()) * 96 * 72 / 96**2 for k in (1, 2)]
    assert float(first.mean()) == pytest.approx(share[0], rel=0.4)
    assert float(second.mean()) == pytest.approx(share[1], rel=0.4)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 99))
def test_samples_are_of_one_size_whatever_that_of_the_image(
    height: int, width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(1, 255, (height, width + 1)).astype(np.uint8)
    image[0, 0] = 0
    how = TrainConfig().for_labels("objects").augmentation
    labels = np.full(image.shape, 3)
    sample = make_whole_sample(image, labels, 32, how.scale_high)
    side = max(sample.labels.shape)
    assert side == round(how.scale_high * 32) and bool((sample.labels == 3).all())
    scale = random_scale(sample, 32, how, rng)
    low, high = how.scale_low * 32, how.scale_high * 32
    assert low - 1e-6 <= scale * side <= high + 1e-6


def test_images_of_which_no_modality_is_known_are_of_one() -> None:
    weights = sampling_weights(["a", np.nan, "a", np.nan, "b"], [1] * 5, balance=1.0)
    np.testing.assert_allclose(weights, np.array([1, 1, 1, 1, 2]) / 6)


def test_specks_are_unknown() -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[2:9, 2:9], labels[12:14, 12:14], labels[17, 17] = 1, 2, -1
    seen = without_specks(labels, 5)
    assert (seen[labels == 2] == -1).all() and seen[17, 17] == -1
    assert (seen[labels == 1] == 1).all() and (seen[labels == 0] == 0).all()
    np.testing.assert_array_equal(without_specks(labels, 4), labels)


def test_images_are_drawn_as_often_as_their_weights_say() -> None:
    names, areas = ["a", "a", "b"], [1e4, 2e4, 3e4]
    plain = sampling_weights(names, areas, 0.35)
    same = sampling_weights(names, areas, 0.35, [1.0] * 3)
    assert (plain == same).all()
    more = sampling_weights(names, areas, 0.35, [1, 1, 4])
    np.testing.assert_allclose(more[2] / more[:2], 4 * plain[2] / plain[:2])


def test_stains_change_in_bright_field_alone_and_crops_stay() -> None:
    y, x = np.mgrid[:96, :96]
    labels = (np.hypot(y - 48, x - 48) < 30).astype(np.int32)
    section = np.where(labels[..., None] > 0, (90, 60, 140), (230, 190, 215))
    dark = 255 - section
    grey = np.repeat(section[..., :1], 3, axis=2)
    for image, changes in ((section, True), (dark, False), (grey, False)):
        sample = make_sample(image.astype(np.uint8), labels)
        one = np.ones(1)
        plain = CropSource([sample], one, Augmentation(), seed=1)
        stained = CropSource([sample], one, Augmentation(stain=1.0), seed=1)
        (before, target), (after, same) = (s.batch(3, 2, 48) for s in (plain, stained))
        assert torch.equal(target, same)
        assert torch.equal(before, after) != changes
        assert after.min() >= 0 and after.max() <= 1


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 40),
            st.integers(2, 300),
            st.sampled_from(["grey", "colour", "deep"]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 99),
)
def test_crops_of_grey_and_colour_and_of_images_smaller_than_a_crop(
    images: list[tuple[int, int, str]], seed: int
) -> None:
    rng, samples = np.random.default_rng(seed), []
    for height, width, kind in images:
        shape = (height, width, 3) if kind == "colour" else (height, width)
        top, kept = (60_000, np.uint16) if kind == "deep" else (255, np.uint8)
        image = rng.integers(0, top, shape)
        image[0, 0], image[0, 1] = 0, top  # a blank one is refused
        labels = np.zeros((height, width), np.int32)
        labels[: height // 2 + 1, : width // 2 + 1] = 65535
        samples.append(make_sample(image.astype(kept), labels))
    how = Augmentation(stain=0.5)
    source = CropSource(samples, np.full(len(samples), 1 / len(samples)), how, seed)
    crops, target = source.batch(0, 4, 64)
    assert crops.shape == (4, 3, 64, 64) and target.shape[2:] == (64, 64)
    assert bool(torch.isfinite(crops).all() and torch.isfinite(target).all())
    assert float(crops.min()) >= 0 and float(crops.max()) <= 1


def test_an_image_that_holds_nothing_is_named() -> None:
    pairs = [("well_7", np.full((9, 9), 7, np.uint8), np.ones((9, 9), np.int32))]
    with pytest.raises(ImageError, match="well_7: .*same value"):
        make_samples(pairs, 1)
