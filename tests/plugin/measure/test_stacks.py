"""Measuring a movie in a real viewer: all frames, the row's frame on show, exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import roifile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.layers.review_session import ReviewSession
from napari_pmrnet.plugin.measure.export import GEOJSON, ROIS, TABLE, TRACKS
from napari_pmrnet.plugin.measure.kept import (
    measured_of,
)
from napari_pmrnet.plugin.review.persistence import prepare

from .test_dock import choose_column, open_dock, run, settled

__all__ = ["open_dock"]
PLACE = {
    "axis_labels": ("t", "y", "x"),
    "scale": (30.0, 0.5, 0.5),
    "units": ("s", "um", "um"),
}


def movie() -> np.ndarray:
    """Nucleus 1 moves 4 pixels a frame on three frames, 2 is on the last alone."""
    labels = np.zeros((3, 40, 50), np.int32)
    for t in range(3):
        labels[t, 5:11, 5 + 4 * t : 13 + 4 * t] = 1
    labels[2, 20:30, 30:40] = 2
    return labels


@pytest.fixture
def opened(open_dock) -> tuple[Any, Any]:
    def fill(viewer: Any) -> None:
        pixels = movie() * np.array([1.0, 2.0, 3.0])[:, None, None]
        viewer.add_image(pixels, name="film", **PLACE)
        viewer.add_labels(movie(), name="film nuclei", **PLACE)

    return open_dock(fill)


def test_all_frames_are_measured_and_a_row_leads_to_its_frame(opened, qtbot) -> None:
    viewer, dock = opened
    assert dock.panel.totals.text() == "2 nuclei, 61.0 µm² on 3 planes"
    viewer.dims.set_current_step(0, 0)
    run(dock.panel, qtbot)
    assert "Measured 4 nuclei" in dock.status.text.text()
    assert "Measured: shape, mean of film." in dock.panel.hint.text()
    table = dock.table.measurements
    titles = [column.title for column in table.columns]
    assert titles[:4] == ["Label", "t", "Certainty", "Area (µm²)"]
    rows = [(table.label(row), *table.plane_of(row)) for row in range(4)]
    assert rows == [(1, 0), (1, 1), (1, 2), (2, 2)]
    measured, unit = measured_of(viewer.layers["film nuclei"])
    assert unit == "um" and measured["intensity film"].tolist() == [1, 2, 3, 6]
    dock.table.scrollTo(table.index(3, 0))
    place = dock.table.visualRect(table.index(3, 0)).center()
    QTest.mouseClick(dock.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert viewer.dims.current_step[0] == 2
    assert viewer.layers["film nuclei"].selected_label == 2
    marks = viewer.layers["measured nucleus"]
    assert len(marks.data)
    dock.table.selectRow(0)
    assert viewer.dims.current_step[0] == 0
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: dock.table.chosen_row() == 1)
    dock.table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    assert table.label(0) == 2 and dock.table.current == 1


def test_classes_are_counted_on_all_frames_and_shown_on_one(opened, qtbot) -> None:
    viewer, dock = opened
    layer = viewer.layers["film nuclei"]
    run(dock.panel, qtbot)
    choose_column(dock, "intensity film")
    dock.classes.threshold.setValue(2.5)
    qtbot.waitUntil(lambda: "2 positive" in dock.classes.counts.text())
    viewer.dims.set_current_step(0, 0)
    qtbot.wait(50)
    low = layer.get_color(1)
    viewer.dims.set_current_step(0, 2)
    qtbot.wait(50)
    assert not np.array_equal(layer.get_color(1), low)


@pytest.mark.parametrize("kind", [TABLE, TRACKS, ROIS, GEOJSON])
def test_exports_hold_all_frames(kind: str, opened, qtbot, tmp_path: Path) -> None:
    viewer, dock = opened
    path = tmp_path / {ROIS: "a.zip", GEOJSON: "a.geojson"}.get(kind, "a.csv")
    dock.panel.export(path, kind)
    qtbot.waitUntil(lambda: settled(dock.panel))
    assert dock.status.text.text() == f"Written to {path}"
    if kind == TABLE:
        table = pd.read_csv(path)
        assert table.columns[:3].tolist() == ["label", "t", "area [um^2]"]
        assert table["t"].tolist() == [0, 1, 2, 2]
    elif kind == TRACKS:
        table = pd.read_csv(path, index_col=0)
        assert table.loc[1, "duration [s]"] == 60
        assert table.loc[1, "displacement [um]"] == 4
        assert table["planes"].tolist() == [3, 1]
    elif kind == ROIS:
        rois = roifile.roiread(path)
        assert [roi.t_position for roi in rois] == [1, 2, 3, 3]
        assert [roi.name for roi in rois] == ["1 t=0", "1 t=1", "1 t=2", "2 t=2"]
    else:
        features = json.loads(path.read_text())["features"]
        assert [f["geometry"]["plane"]["t"] for f in features] == [0, 1, 2, 2]
        areas = [f["properties"]["measurements"]["area [um^2]"] for f in features]
        assert areas == [12, 12, 12, 25]


def test_linked_nuclei_are_offered_for_stacks_alone(opened, qtbot) -> None:
    viewer, dock = opened
    box = dock.panel.format
    item = box.model().item(box.findData(TRACKS))
    assert item.isEnabled()
    flat = viewer.add_labels(movie()[0], name="flat")
    dock.choose(plain(flat))
    assert not item.isEnabled()


def test_measurements_follow_a_review_on_every_frame(opened, qtbot) -> None:
    viewer, dock = opened
    layer = plain(viewer.layers["film nuclei"])
    session = ReviewSession(layer, prepare(layer.data, None, None).review)
    dock.panel.set_layer(layer)
    run(dock.panel, qtbot)
    session.turn_to((1,))
    session.reject(("nucleus", 1, 1))
    session.accept(("nucleus", 2, 2))
    qtbot.waitUntil(lambda: settled(dock.panel) and len(measured_of(layer)[0]) == 3)
    table = measured_of(layer)[0]
    assert table["axis 0"].tolist() == [0, 2, 2]
    assert dock.panel.totals.text().startswith("2 nuclei, 49.0 µm²")
    session.undo()
    session.undo()
    qtbot.waitUntil(lambda: settled(dock.panel) and len(measured_of(layer)[0]) == 4)
    assert sorted(measured_of(layer)[0]["axis 0"]) == [0, 1, 2, 2]
    session.release()
