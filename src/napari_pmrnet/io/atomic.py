"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from napari_pmrnet.errors import DataError


def replace_file(target: Path, write: Callable[[BinaryIO], None]) -> None:
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
        raise DataError(
            f"{target}: cannot be written ({error.strerror or error}). Close it in "
            "other programs, or choose another folder."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
