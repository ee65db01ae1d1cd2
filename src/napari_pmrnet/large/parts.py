"""Blocks that are done, kept in a folder so that a run can go on after a kill."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.atomic import replace_file
from napari_pmrnet.large.blocks import BlockGrid, BlockNuclei

JOB = "job.json"
_DAMAGED = (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile)


class Parts:
    """A folder with one file a block.

    Parameters
    ----------
    folder : Path
        Made if it is not there. Emptied if it holds parts of another job.
    job : mapping
        All that the blocks depend on, ready for JSON.

    Raises
    ------
    DataError
        If the folder cannot be made or written to.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any]) -> None:
        self.folder, self.job = folder, job
        text = json.dumps(job, sort_keys=True)
        if self._job() == text:
            return
        try:
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
        except OSError as error:
            raise DataError(
                f"{folder}: cannot be made anew ({error.strerror or error}). Choose "
                "another folder."
            ) from error
        self._write(JOB, text.encode())

    def missing(self, grid: BlockGrid) -> list[tuple[int, int]]:
        """Row and column of the blocks that are not there."""
        return [place for place in grid.places() if not self._path(*place).is_file()]

    def save(self, block: BlockNuclei) -> None:
        """Keep a block, whole or not at all.

        Raises
        ------
        DataError
            If there is no room for it.
        """
        self._write(self._path(block.row, block.column).name, block.to_bytes())

    def load(self, row: int, column: int) -> BlockNuclei | None:
        """A block; None if it is not there or damaged, and then it is dropped."""
        path = self._path(row, column)
        try:
            return BlockNuclei.from_bytes(path.read_bytes())
        except FileNotFoundError:
            return None
        except _DAMAGED:
            path.unlink(missing_ok=True)
            return None

    def _job(self) -> str | None:
        """The job whose parts the folder holds."""
        with suppress(OSError, UnicodeDecodeError):
            return (self.folder / JOB).read_text()
        return None

    def _path(self, row: int, column: int) -> Path:
        return self.folder / f"block-{row}-{column}.npz"

    def _write(self, name: str, content: bytes) -> None:
        replace_file(self.folder / name, lambda stream: stream.write(content))
