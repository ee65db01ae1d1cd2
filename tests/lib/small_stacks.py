"""Stacks of bright squares, and a segmentation of them without a network."""

from __future__ import annotations

from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from napari_pmrnet.models.card import new_card
from napari_pmrnet.segmentation import Segmentation, Settings
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import Progress, run_to_end
from napari_pmrnet.segmentation.segment_stack import segment_planes
from napari_pmrnet.segmentation.stack import MAPS, Stack
from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation

WINDOWS = 3
MODEL = SimpleNamespace(card=new_card(("probability",)))


def blobs(count: int, shift: int = 0) -> np.ndarray:
    """As many bright squares, on 40 x 60 pixels."""
    image = np.zeros((40, 60), np.uint8)
    for i in range(count):
        image[5 + shift : 15 + shift, 3 + 12 * i : 12 + 12 * i] = 250
    return image


def thresholded(
    seen: Plane, settings: Settings, model: Any
) -> Generator[Progress, None, Segmentation]:
    """Stands in for the network."""
    plane = seen.read()
    plane = plane[..., 0] if plane.ndim == 3 else plane
    for step in range(WINDOWS):
        yield Progress(step + 1, WINDOWS, "window")
    labels, count = ndimage.label(plane > 100)
    index = np.arange(1, count + 1)
    objects = pd.DataFrame({"label": index, "certainty": np.linspace(0.5, 0.9, count)})
    maps = dict.fromkeys(MAPS, plane.astype(np.float32) / 255)
    labels = labels.astype(np.int32)
    return Segmentation(labels, maps, objects, settings, model, "cpu", diameter=10.0)


def segmented(data: Any, axes: str, **options: Any) -> StackSegmentation:
    """Segment all planes; what is no option of `segment_planes` is of the stack."""
    channel_axis = options.pop("channel_axis", None)
    stack = Stack(data, tuple(axes), channel_axis, options.pop("rgb", False))
    settings = options.pop("settings", Settings())
    return run_to_end(segment_planes(stack, settings, MODEL, "cells", **options))
