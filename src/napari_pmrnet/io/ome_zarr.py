"""OME-Zarr images, of format 0.5 (Zarr 3) and earlier ones (Zarr 2)."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_pmrnet._software import bring
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.calibration import Calibration, names_of_channels
from napari_pmrnet.io.chunks import (
    absent_notes,
    lazy_array,
    stored_chunks,
    unreadable_notes,
)
from napari_pmrnet.io.formats import image_name
from napari_pmrnet.io.ome_model import (
    Attributes,
    about_of,
    axes_in_file,
    check_models,
    image_of,
    plate_of,
    well_of,
)
from napari_pmrnet.io.reading import reading, words
from napari_pmrnet.io.scenes import chosen
from napari_pmrnet.io.units import PIXEL, canonical_unit

if TYPE_CHECKING:
    import dask.array as da

LIBRARIES = ("zarr", "yaozarrs", "numcodecs", "dask", "numpy")
"""Libraries that read Zarr folders."""
MARKS = ("zarr.json", ".zgroup", ".zattrs")
"""Files by which a folder is known for a Zarr group."""
_LETTERS = {"channel": "c", "time": "t"}
_CODECS = {
    *("adler32", "astype", "bitround", "blosc", "bytes", "bz2", "cast_value", "crc32"),
    *("crc32c", "delta", "fixedscaleoffset", "fletcher32", "gzip", "jenkins_lookup3"),
    *("lz4", "lzma", "packbits", "pcodec", "quantize", "sharding_indexed", "shuffle"),
    *("scale_offset", "transpose", "zfpy", "zlib", "zstd"),
}
"""Codecs of numbers. Others can run what a file says, such as pickle."""


class ZarrImage(NamedTuple):
    """Dask arrays, the finest first, a letter an axis, calibration, name and notes."""

    levels: tuple[da.Array, ...]
    letters: str
    calibration: Calibration
    name: str
    notes: tuple[str, ...] = ()


def is_zarr(path: str | Path) -> bool:
    """Tell whether a path is the folder of a Zarr group, without opening it."""
    return any(os.path.isfile(Path(path) / mark) for mark in MARKS)


def outer_zarr(path: Path) -> Path | None:
    """The outermost Zarr folder that a path is or lies in; None if there is none."""
    return next(filter(is_zarr, reversed((path, *path.parents))), None)


def is_inside_zarr(path: Path) -> bool:
    """Tell whether a path lies in a Zarr folder, rather than being one."""
    path = Path(os.path.abspath(path))
    return outer_zarr(path) not in (None, path)


def import_zarr(path: str | Path) -> Any:
    """The package zarr, for a path that needs it.

    Raises
    ------
    SoftwareError
        If it is not installed, of a version that is not needed, or does not load.
    """
    return bring("zarr", "zarr", f"{path}: Zarr", str(path))


def import_ome_zarr(path: str | Path) -> Any:
    """The package zarr, where that of the models of OME-Zarr is there too.

    Raises
    ------
    SoftwareError
        As `import_zarr`, of either of them.
    """
    zarr = import_zarr(path)
    check_models(path)
    return zarr


def open_ome_zarr(
    path: str | Path, masked: bool = False, scene: int | None = None
) -> list[ZarrImage]:
    """Open images of an OME-Zarr folder without reading pixels.

    Parameters
    ----------
    path : str or Path
        An image, or a folder of numbered images as bioformats2raw writes it.
    masked : bool
        Mask chunks that cannot be read, and count them.
    scene : int, optional
        The place of the one that is opened among `zarr_scenes`; by default all are.

    Returns
    -------
    list of ZarrImage

    Raises
    ------
    DataError
        If the folder is damaged, is a plate or a well, or there is no such scene.
    SoftwareError
        If zarr is missing or does not fit.
    """
    path = Path(path)
    zarr = import_ome_zarr(path)
    with readable(path):
        group = zarr.open_group(path, mode="r")
        names = chosen(_scenes(group, path), scene, path)
        return [_image(group, name, path, masked) for name in names]


def zarr_scenes(path: Path) -> list[str]:
    """Names of the images of an OME-Zarr folder; one without a name for most.

    Raises
    ------
    DataError, SoftwareError
        As `open_ome_zarr`.
    """
    zarr = import_ome_zarr(path)
    with readable(path):
        return _scenes(zarr.open_group(path, mode="r"), path)


def readable(path: Path) -> AbstractContextManager[None]:
    """Turn whatever goes wrong with an OME-Zarr folder into a sentence."""
    return reading(path, *LIBRARIES, damaged=partial(_damaged, path))


def _damaged(path: Path, error: Exception) -> str:
    """Tell the user of a folder that zarr cannot make sense of."""
    return (
        f"{path}: cannot be read as OME-Zarr ({words(error)}). Copy it again from its "
        "source, or save the image as TIFF."
    )


def _scenes(group: Any, path: Path) -> list[str]:
    """Names of the images in a group; that of the group itself is empty."""
    about = about_of(dict(group.attrs))
    if about.get("multiscales"):
        return [""]
    for kind, parsed, example in (
        ("plate", plate_of, "A/1/0"),
        ("well", well_of, "0"),
    ):
        if kind in about:
            parsed(about)  # says what is wrong with it, if anything is
            anyone = "/".join("*" for _ in example.split("/"))
            raise DataError(
                f"{path}: is a {kind}, not an image. Name its images instead: "
                f"{path / example}, or all of them as '{path / anyone}'."
            )
    numbered = sorted((key for key in group.group_keys() if key.isdigit()), key=int)
    if not numbered:
        raise DataError(
            f"{path}: is a Zarr folder without an OME image (no 'multiscales'). "
            "Name the image inside it, or save it as OME-Zarr or TIFF."
        )
    return numbered


def _image(group: Any, scene: str, path: Path, masked: bool) -> ZarrImage:
    """An image of a group with its levels."""
    name = f"{image_name(path)} {scene}".rstrip()
    group = group[scene] if scene else group
    about = about_of(dict(group.attrs))
    axes = axes_in_file(about, lambda level: group[level].ndim)
    letters = _letters(axes)
    model = image_of(about, axes)
    image = model.multiscales[0]
    arrays = [_checked(group[level.path], path) for level in image.datasets]
    levels = [lazy_array(array, path, LIBRARIES, masked) for array in arrays]
    finest = levels[0]
    if len(letters) != finest.ndim:
        raise ValueError(f"its axes {letters} do not fit its {finest.ndim} dimensions")
    named = [_axis(axis) for axis in image.axes]
    described = (*image.datasets[0].coordinateTransformations,)
    described += tuple(image.coordinateTransformations or ())
    steps, places = _transform(described, len(named))
    known = {
        letter: (float(step), unit)
        for (letter, unit), step in zip(named, steps, strict=True)
        if unit != PIXEL and np.isfinite(step) and step != 0
    }
    # Where the size of a pixel is not known, places are counted in pixels too.
    origins = {
        letter: float(place if letter in known else place / step)
        for (letter, _), step, place in zip(named, steps, places, strict=True)
        if np.isfinite([step, place]).all() and step != 0
    }
    channels = () if model.omero is None else model.omero.channels
    names = names_of_channels(channel.label for channel in channels)
    return ZarrImage(
        tuple(levels),
        letters,
        Calibration(known, names, origins),
        name,
        (
            *(() if "image-label" in about else _absent(arrays[0])),
            *(unreadable_notes(finest) if masked else ()),
        ),
    )


def _letters(axes: Iterable[Attributes]) -> str:
    """A letter an axis, in the order of the array."""
    named = [_letter(str(axis["type"]), str(axis["name"])) for axis in axes]
    if any(len(one) != 1 for one in named) or not {"y", "x"} <= set(named):
        raise ValueError(f"its axes {named} are not of t, c, z, y, x")
    return "".join(named)


def _absent(array: Any) -> tuple[str, ...]:
    """Note on chunks that are not stored, which Zarr takes for empty ones."""
    stored = stored_chunks(array)
    chunks = math.prod(-(-n // c) for n, c in zip(array.shape, stored, strict=True))
    within = math.prod(n // c for n, c in zip(stored, array.chunks, strict=True))
    return absent_notes(chunks - array.nchunks_initialized // within, chunks)


def _checked(array: Any, path: Path) -> Any:
    """An array of numbers whose codecs do nothing but unpack them."""
    about = array.metadata.to_dict()
    held = (about.get("compressor"), *(about.get("filters") or ()))
    unknown = sorted(set(_codec_names((*held, *(about.get("codecs") or ())))) - _CODECS)
    if unknown:
        raise DataError(
            f"{path}: is packed by '{unknown[0]}', which is not among the codecs that "
            "are safe to unpack. Ask for it as OME-Zarr packed with zstd or blosc, or "
            "as TIFF."
        )
    if array.dtype.kind not in "biufc":
        raise DataError(
            f"{path}: holds values of type {array.dtype}, no pixels. Save the image as "
            "numbers."
        )
    return array


def _codec_names(codecs: Iterable[Any]) -> Iterator[str]:
    """Names of codecs and of those within them, whatever the format."""
    for codec in codecs:
        if not codec:
            continue
        yield str(codec.get("id", codec.get("name"))).removeprefix("numcodecs.")
        inner = codec.get("configuration") or {}
        yield from _codec_names(inner.get("codecs", ()))
        yield from _codec_names(inner.get("index_codecs", ()))


def _transform(described: Iterable[Any], ndim: int) -> tuple[np.ndarray, np.ndarray]:
    """Step along each axis, and place of the first pixel, after all transformations."""
    steps, places = np.ones(ndim), np.zeros(ndim)
    for transform in described:
        if transform.type == "scale":
            factors = np.asarray(transform.scale)
            steps, places = steps * factors, places * factors
        else:
            places = places + np.asarray(transform.translation)
    return steps, places


def _axis(axis: Any) -> tuple[str, str]:
    """Letter and unit of an axis."""
    return _letter(str(axis.type), axis.name), canonical_unit(axis.unit or PIXEL)


def _letter(kind: str, name: str) -> str:
    """Letter of an axis of a type and a name."""
    return _LETTERS.get(kind, name.lower())
