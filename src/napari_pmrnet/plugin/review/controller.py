"""Begins and ends reviews, keeps their journal, and brings lost ones back.

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
from qtpy.QtCore import QObject

from napari_pmrnet.errors import EditError, JournalError
from napari_pmrnet.io.provenance import METADATA_KEY
from napari_pmrnet.plugin.layers.axes import first_level
from napari_pmrnet.plugin.layers.result_layers import (
    spatial_metadata,
)
from napari_pmrnet.plugin.layers.results import result_of
from napari_pmrnet.plugin.layers.review_session import (
    ReviewSession,
    check_editable,
    is_zarr,
)
from napari_pmrnet.plugin.layers.source_image import (
    fits,
    image_for,
    is_source,
    tie,
)
from napari_pmrnet.plugin.layers.spaces import plane_space
from napari_pmrnet.plugin.qt import Signal, there
from napari_pmrnet.plugin.review import persistence
from napari_pmrnet.plugin.review.persistence import Found
from napari_pmrnet.plugin.widgets.worker import Runner
from napari_pmrnet.proofreading.edits import difference
from napari_pmrnet.proofreading.journal import (
    Journal,
    Restored,
)
from napari_pmrnet.proofreading.saved_review import (
    SavedReview,
    save_review,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pmrnet.proofreading.origin import Origin
    from napari_pmrnet.proofreading.review import Place

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
    _ailing = Signal(str)

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.session: ReviewSession | None = None
        self._image: Image | None = None
        self._found: persistence.Found | None = None
        self._wanted: tuple[Labels, Mapping[Place, str]] | None = None
        self._undecided = False
        self._preparing, self._storing = Runner(self), Runner(self)
        self._looking = Runner(self)
        self._preparing.succeeded.connect(self._on_prepared)
        self._looking.succeeded.connect(self._on_looked)
        self._storing.succeeded.connect(self._on_stored)
        self._ailing.connect(lambda text: self.said.emit(text, "error"))
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

    @property
    def _journal(self) -> Restored:
        """Contents of the journal, where there is one to restore."""
        return there(there(self._found).journal)

    def begin(
        self,
        layer: Labels,
        origin: Origin | None = None,
        statuses: Mapping[Place, str] | None = None,
        ask: bool = True,
    ) -> None:
        """Review a Labels layer; the review before ends.

        Parameters
        ----------
        layer : napari.layers.Labels
        origin : Origin, optional
            Where its labels come from, if the layer is not that of a result.
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
        if self._preparing.is_running:
            self._preparing.shut_down()
        self._wanted = layer, statuses or {}
        result = result_of(layer)
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
            task, persistence.prepare, labels, source, subject, layer.name
        )

    def _images_to_choose(
        self,
        layer: Labels,
        origin: Origin | None,
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
        """End the review; its journal is written to the end."""
        self._wanted, self._undecided, self._found = None, False, None
        self.offered.emit("", [])
        if self.session is not None:
            session, self.session = self.session, None
            self.ended.emit()
            session.release()

    def release(self) -> None:
        """Let go of the viewer, for a dock that goes away."""
        self.end()
        for runner in (self._preparing, self._storing, self._looking):
            runner.shut_down()
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def save(self, folder: Path) -> None:
        """Save the review to a folder."""
        session = self.session
        if session is None or not self._may_store():
            return
        session.settle()
        image = "" if self._found is None else self._found.image
        saved, table = snapshot(session, image), session.review.nuclei.table
        self.busy.emit(True)
        self._storing.start(
            f"Saving to '{folder}'", save_review, folder, saved, table.copy()
        )

    def open(self, folder: Path) -> None:
        """Open a saved review in layers of its own."""
        if self._may_store():
            self.busy.emit(True)
            self._storing.start(f"Opening '{folder}'", persistence.open_folder, folder)

    def look_for_lost(self, image: Image) -> None:
        """Offer to restore the review of an image whose labels are not on show."""
        if self.session is None and not self._looking.is_running:
            self._image = image
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
        """Opening a review goes on with looking at its nuclei."""
        self.busy.emit(self._preparing.is_running or self._storing.is_running)

    def _on_prepared(self, prepared: persistence.Prepared) -> None:
        if self._wanted is None or self._wanted[0] not in self._viewer.layers:
            return
        layer, statuses = self._wanted
        prepared.review.statuses.update(statuses)
        try:
            self.session = ReviewSession(layer, prepared.review, self)
        except EditError as error:
            self.said.emit(str(error), "error")
            return
        self.session.changed.connect(self._on_changed)
        self.session.replaced.connect(lambda: self.begin(layer))
        self.said.emit(*self._welcome())
        self._found = prepared.found
        self._meet_journal()
        self.began.emit()

    def _welcome(self) -> tuple[str, str]:
        """First sentence of a review, and its tone."""
        nuclei = self._open.review.nuclei
        if "certainty" not in nuclei.maps:
            return (
                "These labels come without maps: nothing is known of their certainty, "
                "and there is no gate to snap to.",
                "warning",
            )
        return f"{len(nuclei.table)} nuclei, the least certain first.", "good"

    def _meet_journal(self) -> None:
        """Begin or go on with the journal; ask where the user has to decide."""
        found, review = self._found, self._open.review
        if found is None:
            self.said.emit(
                "No image layer is known to be that of these labels, so no journal is "
                "kept. Save the review to a folder before you close napari.",
                "warning",
            )
        elif found.fault:
            self._undecided = True
            self.offered.emit(found.fault, [("Set it aside", self._begin_anew)])
        elif found.journal is None:
            self._begin_anew()
        elif self._is_continued(found.journal):
            self._keep(found.journal)
        else:
            self._undecided = True
            same = np.array_equal(found.journal.found, review.nuclei.original)
            restore = self._restore_here if same else self._restore_beside
            self.offered.emit(
                f"There is a review of this image with {changes(found.journal)}.",
                [("Restore it", restore), ("Begin anew", self._begin_anew)],
            )

    def _is_continued(self, journal: Restored) -> bool:
        """Tell whether the session begins where a journal ends."""
        review = self._open.review
        return (
            np.array_equal(journal.labels, review.labels)
            and np.array_equal(journal.found, review.nuclei.original)
            and journal.statuses == review.statuses
        )

    def _begin_anew(self) -> None:
        """Begin a journal; what is there is kept under another name."""
        self._undecided = False
        self.offered.emit("", [])
        try:
            path = there(self._found).path
            if path.exists():
                aside = persistence.set_aside(path)
                self.said.emit(f"The review before is kept in {aside.name}.", "plain")
            self._keep(None)
        except JournalError as error:
            self.said.emit(str(error), "error")

    def _keep(self, known: Restored | None) -> None:
        session = self._open
        journal = open_journal(session, there(self._found), self._ailing.emit)
        if known is None:
            session.review.keep(journal)
        else:
            session.review.keep(journal, known.labels, known.statuses)

    def _restore_here(self) -> None:
        """Bring the layer to where its journal ends, as one step of undo."""
        self._undecided = False
        journal, session = self._journal, self._open
        session.review.statuses.update(journal.statuses)
        edit = difference(session.review.labels, journal.labels)
        if len(edit.values):
            session.apply(edit)
        self._keep(journal)
        session.changed.emit(set())
        self.said.emit(f"Restored with {changes(journal)}.", "good")

    def _restore_beside(self) -> None:
        """Restore into a layer of its own."""
        journal, image = self._journal, self._image
        if image is None or image not in self._viewer.layers:
            return
        layer = persistence.restored_layer(journal, image)
        self._viewer.add_layer(layer)
        self.begin(layer, persistence.origin_of_journal(journal), journal.statuses)

    def _on_looked(self, found: persistence.Found) -> None:
        if self.session is None and found.journal is not None:
            self._found = found
            name = there(self._image).name
            self.offered.emit(
                f"A review of '{name}' with {changes(found.journal)} was "
                "begun earlier. Restored labels come without certainty; to have it, "
                "segment the image first.",
                [("Restore it", self._restore_beside), ("Not now", lambda: None)],
            )

    def _on_stored(self, outcome: Any) -> None:
        """A review was saved, or one was opened."""
        if isinstance(outcome, Path):
            self.said.emit(f"Saved to {outcome}", "good")
            return
        for layer in (*outcome.maps, outcome.labels):
            self._viewer.add_layer(layer)
        self.begin(outcome.labels, outcome.origin, outcome.saved.statuses)

    def _on_changed(self, labels: set[int]) -> None:
        """An edit is an answer too: the journal there is set aside."""
        if self._undecided and labels:
            self._begin_anew()

    def _open_level(self, layer: Labels) -> None:
        """Open the finest level of labels as a layer that can be edited."""
        data = layer.data[0]
        if not hasattr(data, "__setitem__") or type(data).__module__.startswith("dask"):
            data = np.asarray(data)
        name, spatial = f"{layer.name} (finest level)", spatial_metadata(layer)
        layer.visible = False
        self._viewer.add_layer(Labels(data, name=name, **spatial))

    def _on_removed(self, event: Any = None) -> None:
        session = self.session
        if session is not None and session.layer not in self._viewer.layers:
            journal = session.review.journal
            name = session.layer.name
            self.end()
            kept = "" if journal is None else " Its journal is kept."
            self.said.emit(f"'{name}' was removed, so its review ended.{kept}", "plain")


def changes(journal: Restored) -> str:
    """Size of a journal in words."""
    count = f"{journal.changes} change" + ("s" if journal.changes != 1 else "")
    return f"{count} (the last lines were damaged)" if journal.damaged else count


def open_journal(session: ReviewSession, found: Found, failed: Any) -> Journal:
    """The journal of a session: a new one, or the one there is gone on with.

    Raises
    ------
    JournalError
        If there is one of other labels.
    """
    origin = session.review.nuclei.original
    about = session.layer.metadata.get(METADATA_KEY, {})
    return Journal(found.path, origin, found.image, about, failed)


def snapshot(session: ReviewSession, image: str) -> SavedReview:
    """All of a session that is saved to a folder, copied."""
    nuclei, layer = session.review.nuclei, session.layer
    maps = {name: np.asarray(m, np.float32) for name, m in nuclei.maps.items()}
    if nuclei.flows is not None:
        maps |= {"flow_y": nuclei.flows[0], "flow_x": nuclei.flows[1]}
    return SavedReview(
        session.review.labels.copy(),
        np.asarray(nuclei.original),
        maps,
        dict(session.review.statuses),
        image,
        dict(layer.metadata.get(METADATA_KEY, {})),
        plane_space(layer),
    )
