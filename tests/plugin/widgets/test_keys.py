"""Keys of docks: lent to the viewer, and shown and changed in napari's preferences."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import napari.settings
import pytest
import yaml
from docks import shortcut_editor
from napari.components import ViewerModel
from napari.settings import NapariSettings, get_settings
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import KeymapHandler
from qtpy.QtCore import Qt
from qtpy.QtGui import QShortcut
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit, QSpinBox, QVBoxLayout, QWidget

from napari_pmrnet.plugin.widgets.keys import Action, Actions, Keys

ACTIONS = Actions(
    "trial",
    "Trial dock",
    (
        Action("go", "Alt-G", "Go on", "Go to the next one", repeats=True),
        Action("drop", "Alt-D", "Delete", "Delete this one"),
    ),
)
GO, DROP = "napari-pmrnet:trial_go", "napari-pmrnet:trial_drop"


class Trial(QWidget):
    """A dock with two actions, two fields and the record of what was done."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.done: list[str] = []
        slots = {
            name: lambda name=name: self.done.append(name) for name in ("go", "drop")
        }
        self.field, self.number = QLineEdit(), QSpinBox()
        layout = QVBoxLayout(self)
        layout.addWidget(self.field)
        layout.addWidget(self.number)
        self.keys = Keys(viewer, self, ACTIONS, slots)

    def in_dock(self) -> set[str]:
        """Keys that work in the dock."""
        every = self.findChildren(QShortcut)
        return {one.key().toString() for one in every if one.isEnabled()}


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch) -> Path:
    """Settings of napari of this test's own, on disk."""
    path = tmp_path / "napari.yaml"
    monkeypatch.setattr(napari.settings, "_SETTINGS", NapariSettings(path))
    return path


@pytest.fixture
def open_trial(qtbot):
    """Make a viewer model and a dock."""
    made: list[Trial] = []

    def open_(viewer: ViewerModel | None = None) -> tuple[Trial, ViewerModel]:
        viewer = viewer or ViewerModel()
        made.append(Trial(viewer))
        qtbot.addWidget(made[-1])
        return made[-1], viewer

    yield open_
    for trial in made:
        trial.keys.release()


def handler(viewer: ViewerModel) -> KeymapHandler:
    """What a canvas gives its keys to."""
    made = KeymapHandler()
    made.keymap_providers = [viewer]
    return made


def press(keys: KeymapHandler, key: str, *modifiers: str, held: bool = False) -> None:
    """Press a key on the canvas; `held` as the keyboard repeats it."""
    native = SimpleNamespace(isAutoRepeat=lambda: held)
    name = SimpleNamespace(name=key)
    keys.on_key_press(SimpleNamespace(key=name, modifiers=modifiers, native=native))


def choose(**keys: list[str]) -> None:
    """Change keys as the preferences do: all that is registered is stored."""
    now = {
        name: action_manager._shortcuts.get(name, [])
        for name in action_manager._actions
    }
    ours = {f"napari-pmrnet:trial_{name}": chosen for name, chosen in keys.items()}
    get_settings().shortcuts.update({"shortcuts": {**now, **ours}})


def test_keys_work_in_the_viewer_while_they_are_lent_and_there_alone(
    open_trial,
) -> None:
    trial, viewer = open_trial()
    canvas, other = handler(viewer), handler(ViewerModel())
    press(canvas, "D", "Alt")
    assert trial.done == [], "nothing to act on"
    trial.keys.lend()
    press(canvas, "D", "Alt")
    press(other, "D", "Alt")
    assert trial.done == ["drop"]
    trial.keys.take_back()
    press(canvas, "D", "Alt")
    assert trial.done == ["drop"]


def test_what_had_a_key_has_it_again(open_trial) -> None:
    viewer, told = ViewerModel(), []
    viewer.bind_key("Alt-D", lambda _: told.append(1))
    trial, _ = open_trial(viewer)
    trial.keys.lend()
    press(handler(viewer), "D", "Alt")
    assert trial.done == ["drop"] and not told
    trial.keys.lend()
    trial.keys.take_back()
    trial.keys.take_back()
    press(handler(viewer), "D", "Alt")
    assert trial.done == ["drop"] and told == [1]


def test_a_key_held_down_acts_once_unless_its_action_repeats(open_trial) -> None:
    trial, viewer = open_trial()
    trial.keys.lend()
    for key in "DG":
        for held in (False, True, True):
            press(handler(viewer), key, "Alt", held=held)
    assert trial.done == ["drop", "go", "go", "go"]
    choose(go=["Alt-N"])
    press(handler(viewer), "N", "Alt", held=True)
    assert trial.done[4:] == ["go"], "also by a key of the user's"
    repeats = {one.key().toString(): one.autoRepeat() for one in trial.keys._shortcuts}
    assert repeats == {"Alt+N": True, "Alt+D": False}


def test_the_preferences_name_the_actions_and_change_their_keys(
    open_trial, qtbot
) -> None:
    trial, viewer = open_trial()
    trial.keys.lend()
    heard: list[int] = []
    trial.keys.changed.connect(lambda: heard.append(1))
    editor, rows = shortcut_editor(qtbot)
    table, row = editor._table, rows["Trial dock: Delete"]
    assert table.item(row, 2).text() == "Alt+D"
    table.setCurrentCell(row, 2)
    table.item(row, 2).setText("Alt+X")
    assert heard and trial.keys.spelled("drop") == "Alt+X"
    assert trial.in_dock() == {"Alt+G", "Alt+X"}
    press(handler(viewer), "D", "Alt")
    assert trial.done == []
    press(handler(viewer), "X", "Alt")
    assert trial.done == ["drop"]
    editor._reset_shortcuts()
    assert table.item(row, 2).text() == "Alt+D"
    assert trial.keys.spelled("drop") == "Alt+D" and trial.in_dock() == {
        "Alt+G",
        "Alt+D",
    }
    press(handler(viewer), "D", "Alt")
    assert trial.done == ["drop", "drop"]


def test_two_keys_of_an_action_and_none(open_trial) -> None:
    trial, viewer = open_trial()
    trial.keys.lend()
    choose(go=["Alt-G", "Alt-F"], drop=[])
    assert trial.keys.spelled("go") == "Alt+G or Alt+F"
    assert not trial.keys.spelled("drop")
    assert trial.in_dock() == {"Alt+G", "Alt+F"}
    press(handler(viewer), "D", "Alt")
    press(handler(viewer), "F", "Alt")
    assert trial.done == ["go"]


def test_chosen_keys_last_and_only_they_are_stored(
    open_trial, settings, monkeypatch
) -> None:
    """napari warns at its start of each stored action that is not registered yet."""
    trial, _ = open_trial()
    trial.keys.release()
    choose(drop=["Alt-X"])
    stored = yaml.safe_load(settings.read_text())["shortcuts"]["shortcuts"]
    assert [name for name in stored if "pmrnet" in name] == [DROP]
    for name in (GO, DROP):
        action_manager.unbind_shortcut(name)
        del action_manager._actions[name]
    monkeypatch.setattr(napari.settings, "_SETTINGS", NapariSettings(settings))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for name, keys in get_settings().shortcuts.shortcuts.items():
            action_manager.unbind_shortcut(name)
            for key in keys:
                action_manager.bind_shortcut(name, key)
    assert len([one for one in told if "trial" in str(one.message)]) == 1
    again, viewer = open_trial()
    assert again.keys.spelled("drop") == "Alt+X" and again.keys.spelled("go") == "Alt+G"
    again.keys.lend()
    press(handler(viewer), "X", "Alt")
    assert again.done == ["drop"]
    choose(drop=["Alt-D"])
    assert "pmrnet" not in settings.read_text()


def test_fields_keep_what_is_typed_into_them(open_trial, qtbot) -> None:
    trial, _ = open_trial()
    choose(go=["G"], drop=["Delete"])
    trial.keys.lend()
    trial.show()
    qtbot.waitExposed(trial)
    trial.activateWindow()
    for field in (trial.field, trial.number):
        field.setFocus()
        QTest.keyClick(field, Qt.Key.Key_G)
        QTest.keyClick(field, Qt.Key.Key_Delete)
    assert trial.done == [] and trial.field.text() == "g"


def test_two_docks_of_two_viewers_do_not_meet(open_trial) -> None:
    (one, first), (two, second) = open_trial(), open_trial()
    one.keys.lend()
    two.keys.lend()
    press(handler(first), "D", "Alt")
    assert (one.done, two.done) == (["drop"], [])
    one.keys.release()
    press(handler(second), "D", "Alt")
    choose(drop=["Alt-X"])
    press(handler(second), "X", "Alt")
    assert (one.done, two.done) == (["drop"], ["drop", "drop"])
    assert one.in_dock() == set(), "let go"


def test_a_dock_that_is_gone_is_not_asked(open_trial, qtbot) -> None:
    gone = Trial(ViewerModel())
    gone.deleteLater()
    qtbot.waitSignal(gone.destroyed).wait()
    trial, _ = open_trial()
    choose(drop=["Alt-X"])
    assert trial.keys.spelled("drop") == "Alt+X"
