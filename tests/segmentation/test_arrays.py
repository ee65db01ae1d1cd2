"""One text gives the same in NumPy and in torch, in whatever order sums are made."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.segmentation.arrays import beside, blurred, host, minima, sums
from napari_pmrnet.segmentation.flow_labels import label_nuclei
from napari_pmrnet.segmentation.objects import (
    FEATURES,
    ImageContext,
    certainty_map,
    describe_objects,
    describe_part,
)
from napari_pmrnet.settings import Settings

from .conftest import label_images

counts = arrays(
    np.float32,
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    elements=st.integers(0, 2000),
)


NAMES = ("certainty", "probability", "boundary")


def predicted(
    labels: np.ndarray, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Maps and flows as a network that is not sure of its labels could give them."""
    maps = {name: rng.random(labels.shape, np.float32) for name in NAMES}
    likely = rng.uniform(0.4, 1, labels.shape).astype(np.float32)
    maps["probability"] = np.where(labels > 0, likely, 0.6 * maps["probability"])
    y, x = np.indices(labels.shape)
    flows = 0.4 * rng.standard_normal((2, *labels.shape))
    for number in range(1, labels.max() + 1):
        inside = labels == number
        way = np.array([y[inside].mean() - y[inside], x[inside].mean() - x[inside]])
        flows[:, inside] += way / np.maximum(np.hypot(*way), 1)
    return maps, flows.astype(np.float32)


def tensors(maps: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(values) for name, values in maps.items()}


@settings(deadline=None, max_examples=100)
@given(label_images(), st.floats(0.05, 0.95), st.floats(0.01, 1), st.integers(0, 30))
def test_labels_are_equal(case: tuple, least: float, seed: float, area: int) -> None:
    maps, flows = predicted(*case)
    probability, some = maps["probability"], Settings(least, seed, min_area=area)
    for given_flows in (flows, None):
        there = None if given_flows is None else torch.tensor(given_flows)
        actual = label_nuclei(torch.tensor(probability), there, some, 12.0)
        expected = label_nuclei(probability, given_flows, some, 12.0)
        np.testing.assert_array_equal(actual, expected)
        assert isinstance(actual, np.ndarray) and actual.dtype == expected.dtype


@settings(deadline=None, max_examples=60)
@given(label_images(), st.booleans())
def test_tables_are_equal_to_six_digits(case: tuple, is_part: bool) -> None:
    labels, rng = case
    maps, flows = predicted(labels, rng)
    there = tensors(maps), torch.tensor(flows)
    weights = dict.fromkeys((*FEATURES, "intercept"), 0.1)
    if is_part:
        whole = ImageContext((3, 0), (90, 40), 2.0, 0.5)
        actual = describe_part(labels, *there, whole)
        expected = describe_part(labels, maps, flows, whole)
    else:
        actual = describe_objects(labels, *there, weights)
        expected = describe_objects(labels, maps, flows, weights)
    assert list(actual) == list(expected)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
    exact = ["label", "area", "centroid_y", "centroid_x"]
    np.testing.assert_array_equal(actual[exact], expected[exact])


@settings(deadline=None, max_examples=60)
@given(label_images())
def test_certainties_of_pixels_are_equal_to_six_digits(case: tuple) -> None:
    maps, _ = predicted(*case)
    maps["pgrf"] = maps.pop("certainty")
    weights = {"intercept": -1.0, "pgrf": 2.0, "log_odds": 1.0, "boundary": -3.0}
    for calibration in (weights, None):
        np.testing.assert_allclose(
            certainty_map(tensors(maps), calibration),
            certainty_map(maps, calibration),
            atol=1e-6,
        )


@settings(deadline=None)
@given(counts)
def test_blurred_counts_are_equal_to_the_last_bit(image: np.ndarray) -> None:
    np.testing.assert_array_equal(host(blurred(torch.tensor(image))), blurred(image))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 8.0, 1000.0]))
def test_sums_do_not_depend_on_the_order(seed: int, most: float) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 9, 3000)
    values = rng.uniform(-most, most, 3000)
    order = rng.permutation(3000)
    first, second = (
        sums(torch.tensor(groups[these]), torch.tensor(values[these]), 10)
        for these in (np.arange(3000), order)
    )
    assert torch.equal(first, second) and first[9] == 0
    expected = sums(groups, values, 10)
    np.testing.assert_allclose(host(first), expected, atol=3000 * 2.0**-25)
    least = minima(torch.tensor(groups), torch.tensor(values), 10)
    np.testing.assert_array_equal(host(least), minima(groups, values, 10))


@pytest.mark.parametrize("other", [np.ones(2), torch.ones(2)])
def test_an_array_goes_where_another_is(other) -> None:
    assert type(beside(np.arange(3), other)) is type(other)
