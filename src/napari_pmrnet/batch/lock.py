"""One run an output folder at a time."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from napari_pmrnet.batch.run_log import make_folder
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.lock import OwnerLock, TakenError

NAME = "lock"
ASK_SECONDS = 1.0
logger = logging.getLogger(__name__)


class RunLock(OwnerLock):
    """Keeps other runs out of an output folder, as a context manager.

    Parameters
    ----------
    output : Path
        Made if it is not there.

    Raises
    ------
    DataError
        If the folder cannot be made.
    """

    def __init__(self, output: Path) -> None:
        super().__init__(make_folder(output) / NAME)
        self.output = output
        self._asked = 0.0

    def __enter__(self) -> RunLock:
        """Take the lock.

        Raises
        ------
        DataError
            If another run has it, or the note cannot be written.
        """
        try:
            self.take()
        except TakenError as error:
            owner = error.owner
            advice = "Wait for it, stop it, or choose another folder."
            if owner.is_elsewhere:
                advice = f"If it runs no more, remove {self.note} and start again."
            raise DataError(
                f"{self.output}: another run writes there: {owner}. {advice}"
            ) from error
        try:
            self.sign()
        except DataError:
            self.release()
            raise
        if self.caveat:
            logger.warning(self.caveat)
        return self

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
