"""A training on corrections in a process of its own, and what its log says so far."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import platformdirs
import psutil
from qtpy.QtCore import QObject, QProcess, QProcessEnvironment, QTimer

from napari_pmrnet.finetuning.job import (
    AFTER,
    BEFORE,
    DONE,
    EPOCH,
    FAILED,
    NOTE,
    STARTED,
    Job,
    TuneSettings,
)
from napari_pmrnet.finetuning.run import FULL, FULL_DISK, TAKEN
from napari_pmrnet.plugin.qt import Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_pmrnet.finetuning.corrections import Corrections

WORKER = "napari_pmrnet.finetuning.run"
_ENDED = (
    "The training was ended from outside. Choose Continue to go on from its last epoch."
)
LOOK = 400
WAIT_FOR_END = 3000


def trainings_folder() -> Path:
    """Folder that holds a folder for every training, until it is kept or discarded."""
    return _user_folder() / "trainings"


def trainings() -> list[Job]:
    """Trainings that were neither kept nor discarded, the latest first.

    Versions up to 0.1 had one, in a folder of its own.
    """
    folders = sorted(trainings_folder().glob("*"), reverse=True)
    jobs = (Job(folder) for folder in (*folders, _user_folder() / "training"))
    return [job for job in jobs if job.exists]


def _user_folder() -> Path:
    return platformdirs.user_data_path("napari-pmrnet", appauthor=False)


@dataclass
class State:
    """State of a job, read from its log.

    Attributes
    ----------
    losses, held_back : list of float
        Of every finished epoch.
    epochs : int
        Of the whole training; 0 as long as it is not known.
    seconds_left : float or None
    started, before, after : dict
        Counts of nuclei, and scores.
    note : str
        What the user should know of it.
    failure : str
        Why it ended, if it failed.
    done : bool
    """

    losses: list[float] = field(default_factory=list)
    held_back: list[float] = field(default_factory=list)
    epochs: int = 0
    seconds_left: float | None = None
    started: dict[str, Any] = field(default_factory=dict)
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    note: str = ""
    failure: str = ""
    done: bool = False

    @classmethod
    def of(cls, job: Job) -> State:
        """Read the log of a job; an epoch that was trained again counts once."""
        state, epochs = cls(), {}
        for event in job.events():
            kind = event["kind"]
            if kind == STARTED:
                state.started, state.failure = event, ""
            elif kind == EPOCH:
                epochs[event["epoch"]] = event
                state.epochs, state.seconds_left = (
                    event["epochs"],
                    event["seconds_left"],
                )
            elif kind == BEFORE:
                state.before = event["scores"]
            elif kind == AFTER:
                state.after = event["scores"]
            elif kind == NOTE:
                state.note = event["message"]
            elif kind == FAILED:
                state.failure = event["message"]
            elif kind == DONE:
                state.done = job.weights.exists()
        state.losses = [epochs[n]["loss"] for n in sorted(epochs)]
        values = [epochs[n]["held_back"] for n in sorted(epochs)]
        state.held_back = [value for value in values if value is not None]
        return state


class TrainingRun(QObject):
    """Starts, follows, pauses and stops the process of a job.

    ``moved`` carries a `State` when the log has grown, ``ended`` when the process is
    gone, whatever the reason.

    Attributes
    ----------
    job : Job or None
    paused : bool
    elsewhere : bool
        Whether a process that another window has started trains the job.
    """

    moved = Signal(object)
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.job: Job | None = None
        self.paused = self.elsewhere = False
        self._process: QProcess | None = None
        self._size, self._failure = -1, ""
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK)
        self._timer.timeout.connect(self._look)

    @property
    def is_running(self) -> bool:
        """Tell whether a process of this window is there, paused or not."""
        return self._process is not None

    def begin(
        self, corrections: Sequence[Corrections], model: str, settings: TuneSettings
    ) -> None:
        """Write a new job beside those there are, and start it."""
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"
        job = Job.create(trainings_folder() / name, corrections, model, settings)
        self.go_on(job)

    def show(self, job: Job | None) -> None:
        """Turn to a job without starting it; one that runs elsewhere is followed."""
        self.stop()
        self.job, self._size, self._failure = job, -1, ""
        self.elsewhere = job is not None and job.is_taken
        if self.elsewhere:
            self._timer.start()

    def go_on(self, job: Job) -> None:
        """Start the process of a job, from its last epoch if it has one."""
        self.show(job)
        if self.elsewhere:
            return
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        process.setProcessEnvironment(environment)
        process.setStandardOutputFile(str(job.folder / "output.txt"))
        process.setStandardErrorFile(str(job.folder / "errors.txt"))
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        self._process = process
        self._timer.start()
        process.start(sys.executable, ["-m", WORKER, str(job.folder)])

    def pause(self, paused: bool) -> None:
        """Suspend the process, or let it go on."""
        if self._process is None:
            return
        try:
            process = psutil.Process(int(self._process.processId()))
            if paused:
                process.suspend()
            else:
                process.resume()
        except psutil.Error:
            return
        self.paused = paused

    def stop(self) -> None:
        """Kill the process; what its last epoch left stays on disk."""
        self.elsewhere = False
        self._timer.stop()
        process = self._process
        if process is None:
            return
        process.finished.disconnect(self._on_finished)
        process.errorOccurred.disconnect(self._on_error)
        process.kill()
        process.waitForFinished(WAIT_FOR_END)
        self._gone()

    def discard(self) -> None:
        """Stop, and delete all of the job.

        Raises
        ------
        JobTakenError
            If it is trained by another window.
        """
        self.stop()
        if self.job is not None:
            self.job.remove()
        self.job = None

    def state(self) -> State:
        """State that the log gives now, and what it could not tell."""
        if self.job is None:
            return State()
        try:
            state = State.of(self.job)
        except OSError as error:
            state = State(failure=f"{self.job.folder}: cannot be read ({error}).")
        if self._failure and not state.done:
            state.failure = self._failure
        return state

    def _look(self) -> None:
        """Tell if the log has grown, or the process of another window has ended."""
        if self.job is None:
            return
        size = 0
        with suppress(OSError):
            size = self.job.log.path.stat().st_size
        if size != self._size:
            self._size = size
            self.moved.emit(self.state())
        if self.elsewhere and not self.job.is_taken:
            self.elsewhere = False
            self._gone()

    def _on_error(self, error: Any) -> None:
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            self._failure = (
                f"The training could not be started ({self._process.errorString()}). "
                "Make room on the disk if it is full, then choose Continue."
            )
            self._gone()

    def _on_finished(self, code: int = 0, status: Any = None) -> None:
        """The process ended by itself; one that says nothing was killed."""
        state = self.state()
        if code == TAKEN:
            self.elsewhere = True
        elif self.job is not None and not (state.done or state.failure):
            self._failure = (
                FULL_DISK.format("choose Continue") if code == FULL else _ENDED
            )
            with suppress(OSError):
                self.job.say(FAILED, message=self._failure)
        self._gone()

    def _gone(self) -> None:
        process, self._process = self._process, None
        self.paused = False
        if process is not None:
            process.deleteLater()
        if not self.elsewhere:
            self._timer.stop()
        self.moved.emit(self.state())
        self.ended.emit()
