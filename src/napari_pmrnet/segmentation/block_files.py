"""Blocks of a large plane that are done, each in a file of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.write import replace_file
from napari_pmrnet.segmentation.blocks import BlockGrid, BlockNuclei

JOB = "job.json"
NAMES = re.compile(r"job\.json|block-.*\.npz|window-.*\.npy|\.pmrnet-.*\.tmp")
"""Names of the files in a folder of blocks; that of tiles is of `TileStore`."""
_DAMAGED = (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile)


class BlockFiles:
    """The blocks of a plane that are done, kept in a folder for a run that is stopped.

    Parameters
    ----------
    folder : Path
        Made if it is not there. Emptied if it holds blocks of another job.
    job : mapping
        All that the blocks depend on, ready for JSON.

    Raises
    ------
    DataError
        If the folder cannot be made or written to, or holds what is not ours.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any]) -> None:
        self.folder, self.job = folder, job
        text = json.dumps(job, sort_keys=True)
        if self._job() == text:
            return
        try:
            remove_folder(folder, NAMES)
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
        """The job whose blocks the folder holds."""
        with suppress(OSError, UnicodeDecodeError):
            return (self.folder / JOB).read_text()
        return None

    def _path(self, row: int, column: int) -> Path:
        return self.folder / f"block-{row}-{column}.npz"

    def _write(self, name: str, content: bytes) -> None:
        replace_file(self.folder / name, content, True)


def remove_folder(folder: Path, ours: re.Pattern[str]) -> None:
    """Remove a folder of ours that a run before has left, if it is there.

    Parameters
    ----------
    folder : Path
    ours : re.Pattern
        Names of all that it may hold.

    Raises
    ------
    DataError
        If it holds anything else.
    """
    if not os.path.lexists(folder):
        return
    if not holds_only(folder, ours):
        raise DataError(
            f"{folder}: is in the way and holds what is not of napari-pmrnet. Move it, "
            "or choose another output."
        )
    shutil.rmtree(folder)


def holds_only(folder: Path, ours: re.Pattern[str]) -> bool:
    """Tell whether a folder holds nothing but files and folders of these names."""
    return folder.is_dir() and all(ours.fullmatch(e.name) for e in folder.iterdir())
