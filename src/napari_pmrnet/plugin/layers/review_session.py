"""A review tied to a Labels layer: edits go in, changes of any origin come back out.

Labels are edited through `data_setitem` in `block_history` only, so that each gesture
is one step of napari's own undo. Undo and redo emit no paint event; they redraw the
layer, and at every redraw the review compares the labels with its copy of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.QtCore import QObject

from napari_pmrnet.errors import EditError
from napari_pmrnet.plugin.layers.axes import first_level
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.layers.source_image import grey_plane
from napari_pmrnet.plugin.widgets.qt import Signal, single_shot
from napari_pmrnet.proofreading import edits
from napari_pmrnet.proofreading.boxes import union
from napari_pmrnet.proofreading.edits import Edit
from napari_pmrnet.proofreading.origin import Origin, begin_review
from napari_pmrnet.proofreading.review import (
    NUCLEUS,
    Place,
    Review,
    Step,
)
from napari_pmrnet.segmentation.tiles import Box

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

    from napari_pmrnet.plugin.layers.results import Result

REACH = 5
DESCRIBE_DELAY = 200

LARGEST_REVIEW = 67_108_864
"""Pixels of the largest labels that can be reviewed, since they are read whole."""

_sessions: WeakKeyDictionary[Layer, ReviewSession] = WeakKeyDictionary()


def session_of(layer: Layer) -> ReviewSession | None:
    """The review under way of a layer, if there is one."""
    return _sessions.get(plain(layer))


class ReviewSession(QObject):
    """Reviews one Labels layer.

    Parameters
    ----------
    layer : napari.layers.Labels
        Two-dimensional, of a NumPy or Zarr array.
    image : napari.layers.Image or None
        The image the labels are of, for intensities.
    result : Result or None
        Where the labels come from; None for labels made elsewhere.
    parent : QObject, optional
    review : Review, optional
        Of the layer's labels or of a copy of them, made beforehand in another thread.

    Raises
    ------
    EditError
        If the layer cannot be edited as it is.
    """

    changed = Signal(set)
    said = Signal(str, str)
    replaced = Signal()

    def __init__(
        self,
        layer: Labels,
        image: Image | None,
        result: Result | None = None,
        parent: QObject | None = None,
        review: Review | None = None,
    ) -> None:
        super().__init__(parent)
        check_editable(layer)
        self.layer = layer = plain(layer)
        if review is None:
            pixels = None
            if image is not None:
                shape = tuple(layer.data.shape)
                pixels = grey_plane(first_level(image), bool(image.rgb), shape)
            review = begin_review(layer.data, origin_of(result), pixels)
        self.review = review
        self._busy, self._strokes = False, 0
        self._soon = single_shot(self, 0, self.settle)
        self._describing = single_shot(self, DESCRIBE_DELAY, self._describe)
        layer.events.paint.connect(self._on_paint)
        layer.events.set_data.connect(self._on_redraw)
        layer.events.data.connect(self._on_data)
        _sessions[layer] = self
        self.review.nuclei.labels = layer.data
        self._follow(None, step=False)
        self._describe()

    @property
    def gate(self) -> np.ndarray | None:
        """Boundary gate of the image; None for labels made elsewhere."""
        return self.review.nuclei.maps.get("boundary")

    def release(self) -> None:
        """Let go of the layer."""
        for timer in (self._soon, self._describing):
            timer.stop()
        _sessions.pop(self.layer, None)
        events = self.layer.events
        events.paint.disconnect(self._on_paint)
        events.set_data.disconnect(self._on_redraw)
        events.data.disconnect(self._on_data)
        if self.review.journal is not None:
            self.review.journal.close()

    def settle(self) -> None:
        """Follow what napari's own tools, undo and redo have done up to now."""
        self._soon.stop()
        if self.layer.data is not self.review.nuclei.labels:
            return
        self._follow(None, step=False)
        while self._strokes:
            self._strokes -= 1
            self.review.painted()

    def label_at(self, point: Sequence[float]) -> int:
        """Label at a place (y, x) in pixels; 0 beside all nuclei and the image."""
        y, x = (int(n) for n in np.rint(point))
        height, width = self.review.labels.shape
        inside = 0 <= y < height and 0 <= x < width
        return int(self.review.labels[y, x]) if inside else 0

    def place_at(self, point: Sequence[float]) -> Place | None:
        """The nucleus, or else the proposed one, at a place (y, x) in pixels."""
        label = self.label_at(point)
        if label:
            return NUCLEUS, label
        return self.review.proposed_at(*(int(n) for n in np.rint(point)))

    def split(self, label: int, clicks: Sequence[tuple[float, float]]) -> Edit:
        """The edit that splits a nucleus; see `edits.split`."""
        return self._parted(edits.split, label, clicks, self.gate)

    def cut(self, label: int, path: Sequence[tuple[float, float]]) -> Edit:
        """The edit that cuts a nucleus along a line; see `edits.split_along`."""
        return self._parted(edits.split_along, label, path)

    def _parted(self, how: Callable[..., Edit], label: int, *args: Any) -> Edit:
        labels, nuclei = self._now(), self.review.nuclei
        box, number = nuclei.box(label), nuclei.next_label()
        return how(labels, label, *args, within=box, next_label=number)

    def merge(self, into: int, others: Sequence[int]) -> Edit:
        """The edit that makes nuclei one."""
        labels = self._now()
        boxes = [self.review.nuclei.box(label) for label in (into, *others)]
        return edits.merge(labels, into, others, union(boxes))

    def under(self, path: Sequence[tuple[float, float]]) -> list[int]:
        """Labels under a drawn line, in the order in which it meets them."""
        return edits.labels_under(self._now(), path)

    def inside(self, start: Sequence[float], end: Sequence[float]) -> list[int]:
        """Nuclei whose middle lies in the box between two corners (y, x)."""
        self._now()
        table = self.review.nuclei.table
        middles = table[["centroid_y", "centroid_x"]].to_numpy()
        low, high = np.minimum(start, end), np.maximum(start, end)
        chosen = ((middles >= low) & (middles <= high)).all(axis=1)
        return table.index[chosen].tolist()

    def merge_under(self, path: Sequence[tuple[float, float]]) -> Edit:
        """The edit that makes one of all nuclei under a drawn line."""
        names = self.under(path)
        if len(names) < 2:
            raise EditError("the line meets fewer than two nuclei. Draw it over them.")
        return self.merge(names[0], names[1:])

    def delete(self, which: Sequence[int]) -> Edit:
        """The edit that deletes nuclei."""
        labels = self._now()
        boxes = self.review.nuclei.boxes(which)
        return edits.joined([edits.delete(labels, [n], box) for n, box in boxes])

    def snap(self, label: int) -> Edit:
        """The edit that moves a rim to the boundary gate."""
        if self.gate is None:
            raise EditError(
                f"'{self.layer.name}' has no boundary gate to snap to. Segment its "
                "image with PMRNet first."
            )
        labels, box = self._now(), self.review.nuclei.box(label)
        return edits.snap(labels, label, self.gate, REACH, within=box)

    def mended(self, label: int, how: Callable[..., Edit]) -> Edit:
        """The edit of `edits.fill_holes` or `edits.smooth`."""
        labels, box = self._now(), self.review.nuclei.box(label)
        return how(labels, label, within=box)

    def renumber(self) -> None:
        """Number the nuclei 1 to n; what was said of them stays with them."""
        edit = edits.number_sequentially(self._now())
        before = self.review.labels[edit.ys, edit.xs]
        numbers = dict(zip(before.tolist(), edit.values.tolist(), strict=True))
        given = self.review.statuses
        moved = {(NUCLEUS, old): "" for old in numbers if (NUCLEUS, old) in given}
        for _, old in tuple(moved):
            moved[NUCLEUS, numbers[old]] = given[NUCLEUS, old]
        self.apply(edit, moved)

    def proposal(self, place: Place) -> Edit:
        """The edit that is proposed at a place; see `Review.proposal`."""
        self._now()
        return self.review.proposal(place)

    def apply(self, edit: Edit, statuses: Mapping[Place, str] | None = None) -> None:
        """Apply an edit as one step of undo, with statuses that change with it."""
        if not len(edit.values):
            self.said.emit("Nothing had to be changed.", "plain")
            return
        self._catch_up()
        self._busy = True
        try:
            with self.layer.block_history():
                self.layer.data_setitem((edit.ys, edit.xs), edit.values)
        finally:
            self._busy = False
        self._follow(edit.box, True, statuses)

    def accept(self, place: Place) -> None:
        """Accept a nucleus, or do what is proposed at a place."""
        if place[0] != NUCLEUS:
            self.apply(self.proposal(place))
        else:
            self._catch_up()
            self.review.accept([place[1]])
            self._tell({place[1]})

    def reject(self, place: Place) -> None:
        """Delete a nucleus, or dismiss what is proposed."""
        if place[0] == NUCLEUS:
            self.apply(self.delete([place[1]]))
        else:
            self._catch_up()
            self.review.dismiss([place])
            self._tell(set())

    def undo(self) -> None:
        """Take back the last step, of pixels or of status."""
        self._turn(self.review.undo, self.layer.undo)

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._turn(self.review.redo, self.layer.redo)

    def _turn(
        self, turn: Callable[[], Step | None], pixels: Callable[[], None]
    ) -> None:
        self._catch_up()
        step = turn()
        if step is not None:
            self._busy = True
            try:
                pixels()
            finally:
                self._busy = False
            self._follow(step.box, step=False)
            # napari may have been asked to undo behind our back: look everywhere soon.
            self._soon.start()
        else:
            self._tell(set())

    def _now(self) -> np.ndarray:
        """The labels as they are, for reading; of a Zarr layer the copy in memory."""
        self._catch_up()
        return self.review.labels

    def _catch_up(self) -> None:
        """Follow what is still to be followed, before a step of our own."""
        if self._soon.isActive():
            self.settle()

    def _on_paint(self, event: Any = None) -> None:
        """Note a stroke of napari's own tools; some are told before they are made."""
        if not self._busy:
            self._strokes += 1
            self._soon.start()

    def _on_redraw(self, event: Any = None) -> None:
        if not self._busy:
            self._soon.start()

    def _on_data(self, event: Any = None) -> None:
        """Say so if the layer was given another array, of which nothing is known."""
        if self.layer.data is not self.review.nuclei.labels:
            self.replaced.emit()

    def _follow(
        self,
        within: Box | None,
        step: bool,
        statuses: Mapping[Place, str] | None = None,
    ) -> None:
        change = self.review.follow(within, step, statuses)
        if change is not None:
            self._tell(change.labels)

    def _tell(self, labels: set[int]) -> None:
        self._describing.start()
        self.changed.emit(labels)

    def _describe(self) -> None:
        """Bring the layer's features up to date; columns of others stay."""
        flags = self.review.flags()
        flags.insert(1, "area", self.review.nuclei.table["area"])
        old = self.layer.features
        if "index" in old:
            others = old.set_index("index").drop(columns=flags.columns, errors="ignore")
            flags = flags.join(others[~others.index.duplicated()])
        self.layer.features = flags.rename_axis("index").reset_index()


def check_editable(layer: Labels) -> None:
    """Raise unless a layer can be reviewed as it is.

    Raises
    ------
    EditError
        With what to do instead.
    """
    if layer.multiscale:
        raise EditError(
            f"'{layer.name}' has several resolutions, which napari shows but cannot "
            "edit. Open its finest level as a layer of its own."
        )
    if layer.ndim != 2:
        raise EditError(
            f"'{layer.name}' has {layer.ndim} axes; one plane can be reviewed at a "
            "time. Segment the plane on show."
        )
    if not (isinstance(layer.data, np.ndarray) or is_zarr(layer.data)):
        raise EditError(
            f"'{layer.name}' is computed when it is looked at, so that napari cannot "
            "edit it. Save it and open the copy."
        )
    height, width = layer.data.shape
    if height * width > LARGEST_REVIEW:
        raise EditError(
            f"'{layer.name}' has {width} x {height} pixels, more than a review holds "
            "in memory. Correct it with napari's own tools, or review a part: segment "
            "'Only what I see'."
        )


def origin_of(result: Result | None) -> Origin | None:
    """Where the labels of a result come from."""
    return None if result is None else Origin.of(result.segmentation)


def is_zarr(data: Any) -> bool:
    """Whether an array lies in a Zarr store, which napari can write to."""
    return type(data).__module__.partition(".")[0] == "zarr"
