"""A review tied to a Labels layer: edits go in, changes of any origin come back out.

Labels are edited through `data_setitem` in `block_history` only, so that each gesture
is one step of napari's own undo. Undo and redo emit no paint event; they redraw the
layer, and at every redraw the review compares the labels with its copy of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_pmrnet.errors import EditError
from napari_pmrnet.plugin._axes import first_level
from napari_pmrnet.proofreading import edits
from napari_pmrnet.proofreading.boxes import union
from napari_pmrnet.proofreading.edits import Edit
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.review import MISSED, PIXELS, Review
from napari_pmrnet.segmentation.windows import Box

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

    from napari_pmrnet.plugin._results import Result

Place = tuple[str, int]
REACH = 5

_sessions: WeakKeyDictionary[Layer, ReviewSession] = WeakKeyDictionary()


def session_of(layer: Layer) -> ReviewSession | None:
    """The review under way of a layer, if there is one."""
    return _sessions.get(layer)


class ReviewSession(QObject):
    """Reviews one Labels layer.

    Parameters
    ----------
    layer : napari.layers.Labels
        Two-dimensional, of a NumPy array.
    image : napari.layers.Image or None
        The image the labels are of, for intensities.
    result : Result or None
        Where the labels come from; None for labels made elsewhere.
    parent : QObject, optional

    Raises
    ------
    EditError
        If the layer cannot be edited as it is.
    """

    changed = Signal(set)
    said = Signal(str, str)

    def __init__(
        self,
        layer: Labels,
        image: Image | None,
        result: Result | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        check_editable(layer)
        self.layer, self._result = layer, result
        self.pixels = grey_plane(image, layer.data.shape)
        self.review = self._new_review()
        self._busy, self._strokes = False, 0
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.settle)
        layer.events.paint.connect(self._on_paint)
        layer.events.set_data.connect(self._on_redraw)
        _sessions[layer] = self

    @property
    def gate(self) -> np.ndarray | None:
        """Boundary gate of the image; None for labels made elsewhere."""
        if self._result is None:
            return None
        return self._result.segmentation.maps.get("boundary")

    def release(self) -> None:
        """Let go of the layer."""
        self._soon.stop()
        _sessions.pop(self.layer, None)
        self.layer.events.paint.disconnect(self._on_paint)
        self.layer.events.set_data.disconnect(self._on_redraw)

    def settle(self) -> None:
        """Follow what napari's own tools, undo and redo have done up to now."""
        self._soon.stop()
        self._follow(None, step=False)
        while self._strokes:
            self._strokes -= 1
            self.review.painted()

    def _catch_up(self) -> None:
        """Follow what is still to be followed, before a step of our own."""
        if self._soon.isActive():
            self.settle()

    def split(self, label: int, clicks: Sequence[tuple[float, float]]) -> Edit:
        """The edit that splits a nucleus; see `edits.split`."""
        return edits.split(
            self.layer.data,
            label,
            clicks,
            self.gate,
            within=self.review.nuclei.box(label),
            next_label=self.review.nuclei.next_label(),
        )

    def cut(self, label: int, path: Sequence[tuple[float, float]]) -> Edit:
        """The edit that cuts a nucleus along a line; see `edits.split_along`."""
        return edits.split_along(
            self.layer.data,
            label,
            path,
            within=self.review.nuclei.box(label),
            next_label=self.review.nuclei.next_label(),
        )

    def merge(self, into: int, others: Sequence[int]) -> Edit:
        """The edit that makes nuclei one."""
        boxes = [self.review.nuclei.box(label) for label in (into, *others)]
        return edits.merge(self.layer.data, into, others, union(boxes))

    def delete(self, labels: Sequence[int]) -> Edit:
        """The edit that deletes nuclei."""
        boxes = [self.review.nuclei.box(label) for label in labels]
        return edits.delete(self.layer.data, labels, union(boxes))

    def snap(self, label: int) -> Edit:
        """The edit that moves a rim to the boundary gate."""
        if self.gate is None:
            raise EditError(
                f"'{self.layer.name}' has no boundary gate to snap to. Segment its "
                "image with PMRNet first."
            )
        box = self.review.nuclei.box(label)
        return edits.snap(self.layer.data, label, self.gate, REACH, within=box)

    def mended(self, label: int, how: Callable[..., Edit]) -> Edit:
        """The edit of `edits.fill_holes` or `edits.smooth`."""
        box = self.review.nuclei.box(label)
        return how(self.layer.data, label, within=box)

    def apply(self, edit: Edit) -> None:
        """Apply an edit as one step of undo."""
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
        self._follow(edit.box, step=True)

    def accept(self, place: Place) -> None:
        """Accept a nucleus, or add a proposed one."""
        kind, number = place
        if kind == MISSED:
            self.apply(self.review.proposal(number))
        else:
            self._catch_up()
            self.review.accept([number])
            self.changed.emit({number})

    def reject(self, place: Place) -> None:
        """Delete a nucleus, or dismiss a proposed one."""
        kind, number = place
        if kind == MISSED:
            self._catch_up()
            self.review.dismiss([number])
            self.changed.emit(set())
        else:
            self.apply(self.delete([number]))

    def undo(self) -> None:
        """Take back the last step, of pixels or of status."""
        self._turn(self.review.undo, self.layer.undo)

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._turn(self.review.redo, self.layer.redo)

    def _turn(self, turn: Callable[[], str | None], pixels: Callable[[], None]) -> None:
        self._catch_up()
        if turn() == PIXELS:
            self._busy = True
            try:
                pixels()
            finally:
                self._busy = False
            self._follow(None, step=False)
        else:
            self.changed.emit(set())

    def _new_review(self) -> Review:
        data = self.layer.data
        if self._result is None:
            return Review(Nuclei(data, image=self.pixels))
        found = self._result.segmentation
        nuclei = Nuclei(
            data,
            found.labels,
            found.maps,
            found.flows,
            found.model.card.get("object_certainty"),
            self.pixels,
        )
        return Review(nuclei, found.missed())

    def _on_paint(self, event: Any = None) -> None:
        """Note a stroke of napari's own tools; some are told before they are made."""
        if not self._busy:
            self._strokes += 1
            self._soon.start()

    def _on_redraw(self, event: Any = None) -> None:
        if not self._busy:
            self._soon.start()

    def _follow(self, within: Box | None, step: bool) -> None:
        change = self.review.follow(within, step)
        if change is not None:
            self.changed.emit(change.labels)


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
    if not isinstance(layer.data, np.ndarray):
        raise EditError(
            f"'{layer.name}' is not in memory, so that napari cannot edit it. Save it "
            "and open the copy."
        )


def grey_plane(image: Image | None, shape: tuple[int, ...]) -> np.ndarray | None:
    """Brightness of an image on the pixels of the labels; None if it does not fit."""
    if image is None:
        return None
    data = first_level(image)
    if tuple(data.shape[:2]) != tuple(shape):
        return None
    if image.rgb:
        return np.asarray(data)[..., :3].mean(axis=-1)
    return np.asarray(data) if data.ndim == 2 else None
