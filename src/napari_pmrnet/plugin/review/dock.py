"""The dock "Review nuclei": puts its parts together and passes words between them.

The desk begins and ends reviews, the session holds the labels, the canvas takes
gestures; here the queue moves on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari.viewer
from napari.layers import Image, Labels
from qtpy.QtWidgets import QPushButton

from napari_pmrnet.errors import EditError
from napari_pmrnet.io.foreign_labels import ENDINGS
from napari_pmrnet.io.provenance import METADATA_KEY
from napari_pmrnet.plugin.layers.axes import plane_title
from napari_pmrnet.plugin.layers.result_layers import CLASS
from napari_pmrnet.plugin.layers.review_session import ReviewSession
from napari_pmrnet.plugin.layers.source_image import folder_of
from napari_pmrnet.plugin.measure.panel import MeasurePanel
from napari_pmrnet.plugin.qt import there
from napari_pmrnet.plugin.review.camera import ReviewCamera
from napari_pmrnet.plugin.review.controller import ReviewDesk
from napari_pmrnet.plugin.review.foreign import ForeignLabels
from napari_pmrnet.plugin.review.looks import ImageAlone, turn_look
from napari_pmrnet.plugin.review.panels import BulkPanel, EditPanel, QueuePanel
from napari_pmrnet.plugin.review.shortcuts import (
    ACTIONS,
    LOOKS,
    MOVES,
    ON_THE_LAYER,
    ReviewKeys,
)
from napari_pmrnet.plugin.review.stage import Stage
from napari_pmrnet.plugin.review.table import PlacesView
from napari_pmrnet.plugin.widgets import preferences
from napari_pmrnet.plugin.widgets.collapsible import Collapsible
from napari_pmrnet.plugin.widgets.dialogs import FileDialogs
from napari_pmrnet.plugin.widgets.dock import Dock
from napari_pmrnet.plugin.widgets.drawing import canvas_of
from napari_pmrnet.plugin.widgets.layer_chooser import LayerChooser
from napari_pmrnet.plugin.widgets.layout import OfferPanel, labelled_row, row_of
from napari_pmrnet.plugin.widgets.status import StatusLine
from napari_pmrnet.proofreading import planes
from napari_pmrnet.proofreading.edits import Edit
from napari_pmrnet.proofreading.place import MISSED, NUCLEUS, Place, Plane
from napari_pmrnet.proofreading.planes import Edits
from napari_pmrnet.proofreading.queue import DOUBTFUL, Walk, is_open, listed, progress
from napari_pmrnet.proofreading.review import Change, Review
from napari_pmrnet.proofreading.suggestions import MERGE

COLOUR_DELAY = 300
CANVAS = (600, 600)
_ACCEPTS = {NUCLEUS: "Accept", MISSED: "Add", MERGE: "Merge"}


class ReviewNuclei(Dock):
    """Dock in which nuclei are looked at one by one, the least certain first.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose labels are reviewed.
    """

    tab = "Review"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.stage: Stage | None = None
        self.current: Place | None = None
        self.walk = Walk()
        self._camera = ReviewCamera(viewer, self._room)
        self._alone = ImageAlone(viewer, self)
        self._files = FileDialogs(self, self._folder_on_show)
        self.desk = ReviewDesk(viewer, self)
        self.foreign = ForeignLabels(viewer, self._runner(), self)
        self._does = slots = self._slots()
        self.layers = LayerChooser(viewer, Labels, topmost_first=True)
        self.offer, self.pause = OfferPanel(), OfferPanel()
        self.queue, self.edits = QueuePanel(), EditPanel(slots)
        self.table = PlacesView(self._labels_at, self._title_of)
        self.bulk, self.status = BulkPanel(), StatusLine()
        self.measure = MeasurePanel(viewer)
        self._keys = ReviewKeys(viewer, self, slots)
        self._colour_timer = self._timer(COLOUR_DELAY, self._colour)
        self._lay_out()
        self._connect()
        self._restyle()
        self._on_ended()
        self._list_layers()

    @property
    def session(self) -> ReviewSession | None:
        """The review under way."""
        return self.desk.session

    @property
    def _open(self) -> ReviewSession:
        """The same, for what happens during a review only."""
        return there(self.desk.session)

    @property
    def _stage(self) -> Stage:
        """What the review has in the viewer, likewise."""
        return there(self.stage)

    def go(self, place: Place | None, move: bool = True) -> None:
        """Make a place the current one, here and on the canvas."""
        if place is not None and self.stage is not None:
            self.stage.on_show.show_plane(place[2:])
        self.current = place
        if self.stage is None:
            return
        self.table.choose(place)
        self.stage.canvas.show(place, move)
        if place is not None and place[0] == NUCLEUS:
            self._open.layer.selected_label = place[1]
        kind = NUCLEUS if place is None else place[0]
        verb = "Delete" if kind == NUCLEUS else "Dismiss"
        self.edits.set_text("accept", _ACCEPTS.get(kind, "Split"))
        self.edits.set_text("reject", verb)

    def step(self, way: int) -> None:
        """Go to the next place of the queue (1) or that before (-1) to be looked at."""
        end = self._go_on(way)
        if end:
            self.say(end, "good")
        else:
            self._describe()

    def delete_below(self, column: str, bound: float) -> None:
        """Delete all nuclei whose area or certainty lies below a bound."""
        self._do(lambda: self._open.deleted_below(column, bound))

    def _let_go(self) -> None:
        self._alone.end()
        self.desk.release()
        self._keys.release()
        self._camera.release()
        self.measure.release()
        self.layers.release()

    def _slots(self) -> dict[str, Callable[[], None]]:
        """Slot of every action; without a review it does nothing."""
        does: dict[str, Callable[[], Any]] = {
            "next": lambda: self.step(1),
            "previous": lambda: self.step(-1),
            "accept": lambda: self._answer(self._open.accept),
            "reject": lambda: self._answer(self._open.reject),
            "snap": self._do_snap,
            "fill": lambda: self._do_to_nucleus(Review.fill_holes, "filled"),
            "smooth": lambda: self._do_to_nucleus(Review.smooth, "smoothed"),
            "new": self._do_new,
            "undo": lambda: self._open.undo(),
            "redo": lambda: self._open.redo(),
            "look": lambda: self.say(turn_look(self._open.layer)),
            "alone": self._show_alone,
        }
        tools = (name for action in ACTIONS if (name := action.name) not in does)
        does |= {tool: lambda tool=tool: self._stage.take_up(tool) for tool in tools}

        def slot(name: str) -> Callable[[], None]:
            return lambda: None if self.session is None else self._act(name, does[name])

        return {action.name: slot(action.name) for action in ACTIONS}

    def _act(self, name: str, do: Callable[[], Any]) -> None:
        """Do an action of a review; of a paused one undo and redo alone, in sight."""
        self._alone.end()
        if name in ON_THE_LAYER:
            self._stage.on_show.bring()
        elif self._open.paused and name not in MOVES + LOOKS:
            self.say(self._open.paused, "warning")
            return
        self._attempt(do)

    def _do_snap(self) -> None:
        self._do_to_nucleus(Review.snap, "snapped to the boundary gate")
        self._open.layer.mode = "pan_zoom"

    def _do_new(self) -> None:
        self._stage.take_brush()
        key = self._keys.spelled("snap")
        snap = f"press {key}" if key else "click Snap"
        self.say(f"Paint the nucleus roughly, then {snap} to snap its rim.")

    def _show_alone(self) -> None:
        self._alone.begin(self.desk.image, self._keys.of("alone"))

    def _show_keys(self) -> None:
        self.edits.show_keys({name: self._keys.spelled(name) for name in self._does})

    def _do_to_nucleus(self, make: Callable[[Review, int], Edit], verb: str) -> None:
        if self.current is None or self.current[0] != NUCLEUS:
            self.say("Choose a nucleus first.", "warning")
        else:
            number = self.current[1]
            self._do(lambda: self._open.edited(number, make), verb)

    def _do(self, make: Callable[[], Edits], verb: str = "changed") -> None:
        """Make an edit and apply it, or say why not."""
        self._attempt(lambda: self._open.apply(make(), verb=verb))

    def _attempt(self, action: Callable[[], Any]) -> None:
        """Do something, or say why it cannot be done."""
        try:
            action()
        except EditError as error:
            self.say(str(error), "warning")

    def _answer(self, how: Callable[[Place], None]) -> None:
        """Accept or reject the current place and go on, or back to the queue."""
        place = self.current
        if place is None:
            self.say(
                "Press Next for the first place, or choose one in the table.", "warning"
            )
            return
        self._stage.canvas.use("")
        how(place)
        end = self._go_on(1, again=place != self.walk.place)
        if end:
            self.status.add(end, "good")

    def _go_on(self, way: int, again: bool = False) -> str:
        """Go on in the queue, wherever one has looked in between.

        Returns
        -------
        str
            Why there is nowhere to go to, as a sentence; empty after going on.
        """
        model = self.table.places_model
        row = self.walk.onward(model.places, way, again)
        if row is not None:
            place = model.place(row)
            self.walk.reach(place, row)
            self.go(place)
            return ""
        if is_open(model.places).any():
            return "This is the start of the queue: no place before wants a look."
        return "Every place listed here was reviewed."

    def _describe(self) -> None:
        """Say which place is the current one."""
        row = self.table.chosen_row()
        if row is not None:
            self.say(self.table.places_model.described(row))

    def _on_chosen(self, place: Place) -> None:
        """Look at a place of the table; the first one is where the queue begins."""
        self.go(place)
        self._describe()
        row = self.table.chosen_row()
        if self.walk.place is None and row is not None:
            self.walk.reach(place, row)

    def _on_turned(self, place: Place | None, change: Change | None) -> None:
        """Go back to where a step was undone, or done again."""
        self._go_with_brush(place)
        row = self.table.chosen_row()
        if place is None and change is not None:
            self._stage.on_show.show_plane(change.plane)
            self._stage.canvas.bring(change.box)
        elif place in self.walk.met and row is not None:
            self.walk.reach(place, row)

    def _go_with_brush(self, place: Place | None, move: bool = True) -> None:
        """Go to a place; a brush in use keeps its label."""
        layer = self._open.layer
        brush = layer.selected_label
        self.go(place, move)
        if layer.mode != "pan_zoom":
            layer.selected_label = brush

    def _on_plane(self) -> None:
        """Go on with the nucleus of the same number on another plane, if it is there.

        What is not in sight is not current, so that no key can mean it.
        """
        review, same = self._open.review, None
        if self.current is not None and self.current[0] == NUCLEUS:
            same = review.nucleus(self.current[1])
        canvas = self._stage.canvas
        if canvas.tool:
            canvas.abandon()
        found = same is not None and review.is_there(same)
        self._go_with_brush(same if found else None, move=False)
        if self.queue.colour.isChecked():
            self._colour()

    def _labels_at(self, place: Place) -> tuple[int, ...]:
        if self.session is None:
            return ()
        return self.session.course.review_of(place).labels_at(place)

    def _title_of(self, plane: Plane) -> str:
        if self.session is None:
            return ""
        return plane_title(self.session.layer, plane, self._viewer.dims.axis_labels)

    def _lay_out(self) -> None:
        save, open_ = QPushButton("Save review..."), QPushButton("Open review...")
        save.clicked.connect(self.save_review)
        open_.clicked.connect(self.open_review)
        foreign = QPushButton("Open labels of another program...")
        foreign.setToolTip(
            "<span>Label images, ImageJ ROIs, GeoJSON of QuPath and _seg.npy of "
            "Cellpose, over the image that is selected.</span>"
        )
        foreign.clicked.connect(self.open_foreign)
        self._parts = (
            self.queue,
            self.table,
            self.edits,
            Collapsible("Many at once", self.bulk),
            Collapsible("Measure and export", self.measure),
        )
        self._fill(
            *((part, 1 if part is self.table else 0) for part in self._parts),
            head=[labelled_row("Labels", self.layers), self.offer, self.pause],
            foot=[self.status, row_of((save, 1), (open_, 1)), foreign],
        )
        self._save = save

    def _connect(self) -> None:
        desk = self.desk
        desk.began.connect(self._on_began)
        desk.ended.connect(self._on_ended)
        desk.offered.connect(self.offer.offer)
        desk.said.connect(self.say)
        desk.busy.connect(self.status.set_busy)
        self.foreign.said.connect(self.say)
        self.foreign.offered.connect(self.offer.offer)
        self.foreign.opened.connect(self.begin)
        self.measure.said.connect(self.say)
        self._keys.changed.connect(self._show_keys)
        self._show_keys()
        self.edits.buttons["alone"].released.connect(self._alone.end)
        self.table.chosen.connect(self._on_chosen)
        self.table.sorting.connect(self._refresh)
        self.edits.through.toggled.connect(self._on_through)
        self.queue.changed.connect(self._on_list)
        self.queue.colouring.connect(self._on_colouring)
        self.bulk.delete_below.connect(self.delete_below)
        self.bulk.renumber.connect(lambda: self._attempt(self._open.renumber))
        self.layers.activated.connect(self._on_layer)
        self._follow_layers(self._list_layers)

    def _list_layers(self) -> None:
        """Turn to the layer under review; begin with one if there is none."""
        found, wanted = self.layers.proposed(), self.desk.layer
        if wanted is not None:
            self.layers.set_value(wanted)
        elif found is not None:
            self.begin(found)
        else:
            images = [
                layer
                for layer in self._viewer.layers
                if isinstance(layer, Image) and METADATA_KEY not in layer.metadata
            ]
            if images:
                self.desk.look_for_lost(images[-1])
            self.say("Segment an image first, or open labels.")

    def begin(self, layer: Labels) -> None:
        """Review a Labels layer, unless its labels are classes."""
        self.layers.set_value(layer)
        if CLASS in layer.features:
            self.say(
                f"'{layer.name}' holds classes: there is nothing to review one by one. "
                "Correct them with napari's brush.",
                "warning",
            )
            return
        self.desk.begin(layer)

    def _on_layer(self) -> None:
        layer = self.layers.value()
        if self.session is None or layer is not self.session.layer:
            self._turn_to(layer)
        else:
            self._stage.on_show.bring()

    def _turn_to(self, layer: Labels) -> None:
        """Review a layer that the user chose, and show it."""
        layer.visible = True
        self._viewer.layers.selection.active = layer
        self.begin(layer)

    def _on_pause(self) -> None:
        """Say that the review is paused and offer the ways on, or that it goes on."""
        stage = self._stage
        stage.canvas.use("")
        self._keys.bind_other(stage.on_show.other, self._undo_beside)
        self.pause.offer(self._open.paused, stage.ways_on(self._turn_to))

    def _undo_beside(self, name: str) -> None:
        """Undo or redo in the labels selected, or else in those under review."""
        if not self._stage.turn_other(name):
            self._does[name]()
            self.say(f"Done in '{self._open.layer.name}', which is on show now.")

    def _on_began(self) -> None:
        session, image = self._open, self.desk.image
        self.stage = stage = Stage(
            self._viewer, session, image, self._camera, self._keys, self
        )
        stage.canvas.picked.connect(self._on_picked)
        stage.canvas.edited.connect(lambda place: self.go(place, move=False))
        stage.canvas.said.connect(self.say)
        stage.tool_changed.connect(self.edits.show_tool)
        stage.on_show.changed.connect(self._on_pause)
        session.changed.connect(self._on_changed)
        session.said.connect(self.say)
        session.turned.connect(self._on_turned)
        session.plane_turned.connect(self._on_plane)
        self.table.show_planes(session.has_planes)
        self.edits.through.setVisible(session.has_planes)
        self.edits.through.setChecked(False)
        self._on_pause()
        self.walk = Walk()
        self.measure.set_layer(session.layer)
        for part in (*self._parts, self._save):
            part.setEnabled(True)
        self._refresh()
        self._list_layers()
        self._colour()

    def _on_ended(self) -> None:
        self._alone.end()
        if self.stage is not None:
            self.stage.release()
            self.stage = None
            self.pause.offer("")
        self.current = None
        self.measure.set_layer(None)
        self.queue.progress.setText("")
        self.table.places_model.set_places(self.table.places_model.places.iloc[:0])
        for part in (*self._parts, self._save):
            part.setEnabled(False)

    def _on_picked(self, place: Place | None) -> None:
        if place is not None:
            self.go(place, move=False)
            self._describe()

    def _on_changed(self, labels: set[int]) -> None:
        layer = self._open.layer
        if layer.mode == "paint" and layer.selected_label in labels:
            self.current = self._open.review.nucleus(layer.selected_label)
        self._refresh()
        if self.queue.colour.isChecked():
            self._colour_timer.start()

    def _refresh(self, *_: Any) -> None:
        """List the places anew; the current one stays if it is still there."""
        if self.session is None or self.stage is None:
            return
        every = planes.places(self.session.course)
        column, ascending = self.table.order()
        which, doubt = self.queue.which.currentData(), self.queue.least_doubt()
        places = listed(every, which, doubt, column, ascending)
        self.table.show_places(places, self.current)
        self.queue.progress.setText(progress(every))
        canvas = self.stage.canvas
        canvas.show(self.current)
        self.current = canvas.current

    def _on_list(self) -> None:
        """List other places."""
        if self.session is None:
            return
        self._refresh()
        count = len(self.table.places_model.places)
        self.say(f"{count} place{'s are' if count != 1 else ' is'} listed.")

    def _on_through(self, on: bool) -> None:
        """Do to nuclei what is done on all planes, or on the one on show."""
        if self.session is not None:
            self.session.through = on
            where = "every plane where its number is" if on else "the plane on show"
            self.say(f"What is done to a nucleus is done on {where}.")

    def _on_colouring(self, on: bool) -> None:
        """Colour the labels otherwise, as the user asked."""
        self._colour()
        told = "Doubtful nuclei glow, certain ones stand back."
        self.say(told if on else "Every nucleus has its own colour again.")

    def _colour(self) -> None:
        """Colour the labels by certainty, or give them their own colours back."""
        if self.stage is None:
            return
        doubtful = self.queue.which.currentData() == DOUBTFUL
        least = self.queue.least_doubt() if doubtful else None
        self.stage.colour(self.queue.colour.isChecked(), least)

    def _room(self) -> tuple[int, int]:
        """Width and height of the canvas."""
        canvas = canvas_of(self)
        return CANVAS if canvas is None else (canvas.width(), canvas.height())

    def save_review(self) -> None:
        """Ask for a folder and save the review there."""
        if self.session is not None:
            title = "Save the review to a new or empty folder"
            folder = self._files.folder(title)
            if folder is not None:
                self.desk.save(folder)

    def open_review(self) -> None:
        """Ask for the folder of a saved review and open it."""
        folder = self._files.folder("Open a saved review")
        if folder is not None:
            self.desk.open(folder)

    def _folder_on_show(self) -> Path:
        """Folder of the image under review, or of another one on show."""
        if self.session is None:
            return super()._folder_on_show()
        names = self._viewer.dims.axis_labels
        return folder_of(self.session.layer, self._viewer.layers, names)

    def open_foreign(self) -> None:
        """Ask for a file of another program, and review its labels."""
        try:
            before = None if self.session is None else self.desk.image
            image = self.foreign.image(before)
        except EditError as error:
            self.say(str(error), "warning")
            return
        patterns = " ".join(ENDINGS)
        path = self._files.open(
            f"Labels of '{image.name}'", f"Labels and outlines ({patterns})"
        )
        if path is not None:
            self.foreign.open(path, image, preferences.recall())
