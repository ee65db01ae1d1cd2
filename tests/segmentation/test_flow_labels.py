"""Touching nuclei are separated, small ones dropped, none invented."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.segmentation import find_boundaries

from napari_pmrnet.segmentation import flow_labels
from napari_pmrnet.segmentation.flow_labels import (
    drop_small,
    highest_near,
    label_nuclei,
    least_sink_density,
    rims,
    smallest_area,
)
from napari_pmrnet.segmentation.objects import certainty_map
from napari_pmrnet.settings import Settings

from .conftest import label_images

EIGHT = np.ones((3, 3), bool)

Disc = tuple[float, float, float]


def maps(*discs: Disc) -> tuple[np.ndarray, np.ndarray]:
    """Probability, and flows to the nearer centre, of discs (y, x, radius)."""
    y, x = np.mgrid[:60, :80].astype(np.float32)
    offsets = np.array([(cy - y, cx - x) for cy, cx, _ in discs])
    lengths = np.linalg.norm(offsets, axis=1)
    probability = (lengths < np.array([r for *_, r in discs])[:, None, None]).any(0)
    nearest = lengths.argmin(0)
    flows = np.take_along_axis(offsets, nearest[None, None], 0)[0]
    flows = flows / np.maximum(np.take_along_axis(lengths, nearest[None], 0), 1)
    return probability.astype(np.float32), flows.astype(np.float32)


def test_touching_discs_get_a_label_each_and_meet_half_way() -> None:
    labels = label_nuclei(*maps((30, 25, 16), (30, 51, 16)), Settings())
    assert labels.dtype == np.int32
    assert labels.max() == 2
    assert labels[30, 34] == labels[30, 25] != labels[30, 51] == labels[30, 42]
    assert ((labels > 0) == (maps((30, 25, 16), (30, 51, 16))[0] > 0)).all()


def test_crowds_with_a_pixel_between_them_are_two_nuclei() -> None:
    y, x = np.mgrid[:30, :30].astype(np.float32)
    middle = np.where(x < 15, 13, 17)
    offset = np.array([15 - y, middle - x])
    flows = offset / np.maximum(np.linalg.norm(offset, axis=0), 1)
    probability = np.zeros((30, 30), np.float32)
    probability[5:26, 10:20] = 1
    labels = label_nuclei(probability, flows, Settings())
    assert labels.max() == 2 and labels[15, 13] != labels[15, 17]


def test_without_flows_they_are_one() -> None:
    probability, _ = maps((30, 25, 16), (30, 51, 16))
    assert label_nuclei(probability, None, Settings()).max() == 1


def test_a_large_nucleus_is_one_however_far_its_rim() -> None:
    y, x = np.mgrid[:400, :400].astype(np.float32)
    offset = np.array([200 - y, 200 - x])
    length = np.linalg.norm(offset, axis=0)
    flows = offset / np.maximum(length, 1)
    labels = label_nuclei((length < 180).astype(np.float32), flows, Settings())
    assert labels.max() == 1 and (labels == 1).sum() == (length < 180).sum()


def test_a_higher_seed_threshold_drops_what_does_not_gather() -> None:
    probability, flows = maps((30, 25, 12))
    probability[5:15, 60:75] = 1
    flows[:, 5:15, 60:75] = 0
    assert label_nuclei(probability, flows, Settings(seed_threshold=0.05)).max() == 2
    assert label_nuclei(probability, flows, Settings(seed_threshold=0.5)).max() == 1


def test_nuclei_of_a_few_pixels_are_found_once_their_size_is_known() -> None:
    tiny = [(y, x, 2.6) for y in range(6, 56, 8) for x in range(6, 76, 8)]
    probability, flows = maps(*tiny)
    assert not label_nuclei(probability, flows, Settings(min_area=0)).any()
    labels = label_nuclei(probability, flows, Settings(), 5.2)
    assert labels.max() == len(tiny) and ((labels > 0) == (probability > 0)).all()


@given(st.floats(1, 200), st.floats(1, 200))
def test_a_crowd_grows_with_nuclei_to_its_most(one: float, two: float) -> None:
    least, most = sorted((one, two))
    assert (
        0
        < least_sink_density(least)
        <= least_sink_density(most)
        <= least_sink_density(None)
    )
    assert least_sink_density(20) == least_sink_density(None)


def test_a_gap_in_a_nucleus_is_closed() -> None:
    probability, flows = maps((30, 25, 12))
    flows[:, 27:30, 33:36] = 0
    labels = label_nuclei(probability, flows, Settings(min_area=20))
    assert ((labels == 1) == (probability > 0)).all()
    assert not label_nuclei(probability, flows, Settings(min_area=5))[28, 34]


def test_no_foreground_no_labels() -> None:
    flows = np.ones((2, 9, 9), np.float32)
    assert not label_nuclei(np.zeros((9, 9)), flows, Settings()).any()


def test_the_smallest_area_follows_the_size_of_nuclei_unless_it_is_set() -> None:
    assert smallest_area(Settings(), None) == 20
    assert smallest_area(Settings(), 10) == 4 and smallest_area(Settings(), 40) == 63
    assert smallest_area(Settings(min_area=0), 40) == 0
    three = maps((30, 25, 12), (2, 60, 8), (50, 70, 5))
    assert label_nuclei(*three, Settings(), 12).max() == 3
    assert label_nuclei(*three, Settings(), 45).max() == 2


def test_smallest_area_and_border() -> None:
    three = maps((30, 25, 12), (2, 60, 8), (50, 70, 5))
    assert label_nuclei(*three, Settings(min_area=0)).max() == 3
    assert label_nuclei(*three, Settings(min_area=90)).max() == 2
    labels = label_nuclei(*three, Settings(min_area=90, exclude_border=True))
    assert labels.max() == 1 and labels[30, 25] == 1


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(0, 30))
def test_of_a_cut_nucleus_no_piece_stays(seed: int, least: int) -> None:
    """A nucleus may be of pieces, of which one touches the border."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(3, 40, 50)), (0, 2, 2))
    probability = (noise[0] > -0.02).astype(np.float32)
    flows = noise[1:] / np.maximum(np.hypot(*noise[1:]), 1e-6)
    flows = flows.astype(np.float32)
    every = label_nuclei(probability, flows, Settings(min_area=least), 10)
    edge = np.concatenate([every[0], every[-1], every[:, 0], every[:, -1]])
    whole = drop_small(np.where(np.isin(every, edge), 0, every), 0)
    chosen = Settings(min_area=least, exclude_border=True)
    np.testing.assert_array_equal(label_nuclei(probability, flows, chosen, 10), whole)


@given(arrays(np.int32, (12, 13), elements=st.integers(0, 6)), st.integers(0, 40))
@settings(max_examples=50, deadline=None)
def test_drop_small_numbers_without_gaps(labels: np.ndarray, least: int) -> None:
    kept = drop_small(labels, least)
    assert set(np.unique(kept)) - {0} == set(range(1, kept.max() + 1))
    for value in np.unique(labels[labels > 0]):
        part = kept[labels == value]
        assert len(np.unique(part)) == 1
        assert (part[0] > 0) == (part.size >= max(least, 1))
    assert (kept[labels == 0] == 0).all()


def test_certainty_is_the_fitted_logistic_of_the_maps() -> None:
    maps = {
        "pgrf": np.array([[0.2, 0.9]], np.float32),
        "probability": np.array([[0.5, 0.999999]], np.float32),
        "boundary": np.array([[1.0, 0.0]], np.float32),
    }
    weights = {"intercept": -1.0, "pgrf": 2.0, "log_odds": 1.0, "boundary": -3.0}
    expected = 1 / (1 + np.exp([1 - 0.4 + 3, 1 - 1.8 - 8]))
    np.testing.assert_allclose(certainty_map(maps, weights)[0], expected, rtol=1e-5)
    assert certainty_map(maps, None) is maps["pgrf"]


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
