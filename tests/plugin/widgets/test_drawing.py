"""What a removed layer was drawn with is freed in the context that it was drawn in."""

import numpy as np
import pytest
from qtpy.QtGui import QOpenGLContext
from qtpy.QtWidgets import QOpenGLWidget, QWidget

from napari_pmrnet.plugin.widgets.drawing import canvas_of, turn_to_canvas


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("others", [False, True])
def test_the_canvas_is_current_while_a_layer_is_removed(
    floats: bool, others: bool, make_napari_viewer, manifest, qtbot
) -> None:
    viewer = make_napari_viewer(show=True)
    if others:  # as of a plugin that shows a viewer in a dock
        drawn = QOpenGLWidget()
        viewer.window.add_dock_widget(drawn)
        qtbot.waitUntil(drawn.isValid)
    viewer.add_labels(np.ones((8, 8), np.int32), name="a")
    outer, _ = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Measure nuclei")
    outer.setFloating(floats)
    canvas = viewer.window._qt_viewer.canvas.native
    assert canvas.isValid()
    canvas.doneCurrent()
    assert QOpenGLContext.currentContext() is not canvas.context()
    seen = []
    viewer.layers.events.removed.connect(
        lambda _: seen.append(QOpenGLContext.currentContext())
    )
    viewer.layers.remove("a")
    assert seen == [canvas.context()]


def test_a_widget_outside_a_window_has_no_canvas(qtbot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    assert canvas_of(widget) is None
    turn_to_canvas(widget)
    assert QOpenGLContext.currentContext() is None


@pytest.mark.parametrize("floats", [False, True])
def test_a_review_knows_the_room_there_is_where_its_dock_floats_too(
    floats: bool, make_napari_viewer, manifest
) -> None:
    viewer = make_napari_viewer(show=True)
    outer, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Review nuclei")
    outer.setFloating(floats)
    canvas = viewer.window._qt_viewer.canvas.native
    width, height = dock._room()
    assert 0 <= width - canvas.width() < 60 and 0 <= height - canvas.height() < 60
