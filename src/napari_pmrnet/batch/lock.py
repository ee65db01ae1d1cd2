"""One run an output folder at a time.

A small file in the folder names the process that writes there. Who finds that it was
removed, or names another run, stops.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

import psutil

from napari_pmrnet.batch.run_log import cannot_write
from napari_pmrnet.errors import DataError

NAME = "lock.json"
ASK_SECONDS = 1.0
CLOCK_SECONDS = 60.0
"""Seconds that the start of a process may seem to move when the clock is set."""


class FolderLock:
    """Keeps other runs out of a folder, as a context manager.

    Parameters
    ----------
    output : Path
        The output folder, for messages.
    folder : Path
        Folder inside it that holds the file; it must exist when the lock is taken.

    Attributes
    ----------
    path : Path
        The file.
    run : str
        Name of this run, which no other has.
    """

    def __init__(self, output: Path, folder: Path) -> None:
        self.output, self.path, self.run = output, folder / NAME, uuid4().hex
        self._asked = 0.0

    def __enter__(self) -> FolderLock:
        """Take the lock, also from a process that is dead.

        Raises
        ------
        DataError
            If another run has it, or the file cannot be written.
        """
        try:
            if self.path.exists():
                self._refuse_a_living_one()
                self.path.unlink(missing_ok=True)
            with self.path.open("x", encoding="utf-8") as stream:
                self._write(stream)
        except FileExistsError as error:
            raise DataError(
                f"{self.output}: another run has just begun there."
            ) from error
        except OSError as error:
            raise cannot_write(self.output, error) from error
        return self

    def __exit__(self, *error: object) -> None:
        """Give it back, unless another run has taken it."""
        with suppress(OSError):
            if self._reads() == self.run:
                self.path.unlink(missing_ok=True)

    def check(self) -> None:
        """Look, now and then, whether the lock is still this run's.

        Raises
        ------
        DataError
            If it is not.
        """
        if time.monotonic() - self._asked < ASK_SECONDS:
            return
        self._asked = time.monotonic()
        try:
            run = self._reads()
        except FileNotFoundError:
            run = None
        except OSError:  # a moment's trouble of shared storage
            return
        if run != self.run:
            raise DataError(
                f"{self.output}: {self.path.name} was removed or another run has begun "
                "there, so this one stops. Finished files are whole."
            )

    def _write(self, stream: TextIO) -> None:
        """Write who this is; a file that could not be written does not stay."""
        process = psutil.Process()
        mine = {
            "run": self.run,
            "host": socket.gethostname(),
            "pid": process.pid,
            "begun": process.create_time(),
            "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        }
        try:
            json.dump(mine, stream)
            stream.flush()
            os.fsync(stream.fileno())
        except OSError:
            self.path.unlink(missing_ok=True)
            raise

    def _reads(self) -> str | None:
        """The run that the file names."""
        return read_lock(self.path).get("run")

    def _refuse_a_living_one(self) -> None:
        """Complain unless the process that the file names is dead."""
        holder = read_lock(self.path)
        since = f"since {holder.get('since', 'an unknown time')}"
        here = holder.get("host") == socket.gethostname()
        if here and isinstance(holder.get("pid"), int):
            if not _is_alive(holder["pid"], holder.get("begun", 0.0)):
                return
            raise DataError(
                f"{self.output}: another run writes there {since} (process "
                f"{holder['pid']}). Wait for it, stop it, or choose another folder."
            )
        raise DataError(
            f"{self.output}: a run on the computer {holder.get('host', 'unknown')} "
            f"writes there {since}. If it is not running any more, remove {self.path} "
            "and start again."
        )


def read_lock(path: Path) -> dict[str, Any]:
    """Read a lock file; nothing if it is not whole.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _is_alive(pid: int, begun: float) -> bool:
    """Tell whether a process runs and is not another one that got its number."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - begun) < CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
