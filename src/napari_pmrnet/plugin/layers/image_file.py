"""The file or folder of a layer's image, also where napari was given one around it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pmrnet.io.image_place import ImagePlace
from napari_pmrnet.io.ome_plate import field_at
from napari_pmrnet.io.ome_zarr import outer_zarr

if TYPE_CHECKING:
    from napari.layers import Layer

FILE = "napari_pmrnet_file"
"""Key in the metadata of layers: their file, where napari was given a plate.

Other readers have keys such as ``file`` for whatever they like.
"""
SCENE = "napari_pmrnet_scene"
"""Key in the metadata of layers: number and name of the image in a file of several."""


def file_of(layer: Layer) -> Path | None:
    """File or OME-Zarr folder of the image of a layer; None if it has none.

    Of a field that was opened through its plate that is the folder of the field.
    """
    path = layer.metadata.get(FILE) or layer.source.path
    return Path(path) if path else None


def place_of(layer: Layer) -> ImagePlace | None:
    """Where the image of a layer lies; None if it has no file.

    Of a file with several images it is known which only if our reader opened it.
    """
    path = file_of(layer)
    if path is None:
        return None
    number, scene = layer.metadata.get(SCENE) or (None, "")
    return ImagePlace(path, scene, number, field_at(path))


def folder_beside(path: Path) -> Path:
    """Folder that a file lies in, of what lies in a Zarr the one around that."""
    path = Path(os.path.abspath(path))
    return (outer_zarr(path) or path).parent
