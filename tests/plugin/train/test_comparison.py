"""Before and after in one layer with a seam."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pmrnet.finetuning.corrections import Corrections
from napari_pmrnet.plugin.train.comparison import Both, Swipe, segment_with_both
from napari_pmrnet.segmentation.predict import run_to_end


@pytest.fixture
def both() -> Both:
    shape = (10, 20)
    return Both(np.full(shape, 1, np.int32), np.full(shape, 2, np.int32))


def test_left_of_the_seam_is_before(both: Both) -> None:
    viewer = ViewerModel()
    labels = viewer.add_labels(both.before.copy())
    swipe = Swipe(viewer, both, "cells", {"scale": (0.5, 0.5)}, labels)
    assert swipe.layer.name == "cells: before | after"
    assert tuple(swipe.layer.scale) == (0.5, 0.5) and not swipe.layer.editable
    for share, left in ((0.5, 10), (0.0, 0), (1.0, 20), (0.26, 5)):
        swipe.move(share)
        assert (swipe.layer.data[:, :left] == 1).all()
        assert (swipe.layer.data[:, left:] == 2).all()
    assert (both.before == 1).all() and (both.after == 2).all()


def test_a_layer_that_went_is_left_alone(both: Both) -> None:
    viewer = ViewerModel()
    labels = viewer.add_labels(both.before.copy())
    swipe = Swipe(viewer, both, "cells", {}, labels)
    swipe.remove()
    assert list(viewer.layers) == [labels]
    before = swipe.layer.data.copy()
    swipe.move(1.0)
    swipe.remove()
    np.testing.assert_array_equal(swipe.layer.data, before)


@pytest.mark.parametrize("visible", [True, False])
@pytest.mark.parametrize("by_hand", [True, False])
def test_layers_are_as_they_were_after_a_comparison(
    both: Both, visible: bool, by_hand: bool
) -> None:
    viewer = ViewerModel()
    image = viewer.add_image(both.before * 1.0)
    labels = viewer.add_labels(both.before.copy(), visible=visible)
    other = viewer.add_labels(both.before.copy())
    viewer.layers.selection.active = image
    swipe = Swipe(viewer, both, "cells", {}, labels)
    assert not labels.visible and other.visible
    if by_hand:
        viewer.layers.remove(swipe.layer)
    swipe.remove()
    assert list(viewer.layers) == [image, labels, other]
    assert labels.visible is visible and other.visible and image.visible
    assert by_hand or viewer.layers.selection.active is image
    labels.visible = not visible
    viewer.layers.remove(other)
    assert labels.visible is not visible, "it is the user's again"


def test_each_model_labels_the_image_with_its_own_thresholds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from types import SimpleNamespace

    from napari_pmrnet.models.card import new_card
    from napari_pmrnet.plugin.train import comparison

    def load(name: str) -> SimpleNamespace:
        value = {"old": 0.3, "new": 0.6}[name]
        tuned = {"probability_threshold": value, "seed_threshold": 0.5}
        return SimpleNamespace(card=new_card(("probability",), thresholds=tuned))

    def steps(image, settings, model, image_name):
        yield image_name
        labels = image > settings.probability_threshold
        return SimpleNamespace(labels=labels.astype(np.int32))

    monkeypatch.setattr("napari_pmrnet.models.load_model", load)
    monkeypatch.setattr(comparison, "segment_steps", steps)
    image = np.array([[0.2, 0.5, 0.9]])
    nuclei = np.ones(image.shape, np.int32)
    one = Corrections("a", image, nuclei, np.array([1]), "0:1")
    found = run_to_end(segment_with_both(one, "cells", "old", "new"))
    assert found.before.tolist() == [[0, 1, 1]]
    assert found.after.tolist() == [[0, 0, 1]]
