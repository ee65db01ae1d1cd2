"""Tables and pages of an output folder, which tell of all its images.

A later run replaces those that an earlier one wrote, and nothing else: it knows them by
their hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sized
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, cast

from napari_pmrnet.batch.contact_sheet import TITLE as SHEET_TITLE
from napari_pmrnet.batch.summary import HEAD as SUMMARY_HEAD
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.permit import Permit, hash_of
from napari_pmrnet.io.write import (
    TEMPORARY,
    Content,
    disk_is_full,
    finish_swap,
    replace_file,
    replace_folder,
    writing,
)

MOST_NAMES = 1000
MOST_REFUSALS = 3
"""Files that the system may refuse to replace before it counts as a fault."""


class Overviews:
    """Writes tables and pages of an output folder.

    Parameters
    ----------
    output : Path
        The folder.
    known : set of str
        Hashes of those that runs have written, as far as they were noted.
    note : callable
        Notes name and hash of what is about to be written, for later runs.
    images : sized
        The images of the folder; filled while a run makes them. Versions that noted no
        hashes have written nothing to a folder without any.
    """

    def __init__(
        self,
        output: Path,
        known: set[str],
        note: Callable[[str, str], None],
        images: Sized,
    ) -> None:
        self._output, self._images = output, images
        self._known, self._note = known, note
        self._noted_before = bool(known)

    def write(self, name: str, content: Content) -> Path:
        """Write a table or page of the folder, whole or not at all.

        Parameters
        ----------
        name : str
            Where a file has it that no batch wrote, that was changed since or cannot be
            replaced, a number is added.
        content : bytes or callable
            A callable writes the same to every stream it is given.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        self._know(name, _hash_of_content(content))
        return self._put(name, lambda path, permit: replace_file(path, content, permit))

    def write_folder(self, name: str, make: Callable[[Path], None]) -> Path:
        """Write a folder that tells of all images, whole or not at all.

        Parameters
        ----------
        name : str
            As of `write`.
        make : callable
            Makes it under a path where there is nothing.

        Returns
        -------
        Path
            The folder written.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        prefix, suffix = TEMPORARY.split("*")
        with (
            writing(self._output / name),
            TemporaryDirectory(
                suffix, prefix, self._output, ignore_cleanup_errors=True
            ) as place,
        ):
            new = Path(place) / name
            make(new)
            self._know(name, hash_of(new))

            def put(path: Path, permit: Permit) -> None:
                finish_swap(path)
                replace_folder(new, path, permit)

            return self._put(name, put)

    def _know(self, name: str, digest: str) -> None:
        """Note what a run writes, so that later ones may replace it."""
        if digest not in self._known:
            self._note(name, digest)
            self._known.add(digest)

    def _put(self, name: str, put: Callable[[Path, Permit], None]) -> Path:
        """Put something in its place, or the first one like it that is free."""
        usual, refused = self._output / name, 0
        known = frozenset(self._known)
        for number in range(1, MOST_NAMES):
            end = f"-{number}" if number > 1 else ""
            path = usual.with_stem(f"{usual.stem}{end}")
            permit = Permit(self._is_of_before(path), known=known)
            if not permit.allows(path):
                continue
            try:
                put(path, permit)
            except DataError as error:
                refused += 1
                if disk_is_full(error) or refused == MOST_REFUSALS:
                    raise
            else:
                return path
        raise DataError(f"{usual}: no name like it is free. Choose another folder.")

    def _is_of_before(self, path: Path) -> bool:
        """Tell whether an overview is of a version that noted none of them."""
        if self._noted_before or not self._images:
            return False
        with suppress(OSError), path.open("rb") as stream:
            start = stream.read(1000)
            return start.startswith(SUMMARY_HEAD) or SHEET_TITLE.encode() in start
        return False


def _hash_of_content(content: Content) -> str:
    """SHA-256 of what is to be written."""
    if not callable(content):
        return hashlib.sha256(content).hexdigest()
    sink = _Hashing()
    content(cast(BinaryIO, sink))
    return sink.sha256.hexdigest()


class _Hashing:
    """A stream that keeps the hash of what is written to it, and nothing else."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, content: bytes) -> int:
        """Take in a piece."""
        self.sha256.update(content)
        return len(content)
