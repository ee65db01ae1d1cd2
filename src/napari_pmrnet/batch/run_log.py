"""Record of a batch in its output folder, kept so that the next run goes on.

One line of JSON is added for every file. The last line of a file counts, and a line
that was cut short by a crash is passed over.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from napari_pmrnet.batch.inputs import LABELS_ENDING, Source
from napari_pmrnet.batch.overviews import Overviews
from napari_pmrnet.batch.shard import Shard
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.json_lines import JsonLines
from napari_pmrnet.io.permit import Permit, parts_of
from napari_pmrnet.io.provenance import relative_name
from napari_pmrnet.io.settle import patiently
from napari_pmrnet.io.write import TEMPORARY, Content, disk_is_full
from napari_pmrnet.settings import Settings

FOLDER, MAPS = ".napari-pmrnet", "maps"
LOG, LOGS_OF_SHARDS = "record.jsonl", "record-*-of-*.jsonl"
NOT_IN_THE_LABELS = ("model", "device")
OF_FILE = ("size", "mtime")
ENDINGS = (".tif", ".zarr", ".csv")
"""Endings of labels: a TIFF, or a Zarr with its table."""
OVERVIEW = "overview"
"""What a line of the record has that tells of a table or page of the folder."""
OTHERWISE = "made with other settings or weights than the last run"
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
    path: Path,
    settings: Settings,
    weights_hash: str,
    link: str | None = None,
    masked: bool = False,
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
    for part in parts_of(path):
        status = part.stat()
        size, newest = size + status.st_size, max(newest, status.st_mtime_ns)
    made = made_from(settings, weights_hash, link, masked)
    return {**made, "size": size, "mtime": newest}


def made_from(
    settings: Settings,
    weights_hash: str,
    link: str | None = None,
    masked: bool = False,
) -> dict[str, Any]:
    """The part of a `file_key` that is not of the file."""
    made = settings.as_dict()
    for name in NOT_IN_THE_LABELS:
        del made[name]
    if settings.limits == Settings.limits:  # not in the records of version 0.1
        del made["limits"]
    if not settings.least_certainty:  # nor in those of later ones
        del made["least_certainty"]
    key = {"settings": made, "weights": weights_hash}
    # What is not asked for is left out, as in the records of version 0.1.
    key |= {} if link is None else {"link": link}
    return key | ({"masked": True} if masked else {})


def size_of(path: Path) -> int:
    """Bytes of a file or of all files of a folder; 0 if it is not there."""
    return sum(part.stat().st_size for part in parts_of(path) if part.is_file())


class Record:
    """The record of an output folder, read when it is opened.

    Every shard writes a file of its own and reads those of all. A run without a shard
    takes what they hold into the one of the folder, and removes them.

    Parameters
    ----------
    output : Path
        Made if it is not there.
    shard : Shard, optional
        Part of the files that is worked on.

    Raises
    ------
    DataError
        If the folder cannot be made or written to.
    """

    def __init__(self, output: Path, shard: Shard | None = None) -> None:
        self.output = output
        self.folder = make_folder(output)
        self._shard = shard
        self._log = JsonLines(
            self.folder / (f"record-{shard.name}.jsonl" if shard else LOG)
        )
        self.entries: dict[str, Entry] = {}
        self._taken: set[str] = set()
        overviews: set[str] = set()
        try:
            for folder in (self.thumbnails, self.measured):
                folder.mkdir(exist_ok=True)
            with self._log.path.open("ab"):
                pass
            for values in _lines(self.folder):
                if OVERVIEW in values:
                    overviews.add(str(values.get("hash")))
                elif (entry := _entry_of(values)) is not None:
                    self._keep(entry)
            if shard is None:
                self._take_in_shards()
        except OSError as error:
            raise cannot_write(self.output, error) from error
        self._overviews = Overviews(
            output, overviews, self._note_overview, self.entries
        )

    def _take_in_shards(self) -> None:
        """Put what shards have done into the record of the folder."""
        logs = _logs_of_shards(self.folder)
        told = (_entry_of(v) for log in logs for v in JsonLines(log).read())
        keys = sorted({entry.row.key for entry in told if entry is not None})
        for key in keys:
            self.add(self.entries[key], sync=key == keys[-1])
        for log in logs:
            log.unlink()

    @property
    def thumbnails(self) -> Path:
        """Folder of the thumbnails."""
        return self.folder / "thumbnails"

    @property
    def measured(self) -> Path:
        """Folder of the tables of nuclei, one a file."""
        return self.folder / "nuclei"

    def name(self, path: Path) -> str:
        """A path as the record names it: relative to the output, with slashes."""
        return relative_name(path, self.output)

    def thumbnail(self, key: str) -> Path:
        """Path of the thumbnail of an image, by `Row.key`."""
        return self.thumbnails / f"{digest_of(key)}.jpg"

    def nuclei(self, key: str) -> Path:
        """Path of the table of the nuclei of an image."""
        return self.measured / f"{digest_of(key)}.csv"

    def maps(self, key: str) -> Path:
        """Path of the maps of an image that are kept; their planes add to it."""
        return self.folder / MAPS / digest_of(key)

    def claim(self, source: Source, permit: Permit, noted: bool = True) -> Entry:
        """The entry of a file; a new one gets a name for its labels that is free.

        Files keep the name that they once got, so names do not depend on what else is
        in the folder later on.

        Parameters
        ----------
        source : Source
        permit : Permit
            Tells which names are free, whatever labels and table will be.
        noted : bool
            Write it down; not of a file that another shard is to segment.
        """
        told = Row.of(source.image, self.name)
        known = self.entries.get(told.key)
        if known is not None and known.row.labels:
            # Records of earlier versions name neither scene nor well.
            self._keep(replace(known, row=told.named_like(known.row)))
            return self.entries[told.key]
        names = (
            (source.folder / f"{stem}{LABELS_ENDING}.tif").as_posix()
            for stem in _stems(*source.image.stems())
        )
        labels = next(name for name in names if self._is_free(name, permit))
        entry = Entry(replace(told, labels=labels))
        if noted:
            self.add(entry, sync=False)
        else:
            self._keep(entry)
        return entry

    def _is_free(self, labels: str, permit: Permit) -> bool:
        """Tell whether labels may have this name, with any of its endings."""
        forms = [Path(labels).with_suffix(ending) for ending in ENDINGS]
        if any(form.as_posix().casefold() in self._taken for form in forms):
            return False
        permit = permit.for_table(self.output / forms[1])
        return all(permit.allows(self.output / form) for form in forms)

    def add(self, entry: Entry, sync: bool = True) -> None:
        """Write down what came of a file.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        values = {**asdict(entry.row), "key": entry.key, "hash": entry.labels_hash}
        self._add({k: v for k, v in values.items() if v not in ("", None)}, sync)
        self._keep(entry)

    def _add(self, values: dict[str, Any], sync: bool) -> None:
        """Add a line."""
        try:
            patiently(lambda: self._log.add(values, sync))
        except OSError as error:
            raise cannot_write(self.output, error) from error

    def sweep(self) -> None:
        """Remove temporary files that processes which were killed have left.

        Not while other shards may be writing theirs.
        """
        if self._shard is not None:
            return
        now = time.time()
        places = {(self.output / e.row.labels).parent for e in self.entries.values()}
        ours = self.folder, self.thumbnails, self.measured, self.folder / MAPS
        for place in {self.output, *ours, *places}:
            for path in place.glob(TEMPORARY):
                with suppress(OSError):
                    if path.is_dir():
                        shutil.rmtree(path)
                    elif now - path.stat().st_mtime > ABANDONED_SECONDS:
                        path.unlink()

    def write_overview(self, name: str, content: Content) -> Path:
        """Write a table or page of the folder; see `Overviews.write`."""
        return self._overviews.write(name, content)

    def write_folder(self, name: str, make: Callable[[Path], None]) -> Path:
        """Write a folder that tells of all images; see `Overviews.write_folder`."""
        return self._overviews.write_folder(name, make)

    def _note_overview(self, name: str, digest: str) -> None:
        """Add a line that tells of a table or page of the folder."""
        self._add({OVERVIEW: name, "hash": digest}, sync=False)

    def is_finished(self, entry: Entry, key: dict[str, Any]) -> bool:
        """Tell whether a file's labels are there and made from the same."""
        return entry.key == key and has_labels(self.output, entry)

    def is_kept(self, entry: Entry, permit: Permit) -> bool:
        """Tell whether labels are there that are not as a batch left them."""
        labels = self.output / entry.row.labels
        if not permit.with_known(entry.labels_hash).allows(labels):
            return True
        table = labels.with_suffix(Format.CSV.ending)
        is_zarr = labels.suffix == Format.ZARR.ending and os.path.exists(labels)
        return is_zarr and not permit.for_table(labels).allows(table)

    def rows(self, present: set[str], made: Mapping[str, Any]) -> list[Row]:
        """Rows of the folder, sorted by file.

        Parameters
        ----------
        present : set of str
            Images of this run, by `Row.key`; of others only those that have labels are
            told.
        made : mapping
            Of `made_from` for this run; labels made otherwise are marked.
        """
        rows = []
        for name, entry in sorted(self.entries.items()):
            if entry.row.error:
                if name in present:
                    rows.append(replace(entry.row, labels=""))
            elif has_labels(self.output, entry):
                key = entry.key or {}
                parts = {k: v for k, v in key.items() if k not in OF_FILE}
                notes = [entry.row.note, "" if parts == made else OTHERWISE]
                rows.append(replace(entry.row, note="; ".join(filter(None, notes))))
        return rows

    def _keep(self, entry: Entry) -> None:
        """Take in what came of a file."""
        self.entries[entry.row.key] = entry
        self._taken.add(entry.row.labels.casefold())


def entries_of(output: Path) -> dict[str, Entry]:
    """What the record of an output folder says of its images, by `Row.key`.

    Nothing is made or changed: a folder without a record has none.
    """
    found: dict[str, Entry] = {}
    with suppress(OSError):
        for values in _lines(output / FOLDER):
            entry = None if OVERVIEW in values else _entry_of(values)
            if entry is not None:
                found[entry.row.key] = entry
    return found


def has_labels(output: Path, entry: Entry) -> bool:
    """Tell whether labels that a run made of a file are in an output folder."""
    return bool(entry.key) and os.path.exists(output / entry.row.labels)


def _lines(folder: Path) -> Iterator[dict[str, Any]]:
    """Lines of the record of a folder, and then of those of its shards."""
    for log in (folder / LOG, *_logs_of_shards(folder)):
        yield from JsonLines(log).read() if log.is_file() else ()


def _logs_of_shards(folder: Path) -> list[Path]:
    """Files that shards have written into the folder of a record, the latest last."""
    logs = folder.glob(LOGS_OF_SHARDS)
    return sorted(logs, key=lambda log: log.stat().st_mtime)


def _entry_of(values: Mapping[str, Any]) -> Entry | None:
    """What a line of the record says of a file; None if it is no such line."""
    try:
        row = Row.from_dict(dict(values))
        return Entry(row, values.get("key"), values.get("hash", ""))
    except (ValueError, TypeError, AttributeError):
        return None


def digest_of(key: str) -> str:
    """Name for what is kept of an image."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:24]


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


def _stems(stem: str, name: str) -> Iterator[str]:
    """Names for the labels of an image: short, whole, and with numbers after that."""
    yield stem
    yield name
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1
