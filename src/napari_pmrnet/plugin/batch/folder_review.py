"""One image of a folder at a time in the viewer, with its labels and their review.

Whatever is opened next, corrections of the image before go back into its label file
first; where they cannot, the user is asked, and nothing is taken away meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject

from napari_pmrnet._software import OURS
from napari_pmrnet.batch.inputs import LABELS_ENDING
from napari_pmrnet.batch.worklist import ChangedError, Opened
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.provenance import METADATA_KEY
from napari_pmrnet.plugin.batch.opening import (
    Ready,
    Unsaved,
    keep,
    opening_steps,
)
from napari_pmrnet.plugin.batch.shown import Shown, shown_in
from napari_pmrnet.plugin.batch.table import FileState
from napari_pmrnet.plugin.layers.framing import frame_if_lost
from napari_pmrnet.plugin.layers.origins import (
    map_layers,
    note_origins,
    show_labels,
)
from napari_pmrnet.plugin.layers.result_layers import remove_layers
from napari_pmrnet.plugin.layers.spaces import placed
from napari_pmrnet.plugin.qt import Signal, there
from napari_pmrnet.plugin.reader import open_layers
from napari_pmrnet.plugin.widgets.worker import Runner

if TYPE_CHECKING:
    from napari.components import ViewerModel


REVIEW_DOCK = "Review nuclei"
Next = Callable[[], Any]


class FolderReview(QObject):
    """Opens images of an output folder, and saves what was corrected.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    opening, saving : Runner
        For the work that is done beside the window.
    parent : QObject, optional

    Attributes
    ----------
    said : Signal
        A sentence and its tone.
    offered : Signal
        A sentence and ways on from it, each a text and what it does.
    opened, saved : Signal
        A file that is on show from now on, and one whose review was written down.
    progressed : Signal
        `Progress` of opening.
    """

    said = Signal(str, str)
    offered = Signal(str, list)
    opened = Signal(object)
    saved = Signal(object)
    progressed = Signal(object)

    def __init__(
        self,
        viewer: ViewerModel,
        opening: Runner,
        saving: Runner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._opening, self._saving = viewer, opening, saving
        self.shown: Shown | None = shown_in(viewer)
        self._then: Next | None = None
        self._hurry = threading.Event()
        opening.progressed.connect(self.progressed)
        opening.succeeded.connect(self._on_ready)
        opening.failed.connect(self._on_failed)
        saving.succeeded.connect(self._on_saved)
        saving.failed.connect(lambda text: self._on_saved(Unsaved(text, False)))
        viewer.layers.events.removed.connect(self._on_removed)

    def open(self, file: FileState, output: Path, device: str = "auto") -> None:
        """Put an image and its labels on show, in the place of those before.

        Parameters
        ----------
        file : FileState
        output : Path
            Folder of the results.
        device : str
            Where the network runs that makes their maps again.
        """
        self._save_and(partial(self._show, file, output, device))

    def save(self) -> None:
        """Write corrections and what was said of nuclei down now."""
        if self.shown is None or self.shown.labels is None:
            self.said.emit("No labels of a folder are open.", "warning")
        elif not self.shown.is_unsaved():
            self.said.emit(f"Nothing of '{self.shown.name}' is unsaved.", "plain")
        else:
            self._save_and(None)

    def hurry(self) -> None:
        """Go on without certainty, rather than wait for the network."""
        self._hurry.set()

    def set_done(self, done: bool) -> None:
        """Say of the image on show that nothing is left to do, and write it down."""
        shown = self.shown
        if shown is not None and shown.labels is not None and shown.done != done:
            shown.done = done
            self._save_and(None)

    def save_at_once(self) -> None:
        """Save before the window closes, and wait for it."""
        shown = self.shown
        now = None if shown is None else shown.unsaved()
        if shown is None or now is None:
            return
        worklist, opened = there(shown.worklist), there(shown.opened)
        try:
            try:
                shown.opened = worklist.save(opened, *now)
            except ChangedError as error:
                copy = worklist.save_copy(opened, now.labels)
                show_error(f"{error} Your corrections are in {copy}.")
        except DataError as error:
            show_error(f"Corrections of '{shown.name}' were not saved: {error}")

    def release(self) -> None:
        """Let go of the viewer, for a dock that goes away."""
        self.save_at_once()
        self._hurry.set()
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _save_and(self, then: Next | None) -> None:
        """Save what is unsaved and then go on."""
        self.offered.emit("", [])
        if then is not None or not self._saving.is_running:
            self._then = then
        if self._saving.is_running:
            return
        shown = self.shown
        now = None if shown is None else shown.unsaved()
        if shown is None or now is None:
            self._go_on()
            return
        args = there(shown.worklist), there(shown.opened), *now
        self._saving.start(f"Saving '{shown.name}'", keep, *args)

    def _go_on(self) -> None:
        """Do what was to be done after saving."""
        then, self._then = self._then, None
        if then is not None:
            then()

    def _on_saved(self, outcome: Opened | Unsaved) -> None:
        shown = there(self.shown)
        if isinstance(outcome, Unsaved):
            self._ask(shown, outcome)
            return
        shown.opened = outcome
        if shown.labels is not None:
            statuses = None if outcome.state is None else outcome.state.statuses
            note_origins(shown.labels, shown.origins, statuses)
        shown.file = shown.file._replace(review=outcome.state)
        self.saved.emit(shown.file)
        self.said.emit(f"Saved '{outcome.path.name}'.", "good")
        if self._then is not None:
            self._save_and(self._then)

    def _ask(self, shown: Shown, outcome: Unsaved) -> None:
        """Let the user decide what becomes of corrections that cannot be saved."""
        then, self._then = self._then, None
        ways: list[tuple[str, Next]] = []
        if outcome.changed:
            ways.append(("Save a copy", partial(self._save_copy, shown, then)))
        else:
            ways.append(("Try again", partial(self._save_and, then)))
        ways.append(("Go on without saving", partial(self._give_up, shown, then)))
        self.offered.emit(outcome.reason, ways)
        self.said.emit(f"Corrections of '{shown.name}' are not saved.", "error")

    def _save_copy(self, shown: Shown, then: Next | None) -> None:
        """Save corrections beside their file, and go on."""
        worklist, opened = there(shown.worklist), there(shown.opened)
        try:
            path = worklist.save_copy(opened, shown.now().labels)
        except DataError as error:
            self._then = then
            self._ask(shown, Unsaved(str(error), True))
            return
        self.said.emit(f"Saved {path}.", "good")
        self._give_up(shown, then)

    def _give_up(self, shown: Shown, then: Next | None) -> None:
        """Go on without saving what is there now; what is corrected later is saved."""
        shown.given_up = shown.now()
        if then is not None:
            then()

    def _show(self, file: FileState, output: Path, device: str) -> None:
        """Replace the layers of the image before, and read the labels."""
        before, self.shown = self.shown, None
        self._opening.shut_down()
        if before is not None:
            remove_layers(self._viewer, before.layers)
        others = [la for la in self._viewer.layers if isinstance(la, Image)]
        try:
            scene = None if file.row is None else file.row.scene_number
            layers = open_layers(self._viewer, file.path, scene)
        except Exception as error:  # noqa: BLE001  any reader may raise anything
            told = str(file.path) in str(error)
            name = "" if told else f"'{file.name}' could not be opened: "
            self.said.emit(f"{name}{error}", "error")
            self.opened.emit(None)
            return
        self.shown = shown = Shown(file, layers)
        if others and isinstance(layers[0], Image):
            frame_if_lost(self._viewer, layers[0], others)
        self.opened.emit(file)
        row = file.row
        labels = None if row is None or row.error else output / row.labels
        if row is None or labels is None or not labels.exists():
            self.said.emit(f"Opened '{file.name}' without labels.", "plain")
        elif Format.of(labels) is Format.ZARR:
            shown.layers += open_layers(self._viewer, labels)
            self.said.emit(
                f"Opened '{file.name}' and its labels, which are edited where "
                "they lie.",
                "good",
            )
        else:
            self._hurry = threading.Event()
            args = output, row, device, self._hurry.is_set
            self._opening.start(f"Opening '{labels.name}'", opening_steps, *args)

    def _on_failed(self, text: str) -> None:
        self.said.emit(text, "error")
        self.opened.emit(None if self.shown is None else self.shown.file)

    def _on_ready(self, ready: Ready) -> None:
        """Put maps and labels over their image, and review them."""
        shown = self.shown
        if shown is None:
            return
        opened, origins = ready.opened, ready.origins
        made = {METADATA_KEY: opened.made.as_dict()}
        spatial = placed(opened.space)
        of_image = opened.path.stem.removesuffix(LABELS_ENDING)
        maps = map_layers(of_image, ready.maps, metadata=made, **spatial)
        name = opened.path.stem
        labels = Labels(opened.labels.copy(), name=name, metadata=made, **spatial)
        labels.selected_label = int(opened.labels.max(initial=0)) + 1
        statuses = None if opened.state is None else opened.state.statuses
        shown.take(labels, ready.worklist, opened, origins)
        shown.layers += show_labels(self._viewer, labels, maps, origins, statuses)
        self.opened.emit(shown.file)
        text = f"Opened '{shown.name}' and its labels."
        self.said.emit(
            f"{text} {ready.why}".strip(), "warning" if ready.why else "good"
        )
        if opened.is_reviewed_nucleus_by_nucleus:
            self._open_review_dock()

    def _open_review_dock(self) -> None:
        """Open the dock that reviews the labels, where there is a window."""
        window = getattr(self._viewer, "window", None)
        if window is not None:
            window.add_plugin_dock_widget(OURS, REVIEW_DOCK)

    def _on_removed(self, event: Any = None) -> None:
        """Ask for corrections whose layer the user has taken away."""
        shown = self.shown
        if shown is None or shown.labels is None or shown.labels in self._viewer.layers:
            return
        if not self._saving.is_running and shown.is_unsaved():
            self.offered.emit(
                f"The labels of '{shown.name}' were removed with corrections that are "
                "not saved.",
                [
                    ("Save them", partial(self._save_and, None)),
                    ("Let them go", partial(self._give_up, shown, None)),
                ],
            )
