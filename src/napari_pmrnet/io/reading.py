"""Words for reading that goes wrong: of the file, the disk or the software."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_pmrnet._software import is_bug, misfit
from napari_pmrnet.errors import DataError, PMRNetError


@contextmanager
def reading(
    path: Path, *libraries: str, damaged: Callable[[Exception], str]
) -> Iterator[None]:
    """Turn what a library raises in the block into one sentence.

    Parameters
    ----------
    path : Path
        What is read.
    *libraries : str
        Distributions that read it.
    damaged : callable
        Gives the sentence on a damaged file from the error.

    Raises
    ------
    SoftwareError
        If a library is missing or does not fit.
    DataError
        If the file is not there, cannot be opened, or is damaged.
    """
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise DataError(f"{path}: is no plain file, but a pipe, socket or device.")
    try:
        yield
    except (PMRNetError, MemoryError):
        raise
    except Exception as error:
        unfit = misfit(error, str(path), *libraries)
        if unfit is not None:
            raise unfit from error
        if isinstance(error, FileNotFoundError) and not path.exists():
            raise DataError(f"{path}: there is no such file.") from None
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(
                f"{path}: cannot be read ({error.strerror or error}). Check that you "
                "may read it and that its disk is there."
            ) from error
        if is_bug(error):
            raise
        raise DataError(damaged(error)) from error


def words(error: Exception) -> str:
    """An error's text on one line, or its name if it has none."""
    return " ".join(str(error).split()) or type(error).__name__
