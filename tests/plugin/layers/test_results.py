"""Results of a session: found again, shown anew, and corrections kept."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from scipy import ndimage

from napari_pmrnet.plugin.layers.result_layers import LABEL_KINDS
from napari_pmrnet.plugin.layers.results import Results, result_of
from napari_pmrnet.plugin.layers.review_session import ReviewSession
from napari_pmrnet.proofreading.origin import Origin, begin_review
from napari_pmrnet.proofreading.place import ACCEPTED, NUCLEUS
from napari_pmrnet.segmentation.region import Region
from napari_pmrnet.settings import Settings

from ..conftest import make_segmentation

CORNER = (np.array([0]), np.array([0]))


def test_results_of_two_planes_stand_side_by_side(segmentation):
    viewer = ViewerModel()
    stack = viewer.add_image(np.zeros((3, 80, 100)), name="stack")
    results = Results(viewer)
    for plane in ("z=0", "z=1"):
        for _ in results.show(stack, plane, segmentation):
            pass
    assert "stack z=0 nuclei" in viewer.layers
    assert "stack z=1 nuclei" in viewer.layers
    assert len(results.layers_of(stack)) == 8
    viewer.layers.remove(stack)
    results.forget_removed()
    assert results.find(stack, "z=0") is None


def shown(results: Results, image, segmentation, plane: str = "") -> str | None:
    *_, kept = results.show(image, plane, segmentation)
    return kept


@pytest.fixture
def viewer(blobs) -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_image(blobs, name="cells")
    return viewer


def test_a_new_result_fills_the_layers_of_the_old_one(viewer, segmentation, blobs):
    results, image = Results(viewer), viewer.layers["cells"]
    shown(results, image, segmentation)
    layers = list(viewer.layers)
    lower = make_segmentation(blobs / 255, Settings(min_area=1))
    assert results.missing(image, "") == ()
    assert shown(results, image, lower) == "Undo brings back the labels before."
    assert list(viewer.layers) == layers
    labels = results.find(image, "").labels
    np.testing.assert_array_equal(labels.data, lower.labels)
    assert viewer.layers.selection.active is labels
    assert result_of(labels) is results.find(image, "")


def test_corrections_are_set_aside_and_never_written_over(viewer, segmentation):
    results, image = Results(viewer), viewer.layers["cells"]
    shown(results, image, segmentation)
    corrected = results.find(image, "").labels
    assert not results.find(image, "").is_edited()
    corrected.data_setitem(CORNER, 9)
    assert results.find(image, "").is_edited()
    mine = corrected.data.copy()
    said = shown(results, image, segmentation)
    assert said == f"Your corrections are kept in '{corrected.name}' (hidden)."
    np.testing.assert_array_equal(corrected.data, mine)
    assert not corrected.visible and result_of(corrected) is None
    fresh = results.find(image, "")
    assert fresh.labels is not corrected and not fresh.is_edited()
    assert corrected in results.layers_of(image)


def test_removed_layers_are_made_again(viewer, segmentation):
    results, image = Results(viewer), viewer.layers["cells"]
    shown(results, image, segmentation)
    viewer.layers.remove(results.find(image, "").layers["certainty"])
    assert results.missing(image, "") == ("certainty",)
    assert len(results.layers_of(image)) == 3
    shown(results, image, segmentation)
    assert results.missing(image, "") == () and len(viewer.layers) == 5


def lower_half(blobs, settings=None):
    """What a run of the lower half of the image gives."""
    found = make_segmentation(blobs / 255, settings)
    mask = np.zeros(blobs.shape, bool)
    mask[blobs.shape[0] // 2 :] = True
    region = Region.of(mask)
    inside = np.isin(found.labels, region.centred(found.labels))
    labels, _ = ndimage.label(inside & (found.labels > 0))
    count = labels.max()
    objects = pd.DataFrame(
        {
            "label": np.arange(1, count + 1),
            "certainty": np.full(count, 0.4),
            "area": np.bincount(labels.ravel())[1:],
        }
    )
    maps = {name: np.full_like(values, 0.5) for name, values in found.maps.items()}
    return replace(found, labels=labels, objects=objects, maps=maps, region=region)


def test_a_region_replaces_labels_in_it_and_one_undo_brings_them_back(
    viewer, segmentation, blobs
):
    results, image = Results(viewer), viewer.layers["cells"]
    shown(results, image, segmentation)
    result = results.find(image, "")
    layer, before = result.labels, result.labels.data.copy()
    layer.data_setitem(CORNER, 9)
    half, count = blobs.shape[0] // 2, len(viewer.layers)
    part = lower_half(blobs)
    said = shown(results, image, part)
    assert "outside of the region stayed" in said
    assert result.labels is layer and len(viewer.layers) == count
    outside = segmentation.labels.copy()
    outside[np.isin(outside, part.region.centred(outside))] = 0
    assert outside.any() and layer.data[0, 0] == 9
    np.testing.assert_array_equal(layer.data[outside > 0], outside[outside > 0])
    fresh = layer.data > 9
    np.testing.assert_array_equal(fresh, part.labels > 0)
    table = layer.features.set_index("index")
    assert (table.loc[np.unique(layer.data[fresh]), "certainty"] == 0.4).all()
    assert (table.loc[np.unique(outside[outside > 0]), "certainty"] == 0.9).all()
    assert layer.selected_label == layer.data.max() + 1
    certainty = result.layers["certainty"].data
    assert (certainty[half:] == 0.5).all()
    np.testing.assert_array_equal(
        certainty[: half - 20], segmentation.maps["certainty"][: half - 20]
    )
    layer.undo()
    before[0, 0] = 9
    np.testing.assert_array_equal(layer.data, before)
    assert result.segmentation is segmentation
    assert len(layer.features) == len(segmentation.objects)
    np.testing.assert_array_equal(
        result.layers["certainty"].data, segmentation.maps["certainty"]
    )
    layer.redo()
    assert result.latest is part and fresh.sum() == (layer.data > 9).sum()


def test_labels_of_pixels_that_are_gone_give_way_to_those_of_a_region(
    viewer, segmentation, blobs
):
    results, image = Results(viewer), viewer.layers["cells"]
    shown(results, image, segmentation)
    image.data = 255 - blobs
    part = lower_half(blobs)
    shown(results, image, part)
    result = results.find(image, "")
    np.testing.assert_array_equal(result.labels.data > 0, part.labels > 0)
    assert result.latest is result.segmentation is part


def test_thresholds_after_a_region_act_in_it_alone(viewer, segmentation, blobs):
    results, image = Results(viewer), viewer.layers["cells"]
    shown(results, image, segmentation)
    shown(results, image, lower_half(blobs))
    result = results.find(image, "")
    assert result.latest.region is not None and not result.is_edited()
    fewer = replace(
        result.latest,
        labels=np.zeros_like(result.latest.labels),
        objects=result.latest.objects.iloc[:0],
    )
    results.relabel(result, fewer)
    left = segmentation.labels.copy()
    left[np.isin(left, fewer.region.centred(left))] = 0
    np.testing.assert_array_equal(result.labels.data, left)
    assert not result.is_edited() and len(result.labels.features) == left.max()


def test_a_new_run_over_labels_that_were_not_corrected_is_a_step_of_undo(
    viewer, segmentation, blobs
):
    results, image = Results(viewer), viewer.layers["cells"]
    shown(results, image, segmentation)
    layer = results.find(image, "").labels
    lower = make_segmentation(blobs / 255, Settings(min_area=1))
    shown(results, image, lower)
    np.testing.assert_array_equal(layer.data, lower.labels)
    layer.undo()
    np.testing.assert_array_equal(layer.data, segmentation.labels)
    result = results.find(image, "")
    assert not result.is_edited() and len(layer.features) == len(segmentation.objects)


def test_a_region_during_a_review_is_one_of_its_steps(viewer, segmentation, blobs):
    results, image = Results(viewer), viewer.layers["cells"]
    shown(results, image, segmentation)
    layer = results.find(image, "").labels
    origin = Origin(segmentation.labels, segmentation.maps, None)
    session = ReviewSession(layer, begin_review(layer.data.copy(), origin))
    session.accept((NUCLEUS, 1))
    part = lower_half(blobs)
    shown(results, image, part)
    np.testing.assert_array_equal(
        layer.data > segmentation.labels.max(), part.labels > 0
    )
    table = session.review.nuclei.table
    assert not table["edited"].any() and set(table.index) == set(
        np.unique(layer.data)[1:]
    )
    assert session.review.statuses == {(NUCLEUS, 1): ACCEPTED}
    session.undo()
    np.testing.assert_array_equal(layer.data, segmentation.labels)
    assert not session.review.nuclei.table["edited"].any()
    session.undo()
    assert session.review.statuses == {}
    session.release()


def test_other_labels_of_the_same_maps_leave_the_maps(viewer, segmentation, blobs):
    results, image = Results(viewer), viewer.layers["cells"]
    shown(results, image, segmentation)
    result = results.find(image, "")
    lower = make_segmentation(blobs / 255, Settings(min_area=1))
    before = result.labels
    assert results.relabel(result, lower) is None and result.labels is before
    said = results.relabel(result, segmentation, new_layer=True)
    assert "are kept in" in said and result.labels is not before
    np.testing.assert_array_equal(before.data, lower.labels)
    np.testing.assert_array_equal(result.labels.data, segmentation.labels)


def test_what_was_never_segmented_has_no_result(viewer):
    results = Results(viewer)
    image = viewer.layers["cells"]
    assert results.find(image, "") is None and results.find(None, "") is None
    assert results.missing(image, "") == LABEL_KINDS
    assert results.layers_of(image) == []
    labels = viewer.add_labels(np.zeros((4, 5), int))
    assert result_of(labels) is None
