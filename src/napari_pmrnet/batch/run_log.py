"""Record of a batch in its output folder, kept so that the next run goes on.

One line of JSON is added for every file. The last line of a file counts, and a line
that was cut short by a crash is passed over.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from napari_pmrnet.batch.inputs import LABELS_ENDING, Source
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import image_name
from napari_pmrnet.io.json_lines import JsonLines
from napari_pmrnet.io.write import disk_is_full
from napari_pmrnet.settings import Settings

FOLDER = ".napari-pmrnet"
NOT_IN_THE_LABELS = ("model", "device")
TEMPORARY = ".pmrnet-*.tmp"
"""Names of `replace_file` while it writes."""
ABANDONED_SECONDS = 60.0
"""A file that is being written changes more often than that."""


@dataclass(frozen=True)
class Entry:
    """A file of the record.

    Attributes
    ----------
    row : Row
        What came of it; only names where it was begun and not finished.
    key : dict or None
        `file_key` of the run that finished it; None if none did.
    labels_hash : str
        `hash_of` the labels as they were written.
    """

    row: Row
    key: dict[str, Any] | None = None
    labels_hash: str = ""


def file_key(
    path: Path, settings: Settings, weights_hash: str, link: str | None = None
) -> dict[str, Any]:
    """Key of all that labels depend on; if it is the same, they are not made again.

    The file counts by size and time of last change, of an OME-Zarr folder by those of
    all its files. Model and device are left out: the hash tells the weights.

    Raises
    ------
    OSError
        If the file cannot be looked at.
    """
    size = newest = 0
    for part in _parts(path):
        status = part.stat()
        size, newest = size + status.st_size, max(newest, status.st_mtime_ns)
    made = settings.as_dict()
    for name in NOT_IN_THE_LABELS:
        del made[name]
    if settings.limits == Settings.limits:  # not in the records of version 0.1
        del made["limits"]
    key = {"settings": made, "weights": weights_hash, "size": size, "mtime": newest}
    return key if link is None else {**key, "link": link}


def size_of(path: Path) -> int:
    """Bytes of a file or of all files of a folder; 0 if it is not there."""
    return sum(part.stat().st_size for part in _parts(path) if part.is_file())


def _parts(path: Path) -> Iterator[Path]:
    """The file, or all files of a folder."""
    if not path.is_dir():
        yield path
    for place, _, names in os.walk(path):
        yield from (Path(place, name) for name in names)


class Record:
    """The record of an output folder, read when it is opened.

    Parameters
    ----------
    output : Path
        Made if it is not there.

    Raises
    ------
    DataError
        If the folder cannot be made or written to.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.folder = make_folder(output)
        self._log = JsonLines(self.folder / "record.jsonl")
        self.entries: dict[str, Entry] = {}
        self._taken: set[str] = set()
        try:
            self.thumbnails.mkdir(exist_ok=True)
            with self._log.path.open("ab"):
                pass
            lines = list(self._log.read())
        except OSError as error:
            raise cannot_write(self.output, error) from error
        for values in lines:
            self._read(values)

    @property
    def thumbnails(self) -> Path:
        """Folder of the thumbnails."""
        return self.folder / "thumbnails"

    def name(self, path: Path) -> str:
        """A path as the record names it: relative to the output, with slashes."""
        try:
            relative = os.path.relpath(path.resolve(), self.output.resolve())
        except ValueError:  # another drive of Windows
            return str(path.resolve())
        return Path(relative).as_posix()

    def thumbnail(self, file: str) -> Path:
        """Path of the thumbnail of a file."""
        digest = hashlib.sha256(file.encode(errors="surrogateescape")).hexdigest()
        return self.thumbnails / f"{digest[:24]}.jpg"

    def claim(
        self, source: Source, inputs: set[Path], overwrite: bool = False
    ) -> Entry:
        """The entry of a file; a new one gets a name for its labels that is free.

        Files keep the name that they once got, so names do not depend on what else is
        in the folder later on. No name leads to an input or, unless `overwrite` is
        set, to a file that no batch made.

        Parameters
        ----------
        source : Source
        inputs : set of Path
            All inputs, resolved.
        overwrite : bool
        """
        file = self.name(source.path)
        if file in self.entries and self.entries[file].row.labels:
            return self.entries[file]
        stems = _stems(source.path)
        names = ((source.folder / f"{s}{LABELS_ENDING}.tif").as_posix() for s in stems)
        labels = next(name for name in names if self._is_free(name, inputs, overwrite))
        entry = Entry(Row(file, labels))
        self.add(entry, sync=False)
        return entry

    def _is_free(self, labels: str, inputs: set[Path], overwrite: bool) -> bool:
        """Tell whether a file of labels may have this name."""
        target = self.output / labels
        if labels.casefold() in self._taken or target.resolve() in inputs:
            return False
        return overwrite or not target.exists()

    def add(self, entry: Entry, sync: bool = True) -> None:
        """Write down what came of a file.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        values = {**asdict(entry.row), "key": entry.key, "hash": entry.labels_hash}
        known = {k: v for k, v in values.items() if v not in ("", None)}
        try:
            self._log.add(known, sync)
        except OSError as error:
            raise cannot_write(self.output, error) from error
        self._keep(entry)

    def sweep(self) -> None:
        """Remove temporary files that processes which were killed have left."""
        now = time.time()
        places = {(self.output / e.row.labels).parent for e in self.entries.values()}
        for place in {self.output, self.folder, self.thumbnails, *places}:
            for path in place.glob(TEMPORARY):
                with suppress(OSError):
                    if now - path.stat().st_mtime > ABANDONED_SECONDS:
                        path.unlink()

    def is_finished(self, entry: Entry, key: dict[str, Any]) -> bool:
        """Tell whether a file's labels are there and made from the same."""
        return entry.key == key and (self.output / entry.row.labels).exists()

    def is_changed(self, entry: Entry) -> bool:
        """Tell whether labels are there, but not as a batch left them."""
        target = self.output / entry.row.labels
        if not entry.labels_hash or not target.exists():
            return False
        return hash_of(target) != entry.labels_hash

    def rows(self, present: set[str]) -> list[Row]:
        """Rows of the folder, sorted by file.

        Parameters
        ----------
        present : set of str
            Files of this run; of others only those that have labels are told.
        """
        rows = []
        for file, entry in sorted(self.entries.items()):
            if entry.row.error:
                if file in present:
                    rows.append(replace(entry.row, labels=""))
            elif entry.key and (self.output / entry.row.labels).exists():
                rows.append(entry.row)
        return rows

    def _read(self, values: dict[str, Any]) -> None:
        """Take in a line of the record, if it is one."""
        with suppress(ValueError, TypeError, AttributeError):
            row = Row.from_dict(values)
            self._keep(Entry(row, values.get("key"), values.get("hash", "")))

    def _keep(self, entry: Entry) -> None:
        """Take in what came of a file."""
        self.entries[entry.row.file] = entry
        self._taken.add(entry.row.labels.casefold())


def make_folder(output: Path) -> Path:
    """Make the folder of the record inside an output folder, and that too.

    Raises
    ------
    DataError
        If it cannot be made.
    """
    folder = output / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(output, error) from error
    return folder


def cannot_write(folder: Path, error: OSError) -> DataError:
    """Error to raise when a folder cannot be written to."""
    advice = "Make room on the disk, or choose" if disk_is_full(error) else "Choose"
    return DataError(
        f"{folder}: the output folder cannot be written to "
        f"({error.strerror or error}). {advice} another folder."
    )


def hash_of(path: Path) -> str:
    """SHA-256 of a file, or of the names and hashes of all files of a folder."""
    if path.is_dir():
        names = sorted(part.relative_to(path).as_posix() for part in _parts(path))
        listed = "".join(f"{name} {hash_of(path / name)}\n" for name in names)
        return hashlib.sha256(listed.encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _stems(path: Path) -> Iterator[str]:
    """Names for the labels of a file: its stem, its whole name, numbers after that."""
    stem = image_name(path)
    yield stem
    yield path.name
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1
