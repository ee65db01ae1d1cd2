"""Reviewed images of a viewer become corrections."""

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_pmrnet.errors import DataError
from napari_pmrnet.plugin.train.corrections import corrected_layers, corrections_from


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    labels = np.zeros((20, 30), np.int32)
    labels[2:8, 2:8], labels[2:8, 15:21] = 1, 2
    viewer.add_image((labels > 0) * np.uint8(200), name="cells")
    flags = {"index": [1, 2], "reviewed": [True, False]}
    viewer.add_labels(labels, name="cells nuclei", features=pd.DataFrame(flags))
    return viewer


def test_layers_with_a_reviewed_nucleus_are_offered(viewer) -> None:
    (found,) = corrected_layers(viewer)
    assert found.text == "cells nuclei: 1 of 2 reviewed"
    assert found.image is viewer.layers["cells"]


@pytest.mark.parametrize("reviewed", [[False, False], [None, None]])
def test_others_are_not(viewer, reviewed) -> None:
    layer = viewer.layers["cells nuclei"]
    layer.features = pd.DataFrame({"index": [1, 2], "reviewed": reviewed})
    assert corrected_layers(viewer) == []
    layer.features = pd.DataFrame({"index": [1, 2]})
    assert corrected_layers(viewer) == []


def test_labels_without_their_image_are_not(viewer) -> None:
    viewer.layers.remove("cells")
    assert corrected_layers(viewer) == []


def test_what_was_corrected_is_copied_with_its_pixels(viewer) -> None:
    (found,) = corrected_layers(viewer)
    made = corrections_from(found, viewer)
    assert made.name == "cells" and made.reviewed.tolist() == [1]
    found.labels.data_setitem((np.array([3]), np.array([3])), 0)
    found.image.data[:] = 0
    assert made.labels[3, 3] == 1 and made.image.max() == 200


def test_an_image_of_another_size_is_refused(viewer) -> None:
    (found,) = corrected_layers(viewer)
    found.image.data = np.zeros((10, 10), np.uint8)
    with pytest.raises(DataError, match="'cells'"):
        corrections_from(found, viewer)
