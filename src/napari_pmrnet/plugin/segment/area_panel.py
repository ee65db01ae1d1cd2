"""The lower part of the image form: which area, and what that comes to."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QLabel

from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin.layers.axes import (
    CHANNEL_NAMES,
    axis_names,
    camera_of,
    check_names,
    first_level,
)
from napari_pmrnet.plugin.layers.shapes import region_polygons
from napari_pmrnet.plugin.qt import Signal, single_shot
from napari_pmrnet.plugin.widgets.fields import ChoiceField
from napari_pmrnet.plugin.widgets.layer_chooser import LayerChooser
from napari_pmrnet.plugin.widgets.layout import Form, text_label
from napari_pmrnet.segmentation.sizes import is_large_plane
from napari_pmrnet.segmentation.stack import Stack, check_stack

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_pmrnet.segmentation.plane import Plane

SETTLE = 100


class Area(Enum):
    """Areas that are no layer."""

    SEEN = "Only what I see"
    PLANES = "All planes"


class AreaRows(QObject):
    """Rows of a form that say what of the chosen image is segmented.

    ``changed`` tells of another area, and of other shapes in it.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    parent : QObject
        Owner.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Image | None = None
        self._drawn: Shapes | None = None
        self._plane: Plane | None = None
        self.area = LayerChooser(viewer, Shapes, label="In '{}'")
        self.area.setObjectName("area")
        self.area.setToolTip(
            "<span>The whole image (of a stack, the plane on show), the part that "
            "the canvas shows, all planes of a stack, or the closed shapes of a Shapes "
            "layer. Of a part, nuclei whose centre lies inside are kept.</span>"
        )
        self.link = ChoiceField([(None, "Nothing")])
        self.link.setObjectName("link")
        self.link.setToolTip(
            "<span>Axis through which a nucleus keeps its number from plane to plane: "
            "through time by its way, else where it overlaps with itself. Linked "
            "nuclei can be reviewed and measured as one.</span>"
        )
        self.about = text_label("hint")
        self._link_label = QLabel("Link through")
        self._soon = single_shot(self, SETTLE, self._describe)
        self.area.changed.connect(self._on_area)
        self._follow_view(connect=True)

    def add_to(self, rows: Form) -> None:
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
        """Tell whether every plane of a stack is to be segmented."""
        return self.area.value() is Area.PLANES

    def _chosen(self) -> Image:
        """The chosen image."""
        if self._layer is None:
            raise ImageError("There is no image layer. Open an image first.")
        return self._layer

    def stack(self) -> Stack:
        """All planes of the chosen image.

        Raises
        ------
        ImageError
            If they cannot be segmented plane by plane.
        """
        return stack_of(self._chosen(), self._viewer.dims.axis_labels)

    def polygons(self) -> tuple[np.ndarray, ...]:
        """Outline of the area in pixels; empty for the whole plane.

        Raises
        ------
        ImageError
            If the shapes outline nothing, or the canvas shows no flat image.
        """
        if self.area.value() is Area.SEEN:
            return (seen_polygon(self._viewer, self._chosen()),)
        if self.shapes is None:
            return ()
        point = self._viewer.dims.point
        return tuple(region_polygons(self.shapes, self._chosen(), point))

    def show(self, layer: Image | None, plane: Plane | None) -> None:
        """Follow another image or plane; None if there is none to segment."""
        self._layer, self._plane = layer, plane
        several = plane is not None and bool(plane.title)
        areas = (Area.SEEN, Area.PLANES) if several else (Area.SEEN,)
        named = [(area, area.value) for area in areas]
        self.area.set_fixed([(None, "Whole image"), *named])
        self._describe()

    def release(self) -> None:
        """Stop following the viewer."""
        self._soon.stop()
        self.area.release()
        self._follow_shapes(None)
        self._follow_view(connect=False)

    def _follow_view(self, connect: bool) -> None:
        """Hear of what moves the visible field."""
        camera, dims = camera_of(self._viewer).events, self._viewer.dims.events
        emitters = [camera.center, camera.zoom, dims.ndisplay, dims.order]
        canvas = getattr(self._viewer, "canvas", None)
        if canvas is not None:
            emitters.append(canvas.events.size)
        for emitter in emitters:
            (emitter.connect if connect else emitter.disconnect)(self._on_view)

    def _follow_shapes(self, shapes: Shapes | None) -> None:
        """Hear of what is drawn in a layer, and no longer in the one before."""
        if self._drawn is not None:
            self._drawn.events.data.disconnect(self._on_drawn)
        self._drawn = shapes
        if shapes is not None:
            shapes.events.data.connect(self._on_drawn)

    def _on_drawn(self, event: Any = None) -> None:
        self.changed.emit()

    def _on_area(self) -> None:
        self._follow_shapes(self.shapes)
        self._describe()
        self.changed.emit()

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
                polygon = seen_polygon(self._viewer, self._chosen())
                text = describe_seen(polygon, self._plane)
            elif self.all_planes:
                stack = self.stack()
                text, axes = describe_stack(stack), tuple(stack.stacked)
            else:
                text = describe_plane(self._plane, self.shapes is not None)
        except ImageError as error:
            reason = str(error)
        self.area.set_reason(reason)
        self.about.setText(text)
        self.about.setVisible(bool(text))
        self.link.set_choices([(None, "Nothing"), *((axis, axis) for axis in axes)])
        for widget in (self._link_label, self.link):
            widget.setVisible(bool(axes))


def stack_of(layer: Image, viewer_names: Sequence[str] = ()) -> Stack:
    """All planes of an image layer, none of them read yet.

    Parameters
    ----------
    layer : napari.layers.Image
    viewer_names : sequence of str
        ``viewer.dims.axis_labels``.

    Raises
    ------
    ImageError
        If the axes leave open what a plane is, are too many, or lie so that labels
        without channels would not move with the image's sliders.
    """
    names = axis_names(layer, viewer_names)
    check_names(layer, names)
    channel = next((i for i, name in enumerate(names) if name in CHANNEL_NAMES), None)
    if channel:
        raise ImageError(
            f"The layer '{layer.name}' has its channels between its other axes "
            f"({', '.join(names)}). Split them into layers to segment all planes "
            "(right click on the layer, Split Stack)."
        )
    axes = tuple(
        name or f"axis {axis}" for axis, name in enumerate(names) if axis != channel
    )
    stack = Stack(
        first_level(layer),
        axes,
        channel,
        bool(layer.rgb),
        channel_names=tuple(layer.metadata.get("channel_names", ())),
    )
    check_stack(stack, layer.name)
    return stack


def kept_axes(layer: Image, viewer_names: Sequence[str] = ()) -> tuple[int, ...]:
    """Axes of an image layer that labels of all its planes have: all but channels."""
    names = axis_names(layer, viewer_names)
    return tuple(i for i, name in enumerate(names) if name not in CHANNEL_NAMES)


def goes_to_disk(plane: Plane) -> bool:
    """Tell whether a plane is too large to be segmented in memory."""
    return is_large_plane(plane.shape, loaded=plane.in_memory)


def describe_plane(plane: Plane, partly: bool = False) -> str:
    """Say what segmenting a plane, or shapes on it, means; nothing of a plain image.

    Parameters
    ----------
    plane : Plane
    partly : bool
        Whether shapes say what of it.
    """
    of_stack = _of_stack(plane)
    if partly:
        return f"Segments what lies in the shapes{of_stack}." if of_stack else ""
    if not goes_to_disk(plane):
        return f"Segments{of_stack.removeprefix(' of')}." if of_stack else ""
    height, width = plane.shape
    return (
        f"Segments {width} x {height} pixels{of_stack} block by block. The labels go "
        "to a folder that you are asked for, and maps are left out."
    )


def _of_stack(plane: Plane) -> str:
    """Say which plane of how many it is; nothing of a plain image."""
    shape = plane.levels[0].shape
    leading = shape[: len(shape) - (3 if plane.rgb else 2)]
    counts = [
        str(count)
        for axis, count in enumerate(leading)
        if axis != plane.channel_axis and count > 1
    ]
    if not plane.title:
        return ""
    return f" of the plane on show, {plane.title}, of {' x '.join(counts)}"


def describe_stack(stack: Stack) -> str:
    """Say what segmenting all planes means, in a sentence or two."""
    height, width = stack.shape[-2:]
    counts = " x ".join(map(str, stack.stacked.values()))
    axes = ", ".join(stack.stacked)
    text = f"Segments {counts} planes ({axes}) of {width} x {height} pixels"
    if stack.is_large:
        return (
            f"{text}. The labels go to a folder that you are asked for, and maps are "
            "left out."
        )
    if stack.keeps_maps:
        return f"{text}."
    return (
        f"{text}. Labels only: the maps of all planes would take "
        f"{stack.map_bytes / 1e9:.1f} GB. Thresholds then act on single planes only."
    )


def seen_polygon(viewer: ViewerModel, layer: Image) -> NDArray[np.float64]:
    """Visible field of the canvas, in the pixels of an image layer.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    layer : napari.layers.Image
        Its transform is applied; it may be turned against the canvas.

    Returns
    -------
    ndarray, shape (4, 2)
        Rows and columns of the corners.

    Raises
    ------
    ImageError
        If the viewer does not show y and x as a flat image.
    """
    dims = viewer.dims
    if dims.ndisplay != 2:
        raise ImageError(
            "The viewer shows three dimensions. Switch to two to segment what you see."
        )
    if tuple(dims.order[-2:]) not in ((dims.ndim - 2, dims.ndim - 1),):
        raise ImageError(
            "The viewer shows other axes than y and x. Reset the order of the axes to "
            "segment what you see."
        )
    canvas = getattr(viewer, "canvas", None)
    if canvas is None:
        return _corners(layer)
    camera = camera_of(viewer)
    half = np.asarray(canvas.size) / camera.zoom / 2
    centre = np.asarray(camera.center[-2:])
    point = np.asarray(dims.point, float)
    polygon = []
    for across in ((-1, -1), (-1, 1), (1, 1), (1, -1)):
        point[-2:] = centre + half * across
        polygon.append(layer.world_to_data(point)[-2:])
    return np.array(polygon)


def _corners(layer: Image) -> NDArray[np.float64]:
    """Visible field by napari before 0.9, which hides the size of its canvas."""
    factors = layer.downsample_factors[layer.data_level] if layer.multiscale else 1
    (top, left), (bottom, right) = (layer.corner_pixels * factors)[:, -2:]
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)], float)


def seen_size(polygon: NDArray[np.float64], shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the pixels of an image that lie in a polygon's box."""
    low = np.clip(np.ceil(polygon.min(axis=0)), 0, shape)
    high = np.clip(np.floor(polygon.max(axis=0)) + 1, 0, shape)
    height, width = np.maximum(high - low, 0).astype(int)
    return int(height), int(width)


def describe_seen(polygon: NDArray[np.float64], plane: Plane) -> str:
    """Say what segmenting the visible field means, in a sentence."""
    height, width = seen_size(polygon, plane.shape)
    if not height or not width:
        return "Nothing of the image is in view."
    whole = f"{plane.shape[1]} x {plane.shape[0]}{_of_stack(plane)}"
    return f"Segments {width} x {height} pixels of {whole}."
