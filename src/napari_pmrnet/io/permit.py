"""One answer to "may this be written here?", for every writer.

Nothing is ever written onto, into or around what is read. What lies at a place already
is replaced only if the user said so for that place, or if it is what this program wrote
of the very same image and nobody has touched it since.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.label_zarr import chunks_hash, label_zarr_tag
from napari_pmrnet.io.ome_zarr import is_zarr
from napari_pmrnet.io.provenance import Tag, array_hash, read_label_tag, relative_name
from napari_pmrnet.io.tiff import open_tiff


class Inputs:
    """Files and folders that are read, however they are named.

    Links, relative names and names that differ in case only are the same place.

    Parameters
    ----------
    paths : iterable of str or Path
    """

    def __init__(self, paths: Iterable[str | Path] = ()) -> None:
        self._names: set[str] = set()
        self._around: set[str] = set()
        self._numbers: set[tuple[int, int]] = set()
        for path in paths:
            place = Path(os.path.realpath(path))
            self._names.add(_same(place))
            self._around.update(map(_same, place.parents))
            self._numbers |= _number(place)

    def meets(self, target: Path) -> bool:
        """Tell whether a place is one of these, lies inside one or holds one."""
        place = Path(os.path.realpath(target))
        return _same(place) in self._around or any(
            _same(one) in self._names or not self._numbers.isdisjoint(_number(one))
            for one in (place, *place.parents)
        )


@dataclass(frozen=True)
class Permit:
    """Permission to write.

    Attributes
    ----------
    overwrite : bool
        Whether the user said that what lies there may be replaced.
    inputs : Inputs
        What is read, and therefore stays whatever the user said.
    image : Path or None
        Labels that this program made of that image may be replaced, as long as they
        are as it left them.
    known : frozenset of str
        `hash_of` what earlier runs left and later ones may replace.
    offered : bool
        Whether there is a way to say that what lies there may be replaced, which a
        refusal then names.
    """

    overwrite: bool = False
    inputs: Inputs = field(default_factory=Inputs)
    image: Path | None = None
    known: frozenset[str] = frozenset()
    offered: bool = True

    @property
    def taken(self) -> str:
        """Reason why what lies at a place stays there, and what to do."""
        allow = "allow it (--overwrite, overwrite=True)"
        remedy = allow if self.offered else "move that away"
        return f"exists already and is not replaced. Choose another name, or {remedy}."

    @classmethod
    def of(cls, overwrite: Overwrite) -> Permit:
        """A permit, or one that says no more than yes or no."""
        return overwrite if isinstance(overwrite, Permit) else cls(overwrite)

    def with_known(self, *hashes: str) -> Permit:
        """The same, for what has one of these hashes too."""
        return replace(self, known=self.known.union(filter(None, hashes)))

    def for_table(self, labels: Path) -> Permit:
        """The same, for the table beside a label Zarr, which names it by its hash.

        Whoever lets labels be replaced has not spoken of another table of that name.
        """
        tag = label_zarr_tag(labels)
        may = self.overwrite and _is_table(labels.with_suffix(Format.CSV.ending))
        known = self if tag is None else self.with_known(*tag.table.split())
        return replace(known, overwrite=may)

    def allows(self, target: Path) -> bool:
        """Tell whether a place may be written to."""
        return self.refusal(target) is None

    def check(self, target: Path) -> None:
        """Raise a `DataError` unless a place may be written to."""
        refused = self.refusal(target)
        if refused:
            raise DataError(f"{target}: {refused}")

    def refusal(self, target: Path) -> str | None:
        """Reason why a place may not be written to, and what to do; None if it may."""
        place = Path(os.path.realpath(target))
        if self.inputs.meets(target):
            return "is read from, and would be lost. Choose another name or folder."
        outer = next((one for one in place.parents if is_zarr(one)), None)
        if outer is not None:
            return f"lies inside the Zarr folder {outer}. Choose a place beside that."
        if not os.path.lexists(target) or self._is_ours(place):
            return None
        if place.is_dir() and label_zarr_tag(place) is None:
            return (
                "is a folder that holds no labels of napari-pmrnet, and is not "
                "replaced. Choose another name."
            )
        if place.exists() and not (place.is_file() or place.is_dir()):
            return "is no plain file. Choose another name."
        return None if self.overwrite else self.taken

    def _is_ours(self, place: Path) -> bool:
        """Tell whether what lies at a place is as this program left it."""
        if not place.exists():
            return False
        if self.known and hash_of(place) in self.known:
            return True
        return self.image is not None and _is_untouched(place, self.image)


def check_folder(folder: Path) -> None:
    """Raise a `DataError` if a folder for results is an image, or lies inside one."""
    Permit().check(folder / "new")


Overwrite = bool | Permit
"""What a writer is told: yes, no, or more exactly."""


def hash_of(path: Path) -> str:
    """SHA-256 of a file, or of the names and hashes of all files of a folder."""
    if path.is_dir():
        names = sorted(part.relative_to(path).as_posix() for part in parts_of(path))
        listed = "".join(f"{name} {hash_of(path / name)}\n" for name in names)
        return hashlib.sha256(listed.encode(errors="surrogateescape")).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def stamp_of(path: Path) -> tuple[int, ...]:
    """Size and time of the last change of a file; nothing if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_size, status.st_mtime_ns


def parts_of(path: Path) -> Iterator[Path]:
    """The file, or all files of a folder."""
    if not path.is_dir():
        yield path
    for place, _, names in os.walk(path):
        yield from (Path(place, name) for name in names)


def _is_untouched(place: Path, image: Path) -> bool:
    """Tell whether labels at a place are of an image and as they were written."""
    try:
        if place.is_dir():
            written = _written(label_zarr_tag(place), place, image)
            return written != "" and written == chunks_hash(place)
        if Format.of(place) is not Format.TIFF:
            return False
        with open_tiff(place) as tiff:
            tag = read_label_tag(tiff.pages.first.description)
            written = _written(tag, place, image)
            return written != "" and written == array_hash(tiff.series[0].asarray())
    except (DataError, OSError):
        return False


def _written(tag: Tag | None, place: Path, image: Path) -> str:
    """Hash of labels as they were written, if their tag names the image; or nothing."""
    if tag is None or tag.made_of != relative_name(image, place.parent):
        return ""
    return tag.sha256


def _is_table(path: Path) -> bool:
    """Tell whether a file looks like a table of nuclei of ours."""
    try:
        with path.open("rb") as stream:
            return stream.readline().startswith(b"label,certainty,")
    except OSError:
        return False


def _same(path: Path) -> str:
    """Text that is equal for names that some file system takes for one and the same."""
    return unicodedata.normalize("NFC", os.path.normcase(path)).casefold()


def _number(path: Path) -> set[tuple[int, int]]:
    """Number of a file in its file system; nothing where there is none."""
    try:
        status = path.stat()
    except OSError:
        return set()
    return {(status.st_dev, status.st_ino)} if status.st_ino else set()
