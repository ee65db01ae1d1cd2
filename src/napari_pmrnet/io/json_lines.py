"""A log that only grows: one JSON object a line, whole however a program ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_pmrnet.io.append import add_line


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
            If it cannot be written; nothing of it is in the file then.
        """
        add_line(self.path, json.dumps(values).encode() + b"\n", sync)

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
