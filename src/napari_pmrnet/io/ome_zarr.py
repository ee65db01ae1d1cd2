"""OME-Zarr images, of format 0.5 (Zarr 3) and earlier ones (Zarr 2)."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_pmrnet._software import needs, require
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.calibration import Calibration
from napari_pmrnet.io.chunks import (
    absent_notes,
    lazy_array,
    stored_chunks,
    unreadable_notes,
)
from napari_pmrnet.io.formats import image_name
from napari_pmrnet.io.reading import reading, words
from napari_pmrnet.io.units import PIXEL, canonical_unit

if TYPE_CHECKING:
    import dask.array as da

LIBRARIES = ("zarr", "numcodecs", "dask", "numpy")
"""Libraries that read Zarr folders."""
_MARKS = ("zarr.json", ".zgroup", ".zattrs")
_LETTERS = {"channel": "c", "time": "t"}
_CODECS = {
    *("adler32", "astype", "bitround", "blosc", "bytes", "bz2", "cast_value", "crc32"),
    *("crc32c", "delta", "fixedscaleoffset", "fletcher32", "gzip", "jenkins_lookup3"),
    *("lz4", "lzma", "packbits", "pcodec", "quantize", "sharding_indexed", "shuffle"),
    *("scale_offset", "transpose", "zfpy", "zlib", "zstd"),
}
"""Codecs of numbers. Others can run what a file says, such as pickle."""
_BEFORE_AXES_WERE_NAMED = "tczyx"


class ZarrImage(NamedTuple):
    """Dask arrays, the finest first, a letter an axis, calibration, name and notes."""

    levels: tuple[da.Array, ...]
    letters: str
    calibration: Calibration
    name: str
    notes: tuple[str, ...] = ()


def is_zarr(path: str | Path) -> bool:
    """Tell whether a path is the folder of a Zarr group, without opening it."""
    return any(os.path.isfile(Path(path) / mark) for mark in _MARKS)


def import_zarr(path: str | Path) -> Any:
    """The package zarr, for a path that needs it.

    Raises
    ------
    SoftwareError
        If it is not installed, of a version that is not needed, or does not load.
    """
    with needs("zarr", f"{path}: Zarr"):
        import zarr
    require("zarr", str(path))
    return zarr


def open_ome_zarr(path: str | Path, masked: bool = False) -> list[ZarrImage]:
    """Open every image of an OME-Zarr folder without reading pixels.

    Parameters
    ----------
    path : str or Path
        An image, or a folder of numbered images as bioformats2raw writes it.
    masked : bool
        Mask chunks that cannot be read, and count them.

    Returns
    -------
    list of ZarrImage

    Raises
    ------
    DataError
        If the folder is damaged, or is a plate or a well.
    SoftwareError
        If zarr is missing or does not fit.
    """
    path = Path(path)
    zarr = import_zarr(path)
    with readable(path):
        return list(_images(zarr.open_group(path, mode="r"), path, masked))


def readable(path: Path) -> AbstractContextManager[None]:
    """Turn whatever goes wrong with an OME-Zarr folder into a sentence."""
    return reading(path, *LIBRARIES, damaged=partial(_damaged, path))


def _damaged(path: Path, error: Exception) -> str:
    """Tell the user of a folder that zarr cannot make sense of."""
    return (
        f"{path}: cannot be read as OME-Zarr ({words(error)}). Copy it again from its "
        "source, or save the image as TIFF."
    )


def _images(group: Any, path: Path, masked: bool) -> Iterator[ZarrImage]:
    """Images of a group."""
    about = _metadata(group)
    name = image_name(path)
    if about.get("multiscales"):
        yield _image(group, about, name, path, masked)
        return
    for kind, example in (("plate", "A/1/0"), ("well", "0")):
        if kind in about:
            anyone = "/".join("*" for _ in example.split("/"))
            raise DataError(
                f"{path}: is a {kind}, not an image. Name its images instead: "
                f"{path / example}, or all of them as '{path / anyone}'."
            )
    numbered = sorted((key for key in group.group_keys() if key.isdigit()), key=int)
    for key in numbered:
        about = _metadata(group[key])
        yield _image(group[key], about, f"{name} {key}", path, masked)
    if not numbered:
        raise DataError(
            f"{path}: is a Zarr folder without an OME image (no 'multiscales'). "
            "Name the image inside it, or save it as OME-Zarr or TIFF."
        )


def _metadata(group: Any) -> Mapping[str, Any]:
    """Attributes of the group; format 0.5 keeps them under ``ome``."""
    attributes = dict(group.attrs)
    return attributes.get("ome", attributes)


def _image(
    group: Any, about: Mapping[str, Any], name: str, path: Path, masked: bool
) -> ZarrImage:
    """An image with its levels."""
    image = about["multiscales"][0]
    arrays = [_checked(group[level["path"]], path) for level in image["datasets"]]
    levels = [lazy_array(array, path, LIBRARIES, masked) for array in arrays]
    finest = levels[0]
    axes = [
        _axis(a) for a in image.get("axes", _BEFORE_AXES_WERE_NAMED[-finest.ndim :])
    ]
    steps, places = _transform((image["datasets"][0], image), finest.ndim)
    known = {
        letter: (float(step), unit)
        for (letter, unit), step in zip(axes, steps, strict=True)
        if unit != PIXEL and np.isfinite(step) and step != 0
    }
    # Where the size of a pixel is not known, places are counted in pixels too.
    origins = {
        letter: float(place if letter in known else place / step)
        for (letter, _), step, place in zip(axes, steps, places, strict=True)
        if np.isfinite([step, place]).all() and step != 0
    }
    channels = about.get("omero", {}).get("channels", ())
    names = tuple(str(channel.get("label", "")) for channel in channels)
    letters = "".join(letter for letter, _ in axes)
    if len(letters) != finest.ndim or not {"y", "x"} <= set(letters):
        raise ValueError(f"its axes {[a for a, _ in axes]} are not of t, c, z, y, x")
    return ZarrImage(
        tuple(levels),
        letters,
        Calibration(known, names if all(names) else (), origins),
        name,
        (
            *(() if "image-label" in about else _absent(arrays[0])),
            *(unreadable_notes(finest) if masked else ()),
        ),
    )


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


def _transform(
    described: Iterable[Mapping[str, Any]], ndim: int
) -> tuple[np.ndarray, np.ndarray]:
    """Step along each axis, and place of the first pixel, after all transformations."""
    steps, places = np.ones(ndim), np.zeros(ndim)
    for each in described:
        for transform in each.get("coordinateTransformations", ()):
            if transform["type"] == "scale":
                factors = np.asarray(transform["scale"], float)
                steps, places = steps * factors, places * factors
            elif transform["type"] == "translation":
                places = places + np.asarray(transform["translation"], float)
    return steps, places


def _axis(axis: Any) -> tuple[str, str]:
    """Letter and unit of an axis; formats before 0.4 give the letter alone."""
    if isinstance(axis, str):
        return axis.lower(), PIXEL
    letter = _LETTERS.get(axis.get("type", ""), str(axis["name"]).lower())
    return letter, canonical_unit(axis.get("unit", PIXEL))
