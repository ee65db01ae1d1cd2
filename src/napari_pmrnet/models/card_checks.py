"""What a model card from elsewhere must hold before it is trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from numbers import Real
from typing import Any

from napari_pmrnet.models.card import (
    CLASSES,
    INSTANCES,
    LABEL_KINDS,
    class_channels,
    label_kind_of,
)
from napari_pmrnet.settings import Settings

IN_CHANNELS = 3
MOST_CHANNELS = 16
STRIDE = 8
LARGEST_TILE = 4096
_CHANNEL = re.compile(r"[a-z][a-z0-9_]{0,31}")
_CLASS = re.compile(r"\S(.{0,30}\S)?")
_HASH = re.compile(r"[0-9a-f]{64}")
_CALIBRATIONS = ("certainty", "object_certainty", "missed_certainty")


def card_fault(card: Mapping[str, Any]) -> str | None:
    """What is wrong with a card, as the end of "its card ...", or None."""
    if not _HASH.fullmatch(str(card.get("sha256"))):
        return "names no SHA-256 of its weights"
    return (
        _architecture_fault(card.get("architecture"))
        or label_kind_fault(card)
        or _tile_fault(card)
        or _settings_fault(card)
    )


def _architecture_fault(architecture: Any) -> str | None:
    """What is wrong with the network that a card describes."""
    if not isinstance(architecture, Mapping):
        return "describes no network"
    if architecture.get("name", "PMRNet") != "PMRNet":
        return f"is of a network that is not known here ({architecture['name']!r})"
    if not _is_whole(architecture.get("in_channels"), IN_CHANNELS, IN_CHANNELS):
        return f"is of a network that does not take {IN_CHANNELS} input channels"
    channels = architecture.get("channels")
    if not isinstance(channels, list) or not 1 <= len(channels) <= MOST_CHANNELS:
        return f"does not name 1 to {MOST_CHANNELS} output channels"
    if not all(isinstance(c, str) and _CHANNEL.fullmatch(c) for c in channels):
        return "has output channels whose names are no plain words"
    if len(set(channels)) < len(channels):
        return "names an output channel twice"
    if "probability" not in channels:
        return "names no output channel 'probability'"
    if ("flow_y" in channels) != ("flow_x" in channels):
        return "has one of the channels flow_y and flow_x without the other"
    return None


def label_kind_fault(card: Mapping[str, Any]) -> str | None:
    """What is wrong with what a card says that its model labels, or None.

    Parameters
    ----------
    card : mapping
        Its ``architecture`` names channels.
    """
    kind, classes = label_kind_of(card), card.get("classes")
    if kind not in LABEL_KINDS:
        return f"says that it labels {str(kind)[:20]!r}, not {', '.join(LABEL_KINDS)}"
    if (kind == CLASSES) != (classes is not None):
        return "names classes, or does not, against what it says that it labels"
    channels = card["architecture"]["channels"]
    if kind != INSTANCES and (
        "flow_y" in channels or card.get("working_diameters") is not None
    ):
        return f"is of {kind}, but has flows or working diameters, as for nuclei"
    if kind != CLASSES:
        return None
    if not _are_class_names(classes):
        return f"does not name 1 to {MOST_CHANNELS - 1} classes, each once"
    if set(channels) != {"probability", *class_channels(len(classes))}:
        return f"has other output channels than its {len(classes)} classes need"
    return None


def _are_class_names(value: Any) -> bool:
    """Whether something is a list of short names, each there once."""
    return (
        isinstance(value, list)
        and 1 <= len(value) < MOST_CHANNELS
        and all(isinstance(v, str) and _CLASS.fullmatch(v) for v in value)
        and len(set(value)) == len(value)
    )


def _tile_fault(card: Mapping[str, Any]) -> str | None:
    """What is wrong with window and overlap."""
    tile, overlap = card.get("window"), card.get("overlap", 0)
    if not _is_whole(tile, STRIDE, LARGEST_TILE) or tile % STRIDE:
        return (
            f"has a window that is no multiple of {STRIDE} up to {LARGEST_TILE} "
            f"({str(tile)[:20]})"
        )
    if not _is_whole(overlap, 0, tile // 2):
        return f"has an overlap that does not fit its window ({str(overlap)[:20]})"
    return None


def _settings_fault(card: Mapping[str, Any]) -> str | None:
    """What is wrong with the numbers that a segmentation takes from a card."""
    try:
        thresholds = card.get("thresholds", {})
        if not _are_numbers(thresholds):
            return "has thresholds that are no numbers"
        Settings.for_card(card)
    except ValueError as error:
        return f"has thresholds out of bounds: {str(error).rstrip('.')}"
    for name in _CALIBRATIONS:
        if card.get(name) is not None and not _are_numbers(card[name], "intercept"):
            return f"has a calibration '{name}' that is no table of numbers"
    suggestions = card.get("suggestions", {})
    if not isinstance(suggestions, Mapping) or not all(
        _are_numbers(table, "intercept") for table in suggestions.values()
    ):
        return "has suggestions that are no tables of numbers"
    diameters = card.get("working_diameters")
    if diameters is not None and not _are_diameters(diameters):
        return "has working diameters that are no two lengths in pixels"
    return None


def _are_diameters(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(_is_number(v) for v in value)
        and 1 <= value[0] <= value[1] <= LARGEST_TILE
    )


def _are_numbers(table: Any, needed: str | None = None) -> bool:
    """Whether something is a table of numbers, one of them of that name."""
    return (
        isinstance(table, Mapping)
        and all(_is_number(value) for value in table.values())
        and (needed is None or needed in table)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and abs(value) < 1e9


def _is_whole(value: Any, low: int, high: int) -> bool:
    return (
        isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    )
