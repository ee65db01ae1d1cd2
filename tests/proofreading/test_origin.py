"""Where labels under review come from, and what is known of them because of it."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_pmrnet.errors import EditError
from napari_pmrnet.models.card import new_card, read_card
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.proofreading.origin import (
    Origin,
    begin_review,
    origins,
    stacked,
)
from napari_pmrnet.segmentation.postprocess import Missed


@pytest.fixture
def labels() -> np.ndarray:
    labels = np.zeros((40, 60), np.int32)
    labels[5:15, 5:15], labels[5:15, 15:25] = 1, 2
    return labels


@pytest.fixture
def maps(labels: np.ndarray) -> dict[str, np.ndarray]:
    certainty = np.where(labels == 1, 0.2, 0.9).astype(np.float32)
    return {
        "probability": np.where(labels > 0, 0.9, 0.1).astype(np.float32),
        "boundary": np.zeros(labels.shape, np.float32),
        "certainty": certainty,
    }


def test_labels_made_elsewhere_are_all_as_doubtful(labels: np.ndarray) -> None:
    review = begin_review(labels)
    assert review.places()["doubt"].isna().all()
    assert review.nuclei.labels is labels
    labels[0, 0] = 9
    assert review.nuclei.original[0, 0] == 0, "what was found is a copy"


def test_certainty_of_the_maps_orders_the_places(labels, maps) -> None:
    review = begin_review(labels.copy(), Origin(labels, maps, None))
    assert review.places()["number"].tolist() == [1, 2]
    assert review.places()["doubt"].iloc[0] == pytest.approx(0.8)


def test_pixels_of_the_image_are_measured(labels, maps) -> None:
    review = begin_review(labels, Origin(labels.copy(), maps, None), 10 * labels)
    assert review.nuclei.table["intensity"].tolist() == [10, 20]


@pytest.mark.parametrize("shape", [(40, 61), (20, 30)])
def test_other_shapes_are_refused(labels, maps, shape) -> None:
    with pytest.raises(EditError, match="Choose the image"):
        begin_review(labels, None, np.zeros(shape))
    wrong = {name: np.zeros(shape, np.float32) for name in maps}
    with pytest.raises(EditError, match=str(shape[0])):
        begin_review(labels, Origin(labels, wrong, None))


def test_suggestions_need_flows_and_a_model_that_knows_them(labels, maps) -> None:
    flows = np.ones((2, *labels.shape), np.float32)
    shipped = read_card(find_weights("nuclei"))
    bare = new_card(("probability",))
    assert Origin(labels, maps, None, shipped).suggestions() is None
    assert Origin(labels, maps, flows, None).suggestions() is None
    assert Origin(labels, maps, flows, bare).suggestions() is None
    found = Origin(labels, maps, flows, shipped).suggestions()
    assert found is not None and set(found.table["kind"]) <= {"merge", "split"}


def test_a_segmentation_is_an_origin(labels, maps) -> None:
    missed = Missed(0 * labels, SimpleNamespace())
    card = new_card(("probability",))
    found = SimpleNamespace(
        labels=labels,
        maps=maps,
        flows=None,
        model=SimpleNamespace(card=card),
        missed=lambda: missed,
    )
    origin = Origin.of(found)
    assert origin.labels is labels and origin.card is card and origin.missed is missed


def test_maps_of_planes_are_one_array_and_unknown_where_there_are_none() -> None:
    labels = np.ones((3, 6, 7), np.int32)
    known = origins(labels)
    known[1,] = Origin(labels[1], {"certainty": np.full((6, 7), 0.5, "f4")}, None)
    maps, parts = stacked(known)
    (certainty,) = maps.values()
    assert certainty.shape == labels.shape and certainty.dtype == np.float32
    assert np.isnan(certainty[[0, 2]]).all() and (certainty[1] == 0.5).all()
    assert parts.keys() == known.keys() and not parts[0,].maps
    assert np.shares_memory(parts[1,].maps["certainty"], certainty)
    assert stacked(origins(labels[0]))[0] == {}
    plain = {(): known[1,]}
    assert stacked(plain)[0]["certainty"] is known[1,].maps["certainty"]
