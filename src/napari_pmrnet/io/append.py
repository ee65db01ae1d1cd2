"""Lines at the end of a file: whole, or not there, whatever the disk has room for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from io import FileIO
from pathlib import Path

from napari_pmrnet.io.settle import settle_file


def write_lines(
    path: Path, lines: Iterable[bytes], end: int, settle: bool = True
) -> tuple[int, OSError | None]:
    """Write lines one by one after the first `end` bytes of a file, and none in part.

    Nothing is buffered: of a line that does not fit, no byte stays, and none follows
    later.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    lines : iterable of bytes
    end : int
        What the file holds beyond it goes.
    settle : bool
        Wait until they are on the disk.

    Returns
    -------
    tuple of int and OSError or None
        Number of lines written, and why the next one was not.

    Raises
    ------
    OSError
        If none can be written.
    """
    start, count, fault = end, 0, None
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0) as stream:
        for line in lines:
            try:
                _write_at(stream, line, end)
            except OSError as error:
                fault = error
                break
            end, count = end + len(line), count + 1
        try:
            stream.truncate(end)
            if settle:
                settle_file(stream)
        except OSError:
            with suppress(OSError):
                stream.truncate(start)
            raise
    return count, fault


def add_line(path: Path, line: bytes, settle: bool = False) -> None:
    """Add a line to a log; one that was cut short before is ended first.

    Raises
    ------
    OSError
        If it cannot be written; nothing of it is in the file then.
    """
    end, last = 0, b"\n"
    with suppress(FileNotFoundError), path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        if end:
            stream.seek(-1, os.SEEK_END)
            last = stream.read(1)
    _, fault = write_lines(path, [line if last == b"\n" else b"\n" + line], end, settle)
    if fault is not None:
        raise fault


def _write_at(stream: FileIO, line: bytes, place: int) -> None:
    """Write all of a line; the system may take a part of it at a time."""
    stream.seek(place)
    rest = memoryview(line)
    while rest:
        rest = rest[stream.write(rest) :]
