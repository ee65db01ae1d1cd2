"""Planes in NumPy, resized by Pillow: all that OpenVINO needs around the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image


class NumPyArrays:
    """See `Arrays`; the same as `TorchArrays` to rounding."""

    def put(self, tiles: Any) -> np.ndarray:
        return np.asarray(tiles, np.float32)

    def get(self, planes: np.ndarray) -> np.ndarray:
        return planes

    def resize(self, planes: np.ndarray, size: Sequence[int]) -> np.ndarray:
        """See `Arrays`; torch's antialiasing is that of Pillow."""
        height, width = size
        if planes.shape[-2:] == (height, width):
            return planes
        resized = np.empty((*planes.shape[:2], height, width), np.float32)
        for index in np.ndindex(planes.shape[:2]):
            plane = Image.fromarray(np.ascontiguousarray(planes[index]))
            small = plane.resize((width, height), Image.Resampling.BILINEAR)
            resized[index] = np.asarray(small)
        return resized

    def flip(
        self, planes: np.ndarray, axes: Sequence[int], negated: Sequence[int]
    ) -> np.ndarray:
        flipped = np.flip(planes, tuple(axes)) if axes else planes
        if negated:
            flipped = flipped.copy()
            flipped[:, list(negated)] *= -1
        return flipped

    def sigmoid(self, planes: np.ndarray, but: Sequence[int]) -> np.ndarray:
        activated = planes.copy()
        for channel in set(range(planes.shape[1])).difference(but):
            with np.errstate(over="ignore"):  # exp is infinite and the sigmoid 0 then
                activated[:, channel] = 1 / (1 + np.exp(-planes[:, channel]))
        return activated

    def join(self, planes: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(planes, axis=1)
