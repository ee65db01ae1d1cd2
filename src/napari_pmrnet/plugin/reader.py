"""napari reader: images with pixel size and units, label TIFFs of ours as labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers import Layer
from napari.layers._source import layer_source
from napari.layers.utils.stack_utils import split_channels
from napari.utils.notifications import show_info, show_warning
from npe2 import PluginManager

from napari_pmrnet._software import OURS
from napari_pmrnet.datasets.dsb18 import is_stage1_folder, read_stage1_folder
from napari_pmrnet.errors import DataError, TooLargeError
from napari_pmrnet.io.foreign_labels import read_masks
from napari_pmrnet.io.formats import MICROSCOPE, READABLE, Format
from napari_pmrnet.io.image_place import images_in
from napari_pmrnet.io.images import ImageData, open_image, read_image
from napari_pmrnet.io.label_numbers import looks_like_a_picture
from napari_pmrnet.io.label_plate import is_label_plate, labels_of_field
from napari_pmrnet.io.label_zarr import is_label_zarr, label_tag, open_label_zarr
from napari_pmrnet.io.ome_plate import Field, fields_of, name_in_zarr
from napari_pmrnet.io.ome_zarr import is_zarr
from napari_pmrnet.io.permit import hash_of
from napari_pmrnet.io.provenance import METADATA_KEY, Tag
from napari_pmrnet.plugin.layers.image_file import FILE, SCENE
from napari_pmrnet.plugin.layers.pixel_size import SERIES
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.layers.spaces import placed

if TYPE_CHECKING:
    from napari.components import ViewerModel

OF_CELLPOSE = "_seg.npy"
NAMES_OF_LABELS = ("_labels", "_label", "_masks", "_mask", "_object identities")
"""Endings of the names that Cellpose, StarDist, QuPath and ilastik give to labels."""
TABLE_COLUMNS = {"label", "certainty", "area"}
LayerTuple = tuple[Any, dict[str, Any], str]
Paths = str | Path | Sequence[str]
Reader = Callable[[Paths], list[LayerTuple]]


def get_reader(path: Paths) -> Reader | None:
    """Reader for a path, without opening the file.

    Parameters
    ----------
    path : str or sequence of str
        A TIFF, PNG, JPEG or microscope's file, an OME-Zarr image or plate, ``_seg.npy``
        of Cellpose, a DSB18 folder ``stage1_train/<id>``, or one such path in a list.
        Stacks of several files are left to napari.

    Returns
    -------
    callable or None
        `read_layers`, or None for anything else.
    """
    only = _only_path(path)
    if only is None or "://" in only:
        return None
    if is_stage1_folder(only):
        return read_layers
    if is_zarr(only) or only.lower().endswith(OF_CELLPOSE):
        return read_layers
    readable = Format.of(only) in READABLE and not Path(only).is_dir()
    return read_layers if readable else None


def read_layers(path: Paths, scene: int | None = None) -> list[LayerTuple]:
    """Layers of a file or DSB18 folder.

    Parameters
    ----------
    path : str or sequence of str
        As for `get_reader`.
    scene : int, optional
        Number of the one image that is read of a file that holds several, from 0.

    Returns
    -------
    list of (data, metadata, layer type)
        One image layer a channel, or labels. OME-Zarr, microscopes' files, and what
        memory cannot hold, are opened lazily, a pyramid as a multiscale layer; label
        Zarrs of this project can be edited, on disk. Of a plate, or a well of one, the
        first image that can be read, and the user is told how to come to the others.

    Raises
    ------
    DataError
        If a file cannot be read; its text names the file and says what to do.
    """
    only = _only_path(path)
    if only is None:
        raise ValueError("Files are opened one by one.")
    if is_stage1_folder(only):
        return _stage1_layers(Path(only))
    if is_label_zarr(only):
        return [_label_zarr_layer(Path(only))]
    if only.lower().endswith(OF_CELLPOSE):
        path = Path(only)
        return [(read_masks(path).astype(np.int32), {"name": path.stem}, "labels")]
    fields = fields_of(Path(only), {}) if is_zarr(only) else []
    if fields:
        return _first_field(Path(os.path.abspath(only)), fields)
    return _shown(_named(_opened(Path(only), scene), Path(only), scene))


def _named(images: list[ImageData], path: Path, scene: int | None) -> list[ImageData]:
    """Images of a file, with number and name of each where there are several."""
    if scene is None and len(images) == 1:
        return images
    places = images_in(path)[slice(scene, None if scene is None else scene + 1)]
    return [
        replace(image, metadata={**image.metadata, SCENE: (place.number, place.scene)})
        for image, place in zip(images, places, strict=True)
    ]


def _shown(images: list[ImageData]) -> list[LayerTuple]:
    """Layers of images, after what is to be said of them."""
    for image in images:
        for note in image.notes:
            show_warning(f"{image.name}: {note}.")
    return [layer for image in images for layer in _layers(image)]


def open_layers(viewer: ViewerModel, path: Path, scene: int | None = None) -> list[Any]:
    """Open a path by this reader, also one that napari would not give to it.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    path : Path
        What `get_reader` takes.
    scene : int, optional
        As of `read_layers`.

    Returns
    -------
    list of Layer
        Added to the viewer.

    Raises
    ------
    DataError
        As `read_layers`.
    """
    readers = PluginManager.instance().iter_compatible_readers(str(path))
    whole = scene is None and not path.is_dir()
    if whole and OURS in {one.plugin_name for one in readers}:
        return list(viewer.open(str(path), plugin=OURS))
    with layer_source(path=str(path), reader_plugin=OURS):
        made = [Layer.create(*layer) for layer in read_layers(path, scene)]
    return [plain(viewer).add_layer(layer) for layer in made]


def _first_field(path: Path, fields: list[Field]) -> list[LayerTuple]:
    """Layers of the first image of a plate, or of what lies in one, that can be read.

    Raises
    ------
    DataError
        Of the first one, if none can.
    """
    faults: list[DataError] = []
    for field in fields:
        try:
            layers = _of_field(field)
        except DataError as error:
            faults.append(error)
            continue
        for _, about, _ in layers:
            about["metadata"] = {**about["metadata"], FILE: str(field.path)}
        if len(fields) > 1:
            show_info(_told(path, field, fields))
        return layers
    raise faults[0]


def _of_field(field: Field) -> list[LayerTuple]:
    """Layers of an image of a plate; of a plate of labels of ours, these."""
    labels = labels_of_field(field.path) if is_label_plate(field.plate) else None
    if labels is None:
        return _shown(open_image(field.path))
    data, about, kind = _label_zarr_layer(labels)
    return [(data, {**about, "name": field.title}, kind)]


def _told(path: Path, field: Field, fields: list[Field]) -> str:
    """What of a plate or well is on show, and the ways to the other images of it."""
    wells = len({one.well for one in fields})
    holds = f"{wells} wells" if wells > 1 else f"the well {fields[0].well}"
    text = (
        f"{path.relative_to(field.plate.parent)}: {holds} with {len(fields)} images. "
        f"'{field.title}', the first that can be read, is on show. Another is opened "
        f"by its own folder, such as {fields[-1].path}."
    )
    if is_label_plate(field.plate):
        return text
    return f"{text} The dock 'Segment a folder' takes them all, one after the other."


def _opened(path: Path, scene: int | None) -> list[ImageData]:
    """Images of a file; lazy ones of Zarr, microscopes, and what memory cannot hold."""
    if is_zarr(path) or Format.of(path) in MICROSCOPE:
        return open_image(path, scene=scene)
    try:
        return read_image(path, scene=scene)
    except TooLargeError:
        return open_image(path, scene=scene)


def _only_path(path: Paths) -> str | None:
    """The one path, also of a list of one; None for a list of several."""
    if isinstance(path, str | Path):
        return str(path)
    return str(path[0]) if len(path) == 1 else None


def _layers(image: ImageData) -> list[LayerTuple]:
    """An image as one layer, or as one a channel."""
    meta: dict[str, Any] = {
        "name": image.name,
        **placed(image.space),
        "metadata": image.metadata,
    }
    if image.is_labels or _is_named_labels(image):
        return [(_editable(np.asarray(image.data)), meta, "labels")]
    meta["metadata"] = {**image.metadata, SERIES: image.name}
    meta["rgb"] = image.rgb
    data: Any = [image.data, *image.coarser] if image.coarser else image.data
    if image.channel_axis is None:
        return [(data, meta, "image")]
    meta["name"] = image.layer_names
    channels: Any = split_channels(data, image.channel_axis, **meta)
    return channels


def _is_named_labels(image: ImageData) -> bool:
    """Tell whether a file of another program has the name of labels and holds some."""
    data, name = image.data, image.name.lower()
    if not (isinstance(data, np.ndarray) and name.endswith(NAMES_OF_LABELS)):
        return False
    plain = not image.rgb and image.channel_axis is None
    return plain and data.dtype.kind in "iu" and not looks_like_a_picture(data)


def _label_zarr_layer(path: Path) -> LayerTuple:
    """A label Zarr of ours as a layer that is edited on disk."""
    tag = label_tag(path)
    features = _table_of(path, tag)
    meta = {
        "name": name_in_zarr(path),
        **placed(tag.space),
        "metadata": {METADATA_KEY: tag.provenance.as_dict()},
    }
    if features is not None and not set(tag.space.axes[:-2]) & set(features):
        meta["features"] = features
    return open_label_zarr(path), meta, "labels"


def _table_of(path: Path, tag: Tag) -> pd.DataFrame | None:
    """The table beside a label Zarr, as features, if it is the one of these labels.

    Zarrs of version 0.1 know no table: theirs has its columns and a row a label.
    """
    table = path.with_suffix(".csv")
    if not table.is_file():
        return None
    known = tag.table.split()[:1]
    try:
        found = pd.read_csv(table)
    except (ValueError, OSError):
        found = pd.DataFrame()
    theirs = hash_of(table) in known if known else set(found) >= TABLE_COLUMNS
    if not theirs:
        show_warning(
            f"{table.name}: is not as it was written with '{path.name}', or is of "
            "other labels, so certainties are not shown."
        )
        return None
    return found.rename(columns={"label": "index"})


def _editable(labels: np.ndarray) -> np.ndarray:
    """Labels in a type with room for new ones: a stored uint8 would end at 255."""
    wide = labels.dtype.itemsize >= 4 and labels.max(initial=0) > np.iinfo("i4").max
    return labels.astype(np.int64 if wide else np.int32)


def _stage1_layers(folder: Path) -> list[LayerTuple]:
    """Image and true labels of a DSB18 folder."""
    image, labels = read_stage1_folder(folder)
    name = folder.resolve().name
    return [
        (image, {"name": name, "rgb": image.ndim == 3}, "image"),
        (labels, {"name": f"{name} truth"}, "labels"),
    ]
