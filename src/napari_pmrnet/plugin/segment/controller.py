"""Runs, thresholds and results of one dock, without its form.

A run is started on a snapshot and shown when it ends; moving a threshold labels the
maps at hand anew. Labels that the user has corrected are never changed by either.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.permit import Permit
from napari_pmrnet.plugin.layers.label_export import permit_for
from napari_pmrnet.plugin.layers.on_plane import keep_to_plane
from napari_pmrnet.plugin.layers.result_layers import spatial_metadata
from napari_pmrnet.plugin.layers.results import Result, Results
from napari_pmrnet.plugin.layers.source_image import print_of, tie
from napari_pmrnet.plugin.qt import Signal, single_shot
from napari_pmrnet.plugin.segment.jobs import (
    Outcome,
    SegmentationJob,
    disk_layer,
    more_map_layers,
    segmentation_steps,
)
from napari_pmrnet.plugin.widgets.status import sentences
from napari_pmrnet.plugin.widgets.worker import Runner
from napari_pmrnet.segmentation.diameter import median_diameter
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_pmrnet.segmentation import Progress, Segmentation
    from napari_pmrnet.segmentation.stack import Stack
    from napari_pmrnet.segmentation.stack_segmentation import Labelled
    from napari_pmrnet.settings import Settings

logger = logging.getLogger(__name__)

RELABELLED = (
    "probability_threshold",
    "seed_threshold",
    "least_certainty",
    "min_area",
    "exclude_border",
)
TURN = 30
OTHER_PIXELS = (
    "The image was given other pixels meanwhile: these labels are of those before."
)


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
        self._mapping = Runner(self, gate)
        self._mapped: tuple[Result, Segmentation] | None = None
        self._closing = single_shot(self, 0, self.results.close_left)
        self._target: tuple[Image, str, Sequence[int] | None] | None = None
        self._seen: str | None = None
        self._base: tuple[Result, Labelled, bool] | None = None
        self._wanted: Settings | None = None
        self._pending: Iterator[str | None] | None = None
        self._kept = False
        self._showing: tuple[Labelled, str, str] | None = None
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.setInterval(TURN)
        self._turn.timeout.connect(self._show_next)
        self._segmenting.succeeded.connect(self._on_segmented)
        self._mapping.succeeded.connect(self._on_mapped)
        for runner in (self._segmenting, self._mapping):
            runner.progressed.connect(self._on_progress)
            runner.cancelled.connect(self._on_cancelled)
            runner.failed.connect(self.failed)
            runner.finished.connect(self._end_if_done)
        self._relabelling.succeeded.connect(self._on_relabelled)
        self._relabelling.failed.connect(self.failed)
        self._relabelling.finished.connect(self.ended)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def is_running(self) -> bool:
        """Tell whether an image is being segmented or its result put on show."""
        running = self._segmenting.is_running or self._mapping.is_running
        return running or self._pending is not None

    def segment(
        self,
        layer: Image,
        image: Plane | Stack,
        settings: Settings,
        *,
        title: str = "",
        axes: Sequence[int] | None = None,
        polygons: tuple[NDArray, ...] = (),
        link: str | None = None,
        output: Path | None = None,
    ) -> None:
        """Segment an image layer in a worker thread.

        Parameters
        ----------
        layer : napari.layers.Image
        image : Plane or Stack
            What of it is segmented. A plane in memory is copied now; it may change or
            go while the network runs.
        settings : Settings
            Settings of the run.
        title : str
            Of the plane, where it is given as a stack of that plane alone.
        axes : sequence of int, optional
            Axes of the layer that the labels have; by default y and x.
        polygons : tuple of (N, 2) arrays
            Outline of the region of a plane in pixels; empty for the whole image.
        link : str, optional
            Name of the axis of a stack through which nuclei keep their number.
        output : Path, optional
            Folder for labels of a stack that are too large for memory, ending in
            ``.zarr``.

        Raises
        ------
        ImageError
            If the plane has no such channel as the settings name.
        """
        if self.is_running:
            return
        if isinstance(image, Plane):
            title = image.title
            image = replace(image, channel=settings.channel).frozen()
        job = SegmentationJob(
            layer.name,
            image,
            settings,
            polygons,
            link,
            output,
            Permit() if output is None else permit_for(output, self._viewer.layers),
            self.results.missing(layer, title),
            spatial_metadata(layer, axes),
        )
        self._target, self._kept = (layer, title, axes), output is not None
        self._seen = print_of(layer)
        self.withheld.emit("")
        self.started.emit()
        task = f"Segmenting '{layer.name}'"
        self._segmenting.start(task, segmentation_steps, job)

    def cancel(self) -> None:
        """Stop the run at its next batch of tiles; no layer is added."""
        self._segmenting.cancel()
        self._mapping.cancel()

    def show_more_maps(self, layer: Image, plane: Plane) -> None:
        """Make layers of the maps of the parts of the network, in a worker thread.

        Parameters
        ----------
        layer : napari.layers.Image
        plane : Plane
            The plane of it that is on show.

        Raises
        ------
        ImageError
            If that plane was not segmented in this session, or has other pixels since.
        """
        if self.is_running:
            return
        result = self.results.find(layer, plane.title)
        found = None if result is None else result.segmentation
        if result is None or result.labels is None or found is None:
            raise ImageError(
                f"'{layer.name}' has no labels of this session on the plane on show. "
                "Segment it, as the whole image; then its maps can be shown."
            )
        if isinstance(found, StackSegmentation):
            raise ImageError(
                f"'{result.labels.name}' holds all planes. Segment the plane on show "
                "alone, as 'Whole image', to see its maps."
            )
        if print_of(layer) != result.seen:
            raise ImageError(
                f"'{layer.name}' was given other pixels since it was segmented. "
                "Segment it again; then its maps can be shown."
            )
        self._mapped, self._kept = (result, found), False
        plane = replace(plane, channel=found.settings.channel).frozen()
        spatial = spatial_metadata(layer, result.axes)
        self.started.emit()
        task = f"Computing maps of '{layer.name}'"
        self._mapping.start(task, more_map_layers, plane, found, spatial)

    def _on_mapped(self, layers: dict[str, Layer]) -> None:
        """Show maps, if their result is still the one on show."""
        if self._mapped is None:
            return
        (result, found), self._mapped = self._mapped, None
        there = self.results.find(result.image, result.plane) is result
        if not there or result.labels is None or result.segmentation is not found:
            self.said.emit(
                "The result was removed or changed meanwhile: its maps were dropped.",
                "warning",
            )
            return
        self.results.show_more(result, layers)
        names = [layer.name for layer in result.more_maps()]
        self.said.emit(
            f"{len(names)} more maps, '{names[0]}' on show. They go with their labels.",
            "good",
        )

    def relabel(
        self, image: Image, plane: str, settings: Settings, new_layer: bool = False
    ) -> None:
        """Label the maps of an image anew if its thresholds have moved.

        Corrected labels are left alone and ``withheld`` says so, unless a new layer
        is asked for. All planes of a stack are labelled anew where their maps were
        kept; else ``said`` tells why not.
        """
        result = self.results.find(image, plane)
        if result is None or self.is_running:
            return
        base = result.latest
        moved = {name: getattr(settings, name) for name in RELABELLED}
        wanted = replace(base.settings, **moved)
        if self._relabelling.is_running:
            # Many planes take long; those of thresholds that have moved on are in vain.
            if wanted != self._wanted:
                self._relabelling.cancel()
        elif wanted == base.settings:
            self.withheld.emit("")
        elif isinstance(base, StackSegmentation) and not base.planes:
            name = image.name if result.labels is None else result.labels.name
            _, many = base.model.card.label_kind.nouns
            self.said.emit(
                f"The maps of '{name}' were too large to keep, so thresholds act at "
                f"once on single planes only. Press Segment {many} to use them here, "
                "or choose 'Whole image' to try them on the plane on show.",
                "warning",
            )
        elif not new_layer and result.is_edited():
            self._withhold(result)
        else:
            self._base, self._wanted = (result, base, new_layer), wanted
            task = f"Labelling '{image.name}'"
            if isinstance(base, StackSegmentation):
                self.said.emit(f"{task} on {len(base.planes)} planes...", "plain")
                self._relabelling.start(task, base.relabel_steps, wanted)
            else:
                self._relabelling.start(task, base.relabel, wanted)

    def release(self) -> None:
        """Drop running work and the viewer's events."""
        self._pending = None
        self._turn.stop()
        self._closing.stop()
        self._segmenting.shut_down()
        self._mapping.shut_down()
        self._relabelling.shut_down()
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _on_removed(self, event: Any = None) -> None:
        self.results.forget_removed()
        self._closing.start()

    def _on_progress(self, progress: Progress) -> None:
        self.progressed.emit(progress.done, progress.total, progress.message)

    def _on_cancelled(self) -> None:
        kept = " Blocks that are done are kept for the next run." if self._kept else ""
        self.said.emit(f"Cancelled; no layer was changed.{kept}", "warning")

    def _end_if_done(self) -> None:
        if not self.is_running:
            self.ended.emit()

    def _on_segmented(self, outcome: Outcome) -> None:
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
        if outcome.path is not None:
            layer = disk_layer(outcome, outcome.path, image, plane, axes)
            tie(layer, image, self._seen)
            self._viewer.add_layer(layer)
            keep_to_plane(self._viewer, layer, image, plane)
            self._viewer.layers.selection.active = layer
            text, tone = report(segmentation)
            self.said.emit(f"{text} Labels: {outcome.path}", tone)
            return
        self._pending = self.results.show(
            image, plane, segmentation, outcome.layers, axes, self._seen
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
            text, tone = report(segmentation, plane, kept)
            if self._target is not None and print_of(self._target[0]) != self._seen:
                text, tone = f"{text} {OTHER_PIXELS}", "warning"
            self.said.emit(text, tone)
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

    def _on_relabelled(self, segmentation: Labelled) -> None:
        """Show new labels, unless the layer changed hands while they were made."""
        if self._base is None:
            return
        result, base, new_layer = self._base
        if result.latest is not base or result.image not in self._viewer.layers:
            return
        if not new_layer and result.is_edited():
            self._withhold(result)
            return
        kept = self.results.relabel(result, segmentation, new_layer)
        self.withheld.emit("")
        text, tone = report(segmentation, result.plane, kept or "", anew=True)
        self.said.emit(text, tone)

    def _withhold(self, result: Result) -> None:
        layer = result.image if result.labels is None else result.labels
        self.withheld.emit(
            f"'{layer.name}' holds your corrections, so the new thresholds "
            "were not applied to it."
        )


def report(
    segmentation: Labelled, plane: str = "", kept: str = "", anew: bool = False
) -> tuple[str, str]:
    """Say what came of a run: a sentence for the user and its tone."""
    count = len(np.unique(segmentation.objects["label"]))
    text = segmentation.model.card.label_kind.counted(count)
    if isinstance(segmentation, StackSegmentation):
        count_of_planes = segmentation.labels[..., 0, 0].size
        plane = f"{count_of_planes} planes" if count_of_planes > 1 else ""
    if plane:
        text += f" on {plane}"
    across = median_diameter(segmentation.objects["area"].to_numpy())
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
