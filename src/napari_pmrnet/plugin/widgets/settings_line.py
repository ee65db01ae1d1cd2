"""One line under which settings a run begins, whatever of the form is folded away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.plugin.widgets.layout import stack, text_label
from napari_pmrnet.plugin.widgets.settings_form import OF_NUCLEI, SettingsForm, renamed
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models.card import ModelCard


class SettingsLine(QWidget):
    """Says what of a form is not as usual for the model; follows the form.

    Parameters
    ----------
    form : SettingsForm
    """

    def __init__(self, form: SettingsForm) -> None:
        super().__init__()
        self._form = form
        self._card: ModelCard | None = None
        self.text = text_label("hint")
        self.text.setToolTip(
            "<span>The settings that the next run uses, those folded away too.</span>"
        )
        stack(self, self.text)
        form.changed.connect(self._tell)

    def set_card(self, card: ModelCard | None) -> None:
        """Compare with what is usual for another model; None: with the defaults."""
        self._card = card
        self._tell()

    def _tell(self, *_: object) -> None:
        values = self._form.values()
        try:
            settings = Settings.from_dict(values)
        except (TypeError, ValueError) as error:
            self.text.setText(str(error))
            return
        self.text.setText(settings_in_words(settings, self._card))


def settings_in_words(settings: Settings, card: ModelCard | None) -> str:
    """Say which settings are not as usual for a model.

    Parameters
    ----------
    settings : Settings
    card : ModelCard or None
        Of the model; None where it is not known.
    """
    kind = LabelKind.NUCLEI if card is None else card.label_kind
    usual = Settings() if card is None else Settings.for_card(card)
    words = renamed(kind)
    told = []
    for name, value in settings.differing(usual).items():
        if name == "model" or (name in OF_NUCLEI and kind is not LabelKind.NUCLEI):
            continue
        label = Settings.__dataclass_fields__[name].metadata["label"]
        label = words.get(name, (label, ""))[0]
        told.append(label if value == "yes" else f"{label} {value}")
    model = Path(settings.model).name
    if not told:
        return f"Settings: as usual for the model '{model}'."
    return f"Settings: model '{model}', not as usual: {', '.join(told)}."
