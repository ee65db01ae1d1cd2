"""Files to write: under which name, and whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format

NO_ROOM = 65_536
"""Free bytes below which a write that was cut short was cut short by a full disk."""
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def checked_target(path: str | Path, kind: Format) -> Path:
    """Return the file or folder to write for a name that the user gave.

    Parameters
    ----------
    path : str or Path
        Without an ending, it gets the usual one of the format.
    kind : Format
        Zarr is a folder, all others are files.

    Raises
    ------
    DataError
        If the ending is another one, the folder around it does not exist, or a folder
        is in the place of a file or a file in that of a folder.
    """
    path = Path(path)
    if not path.suffix:
        path = path.with_name(f"{path.name}{kind.ending}")
    if Format.of(path) is not kind:
        raise DataError(f"{path}: choose a name that ends in {kind.ending}.")
    if not path.parent.is_dir():
        raise DataError(f"{path}: its folder does not exist. Make it first.")
    if kind is Format.ZARR and path.is_file():
        raise DataError(f"{path}: is a file. Choose another name.")
    if kind is not Format.ZARR and path.is_dir():
        raise DataError(f"{path}: is a folder. Choose another name.")
    return path


def replace_file(target: Path, write: Callable[[BinaryIO], object]) -> None:
    """Put a new file in the place of `target`, whole or not at all.

    Parameters
    ----------
    target : Path
        File to make or replace; where it is a link, the file it leads to.
    write : callable
        Given the open stream of a temporary file in the same folder.

    Raises
    ------
    DataError
        If the operating system refuses: no room, no permission, file in use.
    """
    place = Path(os.path.realpath(target))
    temporary = place.with_name(f".pmrnet-{uuid4().hex[:12]}.tmp")
    try:
        with temporary.open("xb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, place)
    except OSError as error:
        told = _with_reason(error, place.parent)
        raise unwritable(target, told) from told
    finally:
        temporary.unlink(missing_ok=True)


def _with_reason(error: OSError, folder: Path) -> OSError:
    """The error as the system tells it: numpy names no reason when a disk is full."""
    if error.errno is None and shutil.disk_usage(folder).free < NO_ROOM:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return error


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
    return "Close it in other programs, or choose another folder."
