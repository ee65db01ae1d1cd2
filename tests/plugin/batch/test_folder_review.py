"""A folder as a worklist: image by image, with nothing corrected ever lost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import napari.settings
import numpy as np
import pytest
import tifffile
from docks import shortcut_editor
from napari.layers import Labels
from napari.settings import NapariSettings
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_pmrnet.batch import worklist as worklist_module
from napari_pmrnet.batch.run_log import Entry, Record
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.batch.worklist import Worklist
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.permit import hash_of
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.space import Space
from napari_pmrnet.plugin.batch.keys import NEXT
from napari_pmrnet.plugin.batch.table import REVIEWED
from napari_pmrnet.plugin.layers.review_session import session_of
from napari_pmrnet.plugin.review.dock import ReviewNuclei
from napari_pmrnet.plugin.widgets import maps as maps_module
from napari_pmrnet.proofreading.origin import Origin
from napari_pmrnet.segmentation.predict import Progress

NAMES = ("a", "b", "c")
FOUND = np.zeros((40, 50), np.int32)
FOUND[3:12, 3:12], FOUND[20:30, 20:30] = 1, 2


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output folder with labels of three images, and one that failed."""
    place = tmp_path / "out"
    place.mkdir()
    record = Record(place)
    for number, name in enumerate(NAMES):
        pixels = np.where(FOUND > 0, 200, 10 + number).astype(np.uint16)
        image = tmp_path / f"{name}.tif"
        tifffile.imwrite(image, pixels)
        made = Provenance({"probability_threshold": 0.5}, "0" * 64, image.name)
        path = write_labels(place / f"{name}_labels.tif", FOUND, provenance=made)
        row = Row(f"../{image.name}", path.name, 2, 0.5 + number / 10)
        record.add(Entry(row, {"x": 1}, hash_of(path)))
    record.add(Entry(Row("../bad.tif", "bad_labels.tif", error="damaged")))
    return place


@pytest.fixture
def movie(tmp_path: Path, output: Path) -> np.ndarray:
    """Labels of a movie in the folder: three frames, the second one blank."""
    labels = np.stack([FOUND, np.zeros_like(FOUND), FOUND])
    pixels = np.where(labels > 0, 200, 0).astype(np.uint16)
    pixels[[0, 2], 0, 0] = 9
    axes = {"axes": "TYX"}
    tifffile.imwrite(tmp_path / "t.tif", pixels, imagej=True, metadata=axes)
    made = Provenance({"probability_threshold": 0.5}, "0" * 64, "t.tif")
    space = Space(("t", "y", "x"), (1.0, 1.0, 1.0), ("pixel",) * 3)
    path = write_labels(output / "t_labels.tif", labels, space, made)
    row = Row("../t.tif", path.name, 4, 0.7, planes=3)
    Record(output).add(Entry(row, {"x": 1}, hash_of(path)))
    return labels


@pytest.fixture
def hand(make_napari_viewer_proxy, manifest, core, monkeypatch, qtbot, output):
    """Open a viewer with the dock, the folder of results filled in."""

    def origin_steps(labels, plane, settings):
        yield Progress(0, 1, "tile")
        if core.error is not None:
            raise core.error
        held_here = plane.place in ((), (core.hold_at,)) or core.hold_at is None
        while held_here and not core.gate.is_set():
            time.sleep(0.005)
            yield Progress(0, 1, "held")
        maps = {kind: plane.read() / 255 for kind in ("probability", "boundary")}
        maps["certainty"] = np.where(labels == 2, 0.4, 0.9).astype(np.float32)
        return Origin(labels, maps, None)

    core.hold_at = None
    monkeypatch.setattr(maps_module, "load_torch", lambda: None)
    monkeypatch.setattr(worklist_module, "model_with", lambda _: "nuclei")
    monkeypatch.setattr(worklist_module, "origin_steps", origin_steps)

    def open_(**options: Any) -> Hand:
        viewer = make_napari_viewer_proxy(**options)
        _, dock = viewer.window.add_plugin_dock_widget(
            "napari-pmrnet", "Segment a folder"
        )
        dock.folders.results.set_value(str(output))
        qtbot.waitUntil(lambda: dock.results.order.rowCount() >= 4)
        return Hand(viewer, dock, qtbot)

    return open_


class Hand:
    """A viewer with the docks, and hands on them."""

    def __init__(self, viewer: Any, dock: Any, qtbot: Any) -> None:
        self.viewer, self.dock, self._qtbot = viewer, dock, qtbot
        self.window = viewer.__wrapped__.window._qt_window
        # Of two windows in one process vispy draws one with the programs of the other.
        canvas = viewer.__wrapped__.window._qt_viewer.canvas
        canvas._scene_canvas.events.draw.ignore_callback_errors = True

    @property
    def shown(self) -> Any:
        return self.dock.review.shown

    @property
    def session(self) -> Any:
        return session_of(self.shown.labels)

    def open(self, name: str) -> None:
        order = self.dock.results.order
        rows = [order.index(row, 0).data() for row in range(order.rowCount())]
        self.dock.results.table.selectRow(rows.index(f"{name}.tif"))
        self.dock.results.open_button.click()
        self.wait_for(name)

    def wait_for(self, name: str, review: bool = True) -> None:
        def there() -> bool:
            shown = self.shown
            if shown is None or shown.labels is None or shown.name != f"{name}.tif":
                return False
            return not review or session_of(shown.labels) is not None

        self._qtbot.waitUntil(there)

    def next(self, name: str, way: int = 1) -> None:
        panel = self.dock.results.review
        (panel.next_button if way > 0 else panel.previous_button).click()
        self.wait_for(name)

    def delete(self, label: int) -> None:
        self.session.reject(("nucleus", label))

    def saved(self) -> None:
        self._qtbot.waitUntil(lambda: not self.shown.is_unsaved())

    def reviewed(self) -> list[str]:
        model = self.dock.results.model
        count = range(model.rowCount())
        return [model.index(row, REVIEWED).data() for row in count]

    def said(self) -> str:
        return self.dock.status.text.text()


def on_disk(output: Path, name: str) -> np.ndarray:
    return np.asarray(read_image(output / f"{name}_labels.tif")[0].data)


def test_a_folder_is_listed_and_opened_with_certainty_and_review(hand) -> None:
    h = hand()
    h.open("a")
    names = [layer.name for layer in h.viewer.layers]
    kinds = "probability", "boundary", "certainty"
    assert names == ["a", *(f"a {kind}" for kind in kinds), "a_labels"]
    table = h.session.review.nuclei.table
    assert table["certainty"].round(2).tolist() == [0.9, 0.4]
    dock = h.window.findChild(ReviewNuclei)
    assert dock.session is h.session and dock.desk.image.name == "a"
    assert h.said() == "Opened 'a.tif' and its labels."
    assert h.dock.results.review.save_button.isEnabled()


def test_next_saves_replaces_the_layers_and_keeps_the_review(hand, output) -> None:
    h = hand()
    h.open("a")
    h.session.accept(("nucleus", 2))
    h.delete(1)
    assert np.array_equal(on_disk(output, "a"), FOUND)
    h.next("b")
    assert [la.name for la in h.viewer.layers if isinstance(la, Labels)] == ["b_labels"]
    assert all(la.name.startswith("b") for la in h.viewer.layers)
    assert not (on_disk(output, "a") == 1).any() and (on_disk(output, "a") == 2).any()
    assert np.array_equal(read_image(output / "a_original_labels.tif")[0].data, FOUND)
    assert h.reviewed() == ["1/1", "", "", ""]
    h.next("a", -1)
    assert not (np.asarray(h.shown.labels.data) == 1).any()
    assert h.session.review.statuses == {("nucleus", 2): "accepted"}
    assert np.array_equal(h.session.review.nuclei.original, FOUND)
    dock = h.window.findChild(ReviewNuclei)
    assert not dock.offer.isVisible() and "Restore" not in dock.status.text.text()
    h.session.undo()
    assert not h.shown.is_unsaved() or h.session.review.statuses == {}


def test_a_folder_that_is_opened_later_shows_what_was_reviewed(hand, output) -> None:
    h = hand()
    h.open("b")
    h.session.accept(("nucleus", 1))
    h.dock.results.review.done.click()
    h.saved()
    assert h.reviewed() == ["", "\u2713 1/2", "", ""]
    h.viewer.window.remove_dock_widget(h.dock)
    _, dock = h.viewer.window.add_plugin_dock_widget(
        "napari-pmrnet", "Segment a folder"
    )
    h.dock = dock
    dock.folders.results.set_value(str(output))
    h._qtbot.waitUntil(lambda: h.reviewed() == ["", "\u2713 1/2", "", ""])
    h.open("b")
    assert dock.results.review.done.isChecked()


def test_keys_go_from_image_to_image_as_the_table_is_sorted(hand, qtbot) -> None:
    h = hand(show=True)
    h.dock.results.worst_first.setChecked(True)
    h.open("a")
    canvas = h.viewer.__wrapped__.window._qt_viewer.canvas
    h.window.activateWindow()
    qtbot.waitUntil(h.window.isActiveWindow)
    for key, widget, name in (
        (Qt.Key.Key_Period, canvas.native, "b"),
        (Qt.Key.Key_Period, h.window.findChild(ReviewNuclei).table, "c"),
        (Qt.Key.Key_Comma, h.dock.results.table, "b"),
    ):
        widget.setFocus()
        QTest.keyClick(widget, key)
        h.wait_for(name)
    h.next("c")
    h.dock.step(1)
    assert "no image with labels after this one" in h.said()


def test_the_preferences_change_the_keys_from_image_to_image(
    hand, qtbot, tmp_path, monkeypatch
) -> None:
    own = NapariSettings(tmp_path / "napari.yaml")
    monkeypatch.setattr(napari.settings, "_SETTINGS", own)
    h = hand(show=True)
    h.open("a")
    panel = h.dock.results.review
    assert panel.next_button.text() == "Next image (.)"
    editor, rows = shortcut_editor(qtbot)
    table, row = editor._table, rows["Segment a folder: Next image"]
    assert table.item(row, 2).text() == "."
    table.setCurrentCell(row, 2)
    table.item(row, 2).setText("Alt+J")
    assert panel.next_button.text() == "Next image (Alt+J)"
    assert "Preferences > Shortcuts" in panel.next_button.toolTip()
    h.window.activateWindow()
    qtbot.waitUntil(h.window.isActiveWindow)
    native = h.viewer.__wrapped__.window._qt_viewer.canvas.native
    native.setFocus()
    QTest.keyClick(native, Qt.Key.Key_Period)
    assert h.shown.name == "a.tif"
    QTest.keyClick(native, Qt.Key.Key_J, Qt.KeyboardModifier.AltModifier)
    h.wait_for("b")
    editor._reset_shortcuts()
    assert panel.next_button.text() == "Next image (.)"
    h.viewer.window.remove_dock_widget(h.dock)
    QTest.keyClick(native, Qt.Key.Key_Period)
    assert h.dock._keys.spelled(NEXT) == ""


def test_a_text_that_is_typed_has_the_keys_first(hand, qtbot) -> None:
    h = hand(show=True)
    h.open("a")
    h.window.activateWindow()
    qtbot.waitUntil(h.window.isActiveWindow)
    field = h.dock.folders.classes.edit
    field.setFocus()
    for key in (Qt.Key.Key_Period, Qt.Key.Key_Comma):
        QTest.keyClick(field, key)
    assert field.text() == ".," and h.shown.name == "a.tif"


def test_a_movie_comes_with_certainty_and_a_queue_of_all_its_frames(
    hand, output, movie, qtbot
) -> None:
    h = hand(show=True)
    qtbot.waitUntil(lambda: h.dock.results.order.rowCount() == 5)
    h.open("t")
    names = [layer.name for layer in h.viewer.layers]
    kinds = "probability", "boundary", "certainty"
    assert names == ["t", *(f"t {kind}" for kind in kinds), "t_labels"]
    certainty = h.viewer.layers["t certainty"].data
    assert certainty.shape == movie.shape
    assert np.isnan(certainty[1]).all(), "of a blank frame nothing is known"
    assert tuple(h.viewer.layers["t certainty"].axis_labels) == ("t", "y", "x")
    dock = h.window.findChild(ReviewNuclei)
    assert dock.session is h.session and dock.desk.image.name == "t"
    places = dock.table.places_model.places
    order = list(zip(places["number"], places["axis 0"], strict=True))
    assert sorted(order[:2]) == [(2, 0), (2, 2)], "the doubtful ones first"
    assert sorted(order[2:]) == [(1, 0), (1, 2)]
    h.viewer.dims.set_current_step(0, 1)
    canvas = h.viewer.__wrapped__.window._qt_viewer.canvas.native
    h.window.activateWindow()
    qtbot.waitUntil(h.window.isActiveWindow)
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_W)
    first = dock.current
    assert first[:2] == ("nucleus", 2) and h.viewer.dims.current_step[0] == first[2]
    QTest.keyClick(canvas, Qt.Key.Key_A)
    second = dock.current
    assert second[:2] == ("nucleus", 2) and second[2] != first[2]
    QTest.keyClick(canvas, Qt.Key.Key_D)
    QTest.keyClick(canvas, Qt.Key.Key_Comma)
    h.wait_for("c")
    saved = on_disk(output, "t")
    assert not (saved[second[2]] == 2).any() and (saved[first[2]] == 2).any()
    assert np.array_equal(read_image(output / "t_original_labels.tif")[0].data, movie)
    assert h.reviewed() == ["", "", "", "", "1/3"]
    h.next("t")
    assert h.session.course.statuses == {first: "accepted"}
    assert np.array_equal(h.shown.labels.data, saved)
    assert h.said() == "Opened 't.tif' and its labels."
    h.dock.results.review.done.click()
    h.saved()
    assert h.reviewed()[-1] == "\u2713 1/3"


def test_certainty_of_some_frames_can_be_gone_without(hand, movie, core, qtbot) -> None:
    h = hand()
    qtbot.waitUntil(lambda: h.dock.results.order.rowCount() == 5)
    core.hold_at = 2
    core.gate.clear()
    h.dock.results.table.selectRow(4)
    h.dock.results.open_button.click()
    qtbot.waitUntil(lambda: "t=2" in h.said())
    h.dock.cancel_button.click()
    h.wait_for("t")
    assert "The certainty of 2 of 3 planes was not waited for" in h.said()
    known = h.session.course.planes
    assert known[0,].nuclei.table["certainty"].notna().all()
    assert known[2,].nuclei.table["certainty"].isna().all()


def test_labels_another_program_changed_are_asked_for(hand, output, qtbot) -> None:
    h = hand()
    h.open("a")
    h.delete(2)
    other = np.where(FOUND == 1, 5, 0)
    write_labels(output / "a_labels.tif", other, overwrite=True)
    h.dock.results.review.next_button.click()
    qtbot.waitUntil(lambda: len(h.dock.offer.buttons()) == 2)
    assert h.shown.name == "a.tif" and h.shown.is_unsaved(), "nothing was taken away"
    assert np.array_equal(on_disk(output, "a"), other)
    copy, _ = h.dock.offer.buttons()
    copy.click()
    h.wait_for("b")
    (kept,) = read_image(output / "a_corrected_labels.tif")
    assert not (kept.data == 2).any() and (kept.data == 1).any()
    assert np.array_equal(on_disk(output, "a"), other)


def test_going_on_without_saving_is_the_users_word(hand, output, qtbot) -> None:
    h = hand()
    h.open("a")
    h.delete(2)
    (output / "a_labels.tif").unlink()
    h.dock.results.review.save_button.click()
    qtbot.waitUntil(lambda: len(h.dock.offer.buttons()) == 2)
    h.dock.offer.buttons()[1].click()
    assert not h.shown.is_unsaved()
    h.delete(1)
    assert h.shown.is_unsaved(), "what is corrected later counts"


def test_removed_labels_are_asked_for(hand, output, qtbot) -> None:
    h = hand()
    h.open("a")
    h.delete(2)
    h.viewer.layers.remove(h.shown.labels)
    save, _ = h.dock.offer.buttons()
    save.click()
    h.saved()
    assert not (on_disk(output, "a") == 2).any()


@pytest.mark.parametrize("how", ["dock", "window"])
def test_what_is_unsaved_is_saved_when_the_dock_or_the_window_goes(
    hand, output, how
) -> None:
    h = hand(show=True)
    h.open("a")
    h.session.accept(("nucleus", 1))
    h.delete(2)
    if how == "dock":
        h.viewer.window.remove_dock_widget(h.dock)
    else:
        h.viewer.close()
    assert not (on_disk(output, "a") == 2).any()
    row = Worklist(output).rows()[0]
    state = Worklist(output).state(row)
    assert state is not None and state.statuses == {("nucleus", 1): "accepted"}


def test_painting_without_a_review_is_saved_too(hand, output, qtbot) -> None:
    h = hand()
    h.open("a")
    h.viewer.window.remove_dock_widget(h.window.findChild(ReviewNuclei))
    labels = h.shown.labels
    assert session_of(labels) is None
    labels.data_setitem((np.array([0]), np.array([0])), 7)
    h.dock.results.review.save_button.click()
    h.saved()
    assert on_disk(output, "a")[0, 0] == 7 and h.reviewed()[0] == "1/3"
    h.dock.results.review.save_button.click()
    assert h.said() == "Nothing of 'a.tif' is unsaved."


def test_certainty_can_be_gone_without(hand, core, qtbot) -> None:
    h = hand()
    core.gate.clear()
    h.dock.results.table.selectRow(0)
    h.dock.results.open_button.click()
    qtbot.waitUntil(h.dock.cancel_button.isEnabled)
    assert [layer.name for layer in h.viewer.layers] == ["a"]
    h.dock.cancel_button.click()
    h.wait_for("a")
    assert "not waited for" in h.said() and len(h.viewer.layers) == 2
    assert h.session.review.nuclei.table["certainty"].isna().all()


def test_an_image_that_cannot_be_opened_takes_nothing_with_it(
    hand, output, tmp_path
) -> None:
    h = hand()
    h.open("a")
    h.delete(1)
    (tmp_path / "b.tif").write_bytes(b"junk")
    h.dock.results.review.next_button.click()
    h._qtbot.waitUntil(lambda: "b.tif" in h.said())
    assert not (on_disk(output, "a") == 1).any()
    assert not h.dock.results.review.save_button.isEnabled()
