"""Runs, thresholds and results of one dock, without its form.

A run is started on a snapshot and shown when it ends; moving a threshold labels the
maps at hand anew. Labels that the user has corrected are never changed by either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_pmrnet.plugin.layers.axes import Plane, first_level
from napari_pmrnet.plugin.layers.result_layers import spatial_metadata
from napari_pmrnet.plugin.layers.results import Result, Results
from napari_pmrnet.plugin.segment.area_panel import keeps_maps
from napari_pmrnet.plugin.segment.jobs import (
    DiskJob,
    OnDisk,
    Outcome,
    SegmentationJob,
    StackJob,
    disk_job,
    disk_layer,
    disk_steps,
    relabel,
    segmentation_steps,
    stack_steps,
)
from napari_pmrnet.plugin.widgets.status import sentences
from napari_pmrnet.plugin.widgets.worker import Runner
from napari_pmrnet.segmentation.diameter import median_diameter
from napari_pmrnet.segmentation.stack import StackSegmentation

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_pmrnet.segmentation import Progress, Segmentation
    from napari_pmrnet.segmentation.stack import Labelled, Stack
    from napari_pmrnet.settings import Settings

logger = logging.getLogger(__name__)

RELABELLED = ("probability_threshold", "seed_threshold", "min_area", "exclude_border")
TURN = 30


class Session(QObject):
    """Segments images of a viewer and keeps their results up to date.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Viewer that gets the layers.
    parent : QObject, optional
        Owner.
    gate : Runner, optional
        Job that a run waits for.
    """

    progressed = Signal(int, int, str)
    said = Signal(str, str)
    failed = Signal(str)
    withheld = Signal(str)
    used = Signal(str, tuple)
    started = Signal()
    ended = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        parent: QObject | None = None,
        gate: Runner | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.results = Results(viewer)
        self._segmenting, self._relabelling = Runner(self, gate), Runner(self, gate)
        self._target: tuple[Image, str, Sequence[int] | None] | None = None
        self._base: tuple[Result, Segmentation, bool] | None = None
        self._pending: Iterator[str | None] | None = None
        self._kept = False
        self._showing: tuple[Labelled, str, str] | None = None
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.setInterval(TURN)
        self._turn.timeout.connect(self._show_next)
        self._segmenting.progressed.connect(self._on_progress)
        self._segmenting.succeeded.connect(self._on_segmented)
        self._segmenting.cancelled.connect(self._on_cancelled)
        self._segmenting.failed.connect(self.failed)
        self._segmenting.finished.connect(self._end_if_done)
        self._relabelling.succeeded.connect(self._on_relabelled)
        self._relabelling.failed.connect(self.failed)
        self._relabelling.finished.connect(self.ended)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def is_running(self) -> bool:
        """Whether an image is being segmented or its result put on show."""
        return self._segmenting.is_running or self._pending is not None

    def segment(
        self,
        image: Image,
        plane: Plane,
        settings: Settings,
        polygons: tuple[NDArray, ...] = (),
    ) -> None:
        """Segment a plane of an image layer in a worker thread.

        Parameters
        ----------
        image : napari.layers.Image
            Copied now; it may change or go while the network runs.
        plane : Plane
            From :func:`~napari_pmrnet.plugin.layers.axes.shown_plane`.
        settings : Settings
            Settings of the run.
        polygons : tuple of (N, 2) arrays
            Outline of the region in pixels; empty for the whole image.
        """
        if self.is_running:
            return
        # Of a lazy image coarser copies are read as well, where it has some.
        data = list(image.data) if image.multiscale else first_level(image)
        wanted = self.results.missing(image, plane.title)
        spatial = spatial_metadata(image)
        job = SegmentationJob.snapshot(
            image.name, data, plane, settings, polygons, wanted, spatial
        )
        self._start(image, plane.title, None, segmentation_steps, job)

    def segment_stack(
        self,
        image: Image,
        stack: Stack,
        axes: Sequence[int],
        settings: Settings,
        link: str | None = None,
    ) -> None:
        """Segment all planes of an image layer in a worker thread.

        Parameters
        ----------
        image : napari.layers.Image
        stack : Stack
            From :func:`~napari_pmrnet.plugin.segment.area_panel.stack_of`.
        axes : sequence of int
            Axes of the image that the labels have.
        settings : Settings
            Settings of the run.
        link : str, optional
            Name of the axis through which nuclei keep their number.
        """
        if self.is_running:
            return
        wanted = self.results.missing(image, "")
        spatial = spatial_metadata(image, axes)
        maps = keeps_maps(stack)
        job = StackJob(image.name, stack, settings, link, maps, wanted, spatial)
        self._start(image, "", axes, stack_steps, job)

    def segment_to_disk(
        self,
        image: Image,
        stack: Stack,
        axes: Sequence[int] | None,
        settings: Settings,
        output: Path,
        link: str | None = None,
    ) -> None:
        """Segment an image too large for memory in a worker thread.

        Parameters
        ----------
        image : napari.layers.Image
        stack : Stack
            Its planes, or one of them.
        axes : sequence of int or None
            Axes of the image that the labels have; None: y and x.
        settings : Settings
            Settings of the run.
        output : Path
            Folder for the labels, ending in ``.zarr``.
        link : str or None
            Axis through which nuclei keep their number.
        """
        if self.is_running:
            return
        job = disk_job(image, stack, axes, settings, output, link)
        self._start(image, "", axes, disk_steps, job)

    def _start(
        self,
        image: Image,
        plane: str,
        axes: Sequence[int] | None,
        steps: Callable[..., Any],
        job: SegmentationJob | StackJob | DiskJob,
    ) -> None:
        """Start a run whose result is to lie on some axes of an image."""
        self._target = image, plane, axes
        self._kept = isinstance(job, DiskJob)
        self.withheld.emit("")
        self.started.emit()
        self._segmenting.start(f"Segmenting '{image.name}'", steps, job)

    def cancel(self) -> None:
        """Stop the run at its next window batch; no layer is added."""
        self._segmenting.cancel()

    def relabel(
        self, image: Image, plane: str, settings: Settings, new_layer: bool = False
    ) -> None:
        """Label the maps of an image anew if its thresholds have moved.

        Corrected labels are left alone and ``withheld`` says so, unless a new layer
        is asked for. Labels of all planes of a stack are not made anew, since what that
        takes is not kept; ``said`` tells how.
        """
        result = self.results.find(image, plane)
        if result is None or self.is_running or self._relabelling.is_running:
            return
        base = result.segmentation
        moved = {name: getattr(settings, name) for name in RELABELLED}
        wanted = replace(base.settings, **moved)
        if wanted == base.settings:
            self.withheld.emit("")
        elif isinstance(base, StackSegmentation):
            name = image.name if result.labels is None else result.labels.name
            _, many = base.model.card.label_kind.nouns
            self.said.emit(
                f"'{name}' holds all planes, and thresholds act at once on single "
                f"planes only. Press Segment {many} to use them here, or choose "
                "'Whole image' to try them on the plane on show.",
                "warning",
            )
        elif not new_layer and result.is_edited():
            self._withhold(result)
        else:
            self._base = result, base, new_layer
            task = f"Labelling '{image.name}'"
            self._relabelling.start(task, relabel, base, wanted)

    def release(self) -> None:
        """Drop running work and the viewer's events."""
        self._pending = None
        self._turn.stop()
        self._segmenting.shut_down()
        self._relabelling.shut_down()
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _on_removed(self, event: Any = None) -> None:
        self.results.forget_removed()

    def _on_progress(self, progress: Progress) -> None:
        self.progressed.emit(progress.done, progress.total, progress.message)

    def _on_cancelled(self) -> None:
        kept = " Blocks that are done are kept for the next run." if self._kept else ""
        self.said.emit(f"Cancelled; no layer was changed.{kept}", "warning")

    def _end_if_done(self) -> None:
        if not self.is_running:
            self.ended.emit()

    def _on_segmented(self, outcome: Outcome | OnDisk) -> None:
        """Start putting a result on show, if its image is still there."""
        segmentation = outcome.segmentation
        self.used.emit(segmentation.device, segmentation.notes)
        if self._target is None or self._target[0] not in self._viewer.layers:
            self.failed.emit(
                "The image was removed while it was segmented, so its result was "
                "dropped. Open the image again to segment it."
            )
            return
        image, plane, axes = self._target
        if isinstance(outcome, OnDisk):
            layer = self._viewer.add_layer(disk_layer(outcome, image, axes))
            self._viewer.layers.selection.active = layer
            text, tone = report(segmentation)
            self.said.emit(f"{text} Labels: {outcome.path}", tone)
            return
        self._pending = self.results.show(
            image, plane, segmentation, outcome.layers, axes
        )
        self._showing = segmentation, plane, ""
        self._show_next()

    def _show_next(self) -> None:
        """Add one layer and give the window a turn before the next."""
        if self._pending is None or self._showing is None:
            return
        segmentation, plane, kept = self._showing
        try:
            kept = next(self._pending) or kept
        except StopIteration:
            self._pending = self._showing = None
            self.said.emit(*report(segmentation, plane, kept))
            self._end_if_done()
            return
        except Exception as error:
            logger.exception("adding layers failed")
            self._pending = self._showing = None
            self.failed.emit(f"The result could not be shown: {error}.")
            self._end_if_done()
            return
        self._showing = segmentation, plane, kept
        self._turn.start()

    def _on_relabelled(self, segmentation: Segmentation) -> None:
        """Show new labels, unless the layer changed hands while they were made."""
        if self._base is None:
            return
        result, base, new_layer = self._base
        if result.segmentation is not base or result.image not in self._viewer.layers:
            return
        if not new_layer and result.is_edited():
            self._withhold(result)
            return
        kept = self.results.relabel(result, segmentation, new_layer)
        self.withheld.emit("")
        text, tone = report(segmentation, result.plane, kept or "", anew=True)
        self.said.emit(text, tone)

    def _withhold(self, result: Result) -> None:
        self.withheld.emit(
            f"'{result.labels.name}' holds your corrections, so the new thresholds "
            "were not applied to it."
        )


def report(
    segmentation: Labelled, plane: str = "", kept: str = "", anew: bool = False
) -> tuple[str, str]:
    """Say what came of a run: a sentence for the user and its tone."""
    count = segmentation.objects["label"].nunique()
    text = segmentation.model.card.label_kind.counted(count)
    if isinstance(segmentation, StackSegmentation):
        count_of_planes = segmentation.labels[..., 0, 0].size
        plane = f"{count_of_planes} planes" if count_of_planes > 1 else ""
    if plane:
        text += f" on {plane}"
    across = median_diameter(segmentation.objects["area"])
    if across is not None and not segmentation.model.card.classes:
        text += f", about {across:.0f} pixels across,"
    if anew:
        text += " with these thresholds."
    else:
        text += f" in {segmentation.seconds:.1f} s on {segmentation.device}."
    if not count:
        text += " Lower the thresholds or choose another channel."
    notes = "" if anew else sentences(segmentation.notes)
    words = " ".join(part for part in (text, notes, kept) if part)
    return words, "good" if count else "warning"
