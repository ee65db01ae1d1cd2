"""Tells every dock when the library of models has changed."""

from __future__ import annotations

from qtpy.QtCore import QObject

from napari_pmrnet.plugin.qt import Signal


class ModelEvents(QObject):
    """Events of the library.

    ``changed`` carries the name that a model had and the one it has now: the first is
    empty for a model that came, the second for one that went. To be emitted in the GUI
    thread by whatever adds, renames or deletes a model.
    """

    changed = Signal(str, str)


model_events = ModelEvents()
