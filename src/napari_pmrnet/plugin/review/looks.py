"""Other looks at the labels under review: as outlines, not at all, the image alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QApplication

from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.layers.source_image import is_source
from napari_pmrnet.plugin.qt import there

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels
    from napari.utils.key_bindings import KeyBinding

OUTLINE = 1
"""Thickness of outlines, in pixels within the label; napari adds one outside."""
OFF = "Labels are not shown; the same key shows them again."

_LOST = (QEvent.Type.WindowDeactivate, QEvent.Type.ApplicationDeactivate)


def turn_look(layer: Labels) -> str:
    """Show labels filled, as outlines, or not, in turn; returns a sentence on it."""
    if not layer.visible:
        layer.contour, layer.visible = 0, True
        return "Labels are shown filled."
    if not layer.contour:
        layer.contour = OUTLINE
        return "Labels are shown as outlines."
    layer.visible = False
    return OFF


class ImageAlone(QObject):
    """Shows images without anything over them for as long as a key is held.

    Layers become clear and are not hidden: nothing is drawn anew, and what pauses while
    a layer is hidden goes on.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    parent : QObject, optional
    """

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._was: list[tuple[Any, dict[str, Any]]] = []
        self._keys: set[str] = set()

    def begin(self, image: Image | None, keys: Sequence[KeyBinding] = ()) -> None:
        """Clear all but images, until a key is let go.

        Parameters
        ----------
        image : napari.layers.Image or None
            Brought on show if it is hidden.
        keys : sequence of KeyBinding
            One of them may be held.
        """
        if self._was:
            return
        self._keys = {_named(str(key.parts[-1].key)) for key in keys}
        for layer in map(plain, self._viewer.layers):
            if not is_source(layer):
                # Other ways of blending pay no heed to opacity.
                self._set(layer, blending="translucent", opacity=0.0)
        if image is not None and not image.visible:
            self._set(image, visible=True)
        there(QApplication.instance()).installEventFilter(self)

    def end(self) -> None:
        """Bring everything back as it was."""
        there(QApplication.instance()).removeEventFilter(self)
        was, self._was = self._was, []
        for layer, state in was:
            for name, value in state.items():
                setattr(layer, name, value)

    def eventFilter(self, watched: Any, event: Any) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """End when the key is let go, wherever the focus is, or the window loses it."""
        kind = event.type()
        if kind in _LOST or (kind == QEvent.Type.KeyRelease and self._lets_go(event)):
            self.end()
        return False

    def _lets_go(self, event: Any) -> bool:
        """Tell the release of the key from one of a letter that was pressed before it.

        On some keyboards Shift makes the digit, so that the key may be told under
        another name than that it was pressed by.
        """
        if event.isAutoRepeat():
            return False
        text = event.text()
        letter = text.isascii() and text.isalpha()
        return _named(event.key()) in self._keys or (bool(text) and not letter)

    def _set(self, layer: Any, **state: Any) -> None:
        self._was.append((layer, {name: getattr(layer, name) for name in state}))
        for name, value in state.items():
            setattr(layer, name, value)


def _named(key: Any) -> str:
    """A key as Qt names it, whatever is held with it."""
    return QKeySequence(key).toString()
