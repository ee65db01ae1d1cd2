"""Labels that a review takes as they are, and those that it refuses in words."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_pmrnet.errors import EditError
from napari_pmrnet.plugin.layers.editable import check_editable, plane_of


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([np.ones((8, 8), int), np.ones((4, 4), int)], "several resolutions"),
        (np.broadcast_to(np.int32(1), (5, 4096, 4096)), "the plane on show"),
        (np.broadcast_to(np.int32(1), (8200, 8200)), "Only what I see"),
    ],
)
def test_layers_that_cannot_be_edited_are_refused(data, reason: str) -> None:
    layer = Labels(data, multiscale=isinstance(data, list))
    with pytest.raises(EditError, match=reason):
        check_editable(layer)


def test_later_changes_are_seen_in_a_plane(tmp_path) -> None:
    zarr = pytest.importorskip("zarr")
    start = np.zeros((2, 8, 9), np.int32)
    for data in (start, zarr.create_array(tmp_path / "l.zarr", data=start)):
        check_editable(Labels(data))
        plane = plane_of(data, (1,))
        data[1, 2, 3] = 7
        assert plane.shape == (8, 9) and plane[2:4, 3:5][0, 0] == 7
        assert np.asarray(plane).sum() == 7
