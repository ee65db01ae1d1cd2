"""Work off the GUI thread: one job at a time, cancelled cleanly, errors as words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from inspect import isgeneratorfunction
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.qt.threading import create_worker
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.large.field import segment_field_steps
from napari_pmrnet.plugin._layers import build_layer
from napari_pmrnet.plugin._lazy import lazy_plane
from napari_pmrnet.plugin._region import region_of
from napari_pmrnet.plugin._torch import load_torch, quiet_collector
from napari_pmrnet.segmentation import Progress, segment_steps
from napari_pmrnet.segmentation.planes import Labelled, Stack, segment_planes

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_pmrnet.plugin._axes import Plane
    from napari_pmrnet.segmentation import Segmentation
    from napari_pmrnet.segmentation.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """A job that went wrong, in words for the user."""

    message: str


@dataclass(frozen=True)
class Outcome:
    """A segmentation and layers that show it, not yet in a viewer."""

    segmentation: Labelled
    layers: dict[str, Layer]


@dataclass(frozen=True)
class SegmentationJob:
    """Everything a run needs, taken from the viewer when it starts.

    Attributes
    ----------
    name : str
        Of the image layer, for messages.
    data : array or list of arrays
        A copy of the plane, or a lazy array that ``plane.index`` is applied to; with
        its coarser copies where it has some.
    plane : Plane
        What the data's axes mean.
    settings : Settings
        Settings of the run.
    polygons : tuple of (N, 2) arrays
        Outline of the region in pixels; empty for the whole image.
    wanted : tuple of str
        Kinds of layers to build in the worker thread.
    spatial : mapping
        Where these layers belong.
    """

    name: str
    data: Any
    plane: Plane
    settings: Settings
    polygons: tuple[NDArray[np.float64], ...] = ()
    wanted: tuple[str, ...] = ()
    spatial: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def snapshot(
        cls,
        name: str,
        data: Any,
        plane: Plane,
        settings: Settings,
        polygons: tuple[NDArray[np.float64], ...] = (),
        wanted: tuple[str, ...] = (),
        spatial: Mapping[str, Any] | None = None,
    ) -> SegmentationJob:
        """Copy what the user could change meanwhile; leave lazy arrays unread."""
        finest = data[0] if isinstance(data, list) else data
        if isinstance(finest, np.ndarray):
            data = finest[plane.index].copy()
        return cls(name, data, plane, settings, polygons, wanted, spatial or {})

    def read(self) -> NDArray:
        """Pixels of the plane, read from disk if they are not in memory yet."""
        if isinstance(self.data, np.ndarray):
            return self.data
        finest = self.data[0] if isinstance(self.data, list) else self.data
        return np.asarray(finest[self.plane.index])


@dataclass(frozen=True)
class StackJob:
    """Everything a run over all planes needs.

    Attributes
    ----------
    name : str
        Of the image layer, for messages.
    stack : Stack
        Not copied, because of its size: planes count as they are when their turn comes.
    settings : Settings
    link : str or None
        Axis through which nuclei keep their number.
    maps : bool
        Whether the maps of all planes are kept.
    wanted : tuple of str
        Kinds of layers to build in the worker thread.
    spatial : mapping
        Where these layers belong.
    """

    name: str
    stack: Stack
    settings: Settings
    link: str | None = None
    maps: bool = False
    wanted: tuple[str, ...] = ()
    spatial: Mapping[str, Any] = field(default_factory=dict)


def segmentation_steps(job: SegmentationJob) -> Generator[Progress, None, Outcome]:
    """Segment the image of a job; torch is loaded here, in the worker thread.

    Parameters
    ----------
    job : SegmentationJob
        Snapshot of the image, its plane, region and settings.

    Yields
    ------
    Progress
        How far the run is; a cancelled run ends at one of these.

    Returns
    -------
    Outcome
        Segmentation and the layers wanted, which are built here because napari takes
        its time over the first labels of a session.
    """
    with quiet_collector():
        yield Progress(0, 0, "Loading torch...")
        load_torch()
        yield Progress(0, 0, "Reading the image...")
        region = region_of(job.polygons, job.plane.shape) if job.polygons else None
        if region is None or isinstance(job.data, np.ndarray):
            segmentation = yield from segment_steps(
                job.read(),
                job.settings,
                channel_axis=job.plane.channel_axis,
                rgb=job.plane.rgb,
                region=region,
                image_name=job.name,
            )
        else:
            plane = lazy_plane(job.data, job.plane, job.settings.channel, job.name)
            segmentation = yield from segment_field_steps(plane, region, job.settings)
        layers = yield from _build_layers(segmentation, job.wanted, job.spatial)
    return Outcome(segmentation, layers)


def stack_steps(job: StackJob) -> Generator[Progress, None, Outcome]:
    """Segment all planes of a job, one after the other.

    Parameters
    ----------
    job : StackJob

    Yields
    ------
    Progress
        Over all planes; a cancelled run ends at one of these.

    Returns
    -------
    Outcome
    """
    with quiet_collector():
        yield Progress(0, 0, "Loading torch...")
        load_torch()
        segmentation = yield from segment_planes(
            job.stack, job.settings, None, job.name, link=job.link, maps=job.maps
        )
        wanted = [k for k in job.wanted if k == "nuclei" or k in segmentation.maps]
        layers = yield from _build_layers(segmentation, wanted, job.spatial)
    return Outcome(segmentation, layers)


def _build_layers(
    segmentation: Labelled,
    wanted: Iterable[str],
    spatial: Mapping[str, Any],
) -> Generator[Progress, None, dict[str, Layer]]:
    """Make the layers of a result."""
    layers = {}
    for kind in wanted:
        yield Progress(1, 1, "Making layers...")
        layers[kind] = build_layer(segmentation, kind, spatial)
    return layers


def relabel(segmentation: Segmentation, settings: Settings) -> Segmentation:
    """Labels under other thresholds, from the maps at hand."""
    return segmentation.relabel(settings)


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
    if isinstance(error, PMRNetError):
        return Failure(str(error))
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
        """Whether a job is under way, a cancelled one that has not stopped included."""
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
        worker = create_worker(drive, task, steps, _start_thread=False)
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
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.quit()
        worker.yielded.disconnect(self._on_yielded)
        worker.aborted.disconnect(self._on_aborted)
        worker.returned.disconnect(self._on_returned)
        worker.finished.disconnect(self._on_finished)

    def _launch(self) -> None:
        """Start the job that waited at the gate."""
        self._gate.finished.disconnect(self._launch)
        if self._worker is not None:
            self._worker.start()

    def _on_yielded(self, progress: Any) -> None:
        if self._worker is not None and not self._worker.abort_requested:
            self.progressed.emit(progress)

    def _on_returned(self, result: Any) -> None:
        if self._worker is None or self._worker.abort_requested:
            return
        if isinstance(result, Failure):
            self.failed.emit(result.message)
        else:
            self.succeeded.emit(result)

    def _on_aborted(self) -> None:
        self.cancelled.emit()

    def _on_finished(self) -> None:
        self._worker = None
        self.finished.emit()
