"""A file of records, one a line with its checksum, that one process adds to.

Records are written whole, unbuffered, or not at all. The file may be damaged, moved,
replaced or deleted meanwhile: it is looked at before each record, and if it is not as
it was left, what is there is set aside and all records are written anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_pmrnet.errors import JournalError, PMRNetError
from napari_pmrnet.io.append import write_lines
from napari_pmrnet.io.settle import patiently
from napari_pmrnet.io.write import replace_file

_CHECKED = 4096
"""Bytes at the end of what was written that are compared before more is added."""
_BEGINNING = re.compile(rb"[0-9a-f]{8} \{")


@dataclass(frozen=True)
class Lines:
    """Contents of a file of records.

    Attributes
    ----------
    whole : list of bytes
        Lines whose checksum is right, wherever in the file they are.
    damaged : int
        Number of the others.
    is_cut : bool
        Whether the last one was cut short, as when a process is killed.
    """

    whole: list[bytes]
    damaged: int
    is_cut: bool


def line_of(
    record: Mapping[str, Any], pack: Callable[[Any], Any] | None = None
) -> bytes:
    """Write a record as a line; `pack` makes JSON of what JSON does not know."""
    text = json.dumps(record, default=pack, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def record_of(
    line: bytes, unpack: Callable[[dict[str, Any]], Any] | None = None
) -> dict[str, Any]:
    """Read a whole line; `unpack` is given every JSON object."""
    return json.loads(line[9:], object_hook=unpack)


def read_lines(path: Path) -> Lines:
    """Read a file of records; what is damaged is passed over.

    Raises
    ------
    JournalError
        If the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JournalError(
            f"{path}: cannot be read ({error.strerror or error})."
        ) from error
    whole, damaged = [], 0
    for line in data.splitlines(keepends=True):
        found = next(_whole_ends(line), None)
        damaged += found != line
        if found is not None:
            whole.append(found)
    is_cut = bool(data) and not data.endswith(b"\n")
    return Lines(whole, damaged, is_cut)


def set_aside(path: Path) -> Path:
    """Rename a file so that another can begin; nothing is deleted.

    Raises
    ------
    JournalError
        If it cannot be renamed.
    """
    try:
        return patiently(lambda: path.rename(_free_name(path)))
    except OSError as error:
        raise JournalError(
            f"{path}: cannot be set aside ({error.strerror or error}). Move it by "
            "hand, or review without a journal."
        ) from error


class RecordFile:
    """Adds records to a file.

    Parameters
    ----------
    path : Path
        Made with the first record.

    Attributes
    ----------
    lines : list of bytes
        All that the file holds or has to hold: what is written anew if it vanishes.
    kept : Path or None
        Where the file was kept, the last time that it was damaged or not as it was
        left.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[bytes] = []
        self.kept: Path | None = None
        self._size, self._tail = 0, b""

    def open(self) -> None:
        """Go on with a file that is there; a damaged one is copied and mended.

        Raises
        ------
        JournalError
            If it cannot be read or written to.
        """
        found = read_lines(self.path)
        self.lines = found.whole
        if found.damaged > found.is_cut:
            # Without room for the copy the damaged file stays: reading passes it over.
            with suppress(OSError, PMRNetError):
                copy = _free_name(self.path)
                shutil.copyfile(self.path, copy)
                self.kept = copy
                data = b"".join(found.whole)
                replace_file(self.path, data, True)
        try:
            data = self.path.read_bytes()
            self._size = data.rfind(b"\n") + 1
            os.truncate(self.path, self._size)
        except OSError as error:
            raise JournalError(
                f"{self.path}: cannot be written to ({error.strerror or error}). Give "
                "yourself the right to, or move it elsewhere to begin anew."
            ) from error
        self._tail = data[max(0, self._size - _CHECKED) : self._size]

    def add(self, pending: deque[bytes]) -> None:
        """Write lines; those that are on the disk are taken off `pending`.

        Raises
        ------
        OSError
            If one cannot be written; nothing of it stays in the file.
        JournalError
            If another file is in the place and cannot be set aside.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self._is_as_left(pending):
            if self.path.exists() and self.path.stat().st_size:
                self.kept = set_aside(self.path)
            pending.extendleft(reversed(self.lines))
            self.lines, self._size, self._tail = [], 0, b""
        count, fault = write_lines(self.path, pending, self._size)
        for _ in range(count):
            self.lines.append(pending.popleft())
            self._size += len(self.lines[-1])
            self._tail = (self._tail + self.lines[-1])[-_CHECKED:]
        if fault is not None:
            raise fault

    @property
    def is_gone(self) -> bool:
        """Whether the file was moved or deleted out of a folder that is still there."""
        return bool(self.lines) and not self.path.exists() and self.path.parent.exists()

    def _is_as_left(self, pending: deque[bytes]) -> bool:
        """Tell whether a file holds what was written, and at most a part of more."""
        start = self._size - len(self._tail)
        try:
            with self.path.open("rb") as stream:
                stream.seek(start)
                found = stream.read(len(self._tail) + sum(map(len, pending)) + 1)
        except FileNotFoundError:
            return False
        return (self._tail + b"".join(pending)).startswith(found) and found.startswith(
            self._tail
        )


def _whole_ends(line: bytes) -> Iterator[bytes]:
    """The line if it is whole, else whole records at its end.

    Where the end of a line was lost, the next one follows without a break.
    """
    for found in _BEGINNING.finditer(line):
        part = line[found.start() :]
        if part.endswith(b"\n") and part[:8] == b"%08x" % zlib.crc32(part[9:-1]):
            yield part


def _free_name(path: Path) -> Path:
    """A name beside a file that nothing has: its own with a number."""
    number = 1
    while (free := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    return free
