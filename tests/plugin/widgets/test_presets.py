"""Presets are chosen, saved, deleted and exchanged; nothing changes unasked."""

from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from napari_pmrnet.plugin.widgets.presets import PresetButton
from napari_pmrnet.plugin.widgets.settings_form import SettingsForm
from napari_pmrnet.segmentation.presets import (
    preset_names,
    read_preset,
    save_preset,
    write_preset,
)
from napari_pmrnet.settings import Settings

MINE = Settings(diameter=30, flips=True, seed_threshold=0.3)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path)
    return tmp_path / "presets"


@pytest.fixture
def row(qtbot) -> PresetButton:
    row = PresetButton(SettingsForm(), Path.home)
    qtbot.addWidget(row)
    row.told = []
    row.said.connect(lambda text, tone: row.told.append((text, tone)))
    return row


def choose(row: PresetButton, name: str) -> None:
    row.offer()
    next(one for one in row.menu().actions() if one.text() == name).trigger()


def ticked(row: PresetButton) -> list[str]:
    row.offer()
    return [one.text() for one in row.menu().actions() if one.isChecked()]


def answers(monkeypatch, name: str = "", yes: bool = True, path: str = "") -> None:
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: (name, bool(name)))
    button = QMessageBox.StandardButton
    reply = button.Yes if yes else button.No
    monkeypatch.setattr(QMessageBox, "question", lambda *_, **__: reply)
    for ask in ("getSaveFileName", "getOpenFileName"):
        monkeypatch.setattr(QFileDialog, ask, lambda *_, **__: (path, ""))


def test_a_preset_is_saved_chosen_and_left_by_a_change(row, monkeypatch) -> None:
    row._form.set_settings(MINE)
    answers(monkeypatch, "mice")
    row.save()
    assert preset_names() == ["mice"] and ticked(row) == ["mice"]
    assert row.told == [("Saved as 'mice'.", "good")]
    row._form.fields["flips"].set_value(False)
    assert ticked(row) == [] and row.chosen == ""
    choose(row, "mice")
    assert row._form.settings() == MINE and ticked(row) == ["mice"]


def test_a_name_that_is_taken_is_asked_about(row, monkeypatch) -> None:
    save_preset("mice", MINE)
    answers(monkeypatch, "Mice", yes=False)
    row.save()
    assert read_preset("mice") == MINE and row.told == []
    answers(monkeypatch, "Mice")
    row.save()
    assert preset_names() == ["mice"] and read_preset("mice") == Settings()
    answers(monkeypatch, "a/b")
    row.save()
    assert row.told[-1][1] == "error" and "cannot be the name" in row.told[-1][0]


def test_one_is_deleted_once_the_user_agrees(row, monkeypatch) -> None:
    save_preset("mice", MINE)
    choose(row, "mice")
    answers(monkeypatch, yes=False)
    row.delete()
    assert preset_names() == ["mice"]
    answers(monkeypatch)
    row.delete()
    assert preset_names() == [] and ticked(row) == []
    assert row._form.settings() == MINE


def test_settings_go_to_a_file_and_come_back(row, monkeypatch, tmp_path) -> None:
    row._form.set_settings(MINE)
    answers(monkeypatch, path=str(tmp_path / "mine"))
    row.export()
    row._form.set_settings(Settings())
    answers(monkeypatch, path=str(tmp_path / "mine.pmrnet-preset"))
    row.open()
    assert row._form.settings() == MINE
    answers(monkeypatch)
    row.export()
    row.open()
    assert len(row.told) == 2


def test_what_cannot_be_taken_is_said_and_changes_nothing(row, tmp_path) -> None:
    save_preset("mice", MINE)
    path = write_preset(tmp_path / "gone", Settings(model="gone"))
    row.take(path)
    assert "names a model that is missing" in row.told[0][0]
    (tmp_path / "presets" / "mice.pmrnet-preset").write_text("{")
    choose(row, "mice")
    assert row._form.settings() == Settings() and ticked(row) == []
    assert row.told[1][1] == "error" and "mice.pmrnet-preset" in row.told[1][0]
