"""Axes of an image layer, and the plane of it that is on show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.space import MOST_CHANNELS_LAST, distinct, has_channels_last
from napari_pmrnet.segmentation.plane import Plane

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Labels

CHANNEL_NAMES = frozenset({"c", "channel", "channels"})
_UNNAMED = re.compile(r"(axis )?-?\d+")


def is_unnamed(label: str) -> bool:
    """Tell whether an axis label is one of napari's defaults, a mere position."""
    return _UNNAMED.fullmatch(label.strip()) is not None


def axis_names(
    layer: Image | Labels, viewer_names: Sequence[str] = ()
) -> tuple[str, ...]:
    """Names of a layer's axes, the viewer's where the layer has none of its own.

    Parameters
    ----------
    layer : napari.layers.Image or napari.layers.Labels
        Layer with ``ndim`` axes (the colour axis of an RGB layer is not one).
    viewer_names : sequence of str
        ``viewer.dims.axis_labels``, which the user edits beside the sliders.

    Returns
    -------
    tuple of str
        One name an axis, in lower case, all of them `distinct`; empty where the axis
        has no name.
    """
    own = [str(label).strip().lower() for label in layer.axis_labels]
    if all(is_unnamed(label) for label in own) and len(viewer_names) >= layer.ndim:
        own = [str(name).strip().lower() for name in viewer_names[-layer.ndim :]]
    named = iter(distinct(label for label in own if not is_unnamed(label)))
    return tuple("" if is_unnamed(label) else next(named) for label in own)


def first_level(layer: Image | Labels) -> Any:
    """Full-resolution array of a layer, multiscale or not, without loading it."""
    return layer.data[0] if layer.multiscale else layer.data


def height_and_width(layer: Image | Labels) -> tuple[int, int]:
    """Height and width of the planes of a layer, in pixels."""
    shape = first_level(layer).shape
    height, width = shape[-3:-1] if getattr(layer, "rgb", False) else shape[-2:]
    return height, width


def shown_plane(
    layer: Image, point: Sequence[float] = (), viewer_names: Sequence[str] = ()
) -> Plane:
    """Plane of an image layer that the viewer shows, unread.

    Parameters
    ----------
    layer : napari.layers.Image
        Grey, RGB(A) or multi-channel; y and x are its last two axes.
    point : sequence of float
        ``viewer.dims.point``: world coordinates of what is shown.
    viewer_names : sequence of str
        ``viewer.dims.axis_labels``.

    Returns
    -------
    Plane
        Of a multiscale layer with its coarser levels, but for those with fewer planes.

    Raises
    ------
    ImageError
        If the axes are not named well enough to know which plane is meant, or there
        are no pixels to segment.
    """
    names = axis_names(layer, viewer_names)
    check_names(layer, names)
    shape = first_level(layer).shape
    channel = next((i for i, name in enumerate(names) if name in CHANNEL_NAMES), None)
    if len(point):
        place = np.asarray(layer.world_to_data(point), dtype=float)
    else:
        place = np.zeros(layer.ndim)
    steps = {
        axis: int(np.clip(np.round(place[axis]), 0, shape[axis] - 1))
        for axis in range(layer.ndim - 2)
        if axis != channel
    }
    leading = shape[: layer.ndim - 2]
    levels: Any = layer.data if layer.multiscale else [layer.data]
    return Plane(
        [level for level in levels if level.shape[: layer.ndim - 2] == leading],
        tuple(steps.values()),
        channel_axis=channel,
        rgb=bool(layer.rgb),
        name=layer.name,
        title=_title(names, shape, steps.items()),
        channel_names=layer.metadata.get("channel_names", ()),
    )


def plane_on_show(layer: Labels, point: Sequence[float]) -> tuple[int, ...]:
    """Step along each axis before y and x of labels that the viewer shows.

    Parameters
    ----------
    layer : napari.layers.Labels
    point : sequence of float
        ``viewer.dims.point``.
    """
    count = layer.ndim - 2
    if not count:
        return ()
    place = np.round(layer.world_to_data(point))[:count]
    last = np.array(first_level(layer).shape[:count]) - 1
    return tuple(int(n) for n in np.clip(place, 0, last))


def plane_title(
    layer: Labels, plane: Sequence[int], viewer_names: Sequence[str] = ()
) -> str:
    """A plane of labels in words, such as ``"t=2 z=5"``; empty for a plain layer."""
    names, shape = axis_names(layer, viewer_names), first_level(layer).shape
    return _title(names, shape, enumerate(plane))


def _title(
    names: Sequence[str], shape: Sequence[int], steps: Iterable[tuple[int, int]]
) -> str:
    """Steps along axes in words, without axes of one step."""
    return " ".join(
        f"{names[axis] or f'axis {axis}'}={n}" for axis, n in steps if shape[axis] > 1
    )


def show_plane(
    viewer: ViewerModel, layer: Image | Labels, steps: Mapping[int, int]
) -> None:
    """Move the sliders to a plane of a layer.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    layer : napari.layers.Image or napari.layers.Labels
    steps : mapping of int
        Step along each of some of its axes.
    """
    point = np.array(layer.world_to_data(viewer.dims.point), dtype=float)
    axes = list(steps)
    point[axes] = list(steps.values())
    world = layer.data_to_world(point)
    first = viewer.dims.ndim - layer.ndim
    viewer.dims.set_point([first + axis for axis in axes], [world[a] for a in axes])


def stacked_axes(layer: Image, viewer_names: Sequence[str] = ()) -> tuple[int, ...]:
    """Axes of an image layer along which there is more than one plane."""
    names, shape = axis_names(layer, viewer_names), first_level(layer).shape
    leading = enumerate(names[:-2])
    return tuple(i for i, name in leading if shape[i] > 1 and name not in CHANNEL_NAMES)


def check_names(layer: Image, names: tuple[str, ...]) -> None:
    """Refuse a layer whose axes leave open what a plane is, by an `ImageError`."""
    listed = ", ".join(name or "?" for name in names)
    shape = first_level(layer).shape
    if layer.ndim < 2:
        raise ImageError(
            f"The layer '{layer.name}' has {layer.ndim} axis; an image needs two. "
            "Choose an image layer."
        )
    swapped = {"y", "x"} <= set(names) and set(names[-2:]) != {"y", "x"}
    if swapped or CHANNEL_NAMES & set(names[-2:]):
        raise ImageError(
            f"The layer '{layer.name}' has the axes ({listed}); y and x must be the "
            "last two. Move them there (numpy.moveaxis) or open the image with its "
            "channels as layers."
        )
    stacked = [
        name
        for name, n in zip(names[:-2], shape, strict=False)
        if name not in CHANNEL_NAMES and n > 1
    ]
    if len(stacked) > 1 and not all(stacked):
        raise ImageError(
            f"The layer '{layer.name}' has {layer.ndim} axes and not all have a name "
            f"({listed}), so it is unclear which plane is meant. Name them beside "
            "the sliders under the image, such as t and z (c for channels), and "
            "segment again."
        )
    flat = layer.ndim == 3 and not layer.rgb and not any(names)
    last = has_channels_last(shape, MOST_CHANNELS_LAST) or shape[-1] <= 4 < shape[-2]
    if flat and last:
        raise ImageError(
            f"The layer '{layer.name}' of shape {tuple(shape)} seems to have its "
            "channels last. Open its file with napari-pmrnet, which makes a layer of "
            "each channel, or enter this in napari's console: "
            f"viewer.add_image(viewer.layers[{layer.name!r}].data, channel_axis=-1)"
        )


def camera_of(viewer: ViewerModel) -> Any:
    """The camera; since napari 0.9 it belongs to the viewer's scene."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera
