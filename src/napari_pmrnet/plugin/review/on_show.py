"""Keeps a review to what the user sees: the layer it holds is on show, or it pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import QObject

from napari_pmrnet.io.provenance import METADATA_KEY
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.qt import Signal

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pmrnet.plugin.layers.review_session import ReviewSession


class OnShow(QObject):
    """Pauses a review while its layer is hidden or the user works on another one.

    Other channels, shapes and maps may be selected; other labels, or the image of other
    labels, are what the next key or click is meant for.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    session : ReviewSession
    image : napari.layers.Image, optional
        That the labels are of.
    parent : QObject, optional
    """

    changed = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        session: ReviewSession,
        image: Image | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._layer = session.layer
        self._image = None if image is None else plain(image)
        self._events: list[Any] = [
            viewer.layers.selection.events.active,
            self._layer.events.visible,
        ]
        if self._image is not None:
            self._events.append(self._image.events.visible)
        for event in self._events:
            event.connect(self._look)
        self._look()

    @property
    def other(self) -> Labels | None:
        """Other labels that are selected."""
        active = self._active()
        chosen = isinstance(active, Labels) and active is not self._layer
        return active if chosen else None

    def bring(self) -> None:
        """Show and select the layer under review, so that the review goes on."""
        if not self._session.paused:
            return
        if self._image is not None and self._other_image() is not None:
            self._image.visible = True
        self._layer.visible = True
        self._viewer.layers.selection.active = self._layer

    def release(self) -> None:
        """Let go of the viewer and the layers."""
        for event in self._events:
            event.disconnect(self._look)
        self._session.paused = ""

    def _look(self, event: Any = None) -> None:
        """Pause the review, or go on with it."""
        before, self._session.paused = self._session.paused, self._hindrance()
        if self._session.paused != before:
            self.changed.emit()

    def _hindrance(self) -> str:
        """Sentence on what is in the way; empty if nothing is."""
        name, other = self._layer.name, self.other or self._other_image()
        if not self._layer.visible:
            return f"Paused: this review is of '{name}', which is hidden."
        if other is not None:
            return (
                f"Paused: this review is of '{name}', and '{other.name}' is selected."
            )
        return ""

    def _active(self) -> Any:
        active = self._viewer.layers.selection.active
        return None if active is None else plain(active)

    def _other_image(self) -> Image | None:
        """An image that is selected while that of the labels is hidden."""
        active = self._active()
        if (
            self._image is None
            or self._image.visible
            or not isinstance(active, Image)
            or active is self._image
            or METADATA_KEY in active.metadata
        ):
            return None
        return active
