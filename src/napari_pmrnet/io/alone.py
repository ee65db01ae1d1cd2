"""One process at a time makes something; who it is does not matter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from napari_pmrnet.errors import DataError

SOON = 0.3
"""Seconds to try: another process may be in the middle of giving the lock back."""
BUSY = (
    "is being written by another window or program. Wait for it, or choose another "
    "name."
)


@contextmanager
def alone(base: Path, busy: str, seconds: float = SOON) -> Iterator[None]:
    """Keep other processes and windows away while something is made.

    Unlike an `OwnerLock` it leaves no name, so that a process that died on another
    computer keeps nobody away; on drives without locks it keeps nobody away at all.

    Parameters
    ----------
    base : Path
        Path of the lock without its ending.
    busy : str
        What to tell a second one.
    seconds : float
        To wait for the first one.

    Raises
    ------
    DataError
        If another one is there.
    """
    path = base.with_name(f"{base.name}.lock")
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(timeout=seconds)
    except Timeout as error:
        raise DataError(busy) from error
    except OSError:
        pass
    try:
        yield
    finally:
        if lock.is_locked:
            let_go(lock, path)


def let_go(lock: BaseFileLock, path: Path) -> None:
    """Release a lock and leave no trace of it."""
    with suppress(OSError):
        # Where the lock is on the file and not on its name, who waits for it sees
        # that the name is gone; elsewhere the library removes the file itself.
        if os.name == "posix" and isinstance(lock, FileLock):
            path.unlink(missing_ok=True)
        lock.release()
