"""Keeps what napari draws with whole while layers come and go."""

from __future__ import annotations

from qtpy.QtWidgets import QMainWindow, QOpenGLWidget, QWidget


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
    window: QWidget | None = part
    while window is not None and not isinstance(window, QMainWindow):
        window = window.parentWidget()
    # Beside it, other plugins may have docks that are drawn by OpenGL.
    central = None if window is None else window.centralWidget()
    if central is None:
        return
    for canvas in central.findChildren(QOpenGLWidget):
        if canvas.isValid():
            canvas.makeCurrent()
