"""Actions of a review, each with its key: buttons and keys come from here.

No key is one that napari gives to the viewer, an image or a Labels layer. The digits go
on from those that choose the mode of a Labels layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QWidget

from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.widgets.keys import Action, Actions, Keys, lend

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

MOVES = ("previous", "next")
LOOKS = ("look", "alone")
HELD = ("alone",)
"""Actions that last as long as their key or button is held."""
ON_THE_LAYER = ("undo", "redo")
"""Actions whose keys a Labels layer has too, and does not let change."""
COMMIT, ABANDON = "Enter", "Escape"

ACTIONS = tuple(
    Action(*row, repeats=row[0] in MOVES)
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
REVIEW = Actions("review", "Review nuclei", ACTIONS)
_OF_THE_LAYER = {one.name: one.key for one in ACTIONS if one.name in ON_THE_LAYER}


class ReviewKeys(Keys):
    """The keys of a review, and those of the layers that it must not leave to napari.

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
        super().__init__(viewer, widget, REVIEW, slots)
        self._layer: Labels | None = None
        self._to_layer: list[Callable[[], Any]] = []
        self._to_other: list[Callable[[], Any]] = []
        self._to_tool: list[Callable[[], Any]] = []

    def bind(self, layer: Labels) -> None:
        """Give the keys to the viewer, and undo and redo to the layer too."""
        self.unbind()
        self._layer = plain(layer)
        self.lend()
        self._to_layer = _undoing(self._layer, lambda name: self._slots[name]())

    def unbind(self) -> None:
        """Take the keys away again."""
        self.bind_preview(None, None)
        self.bind_other(None, lambda name: None)
        _give_back(self._to_layer)
        self.take_back()
        self._layer = None

    def bind_other(self, layer: Labels | None, undo: Callable[[str], Any]) -> None:
        """Give undo and redo to other labels that are selected; None takes them back.

        Parameters
        ----------
        layer : napari.layers.Labels or None
        undo : callable
            Called with ``"undo"`` or ``"redo"``.
        """
        _give_back(self._to_other)
        if layer is not None:
            self._to_other = _undoing(plain(layer), undo)

    def bind_preview(
        self, commit: Callable[[], Any] | None, abandon: Callable[[], Any] | None
    ) -> None:
        """Give Enter and Escape to a tool that is in use; None takes them away."""
        _give_back(self._to_tool)
        if self._layer is None:
            return
        self._to_tool = [
            lend(owner, key, _pressed(slot))
            for key, slot in ((COMMIT, commit), (ABANDON, abandon))
            for owner in (self._viewer, self._layer)
            if slot is not None
        ]


def _undoing(layer: Labels, undo: Callable[[str], Any]) -> list[Callable[[], Any]]:
    """Lend a layer its own keys of undo and redo, for those of a review."""
    return [
        lend(layer, key, _pressed(partial(undo, name)))
        for name, key in _OF_THE_LAYER.items()
    ]


def _give_back(lent: list[Callable[[], Any]]) -> None:
    """Take keys back that were lent."""
    while lent:
        lent.pop()()


def _pressed(slot: Callable[[], Any]) -> Callable[[Any], None]:
    """A slot as napari calls what keys are bound to."""

    def press(_: Any) -> None:
        slot()

    return press
