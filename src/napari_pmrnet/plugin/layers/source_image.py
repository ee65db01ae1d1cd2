"""The image layer that labels were made from, and its brightness.

Labels are tied to an image for certain or not at all: where there is a doubt the user
is asked, since measurements, corrections and journals of another image look sound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Image, Labels

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.io.formats import READABLE, Format, image_name
from napari_pmrnet.io.ome_zarr import is_inside_zarr
from napari_pmrnet.io.provenance import METADATA_KEY, Provenance
from napari_pmrnet.plugin.layers.axes import (
    CHANNEL_NAMES,
    axis_names,
    first_level,
    height_and_width,
)
from napari_pmrnet.plugin.layers.image_file import file_of, folder_beside
from napari_pmrnet.plugin.layers.pixel_size import SERIES
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.proofreading.journal import fingerprint, fingerprints
from napari_pmrnet.segmentation.stack import OF_MIDDLE, Stack

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_KIND = r"(?:labels?|nuclei|objects|classes|masks?|seg(?:mentation)?|truth|instances)"
_EXTRA = r"(?:\w+(?: \w+)?=\d+|cp|corrected|edited|finest level|restored)"
_ENDING = re.compile(
    rf"(?:[ _.-]{_EXTRA})*[ _.-]{_KIND}(?:[ _.-]\(?{_EXTRA}\)?)*", re.IGNORECASE
)
"""Text after the name of an image in the name of its labels, such as ``_labels``."""

_ties: WeakKeyDictionary[Layer, ref[Image]] = WeakKeyDictionary()
_seen: WeakKeyDictionary[
    Layer, dict[bool, tuple[Callable[[], Any], Container[str]]]
] = WeakKeyDictionary()


def tie(labels: Labels, image: Image, seen: str | None = None) -> None:
    """Note which image labels are of: for this session, and for files of them.

    Parameters
    ----------
    labels : napari.layers.Labels
    image : napari.layers.Image
    seen : str, optional
        `print_of` the image when the labels were made; by default as it is now.
    """
    labels, image = plain(labels), plain(image)
    _ties[labels] = ref(image)
    made = labels.metadata.get(METADATA_KEY) or {}
    told = {"image": image.name, "fingerprint": seen or print_of(image)}
    labels.metadata = {**labels.metadata, METADATA_KEY: {**made, **told}}


def image_name_of(labels: Labels) -> str:
    """Name of the image of labels: its present one, or else that which they tell."""
    tied = _ties.get(plain(labels))
    image = None if tied is None else tied()
    told = (labels.metadata.get(METADATA_KEY) or {}).get("image") or ""
    return told if image is None else image.name


def folder_of(
    layer: Layer | None, layers: Iterable[Any], viewer_names: Sequence[str] = ()
) -> Path:
    """Folder in which file dialogs about a layer start.

    Of labels that of their image, else the layer's own, else that of the topmost layer
    with a file; at last the home folder.

    Parameters
    ----------
    layer : napari.layers.Layer or None
    layers : iterable of napari.layers.Layer
        Of the viewer.
    viewer_names : sequence of str
        ``viewer.dims.axis_labels``.
    """
    layers, image = list(layers), None
    if isinstance(layer, Labels):
        image = image_for(layer, layers, viewer_names)
    for one in (image, layer, *reversed(layers)):
        path = None if one is None else file_of(one)
        if path:
            return folder_beside(path)
    return Path.home()


def folder_on_show(viewer: ViewerModel) -> Path:
    """`folder_of` the layer that is selected."""
    active = viewer.layers.selection.active
    return folder_of(active, viewer.layers, viewer.dims.axis_labels)


def fits(data: Any, shape: tuple[int, ...]) -> bool:
    """Tell whether an image has the pixels of labels."""
    return tuple(data.shape[: len(shape)]) == tuple(shape)


def grey_plane(data: np.ndarray, rgb: bool) -> np.ndarray | None:
    """Brightness of an image (H, W) or (H, W, C); None for one of several channels."""
    if rgb:
        return data[..., :3].mean(axis=-1)
    return data if data.ndim == 2 else None


def is_source(layer: Any) -> TypeGuard[Image]:
    """Tell whether a layer is an image that is no map of ours."""
    return isinstance(layer, Image) and METADATA_KEY not in layer.metadata


def print_of(image: Image) -> str | None:
    """`fingerprint` of an image in memory; None for one whose pixels must be read."""
    data = first_level(image)
    return fingerprint(data) if type(data) is np.ndarray else None


def image_for(
    labels: Labels, layers: Iterable[Any], viewer_names: Sequence[str] = ()
) -> Image | None:
    """The image layer that labels are of, if that is certain.

    That is, in this order: the image they were made from in this session or that the
    user named, unless it was given other pixels since; the one whose pixels are those
    that the labels say they were made from; of those with as many pixels, the one whose
    layer or file has the longest name that the labels bear, in the labels' own folder
    if there are several; the only one, where the labels bear no name of an image.

    Parameters
    ----------
    labels : napari.layers.Labels
    layers : iterable of napari.layers.Layer
        Of the viewer.
    viewer_names : sequence of str
        ``viewer.dims.axis_labels``.

    Returns
    -------
    napari.layers.Image or None
    """
    layers = [plain(layer) for layer in layers]
    told = Provenance.from_dict(labels.metadata.get(METADATA_KEY) or {})
    tied = _ties.get(plain(labels))
    if tied is not None:
        image = tied()
        if image is None or image not in layers:
            return None
        return image if _may_be(image, told.fingerprint) else None
    shape = first_level(labels).shape
    possible = [
        layer
        for layer in layers
        if is_source(layer) and _shape(layer, viewer_names) == shape
    ]
    if told.fingerprint:
        known = {image: _prints(image, told.fingerprint) for image in possible}
        same = [image for image in possible if told.fingerprint in known[image]]
        if same:
            alike = [image for image in same if image.name == told.image]
            return (alike or same)[0]
        possible = [image for image in possible if not known[image]]
    names = _alone(told.image) if told.image else _own_names(labels)
    best = _longest(possible, names, exact=bool(told.image))
    if len(best) > 1:
        folder = _folder(labels)
        best = [one for one in best if folder is not None and _folder(one) == folder]
    if len(best) == 1:
        return best[0]
    nameless = not told.image and not any(map(_names_an_image, names))
    return possible[0] if nameless and len(possible) == 1 else None


def _may_be(image: Image, seen: str | None) -> bool:
    """Tell whether an image can be the one that had a fingerprint."""
    if not seen:
        return True
    known = _prints(image, seen)
    return not known or seen in known


def could_be_of(labels: Labels, image: Any) -> bool:
    """Tell whether an image has planes of the labels' height and width."""
    if not is_source(image):
        return False
    return height_and_width(image) == height_and_width(labels)


def _shape(image: Image, viewer_names: Sequence[str]) -> tuple[int, ...]:
    """Shape of an image without colours and channels."""
    names = axis_names(image, viewer_names)
    return tuple(
        length
        for length, name in zip(first_level(image).shape, names, strict=False)
        if name not in CHANNEL_NAMES
    )


def _prints(image: Image, like: str) -> Container[str]:
    """Fingerprints of an image and of its channels, of the kind that one is.

    Of an image that is not in memory there are only those of its middle.
    """
    data = first_level(image)
    names = axis_names(image)
    axis = next((i for i, name in enumerate(names) if name in CHANNEL_NAMES), None)
    middle = like.startswith(OF_MIDDLE)
    if not middle and type(data) is not np.ndarray:
        return ()
    seen = _seen.setdefault(image, {})
    held, found = seen.get(middle, (None, ()))
    if held is None or held() is not data:
        rgb = bool(image.rgb)
        if middle:
            others = tuple(name for i, name in enumerate(names) if i != axis)
            found = _middles(Stack(data, others, axis, rgb))
        else:
            found = fingerprints(data, axis, rgb)
        seen[middle] = _weakly(data), found
    return found


def _weakly(data: Any) -> Callable[[], Any]:
    """A reference to pixels that keeps none in memory; what lies on disk is small."""
    return ref(data) if type(data) is np.ndarray else lambda: data


def _middles(stack: Stack) -> set[str]:
    """Fingerprints of the middle of every channel; none of what cannot be read."""
    channels: list[int | None] = [None]
    if stack.channel_axis is not None:
        channels += range(stack.data.shape[stack.channel_axis])
    try:
        return {stack.print_of_middle(channel) for channel in channels}
    except (PMRNetError, OSError):
        return set()


def _longest(images: Sequence[Image], names: Sequence[str], exact: bool) -> list[Image]:
    """Images with the longest name that one of the names is, or begins with."""
    lengths = {}
    for image in images:
        fitting = [
            len(own)
            for own in _image_names(image)
            for name in names
            if name == own or (not exact and _is_of(name, own))
        ]
        if fitting:
            lengths[image] = max(fitting)
    longest = max(lengths.values(), default=0)
    return [image for image, length in lengths.items() if length == longest]


def _is_of(name: str, image: str) -> bool:
    """Tell whether labels of a name are of an image of a name."""
    return name.startswith(image) and bool(_ENDING.fullmatch(name[len(image) :]))


def _names_an_image(name: str) -> bool:
    """Tell whether a name of labels begins with that of some image."""
    starts = (found.start() for found in re.finditer(r"[ _.-]", name))
    return any(start and _ENDING.fullmatch(name[start:]) for start in starts)


def _own_names(labels: Labels) -> list[str]:
    """Names of labels: of the layer and of its file."""
    path = labels.source.path
    names = [labels.name] if path is None else [labels.name, image_name(Path(path))]
    return list(dict.fromkeys(names))


def _image_names(image: Image) -> set[str]:
    """Names of an image: of the layer and of its file, with and without its ending.

    Where a file holds several images, also that of its own. What lies in a Zarr has no
    other: the folders of many fields of a plate have the same name.
    """
    path, own = file_of(image), image.metadata.get(SERIES)
    names = [image.name, *([own] if own else [])]
    if path is not None and not is_inside_zarr(path):
        names.append(path.name)
    return {one for name in names for one in _alone(name)}


def _alone(name: str) -> list[str]:
    """A name, and without the ending of an image file if it has one."""
    return [name, image_name(Path(name))] if Format.of(name) in READABLE else [name]


def _folder(layer: Layer) -> Path | None:
    """Folder of a layer's file."""
    path = file_of(layer)
    return None if path is None else folder_beside(path.resolve())
