"""Actions of a review, each with its key: buttons and keys come from here.

No key is one that napari gives to the viewer, an image or a Labels layer. The digits go
on from those that choose the mode of a Labels layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QPushButton, QWidget

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels


class Action(NamedTuple):
    """An action of the review.

    Attributes
    ----------
    name : str
    key : str
        As napari and Qt both spell it.
    text : str
        On its button.
    help : str
    """

    name: str
    key: str
    text: str
    help: str

    @property
    def spelled(self) -> str:
        """The key as people write it."""
        return self.key.replace("Control", "Ctrl").replace("-", "+")


ACTIONS = tuple(
    Action(*row)
    for row in (
        ("previous", "Q", "Previous", "Go to the place before that wants a look"),
        ("next", "W", "Next", "Go to the next place that wants a look"),
        ("accept", "A", "Accept", "It is right; or do what is proposed here"),
        ("reject", "D", "Delete", "Delete this nucleus; or dismiss what is proposed. "
         "Without the key: Alt+click it"),
        ("split", "S", "Split", "Click where the parts are, then press Enter. "
         "Without the key: Ctrl+click each part"),
        ("cut", "K", "Cut", "Draw a line across a nucleus, then press Enter"),
        ("merge", "G", "Merge", "Click the neighbour that belongs to this nucleus. "
         "Without the key: Shift+click it"),
        ("join", "J", "Join", "Draw a line over all nuclei that are one"),
        ("rectangle", "R", "Delete box", "Draw a box: nuclei whose middle lies in it "
         "are deleted"),
        ("add", "I", "Click to add", "Click on a nucleus without a label, or drag over "
         "it from side to side, then press Enter"),
        ("snap", "T", "Snap", "Move the rim to the boundary gate, up to 5 pixels"),
        ("fill", "H", "Fill holes", "Fill the holes of this nucleus"),
        ("smooth", "U", "Smooth", "Smooth the rim of this nucleus"),
        ("new", "N", "New", "Paint a nucleus with the next free label; then snap it"),
        ("undo", "Control-Z", "Undo", "Take back the last step, whatever it was"),
        ("redo", "Control-Shift-Z", "Redo", "Do again what was taken back"),
        ("look", "8", "Outlines", "Show the labels filled, as outlines, or not, in "
         "turn"),
        ("alone", "9", "Image alone", "Show the image without anything over it, for as "
         "long as the key or the button is held"),
    )
)  # fmt: skip
ON_THE_LAYER = ("undo", "redo")
MOVES = ("previous", "next")
LOOKS = ("look", "alone")
HELD = ("alone",)
"""Actions that last as long as their key or button is held."""
COMMIT, ABANDON = "Enter", "Escape"


class Keys:
    """The keys of the actions, in the viewer and in a dock.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    widget : QWidget
        Keys work too while it, or something in it, has the focus.
    slots : mapping of callable
        What each action does, by name.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        widget: QWidget,
        slots: Mapping[str, Callable[[], Any]],
    ) -> None:
        self._viewer, self._slots = viewer, slots
        self._layer: Labels | None = None
        self._other: Labels | None = None
        for action in ACTIONS:
            sequence = QKeySequence(
                action.key.replace("Control", "Ctrl").replace("-", "+")
            )
            shortcut = QShortcut(sequence, widget)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            # As in napari's canvas: a key held down acts once, but for going on.
            shortcut.setAutoRepeat(action.name in MOVES)
            shortcut.activated.connect(slots[action.name])

    def bind(self, layer: Labels) -> None:
        """Give the keys to the viewer, and undo and redo to the layer too."""
        self.unbind()
        self._layer = layer
        for action in ACTIONS:
            press = _pressed(self._slots[action.name])
            self._viewer.bind_key(action.key, press, overwrite=True)
            if action.name in ON_THE_LAYER:
                layer.bind_key(action.key, press, overwrite=True)

    def unbind(self) -> None:
        """Take the keys away again."""
        if self._layer is None:
            return
        for action in ACTIONS:
            self._viewer.bind_key(action.key, None)
            if action.name in ON_THE_LAYER:
                self._layer.bind_key(action.key, None)
        self.bind_preview(None, None)
        self.bind_other(None, lambda name: None)
        self._layer = None

    def bind_other(self, layer: Labels | None, undo: Callable[[str], Any]) -> None:
        """Give undo and redo to other labels that are selected; None takes them back.

        Parameters
        ----------
        layer : napari.layers.Labels or None
        undo : callable
            Called with ``"undo"`` or ``"redo"``.
        """
        for action in ACTIONS:
            if action.name not in ON_THE_LAYER:
                continue
            if self._other is not None:
                self._other.bind_key(action.key, None)
            if layer is not None:
                press = _pressed(partial(undo, action.name))
                layer.bind_key(action.key, press, overwrite=True)
        self._other = layer

    def bind_preview(
        self, commit: Callable[[], Any] | None, abandon: Callable[[], Any] | None
    ) -> None:
        """Give Enter and Escape to a tool that is in use; None takes them away."""
        if self._layer is None:
            return
        for key, slot in ((COMMIT, commit), (ABANDON, abandon)):
            press = None if slot is None else _pressed(slot)
            for owner in (self._viewer, self._layer):
                owner.bind_key(key, press, overwrite=True)


def make_button(action: Action, slot: Callable[[], Any]) -> QPushButton:
    """A button of an action that names its key."""
    button = QPushButton(f"{action.text} ({action.spelled})")
    button.setToolTip(f"<span>{action.help}</span>")
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    begins = button.pressed if action.name in HELD else button.clicked
    begins.connect(lambda: slot())
    return button


def _pressed(slot: Callable[[], Any]) -> Callable[[Any], None]:
    """A slot as napari calls what keys are bound to."""

    def press(_: Any) -> None:
        slot()

    return press
