"""Docks in large type, by keyboard alone, and for who hears instead of seeing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from docks import DOCKS
from legible import (
    contrast,
    cut_texts,
    faint_texts,
    jumps,
    settle,
    sideways,
    small_texts,
    unnamed,
    unreached,
)
from napari.settings import get_settings
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QGraphicsView

from napari_pmrnet.batch.summary import Row
from napari_pmrnet.batch.worklist import ReviewState
from napari_pmrnet.plugin.measure.table import MeasurementsView
from napari_pmrnet.plugin.train.panels import TITLES, line_colours
from napari_pmrnet.plugin.widgets.collapsible import Collapsible
from napari_pmrnet.proofreading import journal as journal_module

SIZES = 9, 14, 18
"""Of napari's type, in points: what it comes with, and two that are larger."""
SCREEN = 1366, 768
ROUNDS = 40
WIDE = MeasurementsView, QGraphicsView
"""Tables with more columns than any window has room for, and plots, which fill it."""


def use_segment(dock: Any, qtbot: Any) -> None:
    """Segment an image, and have both notices and a field complain."""
    dock.run_panel.run_button.click()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    dock.run_panel.notice.show_text("These labels were edited, and are left alone.")
    dock.run_panel.offer_size(24.0)
    dock.form.fields["min_area"].set_reason("The smallest area is at least 0 pixels.")


def use_review(dock: Any, qtbot: Any) -> None:
    """Begin a review, and have both offers made."""
    qtbot.waitUntil(lambda: dock.table.places_model.rowCount() > 0)
    dock.offer.offer("The image was changed.", [("Go on", int), ("Save a copy", int)])
    dock.pause.offer("The review is paused.", [("Show the labels", int)])


def use_measure(dock: Any, qtbot: Any) -> None:
    """Measure nuclei, and plot them."""
    dock.panel.button.click()
    qtbot.waitUntil(lambda: dock.table.measurements.rowCount() > 0)


def use_folder(dock: Any, qtbot: Any) -> None:
    """List files as after a run, of which one was reviewed and one failed."""
    dock.folders.check()
    model = dock.results.model
    model.show_files([Path(f"plate/well_{name}.tif") for name in "ABCD"])
    model.update_file(0, "done", Row("A", "l", 1234, 0.876, 0.1, 2.34))
    model.update_file(1, "unchanged", Row("B", "l", 3, 0.5, 0.1, 123.4))
    model.update_file(2, "failed", Row("C", "l", 3, error="damaged"))
    model.rows[0] = model.rows[0]._replace(review=ReviewState(1234, 3, 1))
    dock.offer.offer("Corrections are not saved.", [("Try again", int), ("Go on", int)])


def use_train(dock: Any, qtbot: Any) -> None:
    """Show what a training in hand shows, and the scores after it."""
    for part in (dock.progress, dock.outcome, dock.result.seam_row):
        part.setVisible(True)
    for button in (dock.continue_button, dock.discard_button):
        button.setVisible(True)
    scores = dict.fromkeys(TITLES, 0.8125)
    dock.result.table.show_scores(scores, scores)
    dock.progress.curve.show_losses([1.25, 0.5], [1.5, 0.75], 4)


def use_models(dock: Any, qtbot: Any) -> None:
    """Show the card of a model that comes with the package."""
    qtbot.waitUntil(lambda: dock.table.entry is not None)


USES = (use_segment, use_review, use_measure, use_folder, use_train, use_models)


@pytest.fixture
def font_size() -> Any:
    """Set the size of napari's type; it is put back afterwards."""
    before = get_settings().appearance.font_size

    def set_(size: int) -> None:
        get_settings().appearance.font_size = size
        settle()

    yield set_
    get_settings().appearance.font_size = before


@pytest.fixture
def window(
    make_napari_viewer, manifest, core, qtbot, tmp_path, monkeypatch, segmentation
) -> Any:
    """A viewer as large as a small screen, with an image and its labels."""
    monkeypatch.setattr(journal_module, "user_data_path", lambda name: tmp_path / name)
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(*SCREEN)
    image = np.zeros((2, 80, 100), np.uint8)
    image[:, 5:25, 5:25] = 250
    spatial = {"scale": (0.325, 0.325), "units": ("um", "um")}
    viewer.add_image(image[0], name="cells", **spatial)
    labels = viewer.add_labels(
        (image[0] > 0).astype(np.int32), name="nuclei", **spatial
    )
    labels.features = pd.DataFrame({"index": [1], "reviewed": [True]})
    return viewer


@pytest.fixture
def open_used(window, qtbot) -> Callable[[int], Any]:
    """Open a dock, unfold all that is folded, and use it."""

    def open_(number: int) -> Any:
        _, dock = window.window.add_plugin_dock_widget("napari-pmrnet", DOCKS[number])
        for fold in dock.findChildren(Collapsible):
            fold.expand()
        USES[number](dock, qtbot)
        dock.say("A sentence of some length, as a dock says it of what was done.")
        qtbot.wait(50)
        return dock

    return open_


def unreadable(dock: Any, qtbot: Any) -> list[str]:
    """What is cut off or lies beside the frame, once all of it has its place."""
    for _ in range(ROUNDS):
        settle()
        found = cut_texts(dock) + sideways(dock, WIDE)
        if not found:
            break
        qtbot.wait(50)
    return found


each_dock = pytest.mark.parametrize("number", range(len(DOCKS)), ids=DOCKS)


@each_dock
def test_nothing_is_cut_off_in_large_type(number, open_used, font_size, qtbot) -> None:
    """Whether a dock is opened with it, or it is chosen while the dock is open."""
    faults: dict[int, list[str]] = {}
    dock = open_used(number)
    for size in SIZES:
        font_size(size)
        faults[size] = unreadable(dock, qtbot) + small_texts(dock, size)
    assert faults == dict.fromkeys(SIZES, [])


@each_dock
def test_a_dock_that_opens_in_large_type_fits_the_screen(
    number, window, open_used, font_size, qtbot
) -> None:
    font_size(SIZES[-1])
    whole = window.window._qt_window
    whole.resize(*SCREEN)
    settle()
    before = whole.width(), whole.height()
    dock = open_used(number)
    assert unreadable(dock, qtbot) == []
    assert (whole.width(), whole.height()) == before


@each_dock
def test_a_dock_can_be_read_in_large_type_before_it_is_used(
    number, window, font_size, qtbot
) -> None:
    """Folded as it comes, and without any image."""
    font_size(SIZES[-1])
    window.layers.clear()
    _, dock = window.window.add_plugin_dock_widget("napari-pmrnet", DOCKS[number])
    assert unreadable(dock, qtbot) == []


@each_dock
def test_every_control_has_a_name(number, open_used) -> None:
    assert unnamed(open_used(number)) == []


@each_dock
def test_tab_reaches_every_control_downwards(number, open_used) -> None:
    dock = open_used(number)
    assert unreached(dock) == []
    assert jumps(dock) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
@each_dock
def test_every_text_stands_out(number, theme, window, open_used) -> None:
    dock = open_used(number)
    window.theme = theme
    settle()
    assert faint_texts(dock) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_lines_of_a_training_stand_out(theme: str) -> None:
    ground = get_theme(theme).background.as_rgb_tuple()
    for colour in line_colours(theme == "dark"):
        assert contrast(tuple(bytes.fromhex(colour[1:])), ground) >= 3


def test_a_control_that_has_the_focus_is_seen_to(window, open_used, qtbot) -> None:
    """By more than the cursor, which only fields of text have."""
    dock = open_used(0)
    whole = window.window._qt_window
    whole.activateWindow()
    for control in (
        dock.run_panel.run_button,
        dock.form.fields["limits"].combo,
        dock.form.fields["exclude_border"].box,
        dock.form.fields["probability_threshold"].slider,
        dock.model_panel.fold.button,
    ):
        dock.run_panel.export_button.setFocus(Qt.FocusReason.TabFocusReason)
        before = control.grab().toImage()
        control.setFocus(Qt.FocusReason.TabFocusReason)
        settle()
        assert control.hasFocus()
        assert control.grab().toImage() != before, control


def test_keys_tick_images_and_leave_tables(open_used, qtbot) -> None:
    dock = open_used(DOCKS.index("Train on my corrections"))
    images, table = dock.images, dock.result.table
    qtbot.waitUntil(lambda: images.count() > 0)
    before = images.ticked()
    images.setFocus(Qt.FocusReason.TabFocusReason)
    images.setCurrentRow(0)
    QTest.keyClick(images, Qt.Key.Key_Space)
    assert images.ticked() != before
    assert not table.tabKeyNavigation(), "Tab would go from cell to cell for ever"
