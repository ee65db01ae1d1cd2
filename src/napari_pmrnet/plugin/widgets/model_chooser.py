"""Choice of a model and a device: a part of the docks that segment.

It is folded away until wanted. Models are listed without torch; devices are listed, and
the network is loaded, in a worker thread, since importing torch takes seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_pmrnet.errors import PMRNetError, WeightsError
from napari_pmrnet.models.card import ModelCard, read_card
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.models.library import available_models, find_weights
from napari_pmrnet.plugin.widgets.collapsible import Collapsible
from napari_pmrnet.plugin.widgets.dialogs import FileDialogs
from napari_pmrnet.plugin.widgets.layout import Form, NarrowButton, stack, text_label
from napari_pmrnet.plugin.widgets.model_events import model_events
from napari_pmrnet.plugin.widgets.status import sentences
from napari_pmrnet.plugin.widgets.torch_loading import load_torch, quiet_collector
from napari_pmrnet.settings import TUNED, Settings

if TYPE_CHECKING:
    from napari_pmrnet.plugin.widgets.settings_form import SettingsForm


AUTOMATIC = (("auto", "Automatic"),)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeviceReport:
    """Devices as (value, label) pairs, and advice on one that lies idle."""

    devices: list[tuple[str, str]]
    advice: str | None


def model_choices() -> list[tuple[str, str]]:
    """Models that come with the package and the user's own, as choices."""
    return [(name, name) for name in available_models()]


def card_of(model: str) -> ModelCard | None:
    """Card of a model; None where it cannot be read."""
    try:
        return read_card(find_weights(model))
    except WeightsError:
        return None


def tuned_thresholds(card: ModelCard | None) -> dict[str, float]:
    """Thresholds of a model's card; the defaults where it names none."""
    settings = Settings() if card is None else Settings.for_card(card)
    return {name: getattr(settings, name) for name in TUNED}


def words_on(card: ModelCard | None) -> str:
    """Sentences about a model that does not label nuclei, else nothing."""
    if card is None or not card.label_kind.sees_whole:
        return ""
    names = enumerate(card.classes, start=1)
    classes = ", ".join(f"{number} {name}" for number, name in names)
    return (
        f"Labels {card.label_kind}{': ' if classes else ''}{classes}. The image is "
        "seen whole, so it takes neither diameter nor seed threshold."
    )


class TunedThresholds:
    """Thresholds that follow the model until the user moves them.

    Attributes
    ----------
    card : ModelCard or None
        Of the model chosen; None where it cannot be read.
    """

    def __init__(self, form: SettingsForm) -> None:
        self._fields = form.fields
        self.card = card_of(self._fields["model"].value())
        self._tuned = tuned_thresholds(self.card)

    @property
    def label_kind(self) -> LabelKind:
        """Label kind of the model chosen; nuclei where its card cannot be read."""
        return LabelKind.NUCLEI if self.card is None else self.card.label_kind

    def follow(self) -> None:
        """Take those of the model chosen now, if the former model's are untouched."""
        fields = self._fields
        untouched = all(fields[k].value() == v for k, v in self._tuned.items())
        self.card = card_of(fields["model"].value())
        self._tuned = tuned_thresholds(self.card)
        if untouched:
            for name, value in self._tuned.items():
                fields[name].set_value(value)


class ModelPanel(QWidget):
    """Choice of weights and device, and the device that was really used.

    Parameters
    ----------
    form : SettingsForm
    on_show : callable
        Gives the folder of the image on show.
    """

    def __init__(self, form: SettingsForm, on_show: Callable[[], Path]) -> None:
        super().__init__()
        self._files = FileDialogs(self, on_show)
        self._form, self.tuned = form, TunedThresholds(form)
        self.model = model = form.choice("model")
        self.device = device = form.choice("device")
        chosen = model.value()
        model.set_choices(model_choices())
        model.set_value(chosen)
        device.set_choices(AUTOMATIC)
        self.browse_button = NarrowButton("...", "Use weights of your own")
        self.browse_button.setToolTip("Use weights of your own (.safetensors)")
        model.row.addWidget(self.browse_button)
        self.used = text_label("hint", "not known before the first run")
        self.about, self.kind = text_label("hint"), text_label("hint")
        self.advice = text_label("advice")
        self.advice.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
        )
        self.advice.hide()
        content = QWidget()
        rows = Form(content)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow(form.labels["model"], model)
        rows.addRow("", self.about)
        rows.addRow(form.labels["device"], device)
        rows.addRow("Used", self.used)
        rows.addRow("", form.fields["flips"])
        self.fold = Collapsible("Model and device", content)
        stack(self, self.fold, self.kind, self.advice)
        self._used_name = ""
        self.browse_button.clicked.connect(self.browse)
        model.changed.connect(self._retitle)
        device.changed.connect(self._retitle)
        model_events.changed.connect(self.offer_models)
        self._retitle()

    def offer_models(self, old: str = "", new: str = "") -> None:
        """Offer the models that there are now; the one chosen stays chosen.

        Parameters
        ----------
        old, new : str
            Of a model that was renamed, which is followed, or deleted (`new` is empty),
            for which the one that new users have stands in.
        """
        before, choices = self.model.value(), model_choices()
        chosen = (new or Settings.model) if old and before == old else before
        blocked = self.model.blockSignals(True)
        self.model.set_choices(choices)
        self.model.set_value(chosen)
        self.model.blockSignals(blocked)
        if chosen != before:
            self.model.changed.emit()

    def browse(self) -> None:
        """Let the user pick weights."""
        path = self._files.open("Weights", "Weights (*.safetensors)")
        if path is not None:
            self.model.set_value(str(path))

    def show_devices(self, report: DeviceReport) -> None:
        """Offer the devices that torch has found, and say what lies idle."""
        self.device.set_choices(report.devices or AUTOMATIC)
        self.show_advice(report.advice or "")

    def show_advice(self, text: str) -> None:
        """Show advice about torch, outside the fold so that it is seen."""
        self.advice.setText(text)
        self.advice.setVisible(bool(text))

    def follow(self) -> None:
        """Take the thresholds of the model that is chosen now."""
        self.tuned.follow()

    def name_kind(self) -> str:
        """Name the form after what the model labels; gives its plural, as "nuclei"."""
        card = self.tuned.card
        words, about = words_on(card), "" if card is None else card.about
        self.about.setText(about)
        self.about.setVisible(bool(about))
        self.kind.setText(words)
        self.kind.setVisible(bool(words))
        kind = self.tuned.label_kind
        self._form.fit(kind)
        return kind.nouns[1]

    def show_used(self, device: str, notes: tuple[str, ...] = ()) -> None:
        """Say where the network really ran, and why if that was not as asked.

        The heading has room for the device, not for the backend after it.
        """
        self._used_name = device.partition(" ")[0]
        self.used.setText(". ".join(filter(None, (device, sentences(notes)))))
        self._retitle()

    def _retitle(self) -> None:
        """Put what is chosen into the heading, so that it shows while folded."""
        model = Path(str(self.model.value())).name
        device = self._used_name or self.device.value() or "auto"
        self.fold.set_title(f"Model and device: {model}, {device}")


def list_devices() -> DeviceReport:
    """Devices of this machine; imports torch, so never call it in the GUI thread."""
    with quiet_collector():
        load_torch()
        from napari_pmrnet.models.backends.devices import (
            available_devices,
            device_advice,
        )

        return DeviceReport(list(available_devices()), device_advice())


def warm_up(
    model: str, device: str, shape: tuple[int, int] | None, diameter: float | None
) -> None:
    """Load the network and what it needs for an image, so that a press need not wait.

    What cannot be loaded is said when the button is pressed.

    Parameters
    ----------
    model, device : str
    shape : tuple of int or None
        Height and width of the image, in pixels. None if there is none.
    diameter : float or None
        Of a typical nucleus, in pixels.
    """
    with quiet_collector():
        load_torch()
        import numpy as np

        from napari_pmrnet.models import shared_model
        from napari_pmrnet.segmentation.scale import likely_tiles

        try:
            loaded = shared_model(model, device)
            if shape is None or loaded.device.type != "cpu":
                tile = (1, 3, loaded.tile, loaded.tile)
                loaded.predict_tiles(np.zeros(tile, np.float32))
                return
            for size, beside in likely_tiles(loaded, shape, diameter):
                loaded.prepare(size, beside)
        except (PMRNetError, RuntimeError) as error:
            logger.debug("the network was not loaded ahead: %s", error)
