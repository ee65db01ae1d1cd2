"""Proposals of missed nuclei on maps drawn by hand."""

import numpy as np
import pytest
from skimage.draw import disk

from napari_pmrnet import Settings, segment
from napari_pmrnet.models import Model
from napari_pmrnet.segmentation.flow_labels import label_nuclei
from napari_pmrnet.segmentation.objects import FEATURES
from napari_pmrnet.segmentation.postprocess import missed_nuclei

CENTRES = {(15, 15): 0.95, (15, 45): 0.45, (45, 15): 0.3, (45, 45): 0.1}


@pytest.fixture
def maps() -> dict[str, np.ndarray]:
    """Four discs of falling probability, the first one above the thresholds."""
    probability = np.full((60, 60), 0.02, np.float32)
    for centre, value in CENTRES.items():
        probability[disk(centre, 8)] = value
    certainty = np.abs(2 * probability - 1)
    return {
        "probability": probability,
        "certainty": certainty,
        "boundary": 0 * probability,
    }


@pytest.fixture
def flows() -> np.ndarray:
    """Unit vectors to the nearest centre."""
    place = np.stack(np.mgrid[:60, :60]).astype(np.float32)
    ways = np.stack([np.array(c)[:, None, None] - place for c in CENTRES])
    length = np.linalg.norm(ways, axis=1)
    nearest = length.argmin(axis=0)
    way = np.take_along_axis(ways, nearest[None, None], axis=0)[0]
    return way / np.maximum(length.min(axis=0), 1)


def test_places_between_the_thresholds_are_proposed(maps, flows) -> None:
    labels = label_nuclei(maps["probability"], flows, Settings())
    assert labels.max() == 1 and labels[15, 15] == 1
    proposals, objects = missed_nuclei(labels, maps, flows, Settings())
    assert proposals.max() == 2 == len(objects)
    assert proposals[15, 45] > 0 and proposals[45, 15] > 0
    assert not proposals[labels > 0].any() and proposals[45, 45] == 0
    assert objects["certainty"].is_monotonic_decreasing


def test_a_fitted_score_puts_the_likelier_one_first(maps, flows) -> None:
    labels = label_nuclei(maps["probability"], flows, Settings())
    weights = dict.fromkeys((*FEATURES, "intercept"), 0.0) | {"pixel_certainty": -5.0}
    proposals, objects = missed_nuclei(labels, maps, flows, Settings(), weights)
    assert objects["label"].iloc[0] == proposals[15, 45]
    expected = 1 / (1 + np.exp(5 * np.array([0.1, 0.4])))
    np.testing.assert_allclose(objects["certainty"], expected, rtol=1e-5)


def test_the_fringe_of_a_labelled_nucleus_is_no_proposal(maps, flows) -> None:
    maps["probability"][disk((15, 15), 10)] = 0.4
    maps["probability"][disk((15, 15), 8)] = 0.95
    labels = label_nuclei(maps["probability"], flows, Settings())
    proposals, _ = missed_nuclei(labels, maps, flows, Settings())
    assert not proposals[:30, :30].any()


def test_nothing_to_propose() -> None:
    maps = dict.fromkeys(("probability", "certainty", "boundary"), np.zeros((9, 9)))
    empty = np.zeros((9, 9), np.int32)
    found = missed_nuclei(empty, maps, np.zeros((2, 9, 9)), Settings())
    assert not found.labels.any() and found.objects.empty


def test_a_segmentation_tells_what_it_may_have_missed(model: Model) -> None:
    image = np.random.default_rng(0).integers(0, 255, (90, 130)).astype(np.uint8)
    settings = Settings(diameter=25, probability_threshold=0.9, seed_threshold=0.05)
    result = segment(image, settings, model)
    found = result.missed()
    assert found.labels.shape == image.shape
    assert not found.labels[result.labels > 0].any()
