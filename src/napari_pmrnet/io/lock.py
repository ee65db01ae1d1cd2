"""One owner at a time of something on disk: a journal, a folder of results.

The lock is the operating system's, which lets go of it when a process ends, however it
ends. A note beside it names the owner; who writes another name there asks the owner to
stop. The owner looks at the note now and then, finishes what it has in hand and gives
the lock back, so that two never write at a time.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from napari_pmrnet.errors import DataError, PMRNetError
from napari_pmrnet.io.alone import SOON, let_go
from napari_pmrnet.io.write import replace_file

PATIENCE = 10.0
"""Seconds to wait for an owner that was asked to stop."""
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


@dataclass(frozen=True)
class Owner:
    """Who a note names.

    Attributes
    ----------
    run : str
        Name of the run or review, which no other has.
    host : str
        Computer.
    pid : int
        Process.
    since : str
        Local time.
    """

    run: str = ""
    host: str = ""
    pid: int = 0
    since: str = "an unknown time"

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is on another computer, so that nobody here can tell of it."""
        return bool(self.host) and self.host != socket.gethostname()

    def __str__(self) -> str:
        if not self.run:
            return "another program"
        where = f"process {self.pid} of this computer"
        if self.is_elsewhere:
            where = f"the computer {self.host} (process {self.pid})"
        elif self.pid == os.getpid():
            where = f"another window of this program (process {self.pid})"
        return f"{where}, since {self.since}"


class TakenError(PMRNetError):
    """A place that another window or program is writing to.

    Parameters
    ----------
    owner : Owner
        Who that is.
    """

    def __init__(self, owner: Owner) -> None:
        super().__init__(f"It belongs to {owner}.")
        self.owner = owner


class OwnerLock:
    """Keeps other processes, and other windows of this one, away from a place.

    Parameters
    ----------
    base : Path
        Path of the lock and the note, without their endings.

    Attributes
    ----------
    note : Path
        File that names the owner.
    run : str
        Name of this owner, which no other has.
    caveat : str
        Sentence for the user where the drive knows no locks; else empty.
    """

    def __init__(self, base: Path) -> None:
        self.note = base.with_name(f"{base.name}.json")
        self.run = uuid4().hex
        self.caveat = ""
        self._path = base.with_name(f"{base.name}.lock")
        self._lock: BaseFileLock | None = None

    def __enter__(self) -> OwnerLock:
        """Take the lock; see `take`."""
        self.take()
        return self

    def __exit__(self, *error: object) -> None:
        """Give it back."""
        self.release()

    def take(self, seconds: float = SOON) -> None:
        """Take the lock, also from a process of this computer that has died.

        On a full disk there is a lock, but no name on it.

        Raises
        ------
        TakenError
            If another process has it. One on another computer, or any where there
            can be no lock, counts as alive as long as the note names it.
        """
        lock, owner = self._acquired(seconds), self._owner()
        is_another = owner.run not in ("", self.run)
        if is_another and (lock is None or owner.is_elsewhere):
            if lock is not None:
                lock.release()
            raise TakenError(owner)
        self._lock = lock
        with suppress(DataError):
            self.sign()

    def sign(self) -> None:
        """Name this owner in the note.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        here = Owner(
            self.run,
            socket.gethostname(),
            os.getpid(),
            f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        )
        text = json.dumps(asdict(here)).encode()
        replace_file(self.note, text, overwrite=True)

    def take_over(self, seconds: float = PATIENCE) -> None:
        """Ask the owner to stop, and take the lock when it has.

        Raises
        ------
        DataError
            If it cannot be asked.
        TakenError
            If it does not stop in time; it will when it looks at the note.
        """
        owner = self._owner()
        self.sign()
        try:
            self.take(seconds)
        except TakenError as error:
            raise TakenError(owner) from error

    def named(self) -> Owner:
        """The owner that the note names; without a run if there is none.

        Raises
        ------
        OSError
            If the note is there and cannot be read.
        """
        try:
            values = json.loads(self.note.read_text(encoding="utf-8"))
            return Owner(**{k: values[k] for k in Owner.__annotations__ if k in values})
        except (FileNotFoundError, ValueError, TypeError):
            return Owner()

    def is_wanted(self) -> bool:
        """Tell whether another one has put its name into the note."""
        return self._owner().run not in ("", self.run)

    def release(self) -> None:
        """Give the lock back and leave no trace of it."""
        lock, self._lock = self._lock, None
        with suppress(OSError):
            if self._owner().run == self.run:
                self.note.unlink(missing_ok=True)
        if lock is not None:
            let_go(lock, self._path)

    def _owner(self) -> Owner:
        """The same, but a note that cannot be read just now names nobody."""
        with suppress(OSError):
            return self.named()
        return Owner()

    def _acquired(self, seconds: float) -> BaseFileLock | None:
        """The lock taken; None where there can be none.

        A drive without locks gets a file that stands for one. The library tells of
        dead processes by it too, but not of those of other computers.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._path, thread_local=False, fallback_to_soft=False)
            try:
                lock.acquire(timeout=seconds)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                lock = SoftFileLock(f"{self._path}ed", thread_local=False)
                lock.acquire(timeout=seconds)
                self.caveat = (
                    f"The drive of {self._path.parent} knows no locks, so the file "
                    f"{self._path.name}ed stands for one. If a computer dies "
                    "meanwhile, remove that file."
                )
        except Timeout as error:
            raise TakenError(self._owner()) from error
        except OSError as error:
            self.caveat = (
                f"{self._path}: cannot be made ({error.strerror or error}), so nothing "
                "keeps a second window or program away. Open it in one only."
            )
            return None
        return lock
