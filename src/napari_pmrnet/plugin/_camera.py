"""The camera of a viewer, wherever napari keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel


def camera_of(viewer: ViewerModel) -> Any:
    """The camera; since napari 0.9 it belongs to the viewer's scene."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera
