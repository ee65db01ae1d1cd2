"""The dock "Train on my corrections": from reviewed nuclei to a model of one's own."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import napari.viewer
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGroupBox,
    QPushButton,
)

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.finetuning.job import KEPT, KEPT_FOR_THESE, TuneSettings
from napari_pmrnet.models.library import available_models
from napari_pmrnet.plugin.layers.result_layers import spatial_metadata
from napari_pmrnet.plugin.qt import there
from napari_pmrnet.plugin.train.comparison import Both, Swipe, segment_with_both
from napari_pmrnet.plugin.train.corrections import (
    Corrected,
    corrected_layers,
    corrections_from,
)
from napari_pmrnet.plugin.train.panels import ImageList, ProgressPanel, ResultPanel
from napari_pmrnet.plugin.train.process import State, TrainingRun, trainings
from napari_pmrnet.plugin.widgets.dock import Dock
from napari_pmrnet.plugin.widgets.layout import Form, row_of, stack, text_label
from napari_pmrnet.plugin.widgets.model_events import model_events
from napari_pmrnet.plugin.widgets.status import StatusLine
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.finetuning.corrections import Corrections

LOOK_AGAIN = 1500
_ELSEWHERE = (
    "This training was started by another window and still runs. Pause or cancel it "
    "there; what it makes is offered here when it ends."
)
INTERRUPTED = (
    "A training was interrupted. Continue goes on from its last epoch.",
    "warning",
)
"""Sentence and tone."""
HINT = (
    "Accept or edit nuclei in the dock Review nuclei; those are learned from. A fifth "
    "of them is held back, to see what the training was good for."
)


GOOD_FOR = {"these and other images": KEPT, "images like these only": KEPT_FOR_THESE}
"""Purpose of the new model, and the share of the old one that stays."""
TRAIN_TIP = (
    "Begin a training. A model trained before stays until you keep or discard it, and "
    "is offered again after that"
)
GOOD_FOR_TIP = (
    "For images like these only, the model learns more and forgets more of what it knew"
)
TIME_TIP = (
    "For the steps of training, half a minute at least; preparing images and scoring "
    "them before and after come on top"
)


class TrainOnCorrections(Dock):
    """Dock that fine-tunes a model on reviewed nuclei, in a process of its own.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose reviewed images are learned from.
    """

    tab = "Train"
    least_width = 380

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._corrected: list[Corrected] = []
        self._swipe: Swipe | None = None
        self._spoken = ""
        self.run, self._comparing = TrainingRun(self), self._runner()
        self.images, self.model = ImageList(), QComboBox()
        self.minutes = QDoubleSpinBox()
        self.minutes.setRange(0.2, 120.0)
        self.minutes.setSingleStep(0.5)
        self.minutes.setDecimals(1)
        self.minutes.setValue(TuneSettings().minutes)
        self.minutes.setSuffix(" min")
        self.minutes.setToolTip(TIME_TIP)
        self.good_for = QComboBox()
        self.good_for.addItems(list(GOOD_FOR))
        self.good_for.setToolTip(GOOD_FOR_TIP)
        self.train_button = QPushButton("Train")
        self.train_button.setToolTip(TRAIN_TIP)
        self.train_button.setObjectName("run")
        self.continue_button = QPushButton("Continue")
        self.discard_button = QPushButton("Discard")
        self.progress, self.result = ProgressPanel(), ResultPanel()
        self.status = StatusLine()
        self._again = self._timer(LOOK_AGAIN, self._list_images)
        self._lay_out()
        self._connect()
        self._restyle()
        self.offer_models()
        self._list_images()
        self._offer_left()

    def train(self) -> None:
        """Begin a training with the images that are ticked."""
        if self.run.is_running:
            return
        chosen = [self._corrected[row] for row in self.images.ticked()]
        if not chosen:
            self._complain(
                "No reviewed image is ticked. Accept or edit some nuclei in the dock "
                "Review nuclei first."
            )
            return
        try:
            corrections: list[Corrections] = [
                corrections_from(one, self._viewer) for one in chosen
            ]
            settings = TuneSettings(
                minutes=self.minutes.value(),
                keep=GOOD_FOR[self.good_for.currentText()],
            )
            self._end_comparison()
            self.run.begin(corrections, self.model.currentText(), settings)
        except (PMRNetError, OSError) as error:
            self._complain(str(error))
            return
        self.result.name.clear()
        self.say("Starting: the model is scored as it is...")
        self._show()

    def go_on(self) -> None:
        """Go on with a training that was interrupted."""
        job = self.run.job
        if job is not None and not self.run.is_running:
            self.say("Going on from the last epoch...")
            self.run.go_on(job)
            self._show()

    def cancel(self) -> None:
        """Stop the training; it can be gone on with."""
        self.run.stop()
        self.say("Stopped. Continue goes on from the last epoch.", "warning")
        self._show()

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        self.run.pause(not self.run.paused)
        self._show()
        self.say("Paused." if self.run.paused else "Going on...")

    def keep(self) -> None:
        """Put the model into the library."""
        from napari_pmrnet.models.user_models import import_model

        job = self.run.job
        if job is None:
            return
        try:
            name = import_model(job.weights, self.result.name.text().strip())
        except PMRNetError as error:
            self._complain(str(error))
            return
        self._remove(
            f"'{name}' is in your library. Choose it as Model in Segment nuclei.",
            "good",
        )
        model_events.changed.emit("", name)

    def discard(self) -> None:
        """Delete what was trained: a model, or the epochs of an interrupted one."""
        self._remove("Discarded.")

    def _remove(self, said: str, tone: str = "plain") -> None:
        """Delete the training on show, and turn to one that was left before it."""
        self._end_comparison()
        try:
            self.run.discard()
        except PMRNetError as error:
            self.run.show(self.run.job)
            self._show()
            self._complain(str(error))
            return
        self._offer_left()
        if self.run.job is not None:
            said += " A training before it is still here: look below."
        self.say(said, tone)

    def compare(self) -> None:
        """Segment the image on show with both models."""
        job = self.run.job
        one = self._on_show()
        if job is None or one is None or self._comparing.is_running:
            self.say("Choose a reviewed image (its labels) first.", "warning")
            return
        try:
            corrections = corrections_from(one, self._viewer)
        except PMRNetError as error:
            self._complain(str(error))
            return
        self._end_comparison()
        self.result.compare_button.setEnabled(False)
        name = there(one.image).name
        self.say(f"Segmenting '{name}' with both models...")
        self._comparing.start(
            "Comparing",
            segment_with_both,
            corrections,
            name,
            job.about["model"],
            str(job.weights),
        )

    def offer_models(self, old: str = "", new: str = "") -> None:
        """List the models; one that was renamed stays chosen.

        At first, and for one that is gone, that is the one that new users have.
        """
        chosen = self.model.currentText()
        self.model.clear()
        self.model.addItems(available_models())
        wanted = new if new and chosen == old else chosen
        places = (self.model.findText(name) for name in (wanted, Settings.model))
        self.model.setCurrentIndex(next((n for n in places if n >= 0), 0))

    def _let_go(self) -> None:
        self._end_comparison()
        self.run.stop()

    def _lay_out(self) -> None:
        source = QGroupBox("Learn from")
        rows = Form()
        stack(source, text_label("hint", HINT), self.images, rows, margins=None)
        rows.addRow("Begin with", self.model)
        rows.addRow("Good for", self.good_for)
        rows.addRow("Time", self.minutes)
        self.outcome = QGroupBox("Result")
        stack(self.outcome, self.result, margins=None)
        buttons = row_of(
            (self.train_button, 2),
            (self.continue_button, 1),
            (self.discard_button, 1),
        )
        parts = source, self.progress, self.outcome
        self._fill(*parts, foot=[buttons, self.status])

    def _connect(self) -> None:
        self.train_button.clicked.connect(self.train)
        self.continue_button.clicked.connect(self.go_on)
        self.progress.pause_button.clicked.connect(self.toggle_pause)
        self.progress.cancel_button.clicked.connect(self.cancel)
        self.result.keep_button.clicked.connect(self.keep)
        for button in (self.discard_button, self.result.discard_button):
            button.clicked.connect(self.discard)
        self.result.compare_button.clicked.connect(self.compare)
        self.result.moved.connect(self._move_seam)
        self.run.moved.connect(self._on_moved)
        self.run.ended.connect(self._show)
        self._comparing.succeeded.connect(self._on_compared)
        self._comparing.failed.connect(self._complain)
        self._comparing.finished.connect(
            lambda: self.result.compare_button.setEnabled(True)
        )
        self._follow(model_events.changed, self.offer_models)
        self._follow_layers(self._list_images)
        self._look_again_at_layers()
        self.images.itemChanged.connect(self._look_again)
        active = self._viewer.layers.selection.events.active
        self._follow(active, self._look_again)

    def _offer_left(self) -> None:
        """Turn to the latest training that was neither kept nor discarded."""
        self.run.show(next(iter(trainings()), None))
        self.result.name.clear()
        if self.run.job is not None:
            self._on_moved(self.run.state())
        self._show()
        if self._is_interrupted():
            self.say(*INTERRUPTED)

    def _is_interrupted(self) -> bool:
        """Tell whether there is a training that can be gone on with here."""
        run = self.run
        begun = run.job is not None and not run.state().done
        return begun and not run.is_running and not run.elsewhere

    def _standing(self) -> tuple[str, str]:
        if self.run.job is None:
            return "", "plain"
        if self.run.elsewhere:
            return _ELSEWHERE, "plain"
        state = self.run.state()
        left = self._is_interrupted() and not state.failure
        return INTERRUPTED if left else words(state)

    def _list_images(self) -> None:
        """List what was reviewed, now and again: features tell nobody of a change."""
        self._corrected = corrected_layers(self._viewer)
        texts: dict[Hashable, str]
        texts = {one.labels: one.text for one in self._corrected}
        if list(texts.values()) != self.images.texts():
            self.images.show_texts(texts)
        if not self._released:
            self._again.start()

    def _show(self) -> None:
        """Show the parts that now mean something."""
        state, running = self.run.state(), self.run.is_running
        job = self.run.job
        known = job is not None
        stopped = known and not running and not self.run.elsewhere
        self.train_button.setEnabled(not running)
        for button in (self.continue_button, self.discard_button):
            button.setVisible(stopped and not state.done)
        self.progress.setVisible(known)
        self.progress.pause_button.setEnabled(running)
        self.progress.pause_button.setText("Go on" if self.run.paused else "Pause")
        self.progress.cancel_button.setEnabled(running)
        self.outcome.setVisible(state.done and stopped)
        if self.run.elsewhere:
            self.say(_ELSEWHERE)
        if state.done and not self.result.name.text():
            parent = "model" if job is None else job.about["model"]
            self.result.name.setText(f"{Path(parent).stem} mine {date.today():%d %b}")

    def _on_moved(self, state: State) -> None:
        """Follow the log."""
        self.progress.show_epochs(len(state.losses), state.epochs)
        self.progress.curve.show_losses(state.losses, state.held_back, state.epochs)
        if state.done:
            self.result.table.show_scores(state.before, state.after)
            self._show()
        text, tone = words(state)
        if text != self._spoken:
            self._spoken = text
            self.say(text, tone)

    def _on_compared(self, both: Both) -> None:
        one = self._on_show()
        if one is None or one.image is None:
            return
        spatial = spatial_metadata(one.image)
        name = one.image.name
        self._swipe = Swipe(self._viewer, both, name, spatial, one.labels)
        self.result.seam.setValue(500)
        self.result.seam_row.show()
        self.say(
            f"Left of the seam '{name}' is as before: {both.before.max()} "
            f"nuclei in all; right of it as after: {both.after.max()}."
        )

    def _move_seam(self, share: float) -> None:
        if self._swipe is not None:
            self._swipe.move(share)

    def _end_comparison(self) -> None:
        if self._swipe is not None:
            self._swipe.remove()
            self._swipe = None
        self.result.seam_row.hide()

    def _on_show(self) -> Corrected | None:
        """The reviewed image that is selected, or else the topmost visible one."""
        self._corrected = corrected_layers(self._viewer)
        active, seen = self._viewer.layers.selection.active, None
        for one in self._corrected:
            if active in (one.labels, one.image):
                return one
            if one.image is not None and one.image.visible:
                seen = one
        return seen


def words(state: State) -> tuple[str, str]:
    """Sentence for the user about a state, and its tone."""
    if state.failure:
        return state.failure, "error"
    if state.done:
        gained = state.after["AP0.5"] - state.before["AP0.5"]
        tone = "good" if gained > 0 else "warning"
        text = "Better" if gained > 0 else "Not better"
        text += " on the nuclei that were held back. Compare, then keep or discard it."
        if not state.started.get("apart", True):
            text = (
                "Done. Too few nuclei were reviewed to hold some back, so the scores "
                "tell little. Compare, then keep or discard it."
            )
            tone = "warning"
        return f"{text} {state.note}".rstrip(), tone
    if not state.losses:
        if not state.started:
            return "Starting...", "plain"
        learned, held = state.started["learned"], state.started["held_back"]
        return f"Learning from {learned} nuclei; {held} are held back.", "plain"
    left = state.seconds_left or 0.0
    what = f"{max(1, round(left))} s left" if left < 90 else f"{left / 60:.0f} min left"
    if len(state.losses) == state.epochs:
        what = "scoring the new model"
    return f"Epoch {len(state.losses)} of {state.epochs}, {what}.", "plain"
