"""Channels that nuclei are measured on: of their image, and of others of its field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin.layers.axes import shown_plane
from napari_pmrnet.plugin.layers.field import of_same_field
from napari_pmrnet.plugin.layers.on_plane import place_of
from napari_pmrnet.plugin.layers.source_image import (
    could_be_of,
    image_for,
    is_source,
)
from napari_pmrnet.segmentation.colours import COLOURS

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image, Labels

    from napari_pmrnet.plugin.layers.results import Result
    from napari_pmrnet.segmentation.plane import Plane


def channels_of(
    layer: Labels,
    shape: tuple[int, ...],
    result: Result | None,
    layers: list[Any],
    dims: Dims,
) -> tuple[dict[str, Plane], str]:
    """Channels of the image that labels are of, and of all others of the same field.

    Parameters
    ----------
    layer : napari.layers.Labels
    shape : tuple of int
        Height and width of its planes.
    result : Result or None
        That the labels are of, if they were made here.
    layers : list of napari.layers.Layer
        Of the viewer.
    dims : napari.components.Dims
        Of the viewer.

    Returns
    -------
    dict of Plane
        By name: red, green and blue, ``"channel 0"`` and so on, or the name of a grey
        layer; of other layers with several channels the name of the layer and these.
        Empty unless it is certain which image the labels are of.
    str
        Why there are none; empty if there are.
    """
    image = image_for(layer, layers, dims.axis_labels)
    if image is None:
        fault = _why_none(layer, shape, layers)
    else:
        try:
            plane = _plane_of(image, result, dims)
        except ImageError as error:
            fault = str(error).removesuffix(".")
        else:
            if plane.shape == shape:
                beside = _beside(image, plane, result, layers, dims)
                own = dict(_channels_of(plane))
                return own | {n: p for n, p in beside if n not in own}, ""
            fault = f"'{image.name}' has another shape than '{layer.name}'"
    return {}, f"{fault}, so no intensity is measured."


def _why_none(layer: Labels, shape: tuple[int, ...], layers: list[Any]) -> str:
    """Why labels have no image."""
    if not any(map(is_source, layers)):
        return "There is no image layer"
    if any(could_be_of(layer, other) for other in layers):
        return (
            f"It is not certain which image '{layer.name}' is of (choose it in the "
            "dock Measure nuclei)"
        )
    size = " x ".join(map(str, shape))
    return f"No image layer has the shape of '{layer.name}' ({size})"


def _plane_of(image: Image, result: Result | None, dims: Dims) -> Plane:
    """The plane that a result is of, or else the one on show."""
    plane = shown_plane(image, dims.point, dims.axis_labels)
    if result is None or not result.plane:
        return plane
    return plane.at(place_of(result.plane))


def _channels_of(plane: Plane, name: str = "{}") -> Iterator[tuple[str, Plane]]:
    """Every channel of a plane by name: of a grey one that of its layer."""
    if plane.rgb or plane.channel_axis is not None:
        names = (
            COLOURS if plane.rgb else map("channel {}".format, range(plane.channels))
        )
        for number, channel in enumerate(names):
            yield name.format(channel), replace(plane, channel=number)
    else:
        yield plane.name, plane


def _beside(
    image: Image, plane: Plane, result: Result | None, layers: list[Any], dims: Dims
) -> Iterator[tuple[str, Plane]]:
    """Channels of the other image layers of the same field, at the same plane.

    An image without planes counts for all of a stack. One with other planes than the
    stack has none that is certain.
    """
    place = _place_in(plane)
    for other in of_same_field(image, filter(is_source, layers)):
        try:
            its = _plane_of(other, result, dims)
        except ImageError:
            continue
        if _place_in(its) in (place, []) and its.shape == plane.shape:
            braces = other.name.replace("{", "{{").replace("}", "}}")
            yield from _channels_of(its, f"{braces} {{}}")


def _place_in(plane: Plane) -> list[tuple[int, int]]:
    """Step and number of steps along each axis on which a plane is one of several."""
    full = plane.levels[0].shape
    others = [axis for axis in range(len(full)) if axis != plane.channel_axis]
    lengths = (full[axis] for axis in others)
    return [
        (step, length)
        for step, length in zip(plane.place, lengths, strict=False)
        if length != 1
    ]
