"""Image layers of one field: as many pixels, shown in the very same place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_pmrnet.plugin.layers.axes import height_and_width
from napari_pmrnet.plugin.layers.result_layers import plain, spatial_metadata

if TYPE_CHECKING:
    from napari.layers import Image

    Layer = TypeVar("Layer", bound=Image)

_PLACE = ("scale", "translate", "rotate", "shear", "affine")
TOLERANCE = 0.01
"""Share of a pixel by which places may differ: files round what they keep."""


def of_same_field(image: Image, others: Iterable[Layer]) -> list[Layer]:
    """Those of some image layers that show the same field as one.

    Parameters
    ----------
    image : napari.layers.Image
    others : iterable of napari.layers.Image
        The image itself is left out.

    Returns
    -------
    list of napari.layers.Image
        With planes of the same height and width, which the canvas shows in the same
        place: scale, translation, rotation, shear, affine matrix and units of y and x
        are the same.
    """
    image = plain(image)
    return [
        other for other in others if plain(other) is not image and _same(image, other)
    ]


def _same(image: Image, other: Image) -> bool:
    """Tell whether two layers have the same pixels in the same place."""
    if image.ndim < 2 or other.ndim < 2:
        return False
    if height_and_width(image) != height_and_width(other):
        return False
    mine, its = spatial_metadata(image), spatial_metadata(other)
    near = TOLERANCE * float(np.abs(mine["scale"]).min())
    size = max(height_and_width(image))
    return (
        tuple(map(str, mine["units"])) == tuple(map(str, its["units"]))
        # At the far end of the image a difference in scale counts once a pixel.
        and np.allclose(mine["scale"], its["scale"], rtol=0, atol=near / size)
        and np.allclose(mine["translate"], its["translate"], rtol=0, atol=near)
        and all(np.allclose(mine[name], its[name]) for name in _PLACE[2:])
    )
