"""Labels of a layer to a TIFF file, with all that the file should say."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_pmrnet.io.formats import layer_stem
from napari_pmrnet.io.permit import Inputs, Permit
from napari_pmrnet.io.provenance import METADATA_KEY, Provenance
from napari_pmrnet.plugin.layers.source_image import image_name_of
from napari_pmrnet.plugin.layers.spaces import is_turned, space_of

if TYPE_CHECKING:
    from napari.layers import Labels, Layer


def default_path(layer: Labels | Image, folder: str | Path | None = None) -> Path:
    """Path of labels unless the user says otherwise: ``<image>_labels.tif``.

    Parameters
    ----------
    layer : napari.layers.Labels or napari.layers.Image
        Result layers know the name of their image; others lend their own.
    folder : str or Path, optional
        By default the home folder.
    """
    name = layer.name
    if not isinstance(layer, Image):
        name = image_name_of(layer) or name
    return Path(folder or Path.home()) / f"{layer_stem(name)}_labels.tif"


def permit_for(path: str | Path, layers: Iterable[Layer]) -> Permit:
    """Permit for the name that a file dialog returned.

    The dialog has asked about the file of that name, and of no other that it gets
    when an ending is added. Images on show are read, whatever the user answered.
    """
    asked = os.path.lexists(path) and Path(path).suffix != ""
    images = (layer for layer in layers if isinstance(layer, Image))
    read = (layer.source.path for layer in images)
    return Permit(asked, Inputs(place for place in read if place), offered=False)


def export_arguments(layer: Labels) -> tuple[Any, dict[str, Any]]:
    """Labels of a layer as they are now, and what the file says about them.

    Returns
    -------
    labels : array
        A copy, so that painting may go on while it is written.
    keywords : dict
        For :func:`napari_pmrnet.io.labels.write_labels`.
    """
    made = layer.metadata.get(METADATA_KEY, {})
    data = layer.data[0] if layer.multiscale else layer.data
    return (data.copy() if isinstance(data, np.ndarray) else data), {
        "space": space_of(layer),
        "provenance": Provenance.from_dict(made),
    }


def unkept(layer: Labels) -> str:
    """What files do not keep of the place of a layer, to be said after their name."""
    turned = is_turned(layer)
    return ", without the rotation, shear or affine of the layer" if turned else ""


def export(path: Path, labels: Any, keywords: dict[str, Any]) -> Path:
    """Write labels; runs in a worker thread."""
    from napari_pmrnet.io.labels import write_labels

    return write_labels(path, np.asarray(labels), **keywords)
