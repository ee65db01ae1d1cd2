"""Targets on labels small enough to draw by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_pmrnet.training.augment import (
    Augmentation,
    Sample,
    change_intensity,
    random_crop,
)
from napari_pmrnet.training.data import (
    CropSource,
    make_sample,
    random_scale,
    sampling_weights,
)
from napari_pmrnet.training.targets import borders, gradient_flows, inner_distance


def two_nuclei() -> np.ndarray:
    labels = np.zeros((24, 40), np.int32)
    labels[5:18, 4:20] = 1
    labels[5:18, 20:33] = 4
    return labels


def test_inner_distance_is_one_in_every_middle_and_low_where_they_touch() -> None:
    labels = two_nuclei()
    distance = inner_distance(labels)
    assert distance.dtype == np.float32
    assert distance[labels == 1].max() == distance[labels == 4].max() == 1
    assert (distance[labels == 0] == 0).all()
    assert distance[11, 19] < 0.2 and distance[11, 20] < 0.2


def test_flows_are_unit_vectors_to_the_centre() -> None:
    labels = two_nuclei()
    flow = gradient_flows(labels)
    length = np.linalg.norm(flow, axis=0)
    assert (length[labels == 0] == 0).all()
    assert (length[labels > 0] > 0.99).mean() > 0.98
    assert flow[0, 6, 11] > 0.9 and flow[0, 16, 11] < -0.9
    assert flow[1, 11, 5] > 0.9 and flow[1, 11, 18] < -0.9
    assert flow[1, 11, 21] > 0.9 and flow[1, 11, 31] < -0.9


def test_no_nuclei_no_flows() -> None:
    assert not gradient_flows(np.zeros((5, 6), np.int32)).any()


def test_borders_are_two_pixels_wide_between_labels() -> None:
    labels = torch.tensor([[0, 0, 0, 1, 1, 1, 2, 2, 2]]).float().expand(1, 1, 4, 9)
    assert borders(labels)[0, 0, 1].tolist() == [0, 0, 1, 1, 0, 1, 1, 0, 0]


def gradient_sample() -> Sample:
    """An image whose grey value tells the place, with one large nucleus."""
    y, x = np.mgrid[:96, :96]
    labels = (np.hypot(y - 48, x - 48) < 30).astype(np.int32)
    return make_sample((y * 96 + x).astype(float), labels)


@given(
    seed=st.integers(0, 1000),
    scale=st.floats(0.12, 2),
    stretch=st.sampled_from([0, 0.3]),
)
@example(seed=374, scale=0.30078125, stretch=0)
@example(seed=844, scale=0.33, stretch=0.3)
@settings(max_examples=30, deadline=None)
def test_image_and_targets_stay_on_each_other(
    seed: int, scale: float, stretch: float
) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :96]
    labels = (np.hypot(y - 48, x - 48) < 30).astype(np.int32)
    sample = make_sample(labels * 200.0, labels)
    image, cut, distance, flows = random_crop(sample, 48, scale, rng, stretch)
    assert image.shape == (3, 48, 48) and cut.shape == (1, 48, 48)
    assert ((image[:1] > 0.5) == (cut > 0)).float().mean() > 0.97
    assert (distance[cut == 0] == 0).all()
    assert flows.norm(dim=0).max() < 1.05


@given(seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_turned_flows_still_lead_to_the_centre(seed: int) -> None:
    sample = gradient_sample()
    _, labels, _, flows = random_crop(sample, 160, 1.0, np.random.default_rng(seed))
    ys, xs = torch.nonzero(labels[0] > 0, as_tuple=True)
    inside = (labels[0] > 0).float()
    whole = 0.98 * np.pi * 30**2 < inside.sum() < 1.02 * np.pi * 30**2
    if not whole:
        return
    to_centre = torch.stack([ys.float().mean() - ys, xs.float().mean() - xs])
    to_centre = to_centre / to_centre.norm(dim=0).clamp(min=1)
    agreement = (to_centre * flows[:, ys, xs]).sum(dim=0)
    assert agreement.mean() > 0.9


def test_a_crop_at_native_scale_keeps_the_grey_values() -> None:
    sample = gradient_sample()
    image, *_ = random_crop(sample, 32, 1.0, np.random.default_rng(3))
    steps = image[0].diff(dim=0).abs().max(), image[0].diff(dim=1).abs().max()
    assert max(steps) < 0.1


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


@given(seed=st.integers(0, 1000), colour=st.booleans())
@settings(max_examples=30, deadline=None)
def test_intensities_stay_in_range(seed: int, colour: bool) -> None:
    rng = np.random.default_rng(seed)
    image = torch.rand(3 if colour else 1, 40, 40).expand(3, -1, -1)
    changed = change_intensity(image, colour, Augmentation(), rng)
    assert changed.shape == image.shape and torch.isfinite(changed).all()
    assert changed.min() >= 0 and changed.max() <= 1
    if not colour:
        torch.testing.assert_close(changed[0], changed[2])


def test_rare_modalities_and_large_images_are_drawn_more_often() -> None:
    weights = sampling_weights(["a"] * 8 + ["b"], [100] * 8 + [1600], balance=1.0)
    assert weights.sum() == 1
    assert weights[8] == 8 * 2 * weights[0]
