"""The image layer that labels were made from, and its brightness."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_pmrnet.io.provenance import METADATA_KEY
from napari_pmrnet.plugin.layers.axes import first_level

if TYPE_CHECKING:
    from napari_pmrnet.plugin.layers.results import Result


def grey_plane(data: Any, rgb: bool, shape: tuple[int, ...]) -> np.ndarray | None:
    """Brightness of an image on the pixels of labels; None if it does not fit."""
    if tuple(data.shape[:2]) != tuple(shape):
        return None
    if rgb:
        return np.asarray(data)[..., :3].mean(axis=-1)
    return np.asarray(data) if data.ndim == 2 else None


def image_for(labels: Labels, result: Result | None, layers: Iterable[Any]) -> Any:
    """The image layer that labels are of: of their result, or the best that fits."""
    if result is not None:
        return result.image if result.image in layers else None
    fitting = [
        layer
        for layer in layers
        if isinstance(layer, Image)
        and METADATA_KEY not in layer.metadata
        and tuple(first_level(layer).shape[:2]) == tuple(labels.data.shape)
    ]
    named = [layer for layer in fitting if labels.name.startswith(layer.name)]
    return next(iter([*named, *fitting]), None)
