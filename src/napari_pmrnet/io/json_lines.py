"""A log that only grows: one JSON object a line, whole however a program ends."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_pmrnet.io.settle import settle_file


@dataclass(frozen=True)
class JsonLines:
    """A file of one JSON object a line, which one process at a time adds to.

    Parameters
    ----------
    path : Path
        Made when the first line is added.
    """

    path: Path

    def add(self, values: dict[str, Any], sync: bool = False) -> None:
        """Add a line; one that was cut short before is ended first.

        Parameters
        ----------
        values : dict
        sync : bool
            Wait until the line is on the disk.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        with self.path.open("ab+") as stream:
            if stream.seek(0, os.SEEK_END):
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")
            stream.write(json.dumps(values).encode() + b"\n")
            stream.flush()
            if sync:
                settle_file(stream)

    def read(self) -> Iterator[dict[str, Any]]:
        """Every object so far; lines that hold none, or a part of one, are passed over.

        Raises
        ------
        OSError
            If there is no such file, or it cannot be read.
        """
        for line in self.path.read_bytes().splitlines():
            try:
                values = json.loads(line)
            except ValueError:
                continue
            if isinstance(values, dict):
                yield values
