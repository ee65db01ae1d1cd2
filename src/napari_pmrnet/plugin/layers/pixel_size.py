"""The pixel size of an image layer: shown as text, checked, written back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from napari_pmrnet.plugin.layers.image_file import file_of
from napari_pmrnet.plugin.layers.spaces import space_of

if TYPE_CHECKING:
    from napari.layers import Layer

SERIES = "series"
"""Key in the metadata of a layer: which of the images of its file it is of."""

UNITS = {
    "pixel": "pixel",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
}


def pixel_size(layer: Layer) -> tuple[float, float]:
    """Height and width of a pixel in `pixel_unit`, also of a mirrored one."""
    return space_of(layer).pixel_size


def pixel_unit(layer: Layer) -> str:
    """Name of the unit of a layer's last axis, such as ``"micrometer"``."""
    return str(layer.units[-1])


def format_size(size: tuple[float, float]) -> str:
    """Text of a pixel size: one number if pixels are square."""
    height, width = (f"{value:.6g}" for value in size)
    return height if height == width else f"{height} x {width}"


def parse_size(text: str) -> tuple[float, float]:
    """Pixel size from text such as ``"0.5"`` or ``"0.5 x 0.6"`` (height x width).

    Raises
    ------
    ValueError
        With a reason for the user.
    """
    parts = [p for p in re.split(r"\s*[x×*;]\s*|\s+", text.strip().lower()) if p]
    try:
        values = [float(part.replace(",", ".")) for part in parts]
    except ValueError:
        values = []
    if len(values) not in (1, 2):
        raise ValueError("Type one number, or height x width such as 0.5 x 0.6.")
    if not all(np.isfinite(v) and v > 0 for v in values):
        raise ValueError("A pixel size is larger than zero.")
    return values[0], values[-1]


def write_size(layers: Iterable[Layer], size: tuple[float, float], unit: str) -> None:
    """Correct the pixel size and unit of layers, on their last two axes.

    Axes that are mirrored stay so.

    Parameters
    ----------
    layers : iterable of napari.layers.Layer
        An image and what lies on the same pixels.
    size : tuple of float
        Height and width of a pixel.
    unit : str
        Unit that napari can read, such as ``"micrometer"``.
    """
    for layer in layers:
        scale = np.array(layer.scale, dtype=float)
        translate = np.array(layer.translate, dtype=float)
        factor = np.asarray(size) / np.abs(scale[-2:])
        scale[-2:] *= factor
        translate[-2:] *= factor
        layer.scale = scale
        layer.translate = translate
        layer.units = (*(str(u) for u in layer.units[:-2]), unit, unit)


def on_same_pixels(layer: Layer, others: Iterable[Layer]) -> list[Layer]:
    """Layers that came from the same image of a file and have its pixel size.

    They are the other channels of the image, and must not fall out of place when
    its pixel size is corrected.
    """
    path = file_of(layer)
    return [
        other
        for other in others
        if path is not None
        and other != layer
        and file_of(other) == path
        and other.metadata.get(SERIES) == layer.metadata.get(SERIES)
        and np.allclose(other.scale[-2:], layer.scale[-2:])
        and tuple(other.units[-2:]) == tuple(layer.units[-2:])
    ]
