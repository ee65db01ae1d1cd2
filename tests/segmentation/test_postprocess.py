"""Uncertain nuclei that are dropped, and proposals of missed ones."""

from dataclasses import replace

import numpy as np
import pytest
from card_model import on_cpu
from hypothesis import given
from hypothesis import settings as search
from hypothesis import strategies as st
from skimage.draw import disk

from napari_pmrnet import Settings, segment
from napari_pmrnet.models import Model
from napari_pmrnet.models.card import ModelCard
from napari_pmrnet.proofreading.origin import Origin, begin_review
from napari_pmrnet.segmentation.flow_labels import label_nuclei
from napari_pmrnet.segmentation.objects import FEATURES
from napari_pmrnet.segmentation.postprocess import missed_nuclei, missed_of, nuclei_of
from napari_pmrnet.segmentation.region import Region

from .test_region import CARD, SHAPE, scene

EVERY = Settings(least_certainty=0)
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


def fitted(intercept: float) -> ModelCard:
    """A card whose certainties of the nuclei of a scene are spread over 0 to 1."""
    slopes = dict.fromkeys(FEATURES, 0.0)
    slopes |= {"pixel_certainty": 9.0, "relative_size": 1.0, "touching": -1.0}
    return CARD.updated(
        object_certainty={**slopes, "intercept": intercept, "company": 2.0}
    )


@search(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 5),
    intercept=st.floats(-9, 3),
    least=st.floats(0, 0.95),
    side=st.integers(0, 229),
)
def test_the_uncertain_are_dropped_and_proposed_and_the_rest_stays_as_it_is(
    seed: int, intercept: float, least: float, side: int
) -> None:
    maps, flows = scene(seed)
    card, chosen = fitted(intercept), Settings(least_certainty=least)
    mask = np.zeros(SHAPE, bool)
    mask[: side + 1] = True
    region = Region.of(mask) if side < 150 else None
    every, rows = nuclei_of(maps, flows, EVERY, region, 15.0, on_cpu(card))
    labels, objects = nuclei_of(maps, flows, chosen, region, 15.0, on_cpu(card))
    sure = rows["certainty"].to_numpy() >= least
    assert objects["label"].tolist() == list(range(1, sure.sum() + 1))
    expected = np.isin(every, rows["label"][sure])
    np.testing.assert_array_equal(labels > 0, expected)
    pairs = np.unique(np.stack([every[expected], labels[expected]]), axis=1)
    np.testing.assert_array_equal(pairs, [rows["label"][sure], objects["label"]])
    for name in ("certainty", "area", "centroid_y", "centroid_x"):
        np.testing.assert_array_equal(objects[name], rows[name][sure])

    before = missed_of(every, maps, flows, EVERY, region, 15.0, card)
    missed = missed_of(labels, maps, flows, chosen, region, 15.0, card)
    again = missed.objects.loc[missed.objects["dropped"]].sort_values("label")
    for name in ("certainty", "area", "centroid_y", "centroid_x"):
        np.testing.assert_array_equal(again[name], rows[name][~sure])
    for name in ("certainty", "area"):
        rest = missed.objects.loc[~missed.objects["dropped"], name]
        np.testing.assert_array_equal(rest, before.objects[name])
    assert missed.objects["certainty"].is_monotonic_decreasing
    areas = np.bincount(missed.labels.ravel(), minlength=len(missed.objects) + 1)
    by_label = missed.objects.sort_values("label")
    assert areas[by_label["label"]].tolist() == by_label["area"].tolist()
    assert not missed.labels[labels > 0].any()


@search(max_examples=10, deadline=None)
@given(seed=st.integers(0, 5), intercept=st.floats(-9, 3))
def test_a_review_tells_the_certainties_of_the_segmentation(
    seed: int, intercept: float
) -> None:
    maps, flows = scene(seed)
    card, chosen = fitted(intercept), Settings(least_certainty=0.4)
    labels, objects = nuclei_of(maps, flows, chosen, None, 15.0, on_cpu(card))
    missed = missed_of(labels, maps, flows, chosen, None, 15.0, card)
    origin = Origin(labels, maps, flows, card, missed)
    review = begin_review(labels.copy(), origin)
    table = review.nuclei.table
    np.testing.assert_allclose(table["certainty"], objects["certainty"], rtol=1e-6)
    for label in table.index:  # measured anew, among nuclei that were dropped too
        box = review.nuclei.box(label)
        before = review.nuclei.labels[box].copy()
        row, column = np.argwhere(before == label)[0]
        changed = before.copy()
        changed[row, column] = 0
        review.nuclei.update(box, changed)
    np.testing.assert_allclose(
        review.nuclei.table["certainty"], objects["certainty"], rtol=1e-6
    )


@pytest.mark.parametrize("why", ["no flows", "no fitted certainty"])
def test_what_is_no_probability_drops_nothing(why: str) -> None:
    maps, flows = scene(1)
    if why == "no flows":
        card, flows = fitted(-9), None
    else:
        card = CARD.updated(object_certainty=None)
    strict = Settings(least_certainty=0.95)
    every, rows = nuclei_of(maps, flows, EVERY, None, 15.0, on_cpu(card))
    labels, objects = nuclei_of(maps, flows, strict, None, 15.0, on_cpu(card))
    np.testing.assert_array_equal(labels, every)
    assert (rows["certainty"] < 0.95).any() and len(objects) == len(rows)
    missed = missed_of(labels, maps, flows, strict, None, 15.0, card)
    assert not missed.objects["dropped"].any()


def test_moving_the_least_certainty_needs_no_network(model: Model) -> None:
    image = np.random.default_rng(0).integers(0, 255, (90, 130)).astype(np.uint8)
    every = Settings(
        diameter=25,
        probability_threshold=0.5,
        seed_threshold=0.05,
        least_certainty=0,
    )
    card = model.card.updated(object_certainty=fitted(-4.5).object_certainty)
    found = segment(image, every, replace(model, card=card))
    half = float(found.objects["certainty"].median())
    strict = found.relabel(replace(every, least_certainty=half))
    assert 0 < len(strict.objects) < len(found.objects)
    assert strict.missed().objects["dropped"].sum() == (
        len(found.objects) - len(strict.objects)
    )
