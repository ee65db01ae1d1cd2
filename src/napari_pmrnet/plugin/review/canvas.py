"""The review on the canvas: clicks and drawn lines in, outlines and previews out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject

from napari_pmrnet.errors import EditError
from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.layers.overlay import Overlay
from napari_pmrnet.plugin.qt import Signal, there
from napari_pmrnet.proofreading.boxes import union
from napari_pmrnet.proofreading.edits import Edit
from napari_pmrnet.proofreading.place import MISSED, NUCLEUS, Place
from napari_pmrnet.proofreading.planes import Edits, tables
from napari_pmrnet.segmentation.diameter import median_diameter

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pmrnet.plugin.layers.review_session import ReviewSession
    from napari_pmrnet.plugin.review.camera import ReviewCamera
    from napari_pmrnet.segmentation.tiles import Box

Point = tuple[float, float]

HINTS = {
    "split": "Click where each part is; press Enter to split, Escape to leave.",
    "cut": "Draw a line across a nucleus; press Enter to cut, Escape to leave.",
    "merge": "Click the neighbour that belongs to this nucleus; Escape leaves.",
    "join": "Draw a line over all nuclei that are one; Escape leaves.",
    "rectangle": "Draw a box over the nuclei to delete; Escape leaves.",
    "add": "Click on a nucleus without a label, or drag over it from side to side; "
    "press Enter to add it, Escape to leave.",
}
DRAWING = ("cut", "join", "rectangle", "add")
CLICKED = ("add",)
"""Those of them that a click is for as well; they stay in use after Enter."""
CLICK_REACH = 4
LEAST_DRAG = 3.0
"""Pixels that a drag is taken to be across, at least."""


class ReviewCanvas(QObject):
    """Shows the place under review and turns gestures into edits.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    session : ReviewSession
    camera : ReviewCamera
    parent : QObject, optional
    """

    picked = Signal(object)
    edited = Signal(object)
    said = Signal(str, str)
    tool_changed = Signal(str)

    def __init__(
        self,
        viewer: ViewerModel,
        session: ReviewSession,
        camera: ReviewCamera,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self.session, self._camera = viewer, session, camera
        areas = tables(session.course)["area"].to_numpy()
        self._typical = median_diameter(areas) or 0.0
        self.marks = Overlay(viewer, session.layer)
        self.tool = ""
        self.current: Place | None = None
        self._clicks: list[Point] = []
        self._label = 0
        self._edit: Edit | None = None
        self._answered: Place | None = None
        viewer.mouse_drag_callbacks.append(self._on_mouse)
        session.changed.connect(self._on_changed)

    def release(self) -> None:
        """Let go of the viewer."""
        self.use("")
        self._viewer.mouse_drag_callbacks.remove(self._on_mouse)
        self.session.changed.disconnect(self._on_changed)
        self.marks.release()

    def show(self, place: Place | None, move: bool = False) -> None:
        """Outline a place; with `move` bring it into view."""
        if place is not None and place[2:] != self.session.review.plane:
            place = None
        self.current = place
        if place is None:
            self.marks.clear("current")
            return
        try:
            box = self.session.review.box(place)
        except EditError:
            self.current = None
            self.marks.clear("current")
            return
        if move:
            self.bring(box)
        self.marks.outline(self._mask(place, box), box)

    def bring(self, box: Box) -> None:
        """Bring a box into view."""
        self._camera.bring(self.session.layer, box, self._typical)

    def use(self, tool: str) -> None:
        """Take up a tool, or none (empty)."""
        if not tool and not self.tool:
            return
        self._forget()
        self.tool = tool
        camera_of(self._viewer).mouse_pan = tool not in DRAWING
        self.tool_changed.emit(tool)
        if tool:
            self.said.emit(HINTS[tool], "plain")

    def commit(self) -> None:
        """Do what the preview shows."""
        edit, place, label = self._edit, self._answered, self._label
        if edit is None:
            self.said.emit(HINTS.get(self.tool, ""), "plain")
            return
        if self.tool not in CLICKED:
            self.use("")
            if self._apply(lambda: edit) and label != self._own():
                # What the next key is meant for is what the user looks at.
                self._turn_to(label)
            return
        self._forget()
        self._add(lambda: edit, place)

    def abandon(self) -> None:
        """Put the tool away and change nothing."""
        self.use("")
        self.said.emit("Put away; nothing was changed.", "plain")

    def _forget(self) -> None:
        """Take back what was clicked, drawn and previewed."""
        self.marks.clear("preview", "drawn")
        self._clicks, self._label, self._edit = [], 0, None
        self._answered = None

    def _own(self) -> int:
        """Number of the nucleus that is current; 0 if there is none."""
        if self.current is None or self.current[0] != NUCLEUS:
            return 0
        return self.current[1]

    def _mask(self, place: Place, box: Box) -> np.ndarray:
        review = self.session.review
        if place[0] == MISSED:
            return there(review.missed).labels[box] == place[1]
        return np.isin(review.labels[box], review.labels_at(place))

    def _listens(self, event: Any) -> bool:
        """Tell whether a press is meant for the review, not for a tool of napari's."""
        if self.session.paused:
            return False
        active = self._viewer.layers.selection.active
        return event.button == 1 and getattr(active, "mode", "pan_zoom") == "pan_zoom"

    def _on_mouse(self, viewer: Any, event: Any) -> Iterator[None]:
        if not self._listens(event):
            return
        start, pressed = self._point(event), tuple(event.pos)
        path, moved = [start], False
        yield
        while event.type == "mouse_move":
            moved = moved or np.hypot(*np.subtract(event.pos, pressed)) > CLICK_REACH
            if moved and self.tool in DRAWING:
                path.append(self._point(event))
                self.marks.line(_shown(path, self.tool))
            yield
        if self.tool in DRAWING and (moved or self.tool not in CLICKED):
            self._drawn(path)
        elif not moved:
            self._clicked(start, event.modifiers)

    def _point(self, event: Any) -> Point:
        """Place of the mouse, (y, x) in pixels of the labels."""
        y, x = self.session.layer.world_to_data(event.position)[-2:]
        return float(y), float(x)

    def _clicked(self, point: Point, modifiers: Sequence[str]) -> None:
        self.session.settle()
        label = self.session.review.label_at(point)
        if "Alt" in modifiers:
            self._delete_or_add(point, label)
            return
        if "Control" in modifiers and self.tool != "split":
            self.use("split")
        if self.tool == "split":
            self._add_click(point, label)
        elif self.tool == "add":
            self.marks.dots([point])
            self._outline(point)
        elif self.tool == "merge" or "Shift" in modifiers:
            self._merge(label)
        else:
            self.picked.emit(self.session.review.place_at(point))

    def _add_click(self, point: Point, label: int) -> None:
        """One more part of a split; from the second on there is a preview."""
        if not self._clicks:
            self._label = label or self._own()
            if not self._label:
                self.said.emit("Click on a nucleus to split it.", "warning")
                return
        elif label not in (0, self._label):
            text = (
                f"That is nucleus {label}, and nucleus {self._label} is being split. "
                "Click within that one; Escape leaves."
            )
            self.said.emit(text, "warning")
            return
        self._clicks.append(point)
        self.marks.dots(self._clicks)
        if len(self._clicks) >= 2:
            self._preview(lambda: self.session.now.split(self._label, self._clicks))

    def _delete_or_add(self, point: Point, label: int) -> None:
        """Delete the nucleus at a place; add one where there is none."""
        self.use("")
        if label:
            self._apply(lambda: self.session.deleted([label]))
        else:
            place = self.session.review.place_at(point)
            self._add(lambda: self.session.now.add(point, None), place)

    def _add(self, make: Callable[[], Edit], place: Place | None) -> None:
        """Add a nucleus, the answer to a place if there is one, and turn to it."""
        made: list[Edit] = []

        def edit() -> Edit:
            made.append(make())
            return made[0]

        if self._apply(edit, place):
            self._turn_to(int(made[0].values[0]))

    def _turn_to(self, label: int) -> None:
        """Have the nucleus that was edited be the current one."""
        self.edited.emit((NUCLEUS, label, *self.session.review.plane))

    def _merge(self, label: int) -> None:
        into = self._own()
        if not into or not label or label == into:
            text = "Choose a nucleus first, then click the neighbour to merge."
            self.said.emit(text, "warning")
            return
        self.use("")
        self._apply(lambda: self.session.merged(into, [label]))

    def _drawn(self, path: list[Point]) -> None:
        """A line or box is complete."""
        if len(path) < 2:
            self.said.emit(HINTS[self.tool], "plain")
        elif self.tool == "cut":
            self._label = self._crossed(path)
            self._preview(lambda: self.session.now.cut(self._label, path))
        elif self.tool == "add":
            start, end = np.array([path[0], path[-1]])
            across = float(np.hypot(*(end - start)))
            self._outline(tuple((start + end) / 2), max(across, LEAST_DRAG))
        elif self.tool == "join":
            self.use("")
            self._apply(lambda: self._joined(path))
        else:
            inside = self.session.now.labels_inside(path[0], path[-1])
            self.use("")
            self._apply(lambda: self.session.deleted(inside))

    def _joined(self, path: list[Point]) -> Edits:
        """The edit that makes one of all nuclei under a line."""
        into, *others = self.session.now.names_under(path)
        return self.session.merged(into, others)

    def _outline(self, middle: Point, across: float | None = None) -> None:
        """Show the nucleus that would be added at a place."""
        self._label, self._answered = 0, self.session.review.place_at(middle)
        self._preview(lambda: self.session.now.add(middle, across))

    def _crossed(self, path: list[Point]) -> int:
        """The nucleus a line is meant to cut: the current one, or that it crosses."""
        met = self.session.now.labels_under(path)
        own = self._own()
        if own:
            met.sort(key=lambda label: label != own)
        review = self.session.review
        ends = {review.label_at(path[0]), review.label_at(path[-1])}
        return next((label for label in met if label not in ends), (met or [0])[0])

    def _preview(self, make: Callable[[], Edit]) -> None:
        """Show what an edit of one nucleus would give, or the one that it makes."""
        try:
            edit = make()
            box = edit.box
            if self._label:
                box = union([box, self.session.review.nuclei.box(self._label)])
        except EditError as error:
            self._edit = None
            self.marks.clear("preview")
            self.said.emit(_sentence(error), "warning")
            return
        self._edit = edit
        part = self.session.review.labels[box]
        parts = np.where((part == self._label) & (part > 0), 1, 0)
        ys, xs = edit.ys - box[0].start, edit.xs - box[1].start
        parts[ys, xs] = 1 + np.unique(edit.values, return_inverse=True)[1] + 1
        self.marks.preview(parts, box)
        if self._label:
            told = f"{len(np.unique(parts[parts > 0]))} parts. Enter does it"
        else:
            told = f"{len(ys)} pixels. Enter adds it, a drag over it gives its size"
        self.said.emit(f"{told}, Escape leaves.", "good")

    def _apply(
        self, make: Callable[[], Edit | Edits], place: Place | None = None
    ) -> bool:
        """Do an edit; tell whether it was done, and say why if not."""
        try:
            self.session.apply(make(), place=place)
        except EditError as error:
            self.said.emit(_sentence(error), "warning")
            return False
        return True

    def _on_changed(self, labels: set[int]) -> None:
        """Take back a preview of labels that are others by now, as after an undo."""
        if labels and self._edit is not None:
            self._forget()


def _shown(path: Sequence[Point], tool: str) -> Sequence[Point]:
    """What a tool marks of a drawn line: a line or a box between its ends, or all."""
    if tool in CLICKED:
        return [path[0], path[-1]]
    if tool != "rectangle":
        return path
    (top, left), (bottom, right) = path[0], path[-1]
    return [(top, left), (top, right), (bottom, right), (bottom, left), (top, left)]


def _sentence(error: Exception) -> str:
    """An error as a sentence."""
    text = str(error)
    return text[:1].upper() + text[1:]
