"""Labels of a layer to a TIFF file, with all that the file should say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pmrnet.io.formats import IMAGES, Format
from napari_pmrnet.io.provenance import METADATA_KEY, Provenance
from napari_pmrnet.plugin.layers.spaces import is_turned, space_of

if TYPE_CHECKING:
    from napari.layers import Image, Labels

_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')


def default_path(layer: Labels | Image, folder: str | Path | None = None) -> Path:
    """Path of labels unless the user says otherwise: ``<image>_labels.tif``.

    Parameters
    ----------
    layer : napari.layers.Labels or napari.layers.Image
        Result layers know the name of their image; others lend their own.
    folder : str or Path, optional
        By default the home folder.
    """
    name = layer.metadata.get(METADATA_KEY, {}).get("image") or layer.name
    stem = _FORBIDDEN.sub("_", name).strip(" .") or "image"
    if Format.of(stem) in IMAGES:
        stem = Path(stem).stem
    return Path(folder or Path.home()) / f"{stem}_labels.tif"


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
