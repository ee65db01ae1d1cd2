"""Keeps a review to what the user sees: its layer and plane on show, or it pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import QObject

from napari_pmrnet.io.provenance import METADATA_KEY
from napari_pmrnet.plugin.layers.axes import plane_on_show, show_plane
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.qt import Signal

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pmrnet.plugin.layers.review_session import ReviewSession
    from napari_pmrnet.proofreading.place import Plane

NOT_FLAT = (
    "Paused: the viewer does not show the y-x planes that are reviewed. Switch it to "
    "two dimensions, y and x last."
)


class OnShow(QObject):
    """Pauses a review while its layer is hidden or the user works on another one.

    Other channels, shapes and maps may be selected; other labels, or the image of other
    labels, are what the next key or click is meant for. Of a stack the review turns to
    the plane that the sliders show.

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
        if self._layer.ndim > 2:
            self._events += [viewer.dims.events.ndisplay, viewer.dims.events.order]
        for event in self._events:
            event.connect(self._look)
        viewer.dims.events.current_step.connect(self._on_step)
        self._on_step()
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

    def show_plane(self, plane: Plane) -> None:
        """Have the sliders show a plane of the labels."""
        if plane != plane_on_show(self._layer, self._viewer.dims.point):
            show_plane(self._viewer, self._layer, dict(enumerate(plane)))

    def release(self) -> None:
        """Let go of the viewer and the layers."""
        self._viewer.dims.events.current_step.disconnect(self._on_step)
        for event in self._events:
            event.disconnect(self._look)
        self._session.paused = ""

    def _on_step(self, event: Any = None) -> None:
        """Turn to the plane that is shown by now."""
        if self._layer in self._viewer.layers:
            point = self._viewer.dims.point
            self._session.turn_to(plane_on_show(self._layer, point))

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
        return NOT_FLAT if self._layer.ndim > 2 and not self._is_flat() else ""

    def _is_flat(self) -> bool:
        """Tell whether the viewer shows planes of y and x."""
        dims = self._viewer.dims
        flat = tuple(dims.order[-2:]) == (dims.ndim - 2, dims.ndim - 1)
        return dims.ndisplay == 2 and flat

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
