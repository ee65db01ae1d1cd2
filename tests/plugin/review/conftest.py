"""A viewer with the dock "Review nuclei", and hands on mouse and keyboard."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.layers.results import Results
from napari_pmrnet.proofreading import journal as journal_module

from ..conftest import Found, make_segmentation

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
PLAIN = Qt.KeyboardModifier.NoModifier


def found() -> Found:
    """Two nuclei, the first with a ridge in its middle; a gate around the second."""
    probability = np.zeros((60, 80), np.float32)
    probability[5:20, 5:35] = probability[30:45, 10:25] = 0.9
    made = make_segmentation(probability)
    maps = {**made.maps, "boundary": np.zeros_like(probability)}
    maps["boundary"][:, 20] = 1
    maps["certainty"] = np.where(made.labels == 2, 0.4, 0.95).astype(np.float32)
    return Found(made.labels, maps, made.objects, made.settings)


class Driver:
    """A viewer with the dock, and hands on mouse and keyboard."""

    def __init__(self, viewer: Any, dock: Any, qtbot: Any) -> None:
        self.viewer, self.dock, self._qtbot = viewer, dock, qtbot
        canvas = viewer.__wrapped__.window._qt_viewer.canvas
        self.canvas = canvas.native
        # Of two windows in one process vispy draws one with the programs of the other.
        canvas._scene_canvas.events.draw.ignore_callback_errors = True

    @property
    def data(self) -> np.ndarray:
        return self.dock.session.layer.data

    def point(self, y: float, x: float) -> QPoint:
        """Where a pixel is on the canvas."""
        camera, size = camera_of(self.viewer), self.canvas.size()
        plane = self.dock.session.review.plane
        world = self.dock.session.layer.data_to_world((*plane, y, x))
        offset = (np.array(world[-2:]) - camera.center[-2:]) * camera.zoom
        return QPoint(
            round(size.width() / 2 + offset[1]), round(size.height() / 2 + offset[0])
        )

    def click(self, y: float, x: float, modifiers: Any = PLAIN) -> None:
        QTest.mouseClick(
            self.canvas, Qt.MouseButton.LeftButton, modifiers, self.point(y, x)
        )
        self._qtbot.wait(10)

    def draw(self, *corners: tuple[float, float]) -> None:
        points = [self.point(*corner) for corner in corners]
        QTest.mousePress(self.canvas, Qt.MouseButton.LeftButton, PLAIN, points[0])
        for point in points[1:]:
            QTest.mouseMove(self.canvas, point)
            self._qtbot.wait(10)
        QTest.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, PLAIN, points[-1])
        self._qtbot.wait(10)

    def key(self, key: Any, modifiers: Any = PLAIN) -> None:
        QTest.keyClick(self.canvas, key, modifiers)
        self._qtbot.wait(10)


@pytest.fixture
def aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where journals of images without a file go."""
    monkeypatch.setattr(journal_module, "user_data_path", lambda name: tmp_path / name)
    return tmp_path


@pytest.fixture
def open_review(make_napari_viewer_proxy, manifest, qtbot, aside):
    """Open a viewer with an image, its labels and the dock."""

    def open_(segmentation: Any = None, image: Any = None, axes: Any = None) -> Driver:
        viewer = make_napari_viewer_proxy(show=True)
        segmentation = segmentation or found()
        if image is None:
            image = viewer.add_image(segmentation.maps["probability"] * 100, name="c")
        else:
            image = viewer.add_layer(image)
        list(Results(viewer).show(image, "", segmentation, axes=axes))
        _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Review nuclei")
        qtbot.waitUntil(lambda: dock.session is not None)
        viewer.reset_view()
        qtbot.wait(50)
        return Driver(viewer, dock, qtbot)

    yield open_
    # vispy keeps the error of a drawing, and with it the viewer.
    sys.last_type = sys.last_value = sys.last_traceback = None
