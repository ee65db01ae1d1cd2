"""Actions of a dock and their keys, which napari's preferences show and change.

napari's action manager holds the keys of the whole program, and its settings those that
were changed. It binds them to classes; ours are bound to one that no canvas asks, and
lent to the viewer for as long as the dock has something to act on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakSet

from napari.components import ViewerModel
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import (
    KeyBinding,
    KeymapProvider,
    coerce_keybinding,
)
from qtpy.compat import isalive
from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QMainWindow, QPushButton, QWidget

from napari_pmrnet._software import OURS
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.qt import Signal


class Action(NamedTuple):
    """An action of a dock.

    Attributes
    ----------
    name : str
        Among the actions of its dock.
    key : str
        As napari spells it; what the user chose instead is in `Keys`.
    text : str
        On its button.
    help : str
    repeats : bool
        Whether it is done again and again while the key is held down.
    """

    name: str
    key: str
    text: str
    help: str
    repeats: bool = False


class Actions(NamedTuple):
    """All actions of a dock.

    Attributes
    ----------
    name : str
        One word, for napari's settings file.
    title : str
        Stands before each action in napari's preferences, which have no group for it.
    each : sequence of Action
    """

    name: str
    title: str
    each: Sequence[Action]


class DockKeys(KeymapProvider):
    """What napari binds the keys of docks to; no canvas asks it."""


class Keys(QObject):
    """Keys of the actions of a dock: always in a widget, when lent in the viewer.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    widget : QWidget
        The dock, or the whole window. Keys work while it, or something in it, has the
        focus.
    actions : Actions
    slots : mapping of callable
        What each action does, by name.
    """

    changed = Signal()
    """The user has chosen other keys."""

    def __init__(
        self,
        viewer: ViewerModel,
        widget: QWidget,
        actions: Actions,
        slots: Mapping[str, Callable[[], Any]],
    ) -> None:
        super().__init__(widget)
        self._viewer: Any = plain(viewer)
        self._actions, self._slots = actions, slots
        self._commands = {one.name: _register(actions, one) for one in actions.each}
        self._shortcuts: list[QShortcut] = []
        self._bound: dict[str, list[KeyBinding]] = {}
        self._lent: list[Callable[[], Any]] | None = None
        _in_use.add(self)
        # Before napari writes the settings to disk; a second time it does nothing.
        get_settings().shortcuts.events.shortcuts.connect(_follow, position="first")
        _follow()

    def release(self) -> None:
        """Let go of the viewer and of napari's settings."""
        if self not in _in_use:
            return
        self.take_back()
        self._drop()
        _in_use.discard(self)
        # It may outlive the dock: its parent can be the window.
        self._viewer, self._slots = None, {}
        self.deleteLater()

    def of(self, name: str) -> Sequence[KeyBinding]:
        """Keys of an action; there may be none, or several."""
        return _keys(_id(self._actions, name))

    def spelled(self, name: str) -> str:
        """Keys of an action as people write them; empty if there is none."""
        return " or ".join(key.to_text() for key in self.of(name))

    def lend(self) -> None:
        """Give the keys to the viewer, in place of what has them there."""
        self.take_back()
        self._lent = [
            lend(self._viewer, key, command)
            for name, command in self._commands.items()
            for key in self.of(name)
        ]

    def take_back(self) -> None:
        """Take the keys from the viewer; what had them has them again."""
        for give in reversed(self._lent or ()):
            give()
        self._lent = None

    def does(self, viewer: ViewerModel, actions: str, name: str) -> None:
        """Do an action if its keys are lent to this viewer."""
        if self._lent is None or viewer is not self._viewer:
            return
        if actions == self._actions.name:
            self._slots[name]()

    def renew(self) -> None:
        """Take up the keys that the user has chosen, if they are others."""
        keys = {one.name: list(self.of(one.name)) for one in self._actions.each}
        if keys == self._bound:
            return
        self._bound = keys
        if self._lent is not None:
            self.lend()
        self._bind_in_dock()
        self.changed.emit()

    def _drop(self) -> None:
        """Take the keys from the dock."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts = []

    def _bind_in_dock(self) -> None:
        self._drop()
        self._shortcuts = [
            self._shortcut(action, key)
            for action in self._actions.each
            for key in self.of(action.name)
        ]

    def _shortcut(self, action: Action, key: KeyBinding) -> QShortcut:
        widget: Any = self.parent()
        shortcut = QShortcut(QKeySequence(str(key)), widget)
        # Those of a window are for its floating docks, too.
        if not isinstance(widget, QMainWindow):
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        # As in napari's canvas.
        shortcut.setAutoRepeat(action.repeats)
        shortcut.activated.connect(self._slots[action.name])
        return shortcut


def lend(
    owner: Any, key: KeyBinding | str, press: Callable[[Any], Any]
) -> Callable[[], Any]:
    """Bind a key of a viewer or layer.

    Parameters
    ----------
    owner : napari.components.ViewerModel or napari.layers.Layer
    key : KeyBinding or str
    press : callable
        Called with the owner.

    Returns
    -------
    callable
        Binds the key again to what had it.
    """
    had = owner.bind_key(key, press, overwrite=True)
    return partial(owner.bind_key, key, had, overwrite=True)


def name_key(button: QPushButton, action: Action, text: str, key: str) -> None:
    """Have a button, and its tooltip, say what it does and by which key.

    Parameters
    ----------
    button : QPushButton
    action : Action
    text : str
        What it does to what is at hand.
    key : str
        As people write it; empty where there is none.
    """
    button.setText(f"{text} ({key})" if key else text)
    named = key or "it has no key"
    button.setToolTip(
        f"<span>{action.help} ({named}; Preferences > Shortcuts change it)</span>"
    )


_in_use: WeakSet[Keys] = WeakSet()
_own: dict[str, list[KeyBinding]] = {}
"""Our keys of all that was ever registered, also by docks that are gone."""


def _id(actions: Actions, name: str) -> str:
    """Name of an action among those of napari and all its plugins."""
    return f"{OURS}:{actions.name}_{name}"


def _keys(name: str) -> list[KeyBinding]:
    """Keys of an action that napari's settings have, or else our own."""
    return get_settings().shortcuts.shortcuts.get(name, _own[name])


def _follow(event: Any = None) -> None:
    """Have napari, and the docks, take up the keys that the user has chosen."""
    for name in _own:
        action_manager.unbind_shortcut(name)
        for key in _keys(name):
            action_manager.bind_shortcut(name, key)
        # Of all that is stored napari warns at its start, before we register it.
        if _keys(name) == _own[name]:
            get_settings().shortcuts.shortcuts.pop(name, None)
    for keys in tuple(_in_use):
        # A window that is closed takes its docks with it.
        if isalive(keys):
            keys.renew()


def _register(actions: Actions, action: Action) -> Callable[[ViewerModel], None]:
    """Make an action known to napari; gives the command that napari calls."""

    def command(viewer: ViewerModel) -> None:
        for keys in tuple(_in_use):
            keys.does(viewer, actions.name, action.name)

    # By this name napari finds whether a key repeats.
    command.__name__ = name = _id(actions, action.name)
    _own[name] = [coerce_keybinding(action.key)]
    title = f"{actions.title}: {action.text}"
    action_manager.register_action(name, command, title, DockKeys, action.repeats)
    return command
