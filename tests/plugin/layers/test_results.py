"""Results of a session: found again, shown anew, and corrections kept."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pmrnet.plugin.layers.result_layers import LABEL_KINDS
from napari_pmrnet.plugin.layers.results import Results, result_of
from napari_pmrnet.settings import Settings

from ..conftest import make_segmentation


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
    assert shown(results, image, lower) is None
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
    corrected.data_setitem((np.array([0]), np.array([0])), 9)
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
