"""Labels of the OME-Zarr plates of a run, each as a plate in the output folder.

They are made of the label files as they are, corrected ones too. The plates that were
read stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_pmrnet.batch.inputs import LABELS_ENDING
from napari_pmrnet.batch.run_log import Record
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format, image_name
from napari_pmrnet.io.label_plate import LabelPlate
from napari_pmrnet.io.label_zarr import CHUNK, label_tag, open_label_zarr
from napari_pmrnet.io.labels import read_label_file
from napari_pmrnet.io.ome_zarr import readable
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.scenes import distinct_names
from napari_pmrnet.io.space import Space

if TYPE_CHECKING:
    import zarr


class Written(NamedTuple):
    """Plates that were written, and what is to be said of them."""

    paths: list[Path]
    notes: list[str]


def write_label_plates(record: Record, rows: Iterable[Row]) -> Written:
    """Write the labels of every plate as ``<plate>_labels.zarr``.

    One of these names that no run has made, or that was changed since, stays, and a
    number is added.

    Parameters
    ----------
    record : Record
        Of the output folder.
    rows : iterable of Row
        Of images of any kind; those that lie on no plate or have no labels are left
        out.

    Returns
    -------
    Written

    Raises
    ------
    DataError
        If a plate cannot be written.
    SoftwareError
        If what writes OME-Zarr is missing or does not fit.
    """
    plates: dict[str, list[Row]] = {}
    for row in rows:
        if row.plate and row.field and not row.error:
            plates.setdefault(_split(row)[0], []).append(row)
    paths: list[Path] = []
    notes: list[str] = []
    names = distinct_names([image_name(Path(plate)) for plate in plates])
    for own, name in zip(plates.values(), names, strict=True):
        make = partial(_write, name=name, rows=own, output=record.output, notes=notes)
        with suppress(_NoneError):
            folder = f"{name}{LABELS_ENDING}{Format.ZARR.ending}"
            paths.append(record.write_folder(folder, make))
    if not plates:
        notes.append("no image lies on an OME-Zarr plate, so none was written")
    return Written(paths, notes)


class _NoneError(DataError):
    """No labels of a plate can be read."""


def _split(row: Row) -> tuple[str, str]:
    """Paths of a plate in the record, and of an image in it."""
    plate, *field = row.file.replace("\\", "/").rsplit("/", 3)
    return plate, "/".join(field)


def _write(
    path: Path, name: str, rows: list[Row], output: Path, notes: list[str]
) -> None:
    """Write a plate; labels that cannot be read are left out, and named in notes."""
    plate, some = LabelPlate(path, name, _split(rows[0])[0]), False
    for row in rows:
        labels = output / row.labels
        try:
            pixels, space, made = _opened(labels)
        except DataError as error:
            notes.append(f"{row.name} is left out of the plate of labels: {error}")
            continue
        shape, kind = tuple(pixels.shape), row.kind.nouns[1]
        array, some = plate.add(_split(row)[1], kind, shape, space, made), True
        for part in _parts(shape):
            with readable(labels):
                block = pixels[part]
            array[part] = block
    if not some:
        raise _NoneError(f"{path}: none of its labels can be read.")
    plate.finish()


def _opened(labels: Path) -> tuple[np.ndarray | zarr.Array, Space, Provenance]:
    """Labels of a field: those of a TIFF in memory, those of a Zarr on disk."""
    if Format.of(labels) is Format.ZARR:
        tag = label_tag(labels)
        return open_label_zarr(labels, "r"), tag.space, tag.provenance
    return read_label_file(labels)


def _parts(shape: tuple[int, ...]) -> Iterator[tuple[int | slice, ...]]:
    """Rows of chunks of every plane."""
    for place in np.ndindex(*shape[:-2]):
        for start in range(0, shape[-2], CHUNK):
            yield (*place, slice(start, start + CHUNK), slice(None))
