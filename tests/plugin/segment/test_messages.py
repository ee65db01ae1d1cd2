"""What the dock says is of the image on show, and goes when its cause does."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
import tifffile
from napari.layers import Shapes
from qtpy.QtWidgets import QFileDialog

from napari_pmrnet.plugin.segment.area_panel import Area
from napari_pmrnet.plugin.widgets import model_chooser


def said(dock) -> str:
    return dock.status.text.text()


@pytest.fixture
def greeting(open_dock):
    """A viewer, its dock, and what that says before the first run."""
    viewer, dock = open_dock()
    return viewer, dock, dock.run_panel.greeting


def test_that_there_is_no_image_is_said_until_there_is_one(greeting, blobs) -> None:
    viewer, dock, first = greeting
    dock.run_panel.run_button.click()
    assert "There is no image layer" in said(dock) and dock.status.tone == "error"
    viewer.add_image(blobs, name="cells")
    assert said(dock) == first and dock.status.tone == "plain"


def test_a_result_is_said_of_its_own_image_only(
    greeting, run_and_wait, blobs, qtbot
) -> None:
    viewer, dock, first = greeting
    one = viewer.add_image(blobs, name="one")
    run_and_wait(dock)
    counted = said(dock)
    assert counted.startswith("2 nuclei")
    other = viewer.add_image(blobs[::-1].copy(), name="other")
    assert dock.image_panel.layer == other and said(dock) == first
    dock.image_panel.image.set_value(one)
    assert said(dock) == counted
    viewer.layers.remove("one nuclei")
    dock.image_panel.image.set_value(other)
    dock.image_panel.image.set_value(one)
    assert said(dock) == first, "its labels are gone"


def test_a_run_that_ends_over_another_image_says_of_which(
    greeting, blobs, core, qtbot
) -> None:
    viewer, dock, first = greeting
    viewer.add_image(blobs, name="one")
    core.gate.clear()
    dock.run_panel.run_button.click()
    qtbot.waitUntil(lambda: bool(core.calls))
    viewer.add_image(blobs, name="other")
    assert said(dock) != first, "the run is still told of"
    core.gate.set()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    assert said(dock).startswith("'one': 2 nuclei")


def test_a_run_that_waits_for_the_network_says_so(
    greeting, blobs, qtbot, monkeypatch
) -> None:
    viewer, dock, _ = greeting
    there = Event()

    def load(*wanted) -> None:
        there.wait(10)

    monkeypatch.setattr(model_chooser, "warm_up", load)
    viewer.add_image(blobs, name="cells")
    qtbot.waitUntil(lambda: dock._listing.is_running)
    dock.run_panel.run_button.click()
    assert said(dock) == "Loading the network..."
    there.set()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    assert said(dock).startswith("2 nuclei")


def test_a_result_is_said_of_its_own_plane_only(greeting, run_and_wait, blobs) -> None:
    viewer, dock, first = greeting
    viewer.add_image(np.stack([blobs] * 4), name="stack", axis_labels=("z", "y", "x"))
    viewer.dims.set_current_step(0, 2)
    run_and_wait(dock)
    counted = said(dock)
    assert "2 nuclei on z=2" in counted
    viewer.dims.set_current_step(0, 3)
    assert said(dock) == first
    viewer.dims.set_current_step(0, 2)
    assert said(dock) == counted


def test_a_complaint_goes_when_another_area_is_chosen(greeting, blobs) -> None:
    viewer, dock, first = greeting
    viewer.add_image(blobs, name="cells")
    shapes = viewer.add_layer(Shapes(name="region"))
    areas = dock.image_panel.areas
    areas.area.set_value(shapes)
    dock.run_panel.run_button.click()
    assert "outlines nothing" in said(dock)
    areas.area.set_value(None)
    assert said(dock) == first


def test_a_complaint_goes_when_a_shape_is_drawn(greeting, blobs) -> None:
    viewer, dock, first = greeting
    viewer.add_image(blobs, name="cells")
    shapes = viewer.add_layer(Shapes(name="region"))
    dock.image_panel.areas.area.set_value(shapes)
    dock.run_panel.run_button.click()
    assert "outlines nothing" in said(dock)
    shapes.add_rectangles([[0, 0], [30, 30]])
    assert said(dock) == first


def test_a_complaint_of_a_setting_goes_when_it_is_put_right(greeting, blobs) -> None:
    viewer, dock, first = greeting
    viewer.add_image(blobs, name="cells")
    field = dock.form.fields["probability_threshold"]
    field.set_value(7)
    dock.run_panel.run_button.click()
    assert "out of bounds" in said(dock)
    field.set_value(0.5)
    assert said(dock) == first


def test_every_action_of_the_dock_answers(
    greeting, run_and_wait, blobs, tmp_path, monkeypatch
) -> None:
    viewer, dock, first = greeting
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, blobs)
    run = dock.run_panel
    dock.image_panel.open([str(path)])
    answers = [first, said(dock)]
    assert said(dock) == "Opened 'cells'."
    dock.image_panel.open([str(tmp_path / "none.tif"), str(path)])
    assert "none.tif" in said(dock) and dock.status.tone == "error"
    for press in (
        dock.image_panel.size_button.click,
        dock.image_panel.size_button.click,
        lambda: run_and_wait(dock),
        run.export_button.click,
        run.defaults_button.click,
        lambda: (
            dock.form.fields["diameter"].set_value(18),
            dock.image_panel.size_button.click(),
        ),
    ):
        before = said(dock)
        press()
        answers.append(said(dock))
        assert said(dock) != before
    assert len(set(answers)) == len(answers)


def test_defaults_are_restored_of_all_that_the_form_asks(greeting, blobs) -> None:
    viewer, dock, _ = greeting
    viewer.add_image(np.stack([blobs] * 4), name="stack", axis_labels=("z", "y", "x"))
    fresh = dock.form.values()
    areas = dock.image_panel.areas
    areas.area.set_value(Area.PLANES)
    areas.link.set_value("z")
    dock.form.fields["diameter"].set_value(12)
    dock.form.fields["flips"].set_value(True)
    dock.form.choice("limits").set_value("percentiles")
    dock.image_panel.size_button.setChecked(True)
    dock.run_panel.defaults_button.click()
    assert dock.form.values() == fresh
    assert areas.area.value() is None and areas.link.value() is None
    assert not dock.image_panel.size_button.isChecked()
