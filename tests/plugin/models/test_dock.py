"""The dock "Models" in a real viewer, and the field Model of the other docks."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import pytest
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from napari_pmrnet.export.write import ONNX, Exported
from napari_pmrnet.models import available_models
from napari_pmrnet.models.card import card_path
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.models.user_models import delete_model, import_model
from napari_pmrnet.plugin.models import tasks
from napari_pmrnet.plugin.widgets.model_events import model_events

YES, NO = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No


@pytest.fixture
def mine(weights: Path, library: Path) -> str:
    """A model of the user."""
    return import_model(weights, "mine")


@pytest.fixture
def answers(monkeypatch) -> dict[str, Any]:
    """What the user answers to dialogs; ``asked`` collects what they were asked."""
    given = {"open": "", "save": "", "name": None, "sure": YES, "asked": []}

    def text(_: Any, title: str, __: str, text: str = "") -> tuple[str, bool]:
        given["asked"].append((title, text))
        return given["name"] or "", given["name"] is not None

    def question(_: Any, title: str, text: str, *__: Any) -> Any:
        given["asked"].append((title, text))
        return given["sure"]

    def save(*arguments: Any) -> tuple[str, str]:
        given["asked"].append(arguments[1:])
        return given["save"], ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (given["open"], ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", save)
    monkeypatch.setattr(QInputDialog, "getText", text)
    monkeypatch.setattr(QMessageBox, "question", question)
    return given


@pytest.fixture
def dock(make_napari_viewer_proxy, manifest, library, answers):
    """The dock in a viewer, opened as napari would."""
    viewer = make_napari_viewer_proxy()
    return viewer.window.add_plugin_dock_widget("napari-pmrnet", "Models")[1]


@pytest.fixture
def finish(qtbot, dock):
    """Wait until the worker thread is done."""
    return lambda: qtbot.waitUntil(lambda: not dock._working.is_running)


def names(dock: Any) -> list[str]:
    model = dock.table.models
    return [model.data(model.index(row, 0)) for row in range(model.rowCount())]


def choose(dock: Any, name: str) -> None:
    dock.table.selectRow(names(dock).index(name))


def test_models_are_listed_and_the_chosen_one_described(mine, dock) -> None:
    assert names(dock) == ["dsb18", "nuclei", "mine"]
    assert dock.table.entry.name == "nuclei"
    assert "594 train, 103 val" in dock.details.toPlainText()
    choose(dock, "mine")
    assert "mine (yours)" in dock.details.toPlainText()


def test_shipped_models_cannot_be_changed_and_the_buttons_say_why(mine, dock) -> None:
    for button in (dock.rename_button, dock.delete_button):
        assert not button.isEnabled() and "comes with the package" in button.toolTip()
    assert dock.export_button.isEnabled()
    choose(dock, "mine")
    for button in (dock.rename_button, dock.delete_button):
        assert button.isEnabled() and "chosen model" in button.toolTip()


def test_a_model_is_imported_and_chosen(dock, answers, finish, weights) -> None:
    answers["open"] = str(weights)
    dock.import_button.click()
    assert not dock.import_button.isEnabled() and not dock.status.bar.isHidden()
    finish()
    assert dock.status.text.text() == "'untrained' was verified and imported."
    assert dock.table.entry.name == "untrained" and not answers["asked"]
    assert dock.import_button.isEnabled() and dock.status.bar.isHidden()


def test_an_import_whose_name_is_taken_asks_for_another(
    dock, answers, finish, weights
) -> None:
    import_model(weights)
    answers["open"] = str(weights)
    dock.import_button.click()
    finish()
    assert dock.status.text.text() == "Nothing was imported."
    assert [proposed for _, proposed in answers["asked"]] == ["untrained 2"]
    answers["name"] = "nuclei"
    dock.import_button.click()
    finish()
    assert "comes with the package" in dock.status.text.text()
    answers["name"] = "second"
    dock.import_button.click()
    finish()
    assert names(dock) == ["dsb18", "nuclei", "second", "untrained"]


def test_a_spoilt_file_is_refused_in_words(dock, answers, finish, tmp_path) -> None:
    path = tmp_path / "spoilt.zip"
    path.write_bytes(b"PK")
    answers["open"] = str(path)
    dock.import_button.click()
    finish()
    assert f"{path} cannot be imported" in dock.status.text.text()
    assert dock.status.text.property("tone") == "error"
    assert available_models() == ["dsb18", "nuclei"]


def test_a_model_is_renamed_or_the_reason_told(mine, dock, answers) -> None:
    choose(dock, "mine")
    dock.rename_button.click()
    assert names(dock) == ["dsb18", "nuclei", "mine"]
    answers["name"] = "a/b"
    dock.rename_button.click()
    assert "it holds /" in dock.status.text.text()
    answers["name"] = " liver "
    dock.rename_button.click()
    assert names(dock) == available_models() == ["dsb18", "nuclei", "liver"]
    assert dock.table.entry.name == "liver"


def test_a_model_is_deleted_only_when_that_is_sure(mine, dock, answers) -> None:
    choose(dock, "mine")
    answers["sure"] = NO
    dock.delete_button.click()
    assert available_models() == ["dsb18", "nuclei", "mine"]
    answers["sure"] = YES
    dock.delete_button.click()
    assert names(dock) == available_models() == ["dsb18", "nuclei"]
    assert all("mine" in text for _, text in answers["asked"])


def test_a_model_is_exported_and_comes_back(
    mine, dock, answers, finish, tmp_path
) -> None:
    choose(dock, "mine")
    answers["save"] = str(tmp_path / "out")
    dock.export_button.click()
    finish()
    assert f"Written to {tmp_path / 'out.zip'}" in dock.status.text.text()
    title, proposed, files = answers["asked"][0]
    assert "mine" in title and proposed.endswith("mine.zip") and "*.zip" in files
    delete_model("mine")
    assert import_model(tmp_path / "out.zip") == "mine"


def test_onnx_is_exported_off_the_gui_thread(
    mine, dock, answers, finish, tmp_path, monkeypatch
) -> None:
    gate, seen = Event(), []

    def held(*arguments: Any, **_: Any) -> Exported:
        gate.wait(30)
        seen.append(arguments)
        return Exported(arguments[1], "Checked.")

    monkeypatch.setattr(tasks, "export_model", held)
    choose(dock, "mine")
    dock.format.setCurrentIndex(dock.format.findData(ONNX))
    answers["save"] = str(tmp_path / "out")
    dock.export_button.click()
    assert not dock.export_button.isEnabled() and "Wait" in dock.export_button.toolTip()
    gate.set()
    finish()
    assert seen == [("mine", tmp_path / "out.onnx", ONNX)]
    assert dock.status.text.text() == f"Written to {tmp_path / 'out.onnx'}. Checked."
    assert dock.export_button.isEnabled()


def test_a_model_without_card_says_so_and_can_go(mine, dock, answers) -> None:
    card_path(find_weights("mine")).unlink()
    dock.refresh()
    choose(dock, "mine")
    assert "has no model card" in dock.details.toPlainText()
    dock.delete_button.click()
    assert names(dock) == ["dsb18", "nuclei"]


def test_the_segment_dock_offers_what_the_library_holds(
    open_dock, library, weights, answers
) -> None:
    viewer, segment = open_dock()
    field = segment.form.fields["model"]

    def offered() -> list[str]:
        return [field.combo.itemText(i) for i in range(field.combo.count())]

    assert offered() == ["dsb18", "nuclei"]
    dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Models")[1]
    for name in ("a", "b"):
        import_model(weights, name)
        model_events.changed.emit("", name)
    assert offered() == ["dsb18", "nuclei", "a", "b"] and field.value() == "nuclei"
    field.set_value("a")
    choose(dock, "a")
    answers["name"] = "c"
    dock.rename_button.click()
    assert offered() == ["dsb18", "nuclei", "b", "c"] and field.value() == "c"
    choose(dock, "c")
    dock.delete_button.click()
    assert offered() == ["dsb18", "nuclei", "b"] and field.value() == "nuclei"
    field.set_value(str(weights))
    model_events.changed.emit("", "")
    assert field.value() == str(weights)


def test_a_closed_dock_listens_no_more(
    make_napari_viewer_proxy, manifest, library, weights
) -> None:
    viewer = make_napari_viewer_proxy()
    widget, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Models")
    viewer.window.remove_dock_widget(widget)
    import_model(weights, "late")
    model_events.changed.emit("", "late")
    assert names(dock) == ["dsb18", "nuclei"]


def test_what_was_called_off_is_answered(mine, dock, answers) -> None:
    choose(dock, "mine")
    answers["sure"] = QMessageBox.StandardButton.No
    said = []
    for button in (
        dock.import_button,
        dock.export_button,
        dock.rename_button,
        dock.delete_button,
    ):
        button.click()
        said.append(dock.status.text.text())
    assert said == [
        "Nothing was imported: no file was chosen.",
        "Nothing was written: no file was chosen.",
        "'mine' keeps its name.",
        "'mine' is kept.",
    ]
    assert names(dock) == ["dsb18", "nuclei", "mine"]
