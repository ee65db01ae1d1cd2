"""Lines over the labels: along the pixels, in one layer that comes and goes."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pmrnet.plugin.layers.overlay import NAME, PARTS, Overlay, rims, segments

BOX = (slice(10, 14), slice(20, 24))


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_labels(np.zeros((40, 50), int), scale=(2, 2), name="nuclei")
    return viewer


@pytest.fixture
def overlay(qapp, viewer) -> Overlay:
    return Overlay(viewer, viewer.layers["nuclei"])


def drawn(viewer: ViewerModel) -> np.ndarray:
    return viewer.layers[NAME].data


def test_rims_run_between_the_pixels() -> None:
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:4] = True
    lines = rims(mask, BOX)
    ends = np.concatenate([lines[:, 0], lines.sum(axis=1)])
    assert ends.min(axis=0).tolist() == [10.5, 20.5]
    assert ends.max(axis=0).tolist() == [12.5, 23.5]
    assert np.abs(lines[:, 1]).sum() == 2 * (2 + 3)
    np.testing.assert_allclose(lines[:, 1].sum(axis=0), 0, err_msg="not closed")
    assert rims(np.zeros((4, 4), bool), BOX).shape == (0, 2, 2)


def test_pieces_of_a_line() -> None:
    path = [(0, 0), (2, 1), (2, 5)]
    assert segments(path).tolist() == [[[0, 0], [2, 1]], [[2, 1], [0, 4]]]
    assert segments([(1, 1)]).shape == segments([]).shape == (0, 2, 2)


def test_marks_of_a_gesture_are_drawn_once_and_over_the_labels(viewer, overlay) -> None:
    mask = np.ones((4, 4), bool)
    overlay.outline(mask, BOX)
    overlay.line([(0, 0), (5, 5)])
    assert NAME not in viewer.layers
    overlay.flush()
    assert len(drawn(viewer)) == 4 + 1
    layer = viewer.layers[NAME]
    assert tuple(layer.scale) == (2, 2)
    assert viewer.layers.selection.active is not layer
    overlay.clear("drawn")
    overlay.flush()
    assert len(drawn(viewer)) == 4
    overlay.clear()
    overlay.flush()
    assert len(drawn(viewer)) == 0


def test_every_part_of_a_preview_has_a_colour_of_its_own(viewer, overlay) -> None:
    parts = np.repeat([[1, 2, 3, 0]], 4, axis=0)
    overlay.preview(parts, BOX)
    overlay.flush()
    colours = {tuple(c) for c in np.round(viewer.layers[NAME].edge_color, 4)}
    assert len(colours) == 3 <= len(PARTS)


def test_clicks_are_crosses(viewer, overlay) -> None:
    overlay.dots([(5, 5), (9, 9)])
    overlay.flush()
    middles = drawn(viewer)[:, 0] + drawn(viewer)[:, 1] / 2
    assert {tuple(m) for m in np.round(middles, 6)} == {(5, 5), (9, 9)}


def test_a_layer_that_the_user_removed_comes_back(viewer, overlay) -> None:
    overlay.line([(0, 0), (5, 5)])
    overlay.flush()
    viewer.layers.remove(NAME)
    overlay.line([(0, 0), (5, 5), (6, 6)])
    overlay.flush()
    assert len(drawn(viewer)) == 2
    overlay.release()
    overlay.release()
    assert NAME not in viewer.layers


def test_the_first_mark_lets_a_tool_keep_the_mouse(viewer, overlay) -> None:
    viewer.camera.mouse_pan = False
    overlay.line([(1, 1), (5, 5)])
    overlay.flush()
    assert viewer.layers.selection.active is viewer.layers["nuclei"]
    assert not viewer.camera.mouse_pan


def test_lines_go_with_the_layer_below(viewer, overlay) -> None:
    """A pixel size that is corrected moves the image from under them otherwise."""
    overlay.outline(np.ones((4, 4), bool), BOX)
    overlay.flush()
    below = viewer.layers["nuclei"]
    below.scale, below.translate = (0.25, 0.5), (3, 4)
    below.units = ("um", "um")
    overlay.flush()
    layer = viewer.layers[NAME]
    np.testing.assert_allclose(layer.scale, (0.25, 0.5))
    np.testing.assert_allclose(layer.translate, (3, 4))
    assert layer.units == below.units
    overlay.release()
    below.scale = (1, 1)
    overlay.flush()
    assert NAME not in viewer.layers
