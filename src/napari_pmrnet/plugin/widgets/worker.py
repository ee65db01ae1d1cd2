"""Work off the GUI thread: one job at a time, cancelled cleanly, errors as words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from inspect import isgeneratorfunction
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject

from napari_pmrnet._software import misfit
from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.plugin.qt import Signal, there

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """A job that went wrong, in words for the user."""

    message: str


def once(job: Callable[..., Any], *args: Any) -> Generator[Any, None, Any]:
    """Turn a function into steps without any stop between."""
    yield from ()
    return job(*args)


def drive(task: str, steps: Generator[Any, None, Any]) -> Generator[Any, None, Any]:
    """Go through the steps of a job; an error is returned as a :class:`Failure`.

    napari shows the traceback of whatever a worker raises; the user gets a sentence
    and the log gets the traceback.
    """
    try:
        return (yield from steps)
    except Exception as error:
        logger.exception("%s failed", task)
        return _failure(task, error)


def _failure(task: str, error: Exception) -> Failure:
    """Words for an error: its own if it was written for the user."""
    told = error if isinstance(error, PMRNetError) else misfit(error, task)
    if told is not None:
        return Failure(str(told))
    if isinstance(error, MemoryError):
        return Failure(
            f"{task} ran out of memory. Segment a region of the image, or close other "
            "layers and programs. Nothing was changed."
        )
    reason = str(error) or type(error).__name__
    return Failure(
        f"{task} failed: {reason}. Nothing was changed; the details are in the log."
    )


class Runner(QObject):
    """Runs one job at a time in napari's worker threads.

    Jobs are generator functions, which can be cancelled where they yield, or plain
    functions, which cannot. napari keeps every worker until it closes, so the images
    a job holds are let go by closing its generator.

    Parameters
    ----------
    parent : QObject, optional
        Owner.
    gate : Runner, optional
        A job waits until the gate's job is over. The job behind the gate loads torch;
        as long as the system loads libraries no thread can be started, and whoever
        tries it, the window, is held up.
    """

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(str)
    cancelled = Signal()
    finished = Signal()

    def __init__(
        self, parent: QObject | None = None, gate: Runner | None = None
    ) -> None:
        super().__init__(parent)
        self._gate = gate
        self._worker: Any = None

    @property
    def is_running(self) -> bool:
        """Tell whether a job is under way, also one that was cancelled just now."""
        return self._worker is not None

    def start(self, task: str, job: Callable[..., Any], *args: Any) -> None:
        """Start a job.

        Parameters
        ----------
        task : str
            What it does, for the error message: ``"Segmenting 'cells'"``.
        job : callable
            Generator function or function, run with ``args`` in another thread.

        Raises
        ------
        RuntimeError
            If a job is still running.
        """
        if self.is_running:
            raise RuntimeError(f"{task}: another job is still running.")
        steps = job(*args) if isgeneratorfunction(job) else once(job, *args)
        # napari's stubs know functions without arguments only.
        worker: Any = create_worker(drive, task, steps, _start_thread=False)
        worker.yielded.connect(self._on_yielded)
        worker.aborted.connect(self._on_aborted)
        worker.returned.connect(self._on_returned)
        worker.finished.connect(self._on_finished)
        worker.finished.connect(lambda: steps.close())
        self._worker = worker
        if self._gate is not None and self._gate.is_running:
            self._gate.finished.connect(self._launch)
        else:
            worker.start()

    def cancel(self) -> None:
        """Ask the job to stop at its next yield."""
        if self._worker is not None:
            self._worker.quit()

    def shut_down(self) -> None:
        """Stop listening and let the job end by itself; for a widget going away."""
        worker = self._let_go()
        if worker is not None:
            worker.quit()

    def _let_go(self) -> Any:
        """Stop listening to the worker and return it, if there is one."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.yielded.disconnect(self._on_yielded)
            worker.aborted.disconnect(self._on_aborted)
            worker.returned.disconnect(self._on_returned)
            worker.finished.disconnect(self._on_finished)
        return worker

    def _launch(self) -> None:
        """Start the job that waited at the gate."""
        there(self._gate).finished.disconnect(self._launch)
        if self._worker is not None:
            self._worker.start()

    def _on_yielded(self, progress: Any) -> None:
        if self._worker is not None and not self._worker.abort_requested:
            self.progressed.emit(progress)

    def _on_returned(self, result: Any) -> None:
        if self._worker is None or self._worker.abort_requested:
            return
        # Who hears of the result may start the next job at once.
        self._let_go()
        if isinstance(result, Failure):
            self.failed.emit(result.message)
        else:
            self.succeeded.emit(result)
        if not self.is_running:
            self.finished.emit()

    def _on_aborted(self) -> None:
        self._let_go()
        self.cancelled.emit()
        if not self.is_running:
            self.finished.emit()

    def _on_finished(self) -> None:
        """End a job that was cancelled when it had nothing left to stop."""
        self._let_go()
        self.cancelled.emit()
        if not self.is_running:
            self.finished.emit()
