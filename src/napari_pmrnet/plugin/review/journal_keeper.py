"""Keeps the journal of a review, in one window at a time.

A journal that is there is gone on with where the labels are as it ends. Otherwise the
user decides: restore it, or begin anew and keep it aside.
"""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QObject

from napari_pmrnet.errors import JournalError
from napari_pmrnet.io.lock import OwnerLock, TakenError
from napari_pmrnet.io.provenance import METADATA_KEY
from napari_pmrnet.plugin.layers.review_session import ReviewSession
from napari_pmrnet.plugin.qt import Signal, there
from napari_pmrnet.plugin.review import persistence
from napari_pmrnet.plugin.widgets.worker import Runner
from napari_pmrnet.proofreading import planes
from napari_pmrnet.proofreading.journal import Journal, Restored, own
from napari_pmrnet.proofreading.record_file import set_aside


class JournalKeeper(QObject):
    """Keeps the journal of the review under way.

    Attributes
    ----------
    found : Found or None
        The image under review, with the journal there was of it.
    said : Signal
        Text and tone.
    offered : Signal
        A question, and the ways to answer it.
    beside_wanted : Signal
        What was found is to be restored into a layer of its own.
    taken_over : Signal
        Another window has left the review: it is to begin again here.
    busy_changed : Signal
        See `is_busy`.
    """

    said = Signal(str, str)
    offered = Signal(str, list)
    beside_wanted = Signal()
    taken_over = Signal()
    busy_changed = Signal()
    _journal_said = Signal(str, str)
    _journal_taken = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.found: persistence.Found | None = None
        self._session: ReviewSession | None = None
        self._undecided = self._goes_on = self._asked = False
        self._taking = Runner(self)
        self._taking.succeeded.connect(self._on_taken_over)
        self._taking.failed.connect(self._on_not_taken)
        self._taking.finished.connect(self.busy_changed)
        # A journal speaks from a thread of its own.
        self._journal_said.connect(self.said)
        self._journal_taken.connect(self._on_taken)

    @property
    def is_busy(self) -> bool:
        """Tell whether another window is being asked to leave the review."""
        return self._taking.is_running

    @property
    def _reviewed(self) -> ReviewSession:
        """The review under way, for what happens during one only."""
        return there(self._session)

    def leave(self) -> None:
        """Forget a review that ends."""
        self._session, self._undecided, self.found = None, False, None
        self._asked = False
        self.offered.emit("", [])

    def release(self) -> None:
        """Let go of running work, for a dock that goes away."""
        self._taking.shut_down()

    def meet(self, session: ReviewSession, found: persistence.Found | None) -> None:
        """Begin or go on with the journal of a review that begins.

        Parameters
        ----------
        session : ReviewSession
        found : Found or None
            The image, with what journal there is of it; None if no image is known.
        """
        self._session, self.found = session, found
        session.changed.connect(self._on_edited)
        self._meet()

    def _meet(self) -> None:
        """Begin or go on with the journal; ask where the user has to decide."""
        goes_on, self._goes_on = self._goes_on, False
        if self.found is None:
            self.said.emit(
                "No image layer is known to be that of these labels, so no journal is "
                "kept. Save the review to a folder before you close napari.",
                "warning",
            )
            return
        owner = self._owned()
        if owner is None:
            return
        found = there(self.found)
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
        restore = self._restore_here if same else self.beside_wanted.emit
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
        found = there(self.found)
        try:
            owner = own(found.path)
        except TakenError as error:
            self._offer_taken(error)
            return None
        self.found = found.now()
        return owner

    def _offer_taken(self, error: TakenError) -> None:
        """Say who reviews this image; nothing is edited until the user decides."""
        text = f"This image is under review already, by {error.owner}."
        self._reviewed.hold(f"{text} Take the review over to edit it here.")
        self._offer_view(text)

    def _offer_view(self, text: str) -> None:
        """Offer the ways there are while another window has the review."""
        ways = [("Show it as it is", self._look), ("Take over", self._take_over)]
        self.offered.emit(text, ways)

    def _look(self) -> None:
        """Show the labels as they are in the other window, without editing them."""
        found = self.found = there(self.found).now()
        session, journal = self._reviewed, found.journal
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
        path = there(self.found).path
        self._asked = True
        self._taking.start("Taking the review over", persistence.take_over, path)
        self.busy_changed.emit()

    def _on_taken_over(self, owner: OwnerLock) -> None:
        """Have the review begin again, where the other window has left it."""
        owner.release()
        if self._asked:
            self._goes_on = True
            self.taken_over.emit()

    def _on_not_taken(self, text: str) -> None:
        """Offer the ways again that there are, unless that review ended meanwhile."""
        if self._asked:
            self._offer_view(text)

    def _on_taken(self, journal: Journal) -> None:
        """Stop editing: another window goes on, and all is written down."""
        if self._session is None or self._session.course.journal is not journal:
            return
        self._reviewed.course.journal = None
        text = "Another window has taken this review over, so it is read-only here."
        self._reviewed.hold(f"{text} Take it over to edit it.")
        self._offer_view(text)

    def _is_of_these(self, journal: Restored) -> bool:
        """Tell whether a journal is of the labels as they were found here."""
        return np.array_equal(journal.found, planes.originals(self._reviewed.course))

    def _is_continued(self, journal: Restored) -> bool:
        """Tell whether the session begins where a journal ends."""
        session = self._reviewed
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
        path = there(self.found).path
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
        session, found = self._reviewed, there(self.found)
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
        journal = there(self.found).journal
        if journal is None or not self._is_of_these(journal):
            owner.release()
            self._meet()
            return
        self._show(journal)
        self.said.emit(f"Restored with {changes(journal)}.", "good")
        self._keep(owner, journal)

    def _show(self, journal: Restored) -> None:
        """Give the layer and the places what a journal holds."""
        session = self._reviewed
        session.course.statuses.clear()
        session.course.statuses.update(journal.statuses)
        edits = planes.differences(session.course, journal.labels)
        if edits:
            session.apply(edits)
        session.changed.emit(set())

    def _on_edited(self, labels: set[int]) -> None:
        """An edit is an answer too: the journal there is set aside."""
        if self._undecided and labels:
            self._begin_anew()


def changes(journal: Restored) -> str:
    """Size of a journal in words."""
    count = f"{journal.changes} change" + ("s" if journal.changes != 1 else "")
    left_out = f" ({journal.damaged} more were damaged)" if journal.damaged else ""
    return count + left_out
