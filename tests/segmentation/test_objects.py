"""What is said of every nucleus: place, size, shape, and how surely it is right."""

import numpy as np
import pytest
from hypothesis import given, settings
from skimage.draw import ellipse
from skimage.measure import regionprops_table

from napari_pmrnet.segmentation.objects import (
    FEATURES,
    _Regions,
    describe_objects,
    object_features,
)

from .conftest import label_images


@pytest.fixture
def labels() -> np.ndarray:
    """A long ellipse, a disc cut by the border, and a bent shape."""
    image = np.zeros((60, 80), np.int32)
    image[ellipse(20, 40, 8, 24, rotation=0.4)] = 1
    image[ellipse(50, 2, 9, 9, shape=image.shape)] = 2
    image[40:56, 50:54] = image[52:56, 50:70] = 3
    return image


@pytest.fixture
def maps(labels: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    names = ("certainty", "probability", "boundary")
    return {name: rng.random(labels.shape, np.float32) for name in names}


def flows_to_centres(labels: np.ndarray) -> np.ndarray:
    flows = np.zeros((2, *labels.shape), np.float32)
    for value in range(1, labels.max() + 1):
        places = np.array(np.nonzero(labels == value))
        way = places.mean(axis=1, keepdims=True) - places
        flows[:, *places] = way / np.maximum(np.hypot(*way), 1e-6)
    return flows


def test_objects_have_one_row_each() -> None:
    labels = np.zeros((10, 12), np.int32)
    labels[1:3, 1:5], labels[6:9, 8:10] = 1, 2
    certainty = np.where(labels == 2, 0.25, 0.75).astype(np.float32)
    table = describe_objects(labels, {"certainty": certainty})
    assert table["label"].tolist() == [1, 2]
    assert table["area"].tolist() == [8, 6]
    assert table["certainty"].tolist() == [0.75, 0.25]
    assert table["centroid_y"].tolist() == [1.5, 7.0]
    assert table["centroid_x"].tolist() == [2.5, 8.5]


def test_no_nuclei_make_no_rows() -> None:
    empty = np.zeros((4, 5), np.int32)
    maps = dict.fromkeys(("certainty", "probability", "boundary"), np.ones((4, 5)))
    weights = dict.fromkeys((*FEATURES, "intercept"), 1.0)
    assert describe_objects(empty, maps).empty
    assert describe_objects(empty, maps, np.ones((2, 4, 5)), weights).empty


def test_features_against_region_properties(labels, maps) -> None:
    table = object_features(labels, maps, flows_to_centres(labels))
    names = ("area", "axis_major_length", "axis_minor_length", "intensity_mean")
    expected = regionprops_table(labels, maps["certainty"], properties=names)
    major, minor = expected["axis_major_length"], expected["axis_minor_length"]
    np.testing.assert_allclose(table["log_area"], np.log(expected["area"]))
    # scikit-image takes pixels for points, which makes shapes a little thinner.
    np.testing.assert_allclose(
        table["log_elongation"], np.log(major / minor), rtol=0.02
    )
    np.testing.assert_allclose(
        table["roundness"], expected["area"] / (np.pi * major * minor / 4), rtol=0.02
    )
    np.testing.assert_allclose(
        table["pixel_certainty"], expected["intensity_mean"], rtol=1e-5
    )
    least = [maps["certainty"][labels == value].min() for value in (1, 2, 3)]
    np.testing.assert_allclose(table["least_certain"], least)
    assert table["cut"].tolist() == [0, 1, 0]
    assert table["roundness"][2] < 0.7 < 0.95 < table["roundness"][0]


def test_flows_agree_with_a_nucleus_they_lead_into_and_not_with_two(labels) -> None:
    maps = dict.fromkeys(("certainty", "probability", "boundary"), 0.5 + 0 * labels)
    flows = flows_to_centres(labels)
    agreement = object_features(labels, maps, flows)["flow_agreement"]
    assert (agreement > 0.95).all()
    joined = np.where(labels == 3, 2, labels)
    worse = object_features(joined, maps, flows)["flow_agreement"]
    assert worse[0] > 0.95 and worse[1] < 0.7


def test_features_of_the_surroundings() -> None:
    labels = np.zeros((12, 20), np.int32)
    labels[4:8, 2:8], labels[4:8, 8:12], labels[2:10, 14:18] = 1, 3, 2
    probability = np.where(labels > 0, 0.95, 0.2).astype(np.float32)
    probability[:, 12:] = np.where(labels[:, 12:] > 0, 0.8, 0.4)
    certainty = np.where(labels == 2, 0.4, 0.9).astype(np.float32)
    maps = {
        "probability": probability,
        "certainty": certainty,
        "boundary": 0 * certainty,
    }
    table = object_features(labels, maps, flows_to_centres(labels))
    assert table["firm"].tolist() == [1, 0, 1]
    assert table["ring_probability"][0] == pytest.approx(0.2)
    assert table["ring_probability"][1] == pytest.approx(0.4)
    assert 0.2 < table["ring_probability"][2] < 0.4
    rims = [2 * (6 + 2), 2 * (4 + 6), 2 * (4 + 2)]
    np.testing.assert_allclose(table["touching"], [4 / rims[0], 0, 4 / rims[2]])
    expected = np.log(np.array([24, 32, 16]) / 24)
    np.testing.assert_allclose(table["relative_size"], expected)
    np.testing.assert_allclose(table["relative_size_squared"], expected**2)
    mean = (40 * 0.9 + 32 * 0.4) / 72
    np.testing.assert_allclose(table["company"], [mean] * 3, rtol=1e-6)


def test_certainty_is_the_fitted_logistic_of_the_features(labels, maps) -> None:
    flows = flows_to_centres(labels)
    weights = dict(zip(FEATURES, np.linspace(-1, 1, len(FEATURES)), strict=True))
    table = object_features(labels, maps, flows)
    score = sum(weights[name] * table[name] for name in FEATURES) + 0.3
    actual = describe_objects(labels, maps, flows, {**weights, "intercept": 0.3})
    np.testing.assert_allclose(actual["certainty"], 1 / (1 + np.exp(-score)))


@settings(deadline=None, max_examples=60)
@given(label_images())
def test_the_least_value_of_every_label(case: tuple) -> None:
    labels, rng = case
    count = int(labels.max())
    values = rng.random(labels.shape, np.float32)
    regions = _Regions(labels)
    expected = [values[labels == n].min() for n in range(1, count + 1)]
    assert regions.least(regions.take(values)) == pytest.approx(expected, abs=0)
