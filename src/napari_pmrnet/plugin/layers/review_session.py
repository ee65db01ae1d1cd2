"""A review tied to a Labels layer: edits go in, changes of any origin come back out.

Of a stack each plane has a review of its own and one is turned to, that on show; the
steps of all are one row, as napari's undo of the layer is.

Labels are edited through `data_setitem` in `block_history` only, so that each gesture
is one step of napari's own undo. Their array is replaced in one place, `make_room`,
where its type is too narrow for the next number. Undo and redo emit no paint event;
they redraw the layer, and at every redraw the review compares the labels with its copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.settings import get_settings
from qtpy.QtCore import QObject

from napari_pmrnet.errors import EditError
from napari_pmrnet.io.label_numbers import type_with_room
from napari_pmrnet.plugin.layers.editable import check_editable, plane_of
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.qt import Signal, single_shot
from napari_pmrnet.proofreading import planes
from napari_pmrnet.proofreading.answers import (
    joined_change,
    place_named,
    told_acceptance,
    told_changes,
    told_dismissal,
    told_undo,
)
from napari_pmrnet.proofreading.course import Step
from napari_pmrnet.proofreading.edits import Edit, as_values, difference
from napari_pmrnet.proofreading.place import ACCEPTED, NUCLEUS, Place, Plane
from napari_pmrnet.proofreading.planes import Edits
from napari_pmrnet.proofreading.review import Change, Review

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from napari.layers import Labels, Layer

    from napari_pmrnet.segmentation.stack_segmentation import Labelled
    from napari_pmrnet.segmentation.tiles import Box

DESCRIBE_DELAY = 200
TURN_DELAY = 500
"""Milliseconds after which all planes are looked at, once the slider rests."""
UNDO, REDO = "Ctrl+Z", "Ctrl+Shift+Z"

_sessions: WeakKeyDictionary[Layer, ReviewSession] = WeakKeyDictionary()


def session_of(layer: Layer) -> ReviewSession | None:
    """The review under way of a layer, if there is one."""
    return _sessions.get(plain(layer))


class ReviewSession(QObject):
    """Reviews one Labels layer.

    Parameters
    ----------
    layer : napari.layers.Labels
        Of a NumPy or Zarr array; of a stack with any axes before y and x.
    review : Review
        Of the layer's labels or of a copy of them; of a stack that of any plane.
    parent : QObject, optional

    Attributes
    ----------
    review : Review
        Of the plane that is turned to.
    paused : str
        Why nothing is to be edited at present, in a sentence; empty if it may be.
    through : bool
        Whether what is done to nuclei is done on every plane where their number is.
    turned : Signal
        A step was undone or done again: its place, None if there is none any more, and
        its change of pixels, None if there was none.
    plane_turned : Signal
        Another plane is turned to.

    Raises
    ------
    EditError
        If the layer cannot be edited as it is.
    """

    changed = Signal(set)
    said = Signal(str, str)
    turned = Signal(object, object)
    plane_turned = Signal()
    replaced = Signal()

    def __init__(
        self,
        layer: Labels,
        review: Review,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        check_editable(layer)
        self.layer = layer = plain(layer)
        self.review, self.course = review, review.course
        self.paused, self.through = "", False
        self._busy, self._strokes = False, 0
        self._held, self._turning = "", False
        self._soon = single_shot(self, 0, self.settle)
        self._later = single_shot(self, TURN_DELAY, self.settle)
        self._describing = single_shot(self, DESCRIBE_DELAY, self._describe)
        layer.events.paint.connect(self._on_paint)
        layer.events.set_data.connect(self._on_redraw)
        layer.events.data.connect(self._on_data)
        layer.events.editable.connect(self._on_editable)
        _sessions[layer] = self
        self._take(layer.data)
        self._follow(None, step=False)
        self._describe()

    @property
    def has_planes(self) -> bool:
        """Tell whether there is more than one plane."""
        return len(self.course.planes) > 1

    def turn_to(self, plane: Plane) -> None:
        """Turn to the review of another plane, that on show."""
        if plane == self.review.plane:
            return
        self.review = self.course.planes[plane]
        self._turning = True
        self.plane_turned.emit()

    def _take(self, data: Any) -> None:
        """Review these labels from now on, which are those of before."""
        self._data = data
        for plane, review in self.course.planes.items():
            review.nuclei.labels = plane_of(data, plane)

    def hold(self, reason: str) -> None:
        """Let nothing be edited, with the reason that is given to who tries."""
        self.settle()
        self._held = reason
        self.layer.editable = False

    def free(self) -> None:
        """Let it be edited again."""
        if self._held:
            self._held = ""
            self.layer.editable = True

    def release(self) -> bool:
        """Let go of the layer; False if its journal could not be written to the end."""
        for timer in (self._soon, self._later, self._describing):
            timer.stop()
        _sessions.pop(self.layer, None)
        events = self.layer.events
        events.paint.disconnect(self._on_paint)
        events.set_data.disconnect(self._on_redraw)
        events.data.disconnect(self._on_data)
        events.editable.disconnect(self._on_editable)
        self.free()
        self.deleteLater()  # with its parent it would stay, and all maps with it
        journal = self.course.journal
        return journal is None or journal.close()

    def settle(self) -> None:
        """Follow what napari's own tools, undo and redo have done up to now."""
        self._soon.stop()
        self._later.stop()
        if self.layer.data is not self._data:
            return
        try:
            self._follow(None, step=False)
        except EditError as error:
            self._take_back(error)
        while self._strokes:
            self._strokes -= 1
            self.course.painted()

    def _take_back(self, error: EditError) -> None:
        """Undo strokes until the review can follow again: it does not keep all numbers.

        What else writes to the labels, such as a script, has to mend them itself.
        """
        undone, self._busy = 0, True
        try:
            while self._strokes:
                self._strokes -= 1
                undone += 1
                self.layer.undo()
                with suppress(EditError):
                    self._follow(None, step=False)
                    break
        finally:
            self._busy = False
        taken = " What was painted last was taken back." if undone else ""
        self.said.emit(f"'{self.layer.name}': {error}{taken}", "error")

    @property
    def now(self) -> Review:
        """The review, of the labels as they are at this moment, for an edit of them.

        Raises
        ------
        EditError
            While the review is paused.
        """
        if self.paused:
            raise EditError(self.paused)
        self._catch_up()
        return self.review

    def _meant(self) -> Collection[Review]:
        """Reviews of the planes that an edit of nuclei is meant for."""
        now = self.now
        return self.course.planes.values() if self.through else [now]

    def edited(self, label: int, make: Callable[[Review, int], Edit]) -> Edits:
        """An edit of one nucleus, on every plane that is meant."""
        now = self.now
        if self.through:
            return planes.through(self.course, label, make)
        return {now.plane: make(now, label)}

    def deleted(self, which: Collection[int]) -> Edits:
        """The edit that deletes nuclei, on every plane that is meant."""
        return planes.deleted(self._meant(), which)

    def deleted_below(self, column: str, bound: float) -> Edits:
        """The edit that deletes all nuclei of less than a bound; see `Nuclei.table`."""
        return planes.deleted_below(self._meant(), column, bound)

    def merged(self, into: int, others: Sequence[int]) -> Edits:
        """The edit that makes nuclei one, on every plane that is meant."""
        return planes.merged(self._meant(), into, others)

    def renumber(self) -> None:
        """Number the nuclei 1 to n; what was said of them stays with them."""
        self._catch_up()
        self.apply(*planes.renumbering(self.now.course))
        self.said.emit(f"Nuclei numbered 1 to n; {UNDO} undoes it.", "good")

    def next_label(self) -> int:
        """Number for a new nucleus, one that the layer holds.

        Raises
        ------
        EditError
            If there is none left, or the layer cannot be widened.
        """
        number = self.now.course.next_label()
        as_values(np.array([number]))
        self.make_room(number)
        return number

    def make_room(self, number: int) -> None:
        """Widen the type of the labels if it does not hold a number.

        napari's history stays, and its values fit the wider type: all that was done
        before can still be undone.

        Raises
        ------
        EditError
            If the labels lie on disk, where their type cannot be changed.
        """
        data: Any = self.layer.data
        layer = self.layer
        wider = type_with_room(data.dtype, number)
        if wider == data.dtype:
            return
        if not isinstance(data, np.ndarray):
            raise EditError(
                f"'{layer.name}' lies on disk in a type that ends at "
                f"{np.iinfo(data.dtype).max}. Number the nuclei 1 to n if there are "
                "fewer, or save the labels and review the copy."
            )
        self._take(data.astype(wider))
        self._busy = True
        try:
            layer.data = self._data
            # A layer that is not drawn at once keeps a slice of the old type, to which
            # napari casts what is edited. One that is drawn has its new slice by now,
            # and a further one would not reach the canvas.
            if not layer.visible or get_settings().experimental.async_:
                layer.set_view_slice()
        finally:
            self._busy = False

    def apply(
        self,
        edit: Edit | Edits,
        statuses: Mapping[Place, str] | None = None,
        place: Place | None = None,
        verb: str = "changed",
    ) -> None:
        """Apply an edit as one step of undo, and say what it did.

        Parameters
        ----------
        edit : Edit or mapping of Edit
            Of the plane that is turned to, or of some planes.
        statuses : mapping, optional
            Statuses that change with it.
        place : Place, optional
            The place it is the answer to.
        verb : str
            What was done to nuclei that are as many as before.

        Raises
        ------
        EditError
            If the review is held.
        """
        self.check_free()
        edits = {self.review.plane: edit} if isinstance(edit, Edit) else edit
        edits = {plane: one for plane, one in edits.items() if len(one.values)}
        if not edits:
            self.said.emit("Nothing had to be changed.", "plain")
            return
        self._catch_up()
        values = np.concatenate([one.values for one in edits.values()])
        self.make_room(int(values.max()))
        self._busy = True
        try:
            with self.layer.block_history():
                self.layer.data_setitem(planes.indices_of(edits), values)
        finally:
            self._busy = False
        boxes = {plane: one.box for plane, one in edits.items()}
        changes = self._follow(boxes, True, statuses, place)
        if changes:
            told = told_changes(changes, verb)
            self.said.emit(
                f"{told}; {told_undo(joined_change(changes), UNDO)}.", "good"
            )

    def renew(self, labels: np.ndarray, found: Labelled) -> None:
        """Take over a run that found other labels in a region, as one step of undo.

        Parameters
        ----------
        labels : ndarray of int, shape (H, W)
            Those of the layer from now on, corrections included.
        found : Segmentation
            What the runs have found together, without corrections.

        Raises
        ------
        EditError
            If the review is held.
        """
        self.check_free()
        self._catch_up()
        self.apply(difference(self.review.labels, labels))
        flows = getattr(found, "flows", None)
        self.review.nuclei.renew(found.labels, found.maps, flows)
        self._tell(set(self.review.nuclei.table.index.tolist()))

    def accept(self, place: Place) -> None:
        """Accept a nucleus, or do what is proposed at a place."""
        self.check_free()
        if place[0] != NUCLEUS:
            self.apply(self.now.proposal(place), place=place)
            return
        same = [review.nucleus(place[1]) for review in self._meant()]
        there = [one for one in same if self.course.is_there(one)] or [place]
        self.course.tell(dict.fromkeys(there, ACCEPTED))
        self._tell({place[1]})
        told = told_acceptance(self.review.labels_at(place))
        on = "" if len(there) == 1 else f" on {len(there)} planes"
        self.said.emit(f"{told}{on}; {UNDO} undoes it.", "good")

    def reject(self, place: Place) -> None:
        """Delete a nucleus, or dismiss what is proposed."""
        self.check_free()
        if place[0] == NUCLEUS:
            self.apply(self.deleted([place[1]]), place=place)
            return
        self.now.dismiss([place])
        self._tell(set())
        told = told_dismissal(place, self.review.labels_at(place))
        self.said.emit(f"{told}; {UNDO} undoes it.", "good")

    def undo(self) -> None:
        """Take back the last step, of pixels or of status."""
        back = f"{REDO} does it again"
        self._turn(self.course.undo, self.layer.undo, "Undone", back)

    def redo(self) -> None:
        """Do again what was taken back last."""
        back = f"{UNDO} undoes it"
        self._turn(self.course.redo, self.layer.redo, "Done again", back)

    def _turn(
        self,
        turn: Callable[[], Step | None],
        pixels: Callable[[], None],
        done: str,
        back: str,
    ) -> None:
        """Turn a step back, tell its place, and say so."""
        self.check_free()
        self._catch_up()
        step, changes = turn(), list[Change]()
        if step is None:
            self.said.emit(f"Nothing is left to be {done.lower()}.", "plain")
            return
        if step.painted:
            self._busy = True
            try:
                pixels()
            finally:
                self._busy = False
            changes = self._follow(step.boxes, step=False)
            # napari may have been asked to undo behind our back: look everywhere soon.
            self._soon.start()
        else:
            self._tell(set())
        place, where = self.course.place_of(step, changes), ""
        if place is not None:
            names = self.course.review_of(place).labels_at(place)
            where = f" at {place_named(place, names)}"
        self.turned.emit(place, next(iter(changes), None))
        self.said.emit(f"{done}{where}; {back}.", "good")

    def check_free(self) -> None:
        """Raise if the review is held.

        Raises
        ------
        EditError
            With the reason.
        """
        if self._held:
            raise EditError(self._held)

    def _catch_up(self) -> None:
        """Follow what is still to be followed, before a step of our own."""
        if self._soon.isActive() or self._later.isActive():
            self.settle()

    def _on_paint(self, event: Any = None) -> None:
        """Note a stroke of napari's own tools; some are told before they are made."""
        if not self._busy:
            self._strokes += 1
            self._soon.start()

    def _on_redraw(self, event: Any = None) -> None:
        if not self._busy:
            (self._later if self._turning else self._soon).start()
            self._turning = False

    def _on_editable(self, event: Any = None) -> None:
        """Keep a held layer as it is; napari lets it be edited when axes change."""
        if self._held:
            self.layer.editable = False

    def _on_data(self, event: Any = None) -> None:
        """Say so if the layer was given other labels, of which nothing is known.

        The same ones in another type, as napari converts them, are gone on with.
        """
        data: Any = self.layer.data
        if data is self._data:
            return
        self.settle()
        if isinstance(data, np.ndarray) and planes.are_those_of(self.course, data):
            self._take(data)
        else:
            self.replaced.emit()

    def _follow(
        self,
        within: Mapping[Plane, Box] | None,
        step: bool,
        statuses: Mapping[Place, str] | None = None,
        place: Place | None = None,
    ) -> list[Change]:
        changes = planes.follow(self.course, within, step, statuses, place)
        if changes:
            self._tell(joined_change(changes).labels)
        return changes

    def _tell(self, labels: set[int]) -> None:
        self._describing.start()
        self.changed.emit(labels)

    def _describe(self) -> None:
        """Bring the layer's features up to date; columns of others stay."""
        flags, old = planes.flags(self.course), self.layer.features
        if "index" in old:
            others = old.set_index("index").drop(columns=flags.columns, errors="ignore")
            flags = flags.join(others[~others.index.duplicated()])
        self.layer.features = flags.rename_axis("index").reset_index()
