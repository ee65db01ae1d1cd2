"""The canvas of the window, and keeping whole what napari draws with."""

from __future__ import annotations

from qtpy.QtWidgets import QMainWindow, QOpenGLWidget, QWidget

from napari_pmrnet.plugin.widgets.tabs import enclosing


def canvas_of(part: QWidget) -> QWidget | None:
    """The middle of the window that a dock belongs to, also of one that floats."""
    window = enclosing(part, QMainWindow)
    return None if window is None else window.centralWidget()


def turn_to_canvas(part: QWidget) -> None:
    """Make the OpenGL context of the canvas current, before a layer is removed.

    napari 0.9 frees what a removed layer was drawn with at once, without this. Where a
    dock was painted last the context is then another one, that of the window, and the
    next layer that is drawn can end the program.

    Parameters
    ----------
    part : QWidget
        A widget of the window, also of a dock that floats.
    """
    # Beside it, other plugins may have docks that are drawn by OpenGL.
    middle = canvas_of(part)
    for canvas in [] if middle is None else middle.findChildren(QOpenGLWidget):
        if canvas.isValid():
            canvas.makeCurrent()
