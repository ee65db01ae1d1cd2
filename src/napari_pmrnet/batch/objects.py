"""One row a nucleus of all images of a batch: measured, kept a file each, and joined.

What was measured of an image is kept as a small table of its own, beside the record of
the folder. The table of all is these put together, so that it does not matter in how
many runs, or by which workers, they were made.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pandas as pd

from napari_pmrnet.batch.counts import Counts
from napari_pmrnet.batch.summary import Row, cell
from napari_pmrnet.io.space import Space
from napari_pmrnet.io.units import MICROMETRES, PIXEL, canonical_unit
from napari_pmrnet.proofreading.classes import Classes
from napari_pmrnet.proofreading.measure import (
    WITHOUT_UNIT,
    as_csv,
    heads,
    measure_steps,
)
from napari_pmrnet.segmentation.colours import COLOURS
from napari_pmrnet.segmentation.predict import Progress

if TYPE_CHECKING:
    from napari_pmrnet.segmentation.stack import Stack
    from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation

OF_FILE = ("file", "scene", "plate", "well", "field")
"""Columns of the table of all that those of single images lack."""
FIRST = ("label", "certainty")


def measuring(
    stack: Stack, found: StackSegmentation, space: Space, name: str
) -> Generator[Progress, None, bytes]:
    """Measure the nuclei of an image.

    Parameters
    ----------
    stack : Stack
    found : StackSegmentation
        Its labels. Of those on disk only what was found on the way is told: area,
        diameter and centroid.
    space : Space
        Pixel size.
    name : str
        Of the file, for messages.

    Yields
    ------
    Progress

    Returns
    -------
    bytes
        Table (CSV) with the axes of a stack, `FIRST`, and what `measure` gives: in
        micrometres where the file tells the pixel size, else in pixels.
    """
    size, unit = pixel_size_in(space)
    tables = []
    for place in np.ndindex(*stack.shape[:-2]):
        rows = _rows_at(found.objects, stack.axes[:-2], place)
        if rows.empty:
            continue
        if isinstance(found.labels, np.ndarray):
            steps = measure_steps(
                found.labels[place], _channels(stack, place, name), size, name
            )
            table = yield from _told(steps)
        else:
            table = _as_found(rows, size)
        table.insert(0, "certainty", rows["certainty"].reindex(table.index))
        table.insert(0, "label", table.index)
        for axis, step in reversed([*zip(stack.axes, place, strict=False)]):
            if axis in stack.stacked:
                table.insert(0, axis, step)
        tables.append(table)
    if not tables:
        return (",".join(FIRST) + "\n").encode()
    whole = pd.concat(tables, ignore_index=True).rename(columns=heads(unit))
    return as_csv(whole, index=False).encode(errors="backslashreplace")


def joined(
    parts: Iterable[tuple[Row, Path]], classes: Sequence[Classes] = ()
) -> Iterator[bytes]:
    """The table of all images, piece by piece.

    Parameters
    ----------
    parts : iterable of (Row, Path)
        Rows of the summary, and the table that was kept of each; one that is not there
        or damaged has no nuclei. They are read twice.
    classes : sequence of Classes
        Each gets a column, last.

    Yields
    ------
    bytes
        The head with all columns that any of them has, then the rows. A nucleus has
        nothing in a column that its own image lacks.
    """
    parts = list(parts)
    columns: dict[str, None] = dict.fromkeys((*OF_FILE, *FIRST))
    for _, path in parts:
        with suppress(OSError, StopIteration, UnicodeDecodeError, csv.Error):
            columns.update(dict.fromkeys(next(_lines(path))))
    names = [*_in_order(columns), *(one.head() for one in classes)]
    yield _written([names])
    for row, path in parts:
        told = {name: cell(name, value) for name, value in _of_file(row).items()}
        with suppress(OSError, StopIteration, UnicodeDecodeError, csv.Error):
            lines = _lines(path)
            head = next(lines)
            rows = ({**dict(zip(head, line, strict=False)), **told} for line in lines)
            rows = (row | _classified(row, classes) for row in rows)
            yield _written([row.get(n, "") for n in names] for row in rows)


def write_joined(
    stream: BinaryIO,
    parts: Iterable[tuple[Row, Path]],
    classes: Sequence[Classes] = (),
) -> None:
    """Write what `joined` gives."""
    for piece in joined(parts, classes):
        stream.write(piece)


def counted(parts: Iterable[tuple[Row, Path]], classes: Sequence[Classes]) -> Counts:
    """Count the nuclei of all images, by classes too.

    Parameters
    ----------
    parts, classes
        As of `joined`.
    """
    counts = Counts(classes)
    for row, path in parts:
        table = None
        with suppress(OSError, ValueError):  # not there, or damaged
            table = pd.read_csv(path)
        counts.add(row, table)
    return counts


def _of_file(row: Row) -> dict[str, str]:
    """What the rows of all nuclei of an image have."""
    position = row.position
    plate = row.on_plate if position.well else ""
    values = row.file, row.scene, plate, *position
    return dict(zip(OF_FILE, values, strict=True))


def _classified(row: dict[str, str], classes: Sequence[Classes]) -> dict[str, str]:
    """The classes of a nucleus by the heads of their columns."""
    found = {}
    for one in classes:
        with suppress(ValueError):
            found[one.head()] = one.of_value(float(row.get(one.column) or "nan"))
    return found


def pixel_size_in(space: Space) -> tuple[tuple[float, float], str]:
    """Height and width of a pixel in micrometres, or in pixels if it is not known."""
    unit = canonical_unit(space.unit)
    height, width = (step * MICROMETRES.get(unit, 0.0) for step in space.pixel_size)
    if not (np.isfinite([height, width]).all() and height > 0 and width > 0):
        return (1.0, 1.0), PIXEL
    return (height, width), "um"


def _rows_at(
    objects: pd.DataFrame, axes: tuple[str, ...], place: tuple[int, ...]
) -> pd.DataFrame:
    """The nuclei of a plane by label."""
    here = np.ones(len(objects), bool)
    for axis, step in zip(axes, place, strict=True):
        here &= objects[axis].to_numpy() == step
    rows = objects.loc[here].set_index("label")
    return rows.loc[~rows.index.duplicated()]


def _channels(stack: Stack, place: tuple[int, ...], name: str) -> dict[str, np.ndarray]:
    """Every channel of a plane: by its name in the file, its colour or its number."""
    first = stack.plane(place, None, name)
    if first.rgb:
        return dict(
            zip(COLOURS, np.moveaxis(first.read()[..., :3], -1, 0), strict=True)
        )
    known, count = stack.channel_names, first.channels
    names = [f"channel {number}" for number in range(count)]
    if len(known) == count == len(set(known)) and all(known):
        names = list(known)
    if count == 1:
        return {names[0]: first.read()}
    return {
        channel: stack.plane(place, number, name).read()
        for number, channel in enumerate(names)
    }


def _told(
    steps: Generator[tuple[int, int], None, pd.DataFrame],
) -> Generator[Progress, None, pd.DataFrame]:
    """Steps of measuring as those of a batch."""
    while True:
        try:
            done, total = next(steps)
        except StopIteration as ended:
            return ended.value
        yield Progress(done, total, "measuring nuclei")


def _as_found(rows: pd.DataFrame, size: tuple[float, float]) -> pd.DataFrame:
    """Measurements that were made with the labels, in pixels, in the unit of a size."""
    area = rows["area"] * (size[0] * size[1])
    columns = {
        "area": area,
        "diameter": np.sqrt(4 / np.pi * area),
        "centroid_y": rows["centroid_y"] * size[0],
        "centroid_x": rows["centroid_x"] * size[1],
    }
    return pd.DataFrame(columns, rows.index)


def _in_order(columns: Iterable[str]) -> list[str]:
    """Columns of files, then axes, then the rest, in the order they came in."""
    known = list(dict.fromkeys(columns))
    measured = [name for name in known if " " in name or name in WITHOUT_UNIT]
    axes = [n for n in known if n not in (*OF_FILE, *FIRST, *measured)]
    return [*OF_FILE, *axes, *FIRST, *measured]


def _lines(path: Path) -> Iterator[list[str]]:
    """Lines of a table."""
    with path.open(newline="", encoding="utf-8") as stream:
        yield from csv.reader(stream)


def _written(lines: Iterable[Iterable[Any]]) -> bytes:
    """Lines as they stand in a file."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode(errors="backslashreplace")
