"""Waiting for the disk, and patience with file systems that refuse for a moment."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from typing import BinaryIO, TypeVar

_T = TypeVar("_T")
_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)
_FOR_A_MOMENT = {errno.EACCES, errno.EPERM, errno.EBUSY, errno.EAGAIN, errno.EINTR}
_NO_FSYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def settle_file(stream: BinaryIO) -> None:
    """Wait until what was written to a file is on the disk.

    Some network shares cannot tell; there, what the system takes has to do.

    Raises
    ------
    OSError
        If it does not get there.
    """
    stream.flush()
    try:
        os.fsync(stream.fileno())
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise


def patiently(act: Callable[[], _T]) -> _T:
    """Do what a virus scanner or a share may refuse for a moment, a few times over.

    Raises
    ------
    OSError
        If it is refused for more than a second, or for good.
    """
    for seconds in _WAITS:
        try:
            return act()
        except OSError as error:
            if error.errno not in _FOR_A_MOMENT:
                raise
            time.sleep(seconds)
    return act()
