"""The lower part of the image form: which area, and what that comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QFormLayout, QLabel

from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin._area import (
    Area,
    describe_seen,
    describe_stack,
    seen_polygon,
    stack_of,
)
from napari_pmrnet.plugin._camera import camera_of
from napari_pmrnet.plugin._fields import ChoiceField
from napari_pmrnet.plugin._on_disk import describe_disk, goes_to_disk
from napari_pmrnet.plugin._region import region_polygons

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_pmrnet.plugin._axes import Plane
    from napari_pmrnet.segmentation.planes import Stack

SETTLE = 100


class AreaRows(QObject):
    """Rows of a form that say what of the chosen image is segmented.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    parent : QObject
        Owner.
    """

    def __init__(self, viewer: ViewerModel, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Image | None = None
        self._plane: Plane | None = None
        self._shapes: list[tuple[Any, str]] = []
        self.area = ChoiceField([(None, "Whole image")])
        self.area.setObjectName("area")
        self.area.setToolTip(
            "<span>The whole image (of a stack, the plane on show), the part that "
            "the canvas shows, all planes of a stack, or the closed shapes of a Shapes "
            "layer. Of a part, nuclei whose centre lies inside are kept.</span>"
        )
        self.link = ChoiceField([(None, "In no two planes")])
        self.link.setObjectName("link")
        self.link.setToolTip(
            "<span>Whether a nucleus keeps its number from plane to plane where it "
            "overlaps with itself.</span>"
        )
        self.about = QLabel()
        self.about.setObjectName("hint")
        self.about.setWordWrap(True)
        self._link_label = QLabel("Same number")
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SETTLE)
        self._soon.timeout.connect(self._describe)
        self.area.changed.connect(self._describe)
        self._follow_view(connect=True)

    def add_to(self, rows: QFormLayout) -> None:
        """Put the rows below those that a form has."""
        rows.addRow("Area", self.area)
        rows.addRow("", self.about)
        rows.addRow(self._link_label, self.link)
        self._describe()

    @property
    def shapes(self) -> Shapes | None:
        """Shapes layer that outlines the region, if that is the area."""
        area = self.area.value()
        return None if area is None or isinstance(area, Area) else area

    @property
    def all_planes(self) -> bool:
        """Whether every plane of a stack is to be segmented."""
        return self.area.value() is Area.PLANES

    def stack(self) -> Stack:
        """All planes of the chosen image.

        Raises
        ------
        ImageError
            If they cannot be segmented plane by plane.
        """
        return stack_of(self._layer, self._viewer.dims.axis_labels)

    def polygons(self) -> tuple[np.ndarray, ...]:
        """Outline of the area in pixels; empty for the whole plane.

        Raises
        ------
        ImageError
            If the shapes outline nothing, or the canvas shows no flat image.
        """
        if self.area.value() is Area.SEEN:
            return (seen_polygon(self._viewer, self._layer),)
        if self.shapes is None:
            return ()
        point = self._viewer.dims.point
        return tuple(region_polygons(self.shapes, self._layer, point))

    def offer(self, shapes: Sequence[Shapes]) -> None:
        """Offer these Shapes layers beside what is always there."""
        self._shapes = [(layer, f"In '{layer.name}'") for layer in shapes]
        self._offer()

    def show(self, layer: Image | None, plane: Plane | None) -> None:
        """Follow another image or plane; None if there is none to segment."""
        self._layer, self._plane = layer, plane
        self._offer()
        self._describe()

    def release(self) -> None:
        """Stop following the viewer."""
        self._soon.stop()
        self._follow_view(connect=False)

    def _offer(self) -> None:
        several = self._plane is not None and bool(self._plane.title)
        areas = (Area.SEEN, Area.PLANES) if several else (Area.SEEN,)
        fixed = [(None, "Whole image"), *((area, area.value) for area in areas)]
        self.area.set_choices([*fixed, *self._shapes])

    def _follow_view(self, connect: bool) -> None:
        """Hear of what moves the visible field."""
        camera, dims = camera_of(self._viewer).events, self._viewer.dims.events
        emitters = [camera.center, camera.zoom, dims.ndisplay, dims.order]
        canvas = getattr(self._viewer, "canvas", None)
        if canvas is not None:
            emitters.append(canvas.events.size)
        for emitter in emitters:
            (emitter.connect if connect else emitter.disconnect)(self._on_view)

    def _on_view(self, event: Any = None) -> None:
        if self.area.value() is Area.SEEN:
            self._soon.start()

    def _describe(self) -> None:
        """Say what will be segmented, or why it cannot be."""
        text, reason, axes = "", "", ()
        try:
            if self._plane is None:
                pass
            elif self.area.value() is Area.SEEN:
                polygon = seen_polygon(self._viewer, self._layer)
                text = describe_seen(polygon, self._plane)
            elif self.all_planes:
                stack = self.stack()
                text, axes = describe_stack(stack), stack.axes[:-2]
            elif self.shapes is None and goes_to_disk(self._layer, self._plane):
                text = describe_disk(self._plane)
        except ImageError as error:
            reason = str(error)
        self.area.set_reason(reason)
        self.about.setText(text)
        self.about.setVisible(bool(text))
        through = [(axis, f"Through {axis}") for axis in axes]
        self.link.set_choices([(None, "In no two planes"), *through])
        for widget in (self._link_label, self.link):
            widget.setVisible(bool(axes))
