"""Layers made from a segmentation, placed exactly over their image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers import Image, Labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Layer

    from napari_pmrnet.segmentation import Segmentation

METADATA_KEY = "napari_pmrnet"

MAP_STYLE: dict[str, dict[str, Any]] = {
    "probability": {"colormap": "magma", "blending": "translucent", "opacity": 0.7},
    "boundary": {"colormap": "bop orange", "blending": "additive", "opacity": 0.9},
    "certainty": {"colormap": "viridis", "blending": "translucent", "opacity": 0.7},
}
KINDS = (*MAP_STYLE, "nuclei")


def plain(layer: Layer) -> Layer:
    """The layer itself, where a plugin's viewer hands out proxies."""
    return getattr(layer, "__wrapped__", layer)


def spatial_metadata(layer: Image) -> dict[str, Any]:
    """Where a result of a layer's y-x plane belongs.

    Parameters
    ----------
    layer : napari.layers.Image
        Layer whose last two axes are y and x; axes before them are dropped.

    Returns
    -------
    dict
        ``scale``, ``translate``, ``rotate``, ``shear``, ``affine``, ``units`` and
        ``axis_labels`` of the last two axes, ready for a napari layer.
    """
    shear = np.asarray(layer.shear)
    matrix = np.asarray(layer.affine.affine_matrix)
    affine = np.eye(3)
    affine[:2, :2] = matrix[-3:-1, -3:-1]
    affine[:2, 2] = matrix[-3:-1, -1]
    return {
        "scale": np.array(layer.scale[-2:]),
        "translate": np.array(layer.translate[-2:]),
        "rotate": np.array(layer.rotate)[-2:, -2:],
        "shear": shear[-1:] if shear.ndim == 1 else shear[-2:, -2:],
        "affine": affine,
        "units": tuple(layer.units[-2:]),
        "axis_labels": tuple(layer.axis_labels[-2:]),
    }


def features_table(segmentation: Segmentation) -> pd.DataFrame:
    """One row a nucleus, indexed the way napari looks labels up.

    Returns
    -------
    pandas.DataFrame
        Columns ``index`` (the label), ``certainty`` and ``area`` (pixels).
    """
    objects = segmentation.objects
    return pd.DataFrame(
        {
            "index": objects["label"].to_numpy(),
            "certainty": objects["certainty"].to_numpy(),
            "area": objects["area"].to_numpy(),
        }
    )


def result_name(image_name: str, kind: str, plane: str = "") -> str:
    """Name of a result layer, such as ``"cells z=3 nuclei"``."""
    return " ".join(part for part in (image_name, plane, kind) if part)


def result_metadata(segmentation: Segmentation, image_name: str) -> dict[str, Any]:
    """Collect what a writer needs to say how a layer was made."""
    return {
        METADATA_KEY: {
            "image": image_name,
            "settings": segmentation.settings.as_dict(),
            "weights_hash": segmentation.model.card.get("sha256"),
            "device": segmentation.device,
            "diameter": segmentation.diameter,
        }
    }


def build_layer(
    segmentation: Segmentation, kind: str, spatial: Mapping[str, Any] | None = None
) -> Labels | Image:
    """Make the layer of one kind of result; it gets its name when it is shown.

    Parameters
    ----------
    segmentation : Segmentation
        Its arrays stay untouched when the layer is painted.
    kind : str
        One of ``KINDS``: the nuclei become int32 labels that can be painted at once,
        a map a float32 image in [0, 1], hidden until asked for.
    spatial : mapping, optional
        From :func:`spatial_metadata`.
    """
    spatial = spatial or {}
    if kind == "nuclei":
        layer = Labels(
            np.array(segmentation.labels, dtype=np.int32),
            features=features_table(segmentation),
            **spatial,
        )
        layer.selected_label = next_free_label(segmentation)
        return layer
    return Image(
        np.asarray(segmentation.maps[kind], dtype=np.float32),
        contrast_limits=(0, 1),
        visible=False,
        **MAP_STYLE[kind],
        **spatial,
    )


def place_layer(
    layer: Layer, segmentation: Segmentation, image: Image, kind: str, plane: str
) -> None:
    """Name a new layer after its image and put it exactly over it.

    Each change of place redraws a layer, so only what differs is set.
    """
    layer.name = result_name(image.name, kind, plane)
    layer.metadata = result_metadata(segmentation, image.name)
    present = spatial_metadata(layer)
    for name, value in spatial_metadata(image).items():
        if not np.array_equal(present[name], value):
            setattr(layer, name, value)


def replace_labels(layer: Labels, segmentation: Segmentation, image_name: str) -> None:
    """Give an unedited Labels layer new labels, keeping how the user set it up.

    Turning ``editable`` off and on is napari's public way to drop the edit history,
    which would otherwise redo old pixels into the new labels.
    """
    mode = layer.mode
    layer.data = np.array(segmentation.labels, dtype=np.int32)
    layer.editable = False
    layer.editable = True
    layer.mode = mode
    layer.features = features_table(segmentation)
    layer.metadata = {
        **layer.metadata,
        **result_metadata(segmentation, image_name),
    }
    layer.selected_label = next_free_label(segmentation)


def next_free_label(segmentation: Segmentation) -> int:
    """Smallest label above all that are in use."""
    return int(segmentation.labels.max(initial=0)) + 1
