"""Room for what a file unpacks to, asked for before it is read."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from napari_pmrnet.errors import TooLargeError

READ_ANYWAY = "PMRNET_READ_ANYWAY"
"""Environment variable by which the user has files read whatever their headers say."""


def check_room(
    path: Path, needed: int, advice: str = "Open it on a larger one"
) -> None:
    """Refuse what unpacks to more than the free memory.

    Parameters
    ----------
    path : Path
        The file.
    needed : int
        Bytes that its header names.
    advice : str
        What else can be done.

    Raises
    ------
    TooLargeError
        Unless the user has set `READ_ANYWAY`.
    """
    free = psutil.virtual_memory().available
    if needed <= free or os.environ.get(READ_ANYWAY):
        return
    raise TooLargeError(
        f"{path}: unpacks to {needed / 1e9:.1f} GB, and this computer has "
        f"{free / 1e9:.1f} GB of memory free. {advice}; if you trust the file, set "
        f"the environment variable {READ_ANYWAY}=1 to have it read all the same."
    )
