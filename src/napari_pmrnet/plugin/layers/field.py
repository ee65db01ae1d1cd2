"""Layers of one field: as many pixels, shown in the very same place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from napari.layers import Image, Labels

from napari_pmrnet.io.provenance import METADATA_KEY, Provenance
from napari_pmrnet.plugin.layers.axes import height_and_width
from napari_pmrnet.plugin.layers.pixel_size import on_same_pixels
from napari_pmrnet.plugin.layers.result_layers import PLACE, plain, spatial_metadata
from napari_pmrnet.plugin.layers.source_image import image_for, is_source

if TYPE_CHECKING:
    from napari.components import ViewerModel

    Layer = TypeVar("Layer", bound=Image)

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


def on_pixels_of(image: Image, viewer: ViewerModel) -> list[Labels | Image]:
    """What lies on the pixels of an image, and must not fall out of its place.

    Parameters
    ----------
    image : napari.layers.Image
    viewer : napari.components.ViewerModel

    Returns
    -------
    list of napari.layers.Layer
        The image, the other channels of it, their labels, whoever made them, and the
        maps of these.
    """
    image, names = plain(image), viewer.dims.axis_labels
    images = [image, *map(plain, on_same_pixels(image, viewer.layers))]
    near = [one for one in map(plain, viewer.layers) if _lies_on(image, one)]
    labels = [
        one
        for one in near
        if isinstance(one, Labels) and image_for(one, viewer.layers, names) in images
    ]
    told = {*(one.name for one in images), *map(_told, labels)} - {None}
    maps = [one for one in near if isinstance(one, Image) and not is_source(one)]
    return [*images, *labels, *(one for one in maps if _told(one) in told)]


def _lies_on(image: Image, layer: Any) -> bool:
    return isinstance(layer, Image | Labels) and _same(image, layer)


def _told(layer: Labels | Image) -> str | None:
    """Name of the image that labels or a map say they are of."""
    return Provenance.from_dict(layer.metadata.get(METADATA_KEY) or {}).image


def _same(image: Image, other: Labels | Image) -> bool:
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
        and all(np.allclose(mine[name], its[name]) for name in PLACE[2:])
    )
