"""What a review has in the viewer while it lasts: gestures, keys and colours."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
from qtpy.QtCore import QObject

from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.review.canvas import ReviewCanvas
from napari_pmrnet.plugin.review.colormap import ReviewColours
from napari_pmrnet.plugin.review.on_show import OnShow

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_pmrnet.plugin.layers.review_session import ReviewSession
    from napari_pmrnet.plugin.review.camera import ReviewCamera
    from napari_pmrnet.plugin.review.shortcuts import ReviewKeys


class Stage(QObject):
    """Made when a review begins, released when it ends.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    session : ReviewSession
    image : napari.layers.Image or None
        That the labels are of.
    camera : ReviewCamera
    keys : ReviewKeys
        Lent to the layer until the end.
    parent : QObject, optional

    Attributes
    ----------
    canvas : ReviewCanvas
    on_show : OnShow
    tool_changed : Signal
        Name of the tool that is in use from now on, empty for none.
    """

    tool_changed = Signal(str)

    def __init__(
        self,
        viewer: ViewerModel,
        session: ReviewSession,
        image: Image | None,
        camera: ReviewCamera,
        keys: ReviewKeys,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._keys = viewer, session, keys
        self.canvas = ReviewCanvas(viewer, session, camera, self)
        self.canvas.tool_changed.connect(self._on_tool)
        keys.bind(session.layer)
        self.on_show = OnShow(viewer, session, image, self)
        self._colours = ReviewColours(session.layer)
        session.changed.connect(self._mend_colours)

    def release(self) -> None:
        """Let go of the viewer and the layer."""
        self._session.changed.disconnect(self._mend_colours)
        self._keys.unbind()
        self.on_show.release()
        self._colours.show_own()
        self.canvas.release()
        self.deleteLater()

    def take_up(self, tool: str) -> None:
        """Take up a tool; pressed again, put it away."""
        self._session.layer.mode = "pan_zoom"
        if self.canvas.tool == tool:
            self.canvas.abandon()
        else:
            self.canvas.use(tool)

    def take_brush(self) -> None:
        """Take up napari's brush with the number of a new nucleus."""
        session, layer = self._session, self._session.layer
        session.check_free()
        self.canvas.use("")
        number = session.next_label()
        self._viewer.layers.selection.active = layer
        layer.selected_label = number
        layer.mode = "paint"

    def colour(self, by_certainty: bool, least_doubt: float | None = None) -> None:
        """Colour the labels by certainty, or give them their own colours back.

        Parameters
        ----------
        by_certainty : bool
        least_doubt : float, optional
            Nuclei of less doubt stand back.
        """
        if not by_certainty:
            self._colours.show_own()
            return
        nuclei = self._session.review.nuclei
        certainty: pd.Series = nuclei.table.loc[:, "certainty"]
        faint = None
        if least_doubt is not None:
            faint = (1 - certainty < least_doubt).to_numpy()
        self._colours.show_certainty(certainty, faint)

    def ways_on(
        self, turn_to: Callable[[Labels], Any]
    ) -> list[tuple[str, Callable[[], Any]]]:
        """Ways on from a pause, none while there is none.

        Parameters
        ----------
        turn_to : callable
            Reviews other labels.
        """
        if not self._session.paused:
            return []
        name, other = self._session.layer.name, self.on_show.other
        ways: list[tuple[str, Callable[[], Any]]] = [
            (f"Go on with '{name}'", self.on_show.bring)
        ]
        if other is not None:
            ways.append((f"Review '{other.name}'", partial(turn_to, other)))
        return ways

    def turn_other(self, name: str) -> bool:
        """Undo or redo in other labels that are selected; tell whether any was."""
        other = self.on_show.other
        return other is not None and _turned(other, name)

    def _on_tool(self, tool: str) -> None:
        """Give Enter and Escape to a tool while it is in use."""
        canvas = self.canvas
        slots = (canvas.commit, canvas.abandon) if tool else (None, None)
        self._keys.bind_preview(*slots)
        self.tool_changed.emit(tool)

    def _mend_colours(self, labels: set[int]) -> None:
        self._colours.mend(self._session.review, labels)


def _turned(layer: Labels, name: str) -> bool:
    """Undo or redo in a layer; tell whether there was anything, by its redraw."""
    redrawn: list[Any] = []
    layer.events.set_data.connect(redrawn.append)
    try:
        getattr(layer, name)()
    finally:
        layer.events.set_data.disconnect(redrawn.append)
    return bool(redrawn)
