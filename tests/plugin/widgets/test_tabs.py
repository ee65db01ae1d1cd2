"""The docks of the plugin open as tabs of each other, and fit a small screen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QRect
from qtpy.QtWidgets import QDockWidget, QMainWindow, QPushButton, QWidget

from napari_pmrnet.plugin.measure.dock import MeasureNuclei
from napari_pmrnet.plugin.segment.dock import SegmentNuclei
from napari_pmrnet.plugin.widgets.layout import Scrolling

PLUGIN = "napari-pmrnet"
NAMES = {
    "Segment nuclei": "Segment",
    "Review nuclei": "Review",
    "Measure nuclei": "Measure",
    "Segment a folder": "Folder",
    "Train on my corrections": "Train",
    "Models": "Models",
}
SCREEN = 1366, 768
LONG = "A sentence that is far too long for the width of a dock. " * 12


@pytest.fixture
def viewer(make_napari_viewer, manifest, core, qtbot) -> Any:
    """A viewer with a window as large as a small screen."""
    viewer = make_napari_viewer(show=True)
    window_of(viewer).resize(*SCREEN)
    return viewer


@pytest.fixture
def add(viewer, qtbot):
    """Open docks by their names; gives each with what holds it."""

    def add_(*names: str) -> list[tuple[QDockWidget, Any]]:
        found = []
        for name in names:
            holder, dock = viewer.window.add_plugin_dock_widget(PLUGIN, name)
            qtbot.waitUntil(lambda holder=holder: in_front(holder))
            found.append((holder, dock))
        return found

    return add_


def window_of(viewer: Any) -> QMainWindow:
    return viewer.window._qt_window


def in_front(holder: QDockWidget) -> bool:
    """Whether a dock is seen, not behind the tab of another one."""
    return not holder.visibleRegion().isEmpty()


def beside(viewer: Any, holder: QDockWidget) -> set[QDockWidget]:
    return set(window_of(viewer).tabifiedDockWidgets(holder))


def place_of(widget: QWidget) -> QRect:
    """Where a widget lies in its window."""
    return QRect(widget.mapTo(widget.window(), QPoint(0, 0)), widget.size())


def buttons_of(dock: QWidget) -> list[QPushButton]:
    """The buttons that a dock shows."""
    return [b for b in dock.findChildren(QPushButton) if b.isVisible()]


def test_all_docks_are_tabs_of_each_other_the_newest_in_front(viewer, add) -> None:
    holders: list[QDockWidget] = []
    for name, title in NAMES.items():
        ((holder, _),) = add(name)
        assert beside(viewer, holder) == set(holders)
        assert holder.windowTitle() == title
        assert [one for one in [*holders, holder] if in_front(one)] == [holder]
        holders.append(holder)


def test_a_low_window_does_not_grow_for_a_tab(viewer, add, qtbot) -> None:
    """As it would for one dock under the other, while notices are shown."""
    ((_, first),) = add("Segment nuclei")
    first.setMinimumHeight(550)
    qtbot.wait(50)
    add("Review nuclei")
    assert window_of(viewer).height() == SCREEN[1]


def test_docks_that_are_added_by_hand_join_the_others(viewer, add, qtbot) -> None:
    ((holder, _),) = add("Segment nuclei")
    dock = MeasureNuclei(viewer)
    other = viewer.window.add_dock_widget(dock, name="mine")
    qtbot.waitUntil(lambda: in_front(other))
    assert beside(viewer, holder) == {other} and not in_front(holder)


def test_docks_of_a_window_that_is_shown_later_are_tabs(
    make_napari_viewer, manifest, core, qtbot
) -> None:
    viewer = make_napari_viewer(show=False)
    holders = [
        viewer.window.add_plugin_dock_widget(PLUGIN, name)[0]
        for name in list(NAMES)[:3]
    ]
    viewer.window.show()
    qtbot.waitUntil(lambda: len(beside(viewer, holders[0])) == 2)
    qtbot.waitUntil(lambda: sum(map(in_front, holders)) == 1)


def test_docks_of_others_are_left_alone(viewer, add, qtbot) -> None:
    mine = QWidget()
    other = viewer.window.add_dock_widget(mine, name="other", area="right")
    ours = [holder for holder, _ in add("Segment nuclei", "Review nuclei")]
    assert beside(viewer, ours[0]) == {ours[1]} and beside(viewer, other) == set()
    napari_docks = [
        dock
        for dock in window_of(viewer).findChildren(QDockWidget)
        if dock not in (*ours, other)
    ]
    assert napari_docks
    assert not any(beside(viewer, dock) & {*ours, other} for dock in napari_docks)


def test_a_dock_in_a_window_of_its_own_is_left_there(viewer, add, qtbot) -> None:
    ((first, _),) = add("Segment nuclei")
    first.setFloating(True)
    ((second, _),) = add("Review nuclei")
    assert first.isFloating() and beside(viewer, second) == set()


def test_a_dock_asked_for_elsewhere_stays_there(viewer, add, qtbot) -> None:
    ((first, _),) = add("Segment nuclei")
    other = viewer.window.add_dock_widget(
        MeasureNuclei(viewer), name="mine", area="left"
    )
    qtbot.waitUntil(lambda: in_front(other))
    assert beside(viewer, first) == set()


def test_a_dock_that_was_moved_stays_where_it_was_put(viewer, add, qtbot) -> None:
    (first, _), (second, _) = add("Segment nuclei", "Review nuclei")
    left = window_of(viewer).dockWidgetArea(viewer.window._qt_viewer.dockLayerList)
    window_of(viewer).addDockWidget(left, second)
    second.hide()
    second.show()
    qtbot.waitUntil(lambda: in_front(second))
    assert window_of(viewer).dockWidgetArea(second) == left
    ((third, _),) = add("Measure nuclei")
    assert beside(viewer, third) == {first}
    assert window_of(viewer).dockWidgetArea(second) == left


def test_the_menu_brings_a_dock_forward_that_lies_behind(viewer, add, qtbot) -> None:
    """napari's entry shows what is hidden and hides what is not, behind or not."""
    (first, _), (second, _) = add("Segment nuclei", "Review nuclei")
    first.setVisible(not first.isVisible())
    qtbot.waitUntil(lambda: in_front(first))
    assert not first.isHidden() and not in_front(second)
    first.setVisible(not first.isVisible())
    qtbot.wait(50)
    assert first.isHidden(), "one in front is hidden as asked"
    first.setVisible(not first.isVisible())
    qtbot.waitUntil(lambda: in_front(first))


def test_three_docks_fit_a_small_screen(viewer, add, qtbot) -> None:
    image = np.zeros((64, 64), np.uint8)
    image[8:30, 8:30] = 200
    viewer.add_image(image, name="cells", scale=(0.5, 0.5), units=("um", "um"))
    viewer.add_labels((image > 0).astype(np.int32), name="cells nuclei")
    window = window_of(viewer)
    for name in list(NAMES)[:3]:
        ((holder, dock),) = add(name)
        qtbot.wait(300)
        assert (window.width(), window.height()) == SCREEN, name
        assert_in_view(window.statusBar())
        assert_in_view(dock.status)
        for button in buttons_of(dock):
            if not button.text().startswith(("▸", "▾")):
                assert_in_view(button)
        assert_nothing_is_cut_off(dock)
        assert in_front(holder)


@pytest.mark.parametrize("name", NAMES)
def test_every_dock_fits_a_small_screen_alone(name, viewer, add, qtbot) -> None:
    ((_, dock),) = add(name)
    qtbot.wait(100)
    window = window_of(viewer)
    assert (window.width(), window.height()) == SCREEN
    assert_in_view(window.statusBar())
    assert_in_view(dock.status)
    assert dock.width() >= dock.least_width
    assert_nothing_is_cut_off(dock)


@pytest.mark.parametrize("name", NAMES)
def test_no_button_moves_for_what_a_dock_says(name, viewer, add, qtbot) -> None:
    ((_, dock),) = add(name)
    qtbot.wait(100)
    before = {button: place_of(button) for button in buttons_of(dock)}
    assert before
    for text, busy in ((LONG, False), ("", False), ("short", True), (LONG, True)):
        dock.say(text, "error")
        dock.status.set_busy(busy)
        qtbot.wait(50)
        assert {button: place_of(button) for button in buttons_of(dock)} == before
    assert dock.status.text.toolTip().count("too long") == LONG.count("too long")


def test_notices_of_the_segment_dock_move_none_of_its_buttons(
    viewer, add, qtbot
) -> None:
    ((_, dock),) = add("Segment nuclei")
    assert isinstance(dock, SegmentNuclei)
    qtbot.wait(100)
    panel = dock.run_panel
    buttons = (
        panel.run_button,
        panel.cancel_button,
        panel.export_button,
        panel.defaults_button,
    )
    before = [place_of(button) for button in buttons]
    panel.notice.show_text(LONG[:200])
    panel.offer_size(20.0)
    qtbot.wait(100)
    assert [place_of(button) for button in buttons] == before
    assert_in_view(panel.relabel_button)
    assert_in_view(panel.size_button)
    assert window_of(viewer).height() == SCREEN[1]


def assert_nothing_is_cut_off(dock: QWidget) -> None:
    """Check that what scrolls is no wider than its frame, at the least width."""
    for frame in dock.findChildren(Scrolling):
        content = frame.widget()
        assert content.width() <= frame.viewport().width()
        assert content.minimumSizeHint().width() <= content.width()


def assert_in_view(widget: QWidget) -> None:
    """Check that all of a widget can be seen in its window."""
    is_button = isinstance(widget, QPushButton)
    name = widget.text() if is_button else type(widget).__name__
    assert widget.isVisible(), name
    seen = widget.visibleRegion().boundingRect()
    assert seen == widget.rect(), f"{name}: {seen} of {widget.rect()}"
    window = widget.window()
    assert window.rect().contains(place_of(widget)), name
