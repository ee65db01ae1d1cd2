"""Sample data that need no network: generated nuclei and their true labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained

_PIXEL_SIZE = 0.325
_SEED = 2018

LayerTuple = tuple[np.ndarray, dict[str, Any], str]


def fluorescence() -> list[LayerTuple]:
    """Bright nuclei on a dark background, with ground truth.

    Returns
    -------
    list of (data, metadata, layer type)
        An image uint8 (512, 512) and labels int32 (512, 512), 0.325 um a pixel.
    """
    return _layers("nuclei fluorescence", *make_fluorescence(seed=_SEED))


def stained() -> list[LayerTuple]:
    """Purple nuclei on pink tissue, with ground truth.

    Returns
    -------
    list of (data, metadata, layer type)
        An image uint8 (512, 512, 3) and labels int32 (512, 512), 0.325 um a pixel.
    """
    return _layers("nuclei stained", *make_stained(seed=_SEED))


def _layers(name: str, image: np.ndarray, labels: np.ndarray) -> list[LayerTuple]:
    """Image and labels of one sample, in one place of one world."""
    space = {
        "scale": (_PIXEL_SIZE, _PIXEL_SIZE),
        "units": ("um", "um"),
        "axis_labels": ("y", "x"),
    }
    return [
        (image, {"name": name, "rgb": image.ndim == 3, **space}, "image"),
        (labels, {"name": f"{name} ground truth", "visible": False, **space}, "labels"),
    ]
