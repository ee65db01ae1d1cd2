"""A dock ends its timers, its runners and what it follows when it goes away."""

import threading

import numpy as np
import pytest
from docks import DOCKS
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QSlider, QWidget
from wheel import turn_wheel

from napari_pmrnet.plugin.widgets.dock import Dock
from napari_pmrnet.plugin.widgets.status import StatusLine
from napari_pmrnet.plugin.widgets.theme import tones


class Plain(Dock):
    """A dock that counts what it is told."""

    tab = "Plain"

    def __init__(self, viewer) -> None:
        super().__init__(viewer)
        self.status = StatusLine()
        self.seen: list[str] = []
        self.working = self._runner()
        self.timer = self._timer(1, lambda: self.seen.append("timer"))
        self._follow_layers(lambda: self.seen.append("layers"))
        self._fill(foot=[self.status])
        self._look_again_at_layers()
        self._restyle()

    def _standing(self) -> tuple[str, str]:
        return "As ever.", "plain"

    def _let_go(self) -> None:
        self.seen.append("gone")


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(viewer, qtbot) -> Plain:
    dock = Plain(viewer)
    qtbot.addWidget(dock)
    return dock


@pytest.mark.parametrize("name", DOCKS)
def test_no_control_takes_the_wheel_unless_it_was_clicked(name: str, viewer) -> None:
    _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", name)
    viewer.window.show()
    controls = [
        control
        for kind in (QAbstractSpinBox, QComboBox, QSlider)
        for control in dock.findChildren(kind)
    ]
    assert controls
    for control in controls:
        assert control.focusPolicy() != Qt.FocusPolicy.WheelFocus, control.objectName()
        before = value_of(control)
        turn_wheel(control)
        assert value_of(control) == before


def value_of(control):
    """What a number, slider or choice is at."""
    if isinstance(control, QComboBox):
        return control.currentIndex()
    return control.text() if isinstance(control, QAbstractSpinBox) else control.value()


def test_colours_follow_the_theme(viewer, dock) -> None:
    for theme in ("light", "dark"):
        viewer.theme = theme
        assert tones(theme)["error"] in dock.styleSheet()


def test_layers_that_come_together_are_told_of_once(viewer, dock, qtbot) -> None:
    for _ in range(3):
        viewer.add_image(np.zeros((4, 5)))
    qtbot.waitUntil(lambda: "layers" in dock.seen)
    qtbot.wait(150)
    assert dock.seen == ["layers"]
    viewer.layers.move(0, 2)
    qtbot.waitUntil(lambda: dock.seen == ["layers", "layers"])


def test_nothing_reaches_a_dock_that_was_let_go(viewer, dock, qtbot) -> None:
    dock.timer.start()
    viewer.add_image(np.zeros((4, 5)))
    before = dock.styleSheet()
    dock.release()
    dock.release()
    viewer.theme = "light"
    viewer.add_image(np.zeros((4, 5)))
    qtbot.wait(200)
    assert dock.seen == ["gone"] and dock.styleSheet() == before


def test_a_dock_taken_out_of_its_window_lets_go(viewer, dock, qtbot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    dock.setParent(window)
    assert dock.seen == []
    dock.setParent(None)
    assert dock.seen == ["gone"]


def test_running_work_is_dropped(viewer, dock, qtbot) -> None:
    gate, told = threading.Event(), []
    dock.working.succeeded.connect(told.append)
    dock.working.start("Waiting", gate.wait, 30)
    assert dock.working.is_running
    dock.release()
    gate.set()
    qtbot.wait(100)
    assert told == []


def test_a_complaint_is_said_in_the_dock_and_by_napari(dock, monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("napari_pmrnet.plugin.widgets.dock.show_error", shown.append)
    dock._complain("No image.")
    assert dock.status.text.text() == "No image." and shown == ["No image."]
    assert dock.status.text.property("tone") == "error"


@pytest.mark.parametrize("tone", ["plain", "good", "warning", "error"])
def test_complaints_go_when_layers_come_and_answers_stay(viewer, dock, tone) -> None:
    for change in (lambda: viewer.add_image(np.zeros((4, 5))), viewer.layers.clear):
        dock.say("Said before.", tone)
        change()
        kept = tone in ("plain", "good")
        assert dock.status.text.text() == ("Said before." if kept else "As ever.")
