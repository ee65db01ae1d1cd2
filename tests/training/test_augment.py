"""Random crops keep image and targets together, and intensities in range."""

from dataclasses import replace

import numpy as np
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_pmrnet.training.augment import (
    Augmentation,
    Sample,
    change_intensity,
    random_crop,
)
from napari_pmrnet.training.data import make_sample


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


def test_nothing_known_stays_unknown_in_a_crop() -> None:
    labels = np.full((64, 64), -1, np.int32)
    labels[20:44, 20:44] = 1
    sample = make_sample(labels * 100.0, labels)
    _, cut, distance, flows = random_crop(sample, 64, 1.0, np.random.default_rng(0))
    assert set(cut.unique().tolist()) == {-1, 1}
    assert not distance[cut < 0].any() and not flows[:, cut[0] < 0].any()


def test_without_any_change_intensities_stay() -> None:
    still = Augmentation(
        gamma=0,
        contrast=0,
        colour=0,
        grey=0,
        invert=0,
        noise=0,
        shot_noise=0,
        blur=0,
        coarse=0,
        uneven_light=0,
    )
    image = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(0))
    for seed in range(4):
        rng = np.random.default_rng(seed)
        torch.testing.assert_close(change_intensity(image, True, still, rng), image)
    negative = replace(still, invert=1)
    rng = np.random.default_rng(0)
    torch.testing.assert_close(change_intensity(image, True, negative, rng), 1 - image)
