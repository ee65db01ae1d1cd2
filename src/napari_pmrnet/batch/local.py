"""Workers of a batch: by default this process, one file after the other."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from napari_pmrnet.batch.events import FileEvent, FileProgress, FileStarted
from napari_pmrnet.batch.task import Outcome, Task, failed, file_steps
from napari_pmrnet.segmentation.predict import Progress

if TYPE_CHECKING:
    from napari_pmrnet.models import Model


class Ended(NamedTuple):
    """Outcome of a task."""

    number: int
    outcome: Outcome


class Workers(Protocol):
    """Takes tasks and tells what happens; the engine asks it step by step."""

    @property
    def is_full(self) -> bool:
        """Tell whether no further task can be given now."""
        ...

    @property
    def is_busy(self) -> bool:
        """Tell whether a task that was given has not ended."""
        ...

    def submit(self, task: Task) -> None:
        """Give a task."""

    def step(self) -> list[FileEvent | Ended]:
        """Go on, or wait a moment; what has happened since."""
        ...

    def where(self, devices: Sequence[str]) -> str:
        """Devices that the network ran on, as the user is told."""
        ...

    def close(self) -> None:
        """Give up what has not ended."""
        ...


class InProcess:
    """Segments here, and tells of every batch of windows.

    Parameters
    ----------
    model : Model, optional
        By default loaded for the first task.
    """

    def __init__(self, model: Model | None = None) -> None:
        self.model = model
        self._steps: Generator[FileEvent | Ended, None, None] | None = None

    @property
    def is_full(self) -> bool:
        """Tell whether a file is at hand: there is one at a time."""
        return self.is_busy

    @property
    def is_busy(self) -> bool:
        """Tell whether a file is at hand."""
        return self._steps is not None

    def submit(self, task: Task) -> None:
        """Begin with a file."""
        self._steps = self._do(task)

    def step(self) -> list[FileEvent | Ended]:
        """Run to the next event."""
        if self._steps is None:
            return []
        told = next(self._steps)
        if isinstance(told, Ended):
            self.close()
        return [told]

    def where(self, devices: Sequence[str]) -> str:
        """Device and backend."""
        return ", ".join(devices)

    def close(self) -> None:
        """Leave the file at hand; nothing is written of it."""
        if self._steps is not None:
            self._steps.close()
            self._steps = None

    def _do(self, task: Task) -> Generator[FileEvent | Ended, None, None]:
        """Segment a file."""
        number, path = task.number, task.path
        yield FileStarted(number, path)
        if self.model is None:
            yield FileProgress(number, path, Progress(0, 0, "loading the network"))
            from napari_pmrnet.models import load_model

            self.model = load_model(task.settings.model, task.settings.device)
        steps = file_steps(task, self.model)
        while True:
            try:
                progress = next(steps)
            except StopIteration as ended:
                outcome = ended.value
                break
            except Exception as error:  # noqa: BLE001  one file does not end the run
                outcome = failed(task, error)
                break
            yield FileProgress(number, path, progress)
        yield Ended(number, outcome)
