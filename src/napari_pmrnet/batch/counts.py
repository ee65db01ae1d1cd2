"""Nuclei of every image and of every well, counted in all and by their classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_pmrnet.batch.summary import Row, cell
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.io.write import checked_target, replace_file
from napari_pmrnet.proofreading.classes import Classes
from napari_pmrnet.proofreading.measure import as_csv
from napari_pmrnet.segmentation.objects import DOUBT_LIMIT

IMAGE, WELL = "image", "well"
FIRST = ("of", "file", "scene", "plate", "well", "field", "images")
NUCLEI = ("nuclei", "certainty", "doubtful")


class Counts:
    """Counts nuclei, one image after the other.

    Parameters
    ----------
    classes : sequence of Classes
        Whose columns are named as in the tables.
    """

    def __init__(self, classes: Sequence[Classes] = ()) -> None:
        self.classes = tuple(classes)
        self._known: dict[str, None] = {}
        self._rows: list[dict[str, Any]] = []

    def add(self, image: Row, table: pd.DataFrame | None) -> None:
        """Count the nuclei of an image.

        Parameters
        ----------
        image : Row
            Its file, scene and position are told.
        table : DataFrame or None
            A row a nucleus, with ``certainty`` and the columns of the classes; None if
            it is not known.
        """
        position = image.position
        row: dict[str, Any] = {
            "of": IMAGE,
            "file": image.file,
            "scene": image.scene,
            "plate": image.on_plate if position.well else "",
            "well": position.well,
            "field": position.field,
            "images": int(table is not None),
        }
        if table is not None:
            self._known |= dict.fromkeys(map(str, table))
            row |= _counted(table, self.classes)
        self._rows.append(row)

    def table(self) -> pd.DataFrame:
        """A row an image, then a row a well; of several plates each has its own.

        Returns
        -------
        DataFrame
            `FIRST`, `NUCLEI` (number, mean certainty, how many are doubtful), and of
            every class how many nuclei are in it, in the other and in none, and its
            share of those that are in one.
        """
        rows = self._rows
        wells: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in rows:
            if row["well"] and "nuclei" in row:
                place = str(row["plate"]), str(row["well"])
                wells.setdefault(place, []).append(row)
        for (plate, well), own in sorted(wells.items()):
            rows = [*rows, {"of": WELL, "plate": plate, "well": well, **_joined(own)}]
        table = pd.DataFrame(rows)
        for classes in self.classes:
            above, below, _ = _heads(classes)
            if above in table:
                share = table[above] / (table[above] + table[below])
                table[f"share of {above}"] = share
        names = dict.fromkeys((*FIRST, *NUCLEI, *table))
        whole = table.reindex(columns=list(names))
        numbers = [n for n in names if n in NUCLEI[::2] or n == "images"]
        numbers += [n for c in self.classes for n in _heads(c) if n in names]
        return whole.astype(dict.fromkeys(numbers, "Int64"))

    def notes(self) -> list[str]:
        """What is to be said of classes that no image could be counted by."""
        told = []
        for classes in self.classes if self._known else ():
            if classes.column not in self._known:
                others = ", ".join(f"'{n}'" for n in self._known if " " in n)
                told.append(
                    f"no image has the column '{classes.column}', so "
                    f"'{classes.above}' was not counted; there are {others}"
                )
        return told


def counts_csv(table: pd.DataFrame) -> bytes:
    """The table of `Counts` as a file."""
    told = table.fillna(dict.fromkeys(FIRST[:-1], ""))
    for name in FIRST[:-1]:
        told[name] = [cell(name, value) for value in told[name]]
    named = told.rename(columns=lambda head: cell("head", head))
    return as_csv(named, index=False).encode(errors="backslashreplace")


def write_counts(
    path: Path, table: pd.DataFrame, *, overwrite: Overwrite = False
) -> Path:
    """Write the table of `Counts` as CSV.

    Parameters
    ----------
    path : Path
        File to write; without an ending .csv is added.
    table : DataFrame
    overwrite : bool or Permit
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    target = checked_target(path, Format.CSV, overwrite)
    replace_file(target, counts_csv(table), overwrite)
    return target


def _heads(classes: Classes) -> tuple[str, str, str]:
    """Heads of the counts of the upper class, the lower one, and of neither."""
    told = f"({classes.condition})"
    return f"{classes.above} {told}", f"{classes.below} {told}", f"unknown {told}"


def _counted(table: pd.DataFrame, classes: Iterable[Classes]) -> dict[str, float]:
    """Counts of the nuclei of an image."""
    found: dict[str, float] = {"nuclei": len(table)}
    if "certainty" in table:
        sure = table["certainty"].to_numpy(float)
        known = sure[np.isfinite(sure)]
        found["certainty"] = float(known.mean()) if known.size else np.nan
        found["doubtful"] = int((known < DOUBT_LIMIT).sum())
    for one in classes:
        names = one.of(table) if one.column in table else pd.Series("", table.index)
        for head, name in zip(_heads(one), (one.above, one.below, ""), strict=True):
            found[head] = int((names == name).sum())
    return found


def _joined(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts of several images together."""
    names = dict.fromkeys(
        name for row in rows for name in row if name not in FIRST[:-1]
    )
    whole = {name: sum(row.get(name, 0) for row in rows) for name in names}
    sure = [row for row in rows if np.isfinite(row.get("certainty", np.nan))]
    weights = [row["nuclei"] for row in sure]
    means = [row["certainty"] for row in sure]
    mean = float(np.average(means, weights=weights)) if sum(weights) else np.nan
    return whole | {"certainty": mean}
