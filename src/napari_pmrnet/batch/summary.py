"""One row a file, and the table of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pmrnet.batch.plate import Position, plate_name, plate_of, position_of
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.proofreading.measure import DIGITS

if TYPE_CHECKING:
    from napari_pmrnet.io.image_place import ImagePlace


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
    scene : str
        Name of the image in a file that holds several; empty for other files.
    scene_number : int or None
        Its number there, from 0.
    plate, well, field : str
        Of an image of an OME-Zarr plate, by its metadata: `plate_name` of the plate,
        and see `Position`. What the names of other files tell is in `position`.
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
    scene: str = ""
    scene_number: int | None = None
    plate: str = ""
    well: str = ""
    field: str = ""

    @classmethod
    def of(
        cls, image: ImagePlace, record: Callable[[Path], str], labels: str = ""
    ) -> Row:
        """What is known of an image before it is segmented.

        Parameters
        ----------
        image : ImagePlace
        record : callable
            Name of a path in the record.
        labels : str
            Name of its labels there.
        """
        row = cls(
            record(image.path), labels, scene=image.scene, scene_number=image.number
        )
        if image.field is None:
            return row
        plate, well, name = image.field[1:]
        return replace(row, plate=plate_name(record(plate)), well=well, field=name)

    @property
    def name(self) -> str:
        """Name of the image: of its file, and of what tells it apart there."""
        if self.well:
            plate = self.plate.rsplit("/", 1)[-1]
            return " ".join(filter(None, (plate, self.well, self.field)))
        parts = self.file.replace("\\", "/").split("/")
        zarr = next((i for i, p in enumerate(parts) if p.endswith(".zarr")), -1)
        name = "/".join(parts[zarr:])
        return f"{name} [{self.scene}]" if self.scene else name

    @property
    def key(self) -> str:
        """Name that no other image of a folder has."""
        return scene_key(self.file, self.scene_number)

    def named_like(self, other: Row) -> Row:
        """What was found, as another row has it, under the names of this one."""
        own = {name: getattr(self, name) for name in _NAMES}
        return replace(other, **own)

    @property
    def position(self) -> Position:
        """Well and field: of the plate, or as the name of the file tells."""
        if self.well:
            return Position(self.well, self.field)
        return position_of(self.file)

    @property
    def on_plate(self) -> str:
        """Name of the plate, which is the folder where nothing else is known."""
        return self.plate or plate_of(self.file)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Row:
        """A row from a dictionary that may hold more."""
        known = {spec.name for spec in fields(cls)}
        row = cls(**{name: v for name, v in values.items() if name in known})
        is_known = row.kind in tuple(LabelKind)
        return replace(row, kind=LabelKind(row.kind) if is_known else LabelKind.NUCLEI)


def scene_key(file: str, number: int | None) -> str:
    """Name of an image that no other has: that of its file for the first one in it.

    A file is no folder, so that no path of another image is like it.
    """
    return f"{file}/scene {number}" if number else file


def worst_first(row: Row) -> tuple[int, float]:
    """Sorting key: errors, then files without nuclei, then by rising certainty."""
    if row.error:
        return 0, 0.0
    return (1, 0.0) if row.certainty is None else (2, row.certainty)


PATHS = ("file", "labels")
_NAMES = ("file", "scene", "scene_number", "plate", "well", "field")
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
        position = row.position
        told = asdict(row) | position._asdict()
        told["plate"] = row.on_plate if position.well else ""
        table.writerow({name: cell(name, v) for name, v in told.items()})
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
