"""Settings that outlive a session.

They live in napari's own preferences, declared in the manifest, so that the
preferences window and the dock show the same values. napari before 0.9 has no
preferences for plugins; there Qt's settings file takes their place.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import Any

from qtpy.QtCore import QSettings

from napari_pmrnet._software import OURS
from napari_pmrnet.models.library import current_name
from napari_pmrnet.settings import Settings

logger = logging.getLogger(__name__)

OF_THE_IMAGE = {"channel", "limits", "diameter", "min_area"}
REMEMBERED = tuple(
    spec.name for spec in fields(Settings) if spec.name not in OF_THE_IMAGE
)


def recall() -> Settings:
    """Give the last session's settings; a value that no longer fits is the default."""
    defaults = Settings()
    stored = _preferences()
    values: dict[str, Any] = {}
    for name in REMEMBERED:
        if stored is not None:
            value = getattr(stored, name, None)
        else:
            value = _from_qt(name, getattr(defaults, name))
        if value is None:
            continue
        try:
            Settings.from_dict({name: value})
        except (TypeError, ValueError):
            logger.info("the remembered %s %r is not usable", name, value)
        else:
            values[name] = value
    if "model" in values:
        values["model"] = current_name(values["model"])
    return Settings.from_dict(values)


def remember(settings: Settings) -> None:
    """Keep settings for the next session, but those that belong to an image."""
    stored = _preferences()
    for name in REMEMBERED:
        value = getattr(settings, name)
        if stored is None:
            QSettings(OURS, OURS).setValue(name, value)
        elif getattr(stored, name, None) != value:
            setattr(stored, name, value)


def _preferences() -> Any:
    """Section of napari's preferences for this plugin, None where there is none."""
    try:
        from napari.settings import get_plugin_settings

        settings: Any = get_plugin_settings(OURS)
        return settings.segmentation
    except (ImportError, KeyError, AttributeError):
        return None


def _from_qt(name: str, default: Any) -> Any:
    """Value in Qt's settings file, which stores text, as the type of its default."""
    value = QSettings(OURS, OURS).value(name)
    if value is None:
        return None
    if isinstance(default, bool):
        return str(value).lower() == "true"
    try:
        return type(default)(value)
    except ValueError:
        return None
