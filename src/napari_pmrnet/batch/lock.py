"""One run an output folder at a time."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from napari_pmrnet.batch.run_log import make_folder
from napari_pmrnet.batch.shard import Shard
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.lock import OwnerLock, TakenError

NAME = "lock"
ASK_SECONDS = 1.0
GATE_SECONDS = 60.0
"""How long a shard waits for others that are just starting."""
logger = logging.getLogger(__name__)


class RunLock(OwnerLock):
    """Keeps other runs out of an output folder, as a context manager.

    Shards let each other in: each has a lock of its own, and passes through that of
    the folder as it starts. So they begin only where no other run goes on, and a run
    without a shard, which keeps the lock of the folder, finds those that do.

    Parameters
    ----------
    output : Path
        Made if it is not there.
    shard : Shard, optional
        Part of the files that the run works on.

    Raises
    ------
    DataError
        If the folder cannot be made.
    """

    def __init__(self, output: Path, shard: Shard | None = None) -> None:
        folder = make_folder(output)
        super().__init__(folder / (f"{NAME}-{shard.name}" if shard else NAME))
        self.output = output
        self._gate = OwnerLock(folder / NAME) if shard else None
        self._asked = 0.0

    def __enter__(self) -> RunLock:
        """Take the lock.

        Raises
        ------
        DataError
            If another run has it, or the note cannot be written.
        """
        if self._gate is None:
            self._enter(self)
            self._refuse_beside_shards()
        else:
            self._pass_gate(self._gate)
        try:
            self.sign()
        except DataError:
            self.release()
            raise
        if self.caveat:
            logger.warning(self.caveat)
        return self

    def _pass_gate(self, gate: OwnerLock) -> None:
        """Take the lock of a shard while nobody has that of the folder."""
        end = time.monotonic() + GATE_SECONDS
        while True:
            try:
                self._enter(gate)
                break
            except DataError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        try:
            self._enter(self)
        finally:
            gate.release()

    def _refuse_beside_shards(self) -> None:
        """Give the lock back if a shard is at work."""
        for note in sorted(self.note.parent.glob(f"{NAME}-*-of-*.json")):
            shard = OwnerLock(note.with_suffix(""))
            try:
                self._enter(shard)
            except DataError:
                self.release()
                raise
            shard.release()

    def _enter(self, lock: OwnerLock) -> None:
        """Take a lock, or say who has it."""
        try:
            lock.take()
        except TakenError as error:
            owner = error.owner
            advice = "Wait for it, stop it, or choose another folder."
            if owner.is_elsewhere:
                advice = f"If it runs no more, remove {lock.note} and start again."
            raise DataError(
                f"{self.output}: another run writes there: {owner}. {advice}"
            ) from error

    def check(self) -> None:
        """Look, now and then, whether the folder is still this run's.

        Raises
        ------
        DataError
            If it is not.
        """
        if time.monotonic() - self._asked < ASK_SECONDS:
            return
        self._asked = time.monotonic()
        try:
            run = self.named().run
        except OSError:  # a moment's trouble of shared storage
            return
        if run != self.run:
            raise DataError(
                f"{self.output}: {self.note.name} was removed or another run has begun "
                "there, so this one stops. Finished files are whole."
            )
