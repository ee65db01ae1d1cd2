"""Begins and ends reviews, saves and opens them, and finds lost ones.

Looking at all nuclei takes seconds for a large image, so it is done on a copy of the
labels in a worker thread. What is painted meanwhile is followed afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject

from napari_pmrnet.errors import EditError
from napari_pmrnet.plugin.layers.axes import first_level
from napari_pmrnet.plugin.layers.editable import check_editable, is_zarr
from napari_pmrnet.plugin.layers.label_colours import wear
from napari_pmrnet.plugin.layers.origins import known_of, show_labels
from napari_pmrnet.plugin.layers.result_layers import spatial_metadata
from napari_pmrnet.plugin.layers.results import result_of
from napari_pmrnet.plugin.layers.review_session import ReviewSession
from napari_pmrnet.plugin.layers.source_image import fits, image_for, is_source, tie
from napari_pmrnet.plugin.qt import Signal, there
from napari_pmrnet.plugin.review import persistence
from napari_pmrnet.plugin.review.journal_keeper import JournalKeeper, changes
from napari_pmrnet.plugin.widgets.worker import Runner
from napari_pmrnet.proofreading import planes
from napari_pmrnet.proofreading.origin import Origin, origins
from napari_pmrnet.proofreading.place import Plane

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pmrnet.proofreading.place import Place

MOST_ASKED = 4
"""Images that are offered when it is not certain which one labels are of."""

Ways = list[tuple[str, Callable[[], Any]]]


class ReviewDesk(QObject):
    """One review at a time.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    parent : QObject, optional
    """

    began = Signal()
    ended = Signal()
    offered = Signal(str, list)
    said = Signal(str, str)
    busy = Signal(bool)

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.session: ReviewSession | None = None
        self._image: Image | None = None
        self._looked_at: Image | None = None
        self._wanted: tuple[Labels, Mapping[Place, str]] | None = None
        self.journal = JournalKeeper(self)
        self._preparing, self._storing = Runner(self), Runner(self)
        self._looking = Runner(self)
        self._preparing.succeeded.connect(self._on_prepared)
        self._preparing.progressed.connect(self._on_progress)
        self._looking.succeeded.connect(self._on_looked)
        self._storing.succeeded.connect(self._on_stored)
        self.journal.said.connect(self.said)
        self.journal.offered.connect(self.offered)
        self.journal.busy_changed.connect(self._on_finished)
        self.journal.beside_wanted.connect(self._restore_beside)
        self.journal.taken_over.connect(self._begin_again)
        for runner in (self._preparing, self._storing):
            runner.failed.connect(lambda text: self.said.emit(text, "error"))
            runner.finished.connect(self._on_finished)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def layer(self) -> Labels | None:
        """The layer that is, or is about to be, under review."""
        return None if self._wanted is None else self._wanted[0]

    @property
    def image(self) -> Image | None:
        """The image that the labels under review are of, if it is there."""
        return self._image

    @property
    def _open(self) -> ReviewSession:
        """The review under way, for what happens during one only."""
        return there(self.session)

    def begin(
        self,
        layer: Labels,
        origin: Origin | Mapping[Plane, Origin] | None = None,
        statuses: Mapping[Place, str] | None = None,
        ask: bool = True,
    ) -> None:
        """Review a Labels layer; the review before ends.

        Parameters
        ----------
        layer : napari.layers.Labels
        origin : Origin or mapping of Origin, optional
            Where its labels come from, of a stack those of its planes, if the layer is
            not that of a result.
        statuses : mapping, optional
            Statuses to begin with.
        ask : bool
            Ask first which image the labels are of, where that is not certain.
        """
        self.end()
        try:
            check_editable(layer)
        except EditError as error:
            ways: Ways = []
            if layer.multiscale:
                ways = [("Open the finest level", lambda: self._open_level(layer))]
            self.offered.emit(str(error), ways)
            return
        result, known = result_of(layer), known_of(layer)
        if origin is None and result is None and known is not None:
            origin, statuses = known.origins, {**known.statuses, **(statuses or {})}
        self._wanted = layer, statuses or {}
        dims = self._viewer.dims
        self._image = image_for(layer, self._viewer.layers, dims.axis_labels)
        if self._image is None and ask:
            ways = self._images_to_choose(layer, origin, statuses)
            if ways:
                text = f"Which image are the labels '{layer.name}' of?"
                self.offered.emit(text, ways)
                return
        subject = None
        if self._image is not None:
            plane = "" if result is None else result.plane
            subject = persistence.Subject.of(self._image, plane)
        source = origin if result is None else result.segmentation
        # What lies on disk is read in the worker thread.
        data: Any = layer.data
        labels = data if is_zarr(data) else data.copy()
        task = f"Looking at the nuclei of '{layer.name}'"
        self.said.emit(f"{task}...", "plain")
        self.busy.emit(True)
        self._preparing.start(
            task, persistence.preparing, labels, source, subject, layer.name
        )

    def _images_to_choose(
        self,
        layer: Labels,
        origin: Origin | Mapping[Plane, Origin] | None,
        statuses: Mapping[Place, str] | None,
    ) -> Ways:
        """Ways to say which image labels are of; none where no image could be it."""

        def answer(image: Image | None) -> None:
            if image is not None:
                tie(layer, image)
            self.begin(layer, origin, statuses, ask=False)

        shape = first_level(layer).shape
        images = [
            one
            for one in self._viewer.layers
            if is_source(one) and fits(first_level(one), shape)
        ]
        if not images:
            return []
        ways: Ways = [(one.name, partial(answer, one)) for one in images[-MOST_ASKED:]]
        return [*ways, ("None of them", partial(answer, None))]

    def end(self) -> None:
        """End the review, its journal written to the end, or one that is to begin."""
        if self._preparing.is_running:
            self._preparing.shut_down()
            self._on_finished()
        self._wanted = None
        self.journal.leave()
        if self.session is not None:
            session, self.session = self.session, None
            self.ended.emit()
            if not session.release():
                show_error(
                    f"The journal of the review of '{session.layer.name}' could not be "
                    "written to the end: its last changes are in the layer only. Save "
                    "the layer before you close it."
                )

    def release(self) -> None:
        """Let go of the viewer, for a dock that goes away."""
        self.end()
        self.journal.release()
        for runner in (self._preparing, self._storing, self._looking):
            runner.shut_down()
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def save(self, folder: Path, replace: bool = False) -> None:
        """Save the review to a folder; `replace` what it holds of another one."""
        session = self.session
        if session is None or not self._may_store():
            return
        session.settle()
        found = self.journal.found
        saved = persistence.snapshot(session, "" if found is None else found.image)
        table = planes.tables(session.course)
        self.busy.emit(True)
        self._storing.start(
            f"Saving to '{folder}'",
            persistence.store,
            folder,
            saved,
            table.copy(),
            replace,
        )

    def open(self, folder: Path) -> None:
        """Open a saved review in layers of its own."""
        if self._may_store():
            self.busy.emit(True)
            self._storing.start(f"Opening '{folder}'", persistence.open_folder, folder)

    def look_for_lost(self, image: Image) -> None:
        """Offer to restore the review of an image whose labels are not on show."""
        if self.layer is None and not self._looking.is_running:
            self._looked_at = image
            subject = persistence.Subject.of(image)
            self._looking.start(
                "Looking for a review", persistence.look_for_journal, subject
            )

    def _may_store(self) -> bool:
        """Tell whether a review can be saved or opened now; say so if it cannot."""
        if self._storing.is_running:
            self.said.emit(
                "A review is still being saved or opened; try again when it is done.",
                "warning",
            )
        return not self._storing.is_running

    def _on_finished(self) -> None:
        """Say whether work goes on; opening goes on with looking at the nuclei."""
        runners = self._preparing, self._storing
        running = any(runner.is_running for runner in runners)
        self.busy.emit(running or self.journal.is_busy)

    def _on_progress(self, progress: tuple[int, int]) -> None:
        done, total = progress
        name = there(self.layer).name
        self.said.emit(f"Looking at plane {done} of {total} of '{name}'...", "plain")

    def _on_prepared(self, prepared: persistence.Prepared) -> None:
        layer, statuses = there(self._wanted)
        prepared.review.statuses.update(statuses)
        try:
            self.session = ReviewSession(layer, prepared.review, self)
        except EditError as error:
            self.said.emit(str(error), "error")
            return
        wear(layer, prepared.colours)
        self.session.replaced.connect(lambda: self.begin(layer))
        self.said.emit(*self._welcome())
        self.journal.meet(self.session, prepared.found)
        self.began.emit()

    def _welcome(self) -> tuple[str, str]:
        """First sentence of a review, and its tone."""
        reviews = self._open.course.planes.values()
        if not any("certainty" in review.nuclei.maps for review in reviews):
            return (
                "These labels come without maps: nothing is known of their certainty, "
                "and there is no gate to snap to.",
                "warning",
            )
        count = planes.tables(self._open.course).index.nunique()
        on = f" on {len(reviews)} planes" if len(reviews) > 1 else ""
        return f"{count} nuclei{on}, the least certain first.", "good"

    def _begin_again(self) -> None:
        """Go on with the review where the other window has left it."""
        if self.session is None or self._wanted is None:
            return
        layer, statuses = self._wanted
        origin = None
        if result_of(layer) is None and known_of(layer) is None:
            origin = origins(planes.originals(self._open.course))
        self.begin(layer, origin, statuses)

    def _restore_beside(self) -> None:
        """Restore into a layer of its own."""
        journal, image = there(there(self.journal.found).journal), self._image
        if image is None or image not in self._viewer.layers:
            return
        layer = persistence.restored_layer(journal, image)
        self._viewer.add_layer(layer)
        self.begin(layer, origins(journal.found), journal.statuses)

    def _on_looked(self, found: persistence.Found) -> None:
        """Offer what was found, unless a review begins or the image is gone by now."""
        image = there(self._looked_at)
        if found.journal is None or self.layer is not None:
            return
        if image not in self._viewer.layers:
            return
        self.journal.found, self._image = found, image
        self.offered.emit(
            f"A review of '{image.name}' with {changes(found.journal)} was "
            "begun earlier. Restored labels come without certainty; to have it, "
            "segment the image first.",
            [("Restore it", self._restore_beside), ("Not now", lambda: None)],
        )

    def _on_stored(self, outcome: Any) -> None:
        """A review was saved, could not be saved yet, or one was opened."""
        if isinstance(outcome, Path):
            self.said.emit(f"Saved to {outcome}", "good")
            return
        if isinstance(outcome, persistence.Refused):
            replace = partial(self.save, outcome.folder, replace=True)
            self.offered.emit(
                outcome.reason, [("Replace it", replace), ("Keep it", lambda: None)]
            )
            return
        labels, statuses = outcome.labels, outcome.saved.statuses
        show_labels(self._viewer, labels, outcome.maps, outcome.origins, statuses)
        self.begin(labels)

    def _open_level(self, layer: Labels) -> None:
        """Open the finest level of labels as a layer that can be edited."""
        data = layer.data[0]
        if not hasattr(data, "__setitem__") or type(data).__module__.startswith("dask"):
            data = np.asarray(data)
        name, spatial = f"{layer.name} (finest level)", spatial_metadata(layer)
        layer.visible = False
        self._viewer.add_layer(Labels(data, name=name, **spatial))

    def _on_removed(self, event: Any = None) -> None:
        """End the review of labels that are gone, also one that was about to begin."""
        session, layer = self.session, self.layer
        if layer is None:
            self.offered.emit("", [])
            return
        if layer in self._viewer.layers:
            return
        journal = None if session is None else session.course.journal
        self.end()
        kept = "" if journal is None else " Its journal is kept."
        self.said.emit(
            f"'{layer.name}' was removed, so its review ended.{kept}", "plain"
        )
