"""A training on corrections, as a folder: whoever opens it knows how far it has come.

The window and the process that trains share nothing but these files. A job that was
killed is started again with the same folder and goes on from its last epoch. The
process that trains holds a lock on the folder, which ends with it, however it ends.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from napari_pmrnet.errors import DataError
from napari_pmrnet.finetuning.corrections import Corrections
from napari_pmrnet.io.alone import alone
from napari_pmrnet.io.json_lines import JsonLines
from napari_pmrnet.io.write import replace_file, unwritable
from napari_pmrnet.models.library import current_name
from napari_pmrnet.settings import AUTOMATIC

ABOUT, LOG, WEIGHTS, CHECKPOINT, LOCK = (
    "job.json",
    "log.jsonl",
    "tuned.safetensors",
    "tuned.ckpt",
    "lock",
)
STARTED, BEFORE, EPOCH, NOTE, AFTER, DONE, FAILED = (
    "started",
    "before",
    "epoch",
    "note",
    "after",
    "done",
    "failed",
)
"""Kinds of events in the log."""

KEPT, KEPT_FOR_THESE = 0.6, 0.3
"""Share of the model's own weights that stays: for a model of many kinds of images, and
for one of images like the corrected ones."""


class JobTakenError(DataError):
    """A job that another process is training."""


@dataclass(frozen=True)
class TuneSettings:
    """Settings of a fine-tuning.

    Attributes
    ----------
    minutes : float
        What the steps of training may take, half a minute at least; their number
        follows from how fast the first ones are. Preparing and scoring come on top.
    learning_rate : float
        The highest, after the warm-up.
    frozen_norm : bool
        Leave the statistics of every BatchNorm as they are.
    replay : float
        Share of the crops that show generated nuclei.
    keep : float
        Share of the model's own weights in those that come out, 0 to 1.
    crop_size : int
        Side of the crops in pixels, as the network sees them.
    seed : int
    """

    minutes: float = 1.5
    learning_rate: float = 2e-3
    frozen_norm: bool = True
    replay: float = 0.3
    keep: float = KEPT
    crop_size: int = 128
    seed: int = 0


@dataclass(frozen=True)
class Job:
    """A folder with corrections, settings, log and, in the end, weights.

    Parameters
    ----------
    folder : Path
        Of `create`.
    """

    folder: Path

    @classmethod
    def create(
        cls,
        folder: Path,
        corrections: Sequence[Corrections],
        model: str,
        settings: TuneSettings | None = None,
        device: str = "auto",
    ) -> Job:
        """Write the files of a new job.

        Parameters
        ----------
        folder : Path
            New or empty.
        corrections : sequence of Corrections
        model : str
            Name or path of the model to begin with.
        settings : TuneSettings, optional
        device : str

        Raises
        ------
        DataError
            If there are no corrections, the folder holds something, or cannot be
            written to.
        """
        if not corrections:
            raise DataError("There are no corrections to learn from. Choose an image.")
        taken = f"{folder}: is not empty. Choose a new folder."
        if not _is_free(folder):
            raise DataError(taken)
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = folder.with_name(f".{folder.name}.new")
        busy = f"{folder}: another window or program begins a training there. Wait."
        with alone(aside, busy):
            shutil.rmtree(aside, ignore_errors=True)  # of a process that was killed
            try:
                aside.mkdir()
                for number, one in enumerate(corrections):
                    one.save(aside / f"corrections-{number:03d}.npz")
                values = asdict(settings or TuneSettings())
                about = {"model": model, "device": device, "settings": values}
                cls(aside).write(about)
                if not _is_free(folder):  # any more
                    raise DataError(taken)
                if folder.exists():
                    shutil.rmtree(folder)
                aside.rename(folder)
            except OSError as error:
                raise unwritable(folder, error) from error
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        return cls(folder)

    @property
    def exists(self) -> bool:
        """Tell whether the folder holds a job."""
        return (self.folder / ABOUT).exists()

    @property
    def about(self) -> dict[str, Any]:
        """Model, device, settings and, once known, steps of an epoch.

        Raises
        ------
        DataError
            If the folder holds no job.
        """
        try:
            return json.loads((self.folder / ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{self.folder}: holds no training ({error}). Start a new one."
            ) from error

    @property
    def settings(self) -> TuneSettings:
        """Settings it was created with."""
        return TuneSettings(**self.about["settings"])

    @property
    def weights(self) -> Path:
        """Path of the weights, written at the end; the card lies beside them."""
        return self.folder / WEIGHTS

    @property
    def checkpoint(self) -> Path:
        """State after the last epoch."""
        return self.folder / CHECKPOINT

    @property
    def log(self) -> JsonLines:
        """Log of what was said so far, one event a line."""
        return JsonLines(self.folder / LOG)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Keep other processes from training this job.

        Raises
        ------
        JobTakenError
            If one does.
        DataError
            If the folder is gone or cannot be written to.
        """
        if not self.exists:
            raise DataError(f"{self.folder}: holds no training any more.")
        lock = FileLock(self.folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise JobTakenError(
                f"{self.folder}: another window or program is training there. Wait "
                "until it ends, or stop it there."
            ) from error
        except OSError as error:
            raise unwritable(self.folder / LOCK, error) from error
        try:
            yield
        finally:
            lock.release()

    @property
    def is_taken(self) -> bool:
        """Tell whether another process is training this job."""
        if not (self.folder / LOCK).exists():
            return False
        try:
            with self.taken():
                return False
        except JobTakenError:
            return True
        except DataError:
            return False

    def remove(self) -> None:
        """Delete the folder with all that is in it, if there is one.

        Raises
        ------
        JobTakenError
            If another process trains it.
        """
        if not self.exists:
            return
        with self.taken():
            # Last what makes it a job: killed here, no part of it is gone on with.
            self.weights.unlink(missing_ok=True)
            (self.folder / ABOUT).unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def difference(
        self, corrections: Sequence[Corrections], model: str, settings: TuneSettings
    ) -> str:
        """What this job does not share with what is asked for; empty if it shares all.

        Parameters
        ----------
        corrections, model, settings
            As for `create`.
        """
        pairs = {
            "images or labels": (digest_of(self.corrections()), digest_of(corrections)),
            "model to begin with": (
                current_name(self.about["model"]),
                current_name(model),
            ),
            "settings": (self.settings, settings),
        }
        return " and ".join(
            name for name, (own, asked) in pairs.items() if own != asked
        )

    def write(self, about: dict[str, Any]) -> None:
        """Replace what `about` gives."""
        text = json.dumps(about, indent=1).encode()
        replace_file(self.folder / ABOUT, text, True)

    def corrections(self) -> list[Corrections]:
        """The corrections of the job."""
        paths = sorted(self.folder.glob("corrections-*.npz"))
        return [Corrections.load(path) for path in paths]

    def say(self, kind: str, **values: Any) -> None:
        """Append an event to the log."""
        self.log.add({"kind": kind, **values})

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what was said so far; a line that is not whole is left out."""
        with suppress(FileNotFoundError):
            yield from self.log.read()

    def last(self, kind: str) -> dict[str, Any] | None:
        """The latest event of a kind."""
        return next(
            (e for e in reversed(list(self.events())) if e["kind"] == kind), None
        )

    @property
    def is_done(self) -> bool:
        """Tell whether weights and scores are there."""
        return self.weights.exists() and self.last(DONE) is not None


_LEFT = re.compile(r"corrections-\d+\.npz|log\.jsonl|tuned\.(json|ckpt|csv)|lock")
"""Files of which none is missed: of a job that was being removed, or not yet made."""


def _is_free(folder: Path) -> bool:
    """Tell whether a job may be made in a folder."""
    if not folder.is_dir():
        return not folder.exists()
    return all(_LEFT.fullmatch(file.name) for file in folder.iterdir())


def digest_of(corrections: Sequence[Corrections]) -> str:
    """SHA-256 (hexadecimal) of all that corrections hold."""
    digest = hashlib.sha256()
    for one in corrections:
        for part in (one.image, one.labels, np.asarray(one.reviewed, np.int64)):
            digest.update(f"{one.name} {part.shape} {part.dtype.str}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        if one.limits != AUTOMATIC:  # not in the jobs of version 0.1
            digest.update(one.limits.encode())
    return digest.hexdigest()
