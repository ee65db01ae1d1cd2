"""One row a file, and the table of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.proofreading.measure import DIGITS


@dataclass(frozen=True)
class Row:
    """Outcome of one file.

    Attributes
    ----------
    file, labels : str
        Image and label TIFF, relative to the output folder (on another drive: whole).
    nuclei : int or None
        How many were found, over all planes; see `kind`.
    certainty : float or None
        Mean certainty of the nuclei, 0 to 1; None without nuclei.
    doubtful : float or None
        Share of nuclei with a certainty below `DOUBT_LIMIT`.
    seconds : float or None
        From reading the file to its labels on disk.
    pixel_height, pixel_width : float or None
        In `unit`; None where the file does not tell.
    unit : str
    planes : int or None
        Planes of a stack or time series; 1 for a plain image.
    kind : LabelKind
        What was counted.
    note, error : str
        What the user should know; why there are no labels.
    """

    file: str
    labels: str = ""
    nuclei: int | None = None
    certainty: float | None = None
    doubtful: float | None = None
    seconds: float | None = None
    pixel_height: float | None = None
    pixel_width: float | None = None
    unit: str = ""
    planes: int | None = None
    kind: LabelKind = LabelKind.NUCLEI
    note: str = ""
    error: str = ""

    @property
    def name(self) -> str:
        """Name of the image file alone."""
        return self.file.replace("\\", "/").rsplit("/", 1)[-1]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Row:
        """A row from a dictionary that may hold more."""
        known = {spec.name for spec in fields(cls)}
        row = cls(**{name: v for name, v in values.items() if name in known})
        is_known = row.kind in tuple(LabelKind)
        return replace(row, kind=LabelKind(row.kind) if is_known else LabelKind.NUCLEI)


def worst_first(row: Row) -> tuple[int, float]:
    """Sorting key: errors, then files without nuclei, then by rising certainty."""
    if row.error:
        return 0, 0.0
    return (1, 0.0) if row.certainty is None else (2, row.certainty)


PATHS = ("file", "labels")
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula, and runs."""

HEAD = b"file,labels,nuclei,certainty,doubtful,seconds,"
"""Start of every table."""


def as_csv(rows: Iterable[Row]) -> bytes:
    """The table of rows."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(
        text, [spec.name for spec in fields(Row)], lineterminator="\n"
    )
    table.writeheader()
    for row in rows:
        table.writerow({name: cell(name, v) for name, v in asdict(row).items()})
    # Also of file names that are no text.
    return text.getvalue().encode(errors="backslashreplace")


def cell(column: str, value: Any) -> Any:
    """A value as it stands in a table, a name that is no formula of a spreadsheet."""
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    if not isinstance(value, str):
        return value
    if value.startswith(FORMULAS):
        value = f"./{value}" if column in PATHS else f"'{value}"
    return value.replace("\r", "\\r")  # which some readers take for the end of a row
