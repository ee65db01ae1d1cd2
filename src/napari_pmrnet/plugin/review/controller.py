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
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject

from napari_pmrnet.errors import EditError, JournalError
from napari_pmrnet.io.lock import OwnerLock, TakenError
from napari_pmrnet.io.provenance import METADATA_KEY
from napari_pmrnet.plugin.layers.axes import first_level
from napari_pmrnet.plugin.layers.editable import check_editable, is_zarr
from napari_pmrnet.plugin.layers.label_colours import wear
from napari_pmrnet.plugin.layers.origins import known_of, show_labels
from napari_pmrnet.plugin.layers.result_layers import spatial_metadata
from napari_pmrnet.plugin.layers.results import result_of
from napari_pmrnet.plugin.layers.review_session import ReviewSession
from napari_pmrnet.plugin.layers.source_image import fits, image_for, is_source, tie
from napari_pmrnet.plugin.layers.spaces import plane_space, space_of
from napari_pmrnet.plugin.qt import Signal, there
from napari_pmrnet.plugin.review import persistence
from napari_pmrnet.plugin.widgets.worker import Runner
from napari_pmrnet.proofreading import planes
from napari_pmrnet.proofreading.journal import Journal, Restored, own
from napari_pmrnet.proofreading.origin import Origin, origins
from napari_pmrnet.proofreading.place import Plane
from napari_pmrnet.proofreading.record_file import set_aside
from napari_pmrnet.proofreading.saved_review import SavedReview

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
    _journal_said = Signal(str, str)
    _journal_taken = Signal(object)

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.session: ReviewSession | None = None
        self._image: Image | None = None
        self._found: persistence.Found | None = None
        self._wanted: tuple[Labels, Mapping[Place, str]] | None = None
        self._undecided = self._goes_on = False
        self._preparing, self._storing = Runner(self), Runner(self)
        self._looking, self._taking = Runner(self), Runner(self)
        self._preparing.succeeded.connect(self._on_prepared)
        self._preparing.progressed.connect(self._on_progress)
        self._looking.succeeded.connect(self._on_looked)
        self._storing.succeeded.connect(self._on_stored)
        self._taking.succeeded.connect(self._on_taken_over)
        self._journal_said.connect(self.said)
        self._journal_taken.connect(self._on_taken)
        self._taking.failed.connect(self._offer_view)
        for runner in (self._preparing, self._storing):
            runner.failed.connect(lambda text: self.said.emit(text, "error"))
        for runner in (self._preparing, self._storing, self._taking):
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
        if self._preparing.is_running:
            self._preparing.shut_down()
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
        """End the review; its journal is written to the end."""
        self._wanted, self._undecided, self._found = None, False, None
        self.offered.emit("", [])
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
        for runner in (self._preparing, self._storing, self._looking, self._taking):
            runner.shut_down()
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def save(self, folder: Path, replace: bool = False) -> None:
        """Save the review to a folder; `replace` what it holds of another one."""
        session = self.session
        if session is None or not self._may_store():
            return
        session.settle()
        image = "" if self._found is None else self._found.image
        saved, table = snapshot(session, image), planes.tables(session.course)
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
        runners = self._preparing, self._storing, self._taking
        self.busy.emit(any(runner.is_running for runner in runners))

    def _on_progress(self, progress: tuple[int, int]) -> None:
        done, total = progress
        name = there(self.layer).name
        self.said.emit(f"Looking at plane {done} of {total} of '{name}'...", "plain")

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
        wear(layer, prepared.colours)
        self.session.changed.connect(self._on_changed)
        self.session.replaced.connect(lambda: self.begin(layer))
        self.said.emit(*self._welcome())
        self._found = prepared.found
        self._meet_journal()
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

    def _meet_journal(self) -> None:
        """Begin or go on with the journal; ask where the user has to decide."""
        goes_on, self._goes_on = self._goes_on, False
        if self._found is None:
            self.said.emit(
                "No image layer is known to be that of these labels, so no journal is "
                "kept. Save the review to a folder before you close napari.",
                "warning",
            )
            return
        owner = self._owned()
        if owner is None:
            return
        found = there(self._found)
        if not found.fault and found.journal is None:
            self._begin_anew(owner)
        elif found.journal is not None and self._is_continued(found.journal):
            self._keep(owner, found.journal)
        elif found.journal is not None and goes_on and self._is_of_these(found.journal):
            self._restore_here(owner)
        else:
            owner.release()
            self._ask(found)

    def _ask(self, found: persistence.Found) -> None:
        """Let the user decide what becomes of the journal that is there."""
        self._undecided = True
        if found.journal is None:
            self.offered.emit(found.fault, [("Set it aside", self._begin_anew)])
            return
        same = self._is_of_these(found.journal)
        restore = self._restore_here if same else self._restore_beside
        self.offered.emit(
            f"There is a review of this image with {changes(found.journal)}.",
            [("Restore it", restore), ("Begin anew", self._begin_anew)],
        )

    def _owned(self) -> OwnerLock | None:
        """Take the lock of the journal and look at it again.

        Returns
        -------
        OwnerLock or None
            None if another window has it; the user is then asked what to do.
        """
        self._undecided = False
        self.offered.emit("", [])
        found = there(self._found)
        try:
            owner = own(found.path)
        except TakenError as error:
            self._offer_taken(error)
            return None
        self._found = found.now()
        return owner

    def _offer_taken(self, error: TakenError) -> None:
        """Say who reviews this image; nothing is edited until the user decides."""
        text = f"This image is under review already, by {error.owner}."
        self._open.hold(f"{text} Take the review over to edit it here.")
        self._offer_view(text)

    def _offer_view(self, text: str) -> None:
        """Offer the ways there are while another window has the review."""
        ways = [("Show it as it is", self._look), ("Take over", self._take_over)]
        self.offered.emit(text, ways)

    def _look(self) -> None:
        """Show the labels as they are in the other window, without editing them."""
        found = self._found = there(self._found).now()
        session, journal = self._open, found.journal
        shown = "Labels as they were found"
        if journal is not None and self._is_of_these(journal):
            shown = f"The review with {changes(journal)}, as it is now"
            session.free()
            self._show(journal)
            session.hold("This review is read-only here. Take it over to edit it.")
            self.said.emit(f"{shown}.", "plain")
        self._offer_view(f"Read-only. {shown}.")

    def _take_over(self) -> None:
        """Ask the other window to stop, and go on in its place."""
        if self._taking.is_running:
            return
        self.said.emit("Asking the other window to write all down...", "plain")
        self.busy.emit(True)
        path = there(self._found).path
        self._taking.start("Taking the review over", persistence.take_over, path)

    def _on_taken_over(self, owner: OwnerLock) -> None:
        """Go on with the review where the other window has left it."""
        owner.release()
        if self.session is None or self._wanted is None:
            return
        layer, statuses = self._wanted
        origin = None
        if result_of(layer) is None and known_of(layer) is None:
            origin = origins(planes.originals(self._open.course))
        self._goes_on = True
        self.begin(layer, origin, statuses)

    def _on_taken(self, journal: Journal) -> None:
        """Stop editing: another window goes on, and all is written down."""
        if self.session is None or self.session.course.journal is not journal:
            return
        self._open.course.journal = None
        text = "Another window has taken this review over, so it is read-only here."
        self._open.hold(f"{text} Take it over to edit it.")
        self._offer_view(text)

    def _is_of_these(self, journal: Restored) -> bool:
        """Tell whether a journal is of the labels as they were found here."""
        return np.array_equal(journal.found, planes.originals(self._open.course))

    def _is_continued(self, journal: Restored) -> bool:
        """Tell whether the session begins where a journal ends."""
        session = self._open
        return (
            self._is_of_these(journal)
            and not planes.differences(session.course, journal.labels)
            and journal.statuses == session.course.statuses
        )

    def _begin_anew(self, owner: OwnerLock | None = None) -> None:
        """Begin a journal; what is there is kept under another name."""
        owner = owner or self._owned()
        if owner is None:
            return
        path = there(self._found).path
        try:
            if path.exists():
                aside = set_aside(path)
                self.said.emit(f"The review before is kept in {aside.name}.", "plain")
        except JournalError as error:
            owner.release()
            self.said.emit(str(error), "error")
            return
        self._keep(owner, None)

    def _keep(self, owner: OwnerLock, known: Restored | None) -> None:
        """Write the review down from now on, after what is known already."""
        session, found = self._open, there(self._found)
        about = session.layer.metadata.get(METADATA_KEY, {})
        try:
            journal = Journal(
                found.path,
                planes.originals(session.course),
                found.image,
                about,
                self._journal_said.emit,
                owner,
                lambda: self._journal_taken.emit(journal),
            )
        except JournalError as error:
            self.said.emit(str(error), "error")
            return
        if known is None:
            planes.keep(session.course, journal)
        else:
            planes.keep(session.course, journal, known.labels, known.statuses)
        if owner.caveat:
            self.said.emit(owner.caveat, "warning")
        if journal.damaged_copy is not None:
            self.said.emit(
                f"The journal was damaged. What could be read is here; the file as it "
                f"was is kept in {journal.damaged_copy.name}.",
                "warning",
            )

    def _restore_here(self, owner: OwnerLock | None = None) -> None:
        """Bring the layer to where its journal ends, as one step of undo."""
        owner = owner or self._owned()
        if owner is None:
            return
        journal = there(self._found).journal
        if journal is None or not self._is_of_these(journal):
            owner.release()
            self._meet_journal()
            return
        self._show(journal)
        self.said.emit(f"Restored with {changes(journal)}.", "good")
        self._keep(owner, journal)

    def _show(self, journal: Restored) -> None:
        """Give the layer and the places what a journal holds."""
        session = self._open
        session.course.statuses.clear()
        session.course.statuses.update(journal.statuses)
        edits = planes.differences(session.course, journal.labels)
        if edits:
            session.apply(edits)
        session.changed.emit(set())

    def _restore_beside(self) -> None:
        """Restore into a layer of its own."""
        journal, image = self._journal, self._image
        if image is None or image not in self._viewer.layers:
            return
        layer = persistence.restored_layer(journal, image)
        self._viewer.add_layer(layer)
        self.begin(layer, origins(journal.found), journal.statuses)

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
            journal = session.course.journal
            name = session.layer.name
            self.end()
            kept = "" if journal is None else " Its journal is kept."
            self.said.emit(f"'{name}' was removed, so its review ended.{kept}", "plain")


def changes(journal: Restored) -> str:
    """Size of a journal in words."""
    count = f"{journal.changes} change" + ("s" if journal.changes != 1 else "")
    left_out = f" ({journal.damaged} more were damaged)" if journal.damaged else ""
    return count + left_out


def snapshot(session: ReviewSession, image: str) -> SavedReview:
    """All of a session that is saved to a folder, copied."""
    course, layer = session.course, session.layer
    shown = {plane: review.labels for plane, review in course.planes.items()}
    return SavedReview(
        planes.whole(shown).copy(),
        planes.originals(course),
        planes.maps(course),
        dict(course.statuses),
        image,
        dict(layer.metadata.get(METADATA_KEY, {})),
        space_of(layer) if layer.ndim > 2 else plane_space(layer),
    )
