"""Files and folders to write: under which name, and whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import uuid4

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.alone import BUSY, alone
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.permit import Overwrite, Permit
from napari_pmrnet.io.settle import patiently, settle_file

NO_ROOM = 65_536
"""Free bytes below which a write that was cut short was cut short by a full disk."""
TEMPORARY = ".pmrnet-*.tmp"
"""Names of what is being written, or about to go."""
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def checked_target(
    path: str | Path, kind: Format, overwrite: Overwrite = False
) -> Path:
    """Return the file or folder to write for a name that the user gave.

    Parameters
    ----------
    path : str or Path
        Without an ending, it gets the usual one of the format.
    kind : Format
        Zarr is a folder, all others are files.
    overwrite : bool or Permit
        Whether what is there may be replaced.

    Raises
    ------
    DataError
        If the ending is another one, the name is too long, the folder around it does
        not exist, a folder is in the place of a file or a file in that of a folder, or
        it may not be written to.
    """
    path = Path(path)
    if not path.suffix:
        path = path.with_name(f"{path.name}{kind.ending}")
    if Format.of(path) is not kind:
        raise DataError(f"{path}: choose a name that ends in {kind.ending}.")
    if is_too_long(path):
        raise DataError(f"{path}: its name is too long. Choose a shorter one.")
    if not path.parent.is_dir():
        raise DataError(f"{path}: its folder does not exist. Make it first.")
    if kind is Format.ZARR and path.is_file():
        raise DataError(f"{path}: is a file. Choose another name.")
    if kind is not Format.ZARR and path.is_dir():
        raise DataError(f"{path}: is a folder. Choose another name.")
    Permit.of(overwrite).check(path)
    return path


def is_too_long(path: Path) -> bool:
    """Tell whether a name is longer than its drive takes."""
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return False


Content = bytes | bytearray | Callable[[BinaryIO], object]
"""What goes into a file, or what writes it to an open stream."""


def replace_file(target: Path, content: Content, overwrite: Overwrite) -> None:
    """Put a new file in the place of `target`, whole or not at all.

    Parameters
    ----------
    target : Path
        File to make or replace; where it is a link, the file it leads to.
    content : bytes or callable
        A callable is given the open stream of a temporary file in the same folder.
    overwrite : bool or Permit
        Whether a file that is there may be replaced: asked before writing, and again
        before the new file takes its place.

    Raises
    ------
    DataError
        If the operating system refuses: no room, no permission, file in use; or the
        place may not be written to.
    """
    replace_files({target: content}, overwrite)


def replace_files(contents: Mapping[Path, Content], overwrite: Overwrite) -> None:
    """Put several files in their places, in this order, or none if one has no room.

    Of several processes that write the same ones, each puts all of its own there.

    Parameters
    ----------
    contents : mapping of Path to bytes or callable
        Targets, and what goes into each, as for `replace_file`.
    overwrite : bool or Permit
        As for `replace_file`.

    Raises
    ------
    DataError
        As for `replace_file`.
    """
    permit = Permit.of(overwrite)
    for target in contents:
        permit.check(target)
    first = next(iter(contents))
    apart = nullcontext() if len(contents) == 1 else alone(first, f"{first}: {BUSY}", 5)
    made: list[tuple[Path, Path]] = []
    try:
        for target, content in contents.items():
            made.append((_temporary(Path(os.path.realpath(target))), target))
            with writing(target):
                _write_aside(made[-1][0], content)
        with apart:
            for target in contents:
                permit.check(target)
            for temporary, target in made:
                with writing(target):
                    _take_place(temporary, target, permit)
    finally:
        for temporary, _ in made:
            with suppress(OSError):
                temporary.unlink()


def _write_aside(temporary: Path, content: Content) -> None:
    """Write a temporary file and see to it that all of it is on the disk."""
    with temporary.open("xb") as stream:
        counted = _Counted(stream)
        if callable(content):
            content(cast(BinaryIO, counted))
        else:
            counted.write(content)
        settle_file(stream)
    if temporary.stat().st_size != counted.size:
        raise OSError(errno.EIO, "not all that was written is there")


def _take_place(temporary: Path, target: Path, permit: Permit) -> None:
    """Give a whole file its name, if that may still be."""
    place = Path(os.path.realpath(target))
    is_new = not os.path.lexists(place)  # asked first: what comes then is not replaced
    permit.check(target)
    try:
        patiently(lambda: _rename(temporary, place, is_new))
    except FileExistsError as error:
        raise DataError(f"{target}: {permit.taken}") from error


def replace_folder(new: Path, target: Path, overwrite: Overwrite) -> None:
    """Put a folder that is whole in the place of `target`; what was there goes last.

    Parameters
    ----------
    new : Path
        In the same folder as `target`, or as what it leads to.
    target : Path
    overwrite : bool or Permit
        Whether a folder that is there may be replaced.

    Raises
    ------
    DataError
        If the operating system refuses, or the place may not be written to. What was
        there is there still.
    """
    place, before = _places(target)
    there = place.exists()  # asked first: what comes then is not replaced
    Permit.of(overwrite).check(target)
    try:
        if there:
            patiently(lambda: os.rename(place, before))
        try:
            patiently(lambda: os.rename(new, place))
        except OSError:
            if there:
                os.rename(before, place)
            raise
    except OSError as error:
        raise unwritable(target, error) from error
    finish_swap(target)


def finish_swap(target: Path) -> None:
    """Make good a `replace_folder` that was killed: the old comes back or goes.

    Raises
    ------
    OSError
        If the operating system refuses.
    """
    place, before = _places(target)
    if not before.exists():
        return
    if not place.exists():
        os.rename(before, place)
        return
    last = _temporary(place)
    patiently(lambda: os.rename(before, last))
    shutil.rmtree(last, ignore_errors=True)


def _places(target: Path) -> tuple[Path, Path]:
    """Place of a folder, and that of the one before it while they are swapped."""
    place = Path(os.path.realpath(target))
    return place, place.with_name(f".{place.name}.before")


def _temporary(place: Path) -> Path:
    """A name beside a place that nothing has."""
    return place.with_name(f".pmrnet-{uuid4().hex[:12]}.tmp")


def _rename(new: Path, place: Path, is_new: bool) -> None:
    """Rename a file; where none was, one that has come since is not replaced."""
    if is_new:
        try:
            os.link(new, place)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):  # a file system without links
            if os.path.lexists(place):
                raise FileExistsError(errno.EEXIST, "exists") from None
        else:
            with suppress(OSError):
                new.unlink()
            return
    os.replace(new, place)


class _Counted(io.BufferedIOBase):
    """A stream that knows how many bytes must have come to lie in the file.

    It hides the file's number: NumPy would write to that past Python and lose the end
    of an array on a full disk without a word.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.size = stream, 0

    def write(self, data: Any) -> int:
        written = self._stream.write(data)
        self.size = max(self.size, self._stream.tell())
        return written

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def flush(self) -> None:
        if not self._stream.closed:
            self._stream.flush()

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True


def _with_reason(error: OSError, folder: Path) -> OSError:
    """The error as the system tells it: numpy names no reason when a disk is full."""
    if error.errno is None and shutil.disk_usage(folder).free < NO_ROOM:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return error


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Say which file or folder could not be written, and why, if the system refuses."""
    try:
        yield
    except OSError as error:
        told = _with_reason(error, Path(os.path.realpath(target)).parent)
        raise unwritable(target, told) from told


def unwritable(target: Path, error: OSError) -> DataError:
    """The error to raise when the operating system refuses to write."""
    return DataError(
        f"{target}: cannot be written ({error.strerror or error}). {_advice(error)}"
    )


def disk_is_full(error: BaseException) -> bool:
    """Tell whether an error of ours, or of the system, says that there is no room."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, OSError) and cause.errno in _FULL


def _advice(error: OSError) -> str:
    """Advise the user on a refusal of the operating system."""
    if disk_is_full(error):
        return "Make room on the disk, or choose another folder."
    if error.errno == errno.ENAMETOOLONG:
        return "Choose a shorter name."
    return "Close it in other programs, or choose another folder."
