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


def fits(data: Any, shape: tuple[int, ...]) -> bool:
    """Tell whether an image has the pixels of labels."""
    return tuple(data.shape[:2]) == tuple(shape)


def grey_plane(data: np.ndarray, rgb: bool) -> np.ndarray | None:
    """Brightness of an image (H, W) or (H, W, C); None for one of several channels."""
    if rgb:
        return data[..., :3].mean(axis=-1)
    return data if data.ndim == 2 else None


def image_for(labels: Labels, result: Result | None, layers: Iterable[Any]) -> Any:
    """The image layer that labels are of: of their result, or the best that fits."""
    if result is not None:
        return result.image if result.image in layers else None
    fitting = [
        layer
        for layer in layers
        if isinstance(layer, Image)
        and METADATA_KEY not in layer.metadata
        and fits(first_level(layer), labels.data.shape)
    ]
    named = [layer for layer in fitting if labels.name.startswith(layer.name)]
    return next(iter([*named, *fitting]), None)
