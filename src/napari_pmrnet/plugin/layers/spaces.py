"""The place of a layer's pixels as files keep it, and the way back.

Files keep scale and translation. A rotation, a shear or an affine matrix of a layer is
napari's alone: measurements and files are in the layer's own axes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pmrnet.io.space import Space

if TYPE_CHECKING:
    from napari.layers import Layer


def space_of(layer: Layer) -> Space:
    """Space of all axes of a layer, with height and width of a pixel in one unit."""
    space = Space.of(layer.axis_labels, layer.scale, layer.units, layer.translate)
    return space.in_one_unit()


def plane_space(layer: Layer) -> Space:
    """Space of the y-x planes of a layer."""
    space = space_of(layer).of_axes((layer.ndim - 2, layer.ndim - 1))
    return replace(space, axes=("y", "x"))


def placed(space: Space) -> dict[str, Any]:
    """Axes, steps, units and place, ready for a napari layer."""
    place = {"translate": space.translate} if space.translate else {}
    return {
        "scale": space.scale,
        "units": space.units,
        "axis_labels": space.axes,
        **place,
    }


def is_turned(layer: Layer) -> bool:
    """Tell whether a layer is rotated, sheared or moved by an affine matrix."""
    count = layer.ndim
    return not (
        np.allclose(layer.rotate, np.eye(count))
        and np.allclose(layer.shear, np.zeros_like(layer.shear))
        and np.allclose(layer.affine.affine_matrix, np.eye(count + 1))
    )
