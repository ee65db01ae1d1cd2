"""Labels of 8 and 16 bits in a real viewer: widened for the next number, not harmed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt

from napari_pmrnet.plugin.layers.review_session import ReviewSession
from napari_pmrnet.plugin.review.persistence import prepare

from .conftest import CONTROL, SHIFT, Driver


def two_discs(dtype: str, value: int) -> np.ndarray:
    """A mask of two discs that touch."""
    y, x = np.mgrid[:60, :80]
    discs = (np.hypot(y - 30, x - 24) < 16) | (np.hypot(y - 30, x - 54) < 16)
    return np.where(discs, value, 0).astype(dtype)


@pytest.fixture
def open_labels(
    make_napari_viewer_proxy, manifest, qtbot, aside
) -> Callable[..., Driver]:
    """Open a viewer with labels made elsewhere and the dock."""

    def open_(labels: np.ndarray) -> Driver:
        viewer = make_napari_viewer_proxy(show=True)
        viewer.add_labels(labels, name="mask")
        _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Review nuclei")
        qtbot.waitUntil(lambda: dock.session is not None)
        viewer.reset_view()
        qtbot.wait(50)
        return Driver(viewer, dock, qtbot)

    return open_


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("uint8", 255), ("uint16", 65535), ("int8", 127), ("int16", 32767)],
)
def test_a_mask_is_split_and_every_step_before_can_be_undone(
    open_labels, qtbot, dtype: str, value: int
) -> None:
    start = two_discs(dtype, value)
    hands = open_labels(start.copy())
    session, layer = hands.dock.session, hands.dock.session.layer
    layer.brush_size = 5
    layer.paint((4, 4), 7)
    qtbot.wait(20)
    painted = hands.data.copy()
    hands.click(30, 24, CONTROL)
    hands.click(30, 54, CONTROL)
    hands.key(Qt.Key.Key_Return)
    split = hands.data.copy()
    assert split.dtype == np.int32 and hands.dock.session is session
    assert set(np.unique(split)) == {0, 7, value, value + 1}
    assert np.array_equal(split > 0, painted > 0)
    assert split[30, 24] != split[30, 54]
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert np.array_equal(hands.data, painted)
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert np.array_equal(hands.data, start)
    for state in (painted, split):
        hands.key(Qt.Key.Key_Z, CONTROL | SHIFT)
        assert np.array_equal(hands.data, state)


def test_what_is_on_show_is_what_is_in_the_layer(open_labels, qtbot) -> None:
    hands = open_labels(two_discs("uint8", 255))
    viewer, layer = hands.viewer.__wrapped__, hands.dock.session.layer
    hands.click(30, 24, CONTROL)
    hands.click(30, 54, CONTROL)
    hands.key(Qt.Key.Key_Return)
    layer.mode, layer.selected_label, layer.brush_size = "paint", 300, 5
    hands.draw((50, 10), (50, 20))
    assert hands.data[50, 15] == 300
    edited = viewer.screenshot(flash=False)
    hands.dock.release()
    viewer.layers.clear()
    viewer.add_labels(hands_data := layer.data.copy(), colormap=layer.colormap)
    viewer.layers[0].selected_label = 300
    fresh = viewer.screenshot(flash=False)
    assert hands_data.dtype == np.int32
    differs = (edited != fresh).any(axis=-1)
    assert differs.mean() < 0.02


def test_a_new_nucleus_has_a_number_that_the_layer_holds(open_labels) -> None:
    hands = open_labels(two_discs("uint8", 255))
    hands.key(Qt.Key.Key_N)
    layer = hands.dock.session.layer
    assert layer.selected_label == 256 and layer.mode == "paint"
    layer.brush_size = 5
    hands.draw((4, 4), (4, 12))
    assert set(np.unique(hands.data)) == {0, 255, 256}
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert set(np.unique(hands.data)) == {0, 255}


def test_a_hidden_layer_is_widened_too(qtbot) -> None:
    layer = Labels(two_discs("uint8", 255), visible=False)
    session = ReviewSession(layer, prepare(layer.data, None, None).review)
    session.apply(session.now.split(255, [(30, 24), (30, 54)]))
    assert set(np.unique(layer.data)) == {0, 255, 256}
    session.undo()
    assert set(np.unique(layer.data)) == {0, 255}
    session.release()


def test_a_store_of_8_bits_is_refused_and_stays(qtbot, tmp_path) -> None:
    zarr = pytest.importorskip("zarr")
    start = two_discs("uint8", 255)
    store = zarr.create_array(tmp_path / "l.zarr", data=start, chunks=(16, 16))
    session = ReviewSession(layer := Labels(store, name="m"), prepare_of(store))
    with pytest.raises(ValueError, match="'m' lies on disk in a type that ends at 255"):
        session.apply(session.now.split(255, [(30, 24), (30, 54)]))
    assert np.array_equal(layer.data[:], start)
    session.renumber()
    session.apply(session.now.split(1, [(30, 24), (30, 54)]))
    assert set(np.unique(layer.data[:])) == {0, 1, 2}
    session.release()


def prepare_of(store):
    """A review of labels on disk."""
    return prepare(store, None, None).review


def test_napari_converts_the_type_and_the_review_goes_on(qtbot) -> None:
    layer = Labels(two_discs("uint8", 255))
    session = ReviewSession(layer, prepare(layer.data, None, None).review)
    anew = []
    session.replaced.connect(lambda: anew.append(1))
    session.accept(("nucleus", 255))
    layer.data = layer.data.astype(np.uint16)
    session.apply(session.now.split(255, [(30, 24), (30, 54)]))
    assert layer.data.dtype == np.uint16 and set(np.unique(layer.data)) == {0, 255, 256}
    session.undo()
    session.undo()
    assert not anew and not session.review.statuses
    layer.data = np.ones_like(layer.data)
    assert anew
    session.release()


@pytest.mark.parametrize("number", [1 << 31, -3])
def test_a_painted_number_that_no_review_keeps_is_taken_back(
    qtbot, number: int
) -> None:
    layer = Labels(two_discs("int64", 5), name="mask")
    session = ReviewSession(layer, prepare(layer.data, None, None).review)
    said = []
    session.said.connect(lambda text, tone: said.append(text))
    layer.brush_size = 3
    layer.paint((4, 4), 6)
    layer.paint((4, 12), number)
    layer.paint((4, 20), 7)
    session.settle()
    assert set(np.unique(layer.data)) == {0, 5, 6}
    assert str(number) in said[0] and "was taken back" in said[0]
    session.undo()
    assert set(np.unique(layer.data)) == {0, 5}
    session.release()


@pytest.mark.parametrize("number", [1 << 31, -3])
def test_labels_that_no_review_keeps_are_refused_in_words(
    make_napari_viewer_proxy, manifest, qtbot, aside, number: int
) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.add_labels(two_discs("int64", number), name="mask")
    _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Review nuclei")
    qtbot.waitUntil(lambda: f"'mask': label {number} is" in dock.status.text.text())
    assert dock.session is None
