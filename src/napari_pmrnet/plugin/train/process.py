"""A training on corrections in a process of its own, and what its log says so far."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from napari_pmrnet.plugin.qt import Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_pmrnet.finetuning.corrections import Corrections

WORKER = "napari_pmrnet.finetuning.run"
LOOK = 400
WAIT_FOR_END = 3000


def training_folder() -> Path:
    """Folder of the training under way or last done; there is one at a time."""
    return platformdirs.user_data_path("napari-pmrnet", appauthor=False) / "training"


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
    """

    moved = Signal(object)
    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.job: Job | None = None
        self.paused = False
        self._process: QProcess | None = None
        self._size = -1
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK)
        self._timer.timeout.connect(self._look)

    @property
    def is_running(self) -> bool:
        """Tell whether a process is there, paused or not."""
        return self._process is not None

    def unfinished(self) -> Job | None:
        """A job that was neither finished nor discarded."""
        job = Job(training_folder())
        return job if job.exists else None

    def begin(
        self, corrections: Sequence[Corrections], model: str, settings: TuneSettings
    ) -> None:
        """Write a new job in the place of the last one, and start it."""
        self.discard()
        self.go_on(Job.create(training_folder(), corrections, model, settings))

    def go_on(self, job: Job) -> None:
        """Start the process of a job, from its last epoch if it has one."""
        self.job, self._size, self.paused = job, -1, False
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        # Its threads would keep the cores that the window needs spinning.
        environment.insert("OMP_WAIT_POLICY", "passive")
        environment.insert("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        process.setProcessEnvironment(environment)
        process.setStandardOutputFile(str(job.folder / "output.txt"))
        process.setStandardErrorFile(str(job.folder / "errors.txt"))
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        self._process = process
        process.start(sys.executable, ["-m", WORKER, str(job.folder)])
        self._timer.start()

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
        process = self._process
        if process is None:
            return
        process.finished.disconnect(self._on_finished)
        process.errorOccurred.disconnect(self._on_error)
        process.kill()
        process.waitForFinished(WAIT_FOR_END)
        self._gone()

    def discard(self) -> None:
        """Stop, and delete all of the job."""
        self.stop()
        shutil.rmtree(training_folder(), ignore_errors=True)
        self.job = None

    def state(self) -> State:
        """State that the log gives now."""
        return State() if self.job is None else State.of(self.job)

    def _look(self) -> None:
        """Tell if the log has grown."""
        if self.job is None:
            return
        log = self.job.log.path
        size = log.stat().st_size if log.exists() else 0
        if size != self._size:
            self._size = size
            self.moved.emit(self.state())

    def _on_error(self, error: Any) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._gone()

    def _on_finished(self, code: int = 0, status: Any = None) -> None:
        """The process ended by itself; one that says nothing was killed."""
        state = self.state()
        if self.job is not None and not (state.done or state.failure):
            self.job.say(
                FAILED,
                message="The training was ended from outside. Choose Continue to go "
                "on from its last epoch.",
            )
        self._look()
        self._gone()

    def _gone(self) -> None:
        self._timer.stop()
        process, self._process = self._process, None
        self.paused = False
        if process is not None:
            process.deleteLater()
        self.ended.emit()
