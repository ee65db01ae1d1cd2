"""Labels too large for memory: one OME-Zarr folder of a single level."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.ome_model import label_attributes
from napari_pmrnet.io.ome_zarr import import_ome_zarr, import_zarr, readable
from napari_pmrnet.io.provenance import METADATA_KEY, Provenance, Tag
from napari_pmrnet.io.settle import settle_file
from napari_pmrnet.io.space import Space
from napari_pmrnet.io.units import canonical_unit

if TYPE_CHECKING:
    import zarr

CHUNK = 1024
LEVEL = "0"


def create_label_zarr(
    path: Path,
    shape: Sequence[int],
    *,
    name: str,
    space: Space | None = None,
    provenance: Provenance | None = None,
    source: str | None = None,
) -> zarr.Array:
    """Make an empty label image on disk, where there is nothing yet.

    The folder is OME-Zarr 0.4 (Zarr 2) of a single level, since napari can edit that
    and every reader of OME-Zarr opens it.

    Parameters
    ----------
    path : Path
        Folder to make, ending in ``.zarr``.
    shape : sequence of int
        y and x last.
    name : str
        Of the image, for those who open it.
    space : Space, optional
        Letters t, z, y, x of the axes, steps, units and place; by default y, x and one
        pixel.
    provenance : Provenance, optional
        What made the labels.
    source : str, optional
        Path of the group of their image as seen from here.

    Returns
    -------
    zarr.Array of int32
        All zero, in chunks of `CHUNK` pixels. Empty chunks take no room.

    Raises
    ------
    SoftwareError
        If zarr is missing or does not fit.
    OSError
        If the folder cannot be made, or is there already.
    """
    zarr = import_ome_zarr(path)
    group = zarr.open_group(path, mode="w-", zarr_format=2)
    levels = tuple(min(n, CHUNK) for n in shape[-2:])
    array = group.create_array(
        LEVEL,
        shape=tuple(shape),
        chunks=(*[1] * (len(shape) - 2), *levels),
        dtype="int32",
        fill_value=0,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    space = (space or Space()).filled(len(shape))
    tag = Tag(
        Space.of(
            space.axes or "yx",
            space.scale,
            map(canonical_unit, space.units),
            space.translate,
        ),
        provenance or Provenance(),
    )
    made = {METADATA_KEY: tag.as_dict()}
    group.attrs.update(label_attributes(name, LEVEL, tag.space, source) | made)
    return array


def open_label_zarr(path: str | Path, mode: str = "r+") -> zarr.Array:
    """Open a label image that `create_label_zarr` made, for editing or reading.

    Parameters
    ----------
    path : str or Path
    mode : str
        ``"r+"`` or ``"r"``.

    Returns
    -------
    zarr.Array of int32

    Raises
    ------
    DataError
        If it is none, or is damaged.
    SoftwareError
        If zarr is missing or does not fit.
    """
    zarr = import_zarr(path)
    if not is_label_zarr(path):
        raise DataError(
            f"{path}: holds no labels of napari-pmrnet. Choose a folder ending in "
            f"{Format.ZARR.ending} that it wrote."
        )
    with readable(Path(path)):
        return zarr.open_group(path, mode=mode)[LEVEL]


def is_label_zarr(path: str | Path) -> bool:
    """Tell whether a folder is a label image of ours, without opening it."""
    return label_zarr_tag(path) is not None


def chunks_hash(path: str | Path, settle: bool = False) -> str:
    """SHA-256 of the chunks of a label image as they lie on the disk.

    Parameters
    ----------
    path : str or Path
    settle : bool
        Wait until every one of them is on the disk.

    Raises
    ------
    OSError
        If one cannot be read, or does not get there.
    """
    digest, level = hashlib.sha256(), Path(path) / LEVEL
    names = (Path(place, name) for place, _, names in os.walk(level) for name in names)
    for part in sorted(names):
        with part.open("rb+" if settle else "rb") as stream:
            each = hashlib.sha256(stream.read()).hexdigest()
            if settle:
                settle_file(stream)
        digest.update(f"{part.relative_to(level).as_posix()} {each}\n".encode())
    return digest.hexdigest()


def seal_label_zarr(path: Path, made_of: str, table: str) -> None:
    """Note of whole labels what they are of and how they were written.

    Parameters
    ----------
    path : Path
        Of `create_label_zarr`.
    made_of, table : str
        As of `Tag`.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    tag = label_tag(path)._replace(
        made_of=made_of, sha256=chunks_hash(path, settle=True), table=table
    )
    group = import_zarr(path).open_group(path, mode="r+")
    group.attrs.update({METADATA_KEY: tag.as_dict()})


def label_tag(path: str | Path) -> Tag:
    """Return what a label image says of itself.

    Raises
    ------
    DataError
        If it is none of ours.
    """
    found = label_zarr_tag(path)
    if found is None:
        raise DataError(f"{path}: holds no labels of napari-pmrnet.")
    return found


def label_zarr_tag(path: str | Path) -> Tag | None:
    """Return what a label image of ours says of itself; None for anything else."""
    try:
        text = (Path(path) / ".zattrs").read_text(encoding="utf-8")
        return Tag.from_dict(json.loads(text).get(METADATA_KEY))
    except (OSError, ValueError, AttributeError):
        return None
