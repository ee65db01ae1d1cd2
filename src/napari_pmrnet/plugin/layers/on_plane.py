"""Results of one plane of a stack, on show only while that plane is.

They have no axes but y and x, so that a review, measurements and files of them work as
of any labels; napari would show them over every plane. They are hidden off their plane
and shown again on it. Where the user shows one of them, the viewer goes to its plane.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin.layers.axes import show_plane, shown_plane, stacked_axes
from napari_pmrnet.plugin.layers.result_layers import plain

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

Place = tuple[int, ...]

_planes: WeakKeyDictionary[Image, _Planes] = WeakKeyDictionary()


def keep_to_plane(viewer: ViewerModel, layer: Layer, image: Image, title: str) -> None:
    """Show a layer only while the viewer shows the plane of an image that it is of.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Of both layers.
    layer : napari.layers.Layer
    image : napari.layers.Image
    title : str
        Of the plane, such as ``"t=2 z=5"``; a plain image has none, and nothing is to
        be done.
    """
    viewer, layer, image = plain(viewer), plain(layer), plain(image)
    if not title:
        return
    planes = _planes.get(image)
    if planes is None or planes.viewer() is not viewer:
        planes = _planes[image] = _Planes(viewer, image)
    planes.add(layer, place_of(title))


def hide(layer: Layer) -> None:
    """Hide a layer, so that it is not shown either when its plane is."""
    layer.visible = False
    for planes in _planes.values():
        planes.forget_to_show(plain(layer))


def place_of(title: str) -> Place:
    """Place along the stacked axes that the title of a plane says."""
    return tuple(map(int, re.findall(r"=(\d+)", title)))


@dataclass
class _Kept:
    """A layer, the place of its plane, and how it is to be on it."""

    layer: ref[Layer]
    place: Place
    visible: bool
    on: bool = True


class _Planes:
    """Layers of the planes of one image; lives as long as the image does."""

    def __init__(self, viewer: ViewerModel, image: Image) -> None:
        self.viewer, self._image = ref(viewer), ref(image)
        self._kept: list[_Kept] = []
        self._busy = False
        viewer.dims.events.current_step.connect(self._look)

    def add(self, layer: Layer, place: Place) -> None:
        """Keep one more layer to its plane."""
        self._kept.append(_Kept(ref(layer), place, layer.visible))
        layer.events.visible.connect(self._on_visible)
        self._look()

    def forget_to_show(self, layer: Layer) -> None:
        """Leave a layer hidden on its plane as well."""
        for kept in self._kept:
            if kept.layer() is layer:
                kept.visible = False

    def _look(self, event: Any = None) -> None:
        """Hide what is off its plane by now, and show what is on it again."""
        viewer, image = self.viewer(), self._image()
        if viewer is None or image is None or image not in viewer.layers:
            return
        try:
            shown = shown_plane(image, viewer.dims.point, viewer.dims.axis_labels)
        except ImageError:
            return
        here = place_of(shown.title)
        self._kept = [kept for kept in self._kept if kept.layer() is not None]
        self._busy = True
        try:
            for kept in self._kept:
                _turn(kept, kept.place == here)
        finally:
            self._busy = False

    def _on_visible(self, event: Any) -> None:
        """Go to the plane of a layer that the user shows off it."""
        for kept in () if self._busy else self._kept:
            if kept.layer() is event.source and not kept.on:
                kept.visible = event.source.visible
                if kept.visible:
                    self._go(kept.place)

    def _go(self, place: Place) -> None:
        viewer, image = self.viewer(), self._image()
        if viewer is None or image is None:
            return
        axes = stacked_axes(image, viewer.dims.axis_labels)
        show_plane(viewer, image, dict(zip(axes, place, strict=True)))


def _turn(kept: _Kept, on: bool) -> None:
    """Let a layer follow the slider onto its plane or off it."""
    layer = kept.layer()
    if layer is None or on == kept.on:
        return
    if on:
        layer.visible = kept.visible
    else:
        kept.visible, layer.visible = layer.visible, False
    kept.on = on
