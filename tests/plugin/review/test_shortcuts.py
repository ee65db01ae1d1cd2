"""Keys of a review: given to viewer and layer, and taken away again."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtGui import QShortcut
from qtpy.QtWidgets import QWidget

from napari_pmrnet.plugin.review.shortcuts import (
    ABANDON,
    ACTIONS,
    COMMIT,
    MOVES,
    ReviewKeys,
)


@pytest.fixture
def pressed() -> list[str]:
    return []


@pytest.fixture
def keys(qtbot, pressed) -> tuple[ReviewKeys, ViewerModel, Labels]:
    viewer, widget = ViewerModel(), QWidget()
    qtbot.addWidget(widget)
    slots = {a.name: (lambda name=a.name: pressed.append(name)) for a in ACTIONS}
    made = ReviewKeys(viewer, widget, slots)
    yield made, viewer, viewer.add_labels(np.zeros((4, 5), int))
    made.release()


def bound(owner) -> set[str]:
    """Keys that an owner has of its own, as napari spells them."""
    return {str(key) for key, slot in owner.keymap.items() if slot is not None}


def test_a_key_held_down_in_the_dock_acts_once_but_for_going_on(keys) -> None:
    made, _, _ = keys
    shortcuts = made.parent().findChildren(QShortcut)
    assert len(shortcuts) == len(ACTIONS)
    again = {one.key().toString() for one in shortcuts if one.autoRepeat()}
    assert again == {made.spelled(name) for name in MOVES}


def test_no_two_actions_have_one_key_or_one_name() -> None:
    assert len({a.key for a in ACTIONS}) == len({a.name for a in ACTIONS})
    assert len(ACTIONS) == len({a.key for a in ACTIONS})
    assert {a.key for a in ACTIONS if "-" in a.key} == {"Control-Z", "Control-Shift-Z"}


def test_the_viewer_has_the_keys_as_long_as_they_are_bound(keys, pressed) -> None:
    made, viewer, layer = keys
    before, of_layer = bound(viewer), bound(layer)
    made.bind(layer)
    assert len(bound(viewer) - before) == len(ACTIONS)
    for key, press in list(viewer.keymap.items()):
        if str(key) not in before and press is not None:
            press(viewer)
    assert sorted(pressed) == sorted(a.name for a in ACTIONS)
    made.unbind()
    made.unbind()
    assert bound(viewer) == before and bound(layer) == of_layer


def test_another_layer_takes_the_keys_over(keys, pressed) -> None:
    made, viewer, first = keys
    second = viewer.add_labels(np.zeros((4, 5), int))
    before = bound(first)
    made.bind(first)
    assert bound(first) - before == {"Ctrl+Z", "Ctrl+Shift+Z"}
    for press in first.keymap.values():
        press(first)
    assert pressed == ["undo", "redo"]
    made.bind(second)
    assert bound(first) == before


def test_enter_and_escape_belong_to_a_tool_in_use(keys, pressed) -> None:
    made, viewer, layer = keys
    viewer.bind_key(ABANDON, lambda _: pressed.append("another plugin's"))
    made.bind_preview(lambda: pressed.append("commit"), None)
    assert COMMIT not in bound(viewer), "nothing is reviewed"
    made.bind(layer)
    made.bind_preview(
        lambda: pressed.append("commit"), lambda: pressed.append("abandon")
    )
    assert {COMMIT, ABANDON} <= bound(viewer) & bound(layer)
    for owner in (viewer, layer):
        for key in (COMMIT, ABANDON):
            next(slot for name, slot in owner.keymap.items() if str(name) == key)(owner)
    assert pressed == ["commit", "abandon"] * 2
    made.bind_preview(None, None)
    assert not {COMMIT, ABANDON} & bound(layer) and COMMIT not in bound(viewer)
    next(slot for name, slot in viewer.keymap.items() if str(name) == ABANDON)(viewer)
    assert pressed[4:] == ["another plugin's"]
