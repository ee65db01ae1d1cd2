"""The form of the settings, made from the fields of the Settings dataclass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from functools import partial
from typing import Any, get_type_hints

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QLabel

from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.fields import (
    ChoiceField,
    DecimalField,
    Field,
    OptionalField,
    OptionalWholeField,
    TickField,
)
from napari_pmrnet.plugin.widgets.layout import Form, name_by
from napari_pmrnet.settings import Settings

OF_NUCLEI = ("diameter", "seed_threshold", "least_certainty")
"""Settings that only models of nuclei read."""
_OF_PARTS = {
    LabelKind.OBJECTS: LabelKind.OBJECTS.nouns,
    LabelKind.CLASSES: ("part", "parts"),
}

_KINDS: dict[Any, type[Field]] = {
    bool: TickField,
    float: DecimalField,
    float | None: OptionalField,
}


def make_field(kind: Any, spec: Any) -> Field:
    """Field for a setting of a type; text and optional indices become a choice."""
    if kind == int | None and "start" in spec:
        field: Field = OptionalWholeField(spec)
    else:
        field = _KINDS[kind](spec) if kind in _KINDS else ChoiceField()
    field.setToolTip(f"<span>{spec['help']}</span>")
    return field


class SettingsForm(QObject):
    """Fields of all settings and the settings they spell.

    Attributes
    ----------
    fields : dict
        Name of a setting to its field; the dock puts them in place.
    labels : dict
        Name of a setting to its label.
    """

    changed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        hints = get_type_hints(Settings)
        self.fields: dict[str, Field] = {}
        self.labels: dict[str, str] = {}
        self._titles: dict[str, QLabel] = {}
        for spec in fields(Settings):
            self.labels[spec.name] = spec.metadata["label"]
            field = make_field(hints[spec.name], spec.metadata)
            field.setObjectName(spec.name)
            if isinstance(field, DecimalField):
                field.slider.setAccessibleName(self.labels[spec.name])
            self.fields[spec.name] = field
        self.set_settings(Settings())
        for name, field in self.fields.items():
            field.changed.connect(partial(self._announce, name))

    def choice(self, name: str) -> ChoiceField:
        """Field of a setting that is one of several values."""
        field = self.fields[name]
        if not isinstance(field, ChoiceField):
            raise TypeError(f"{name} is no choice")
        return field

    def size(self, name: str) -> OptionalField:
        """Field of a setting that is a number of pixels."""
        field = self.fields[name]
        if not isinstance(field, OptionalField):
            raise TypeError(f"{name} is no size")
        return field

    def values(self) -> dict[str, Any]:
        """Value of every field, right or wrong."""
        return {name: field.value() for name, field in self.fields.items()}

    def settings(self) -> Settings | None:
        """Give the settings; None if a field is wrong, which then says why."""
        values = self.values()
        reasons = {name: self._reason(name, value) for name, value in values.items()}
        for name, reason in reasons.items():
            self.fields[name].set_reason(reason)
        return None if any(reasons.values()) else Settings.from_dict(values)

    def set_settings(self, settings: Settings) -> None:
        """Show other settings."""
        for name, value in settings.as_dict().items():
            self.fields[name].set_value(value)

    def add_to(self, rows: Form, names: Iterable[str]) -> None:
        """Lay out fields: with their label before them, above them, or in them."""
        for name in names:
            field = self.fields[name]
            if isinstance(field, (OptionalField, ChoiceField)):
                rows.addRow(self.title(name), field)
                continue
            if isinstance(field, DecimalField):
                rows.addRow(self.title(name))
                name_by(self.title(name), field)
            rows.addRow(field)

    def title(self, name: str) -> QLabel:
        """The label of a field for a layout, which `fit` changes."""
        if name not in self._titles:
            self._titles[name] = QLabel(self.labels[name])
        return self._titles[name]

    def fit(self, kind: LabelKind) -> None:
        """Name the fields after what a model labels, and hide those it does not use.

        To be called once they are laid out.

        Parameters
        ----------
        kind : LabelKind
        """
        words = renamed(kind)
        for spec in fields(Settings):
            name, field = spec.name, self.fields[spec.name]
            plain = spec.metadata["label"], spec.metadata["help"]
            label, text = words.get(name, plain)
            field.setToolTip(f"<span>{text}</span>")
            if isinstance(field, TickField):
                field.box.setText(label)
            elif name in self._titles:
                self._titles[name].setText(label)
            if isinstance(field, DecimalField):
                field.slider.setAccessibleName(label)
        applies = kind is LabelKind.NUCLEI
        for name in OF_NUCLEI:
            self.fields[name].setEnabled(applies)
            for widget in (self.fields[name], self._titles.get(name)):
                # A widget that no layout holds yet would open as a window.
                if widget is not None and widget.parent() is not None:
                    widget.setVisible(applies)

    def _announce(self, name: str) -> None:
        """Check the form and name the field that changed."""
        self.settings()
        self.changed.emit(name)

    @staticmethod
    def _reason(name: str, value: Any) -> str:
        """Reason why a value will not do, empty if it will."""
        try:
            Settings.from_dict({name: value})
        except (TypeError, ValueError) as error:
            return str(error)
        return ""


def renamed(kind: LabelKind) -> dict[str, tuple[str, str]]:
    """Label and help of the settings that are named after nuclei, for other kinds.

    Parameters
    ----------
    kind : LabelKind

    Returns
    -------
    dict
        Name of a setting to its label and help; empty for nuclei.
    """
    if kind not in _OF_PARTS:
        return {}
    one, many = _OF_PARTS[kind]
    return {
        "probability_threshold": (
            "Probability threshold",
            "A pixel is foreground above this probability. Lower it for larger or "
            "fainter parts.",
        ),
        "min_area": (
            f"Smallest {one}",
            f"{many.capitalize()} of fewer pixels are dropped. Empty: 20 pixels as the "
            "network sees them.",
        ),
        "exclude_border": (
            f"Exclude cut {many}",
            f"Drop {many} that touch the border of the image.",
        ),
    }
