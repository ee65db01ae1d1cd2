"""The fields of a model card, read from its JSON: as they should be, or refused.

Each function takes what stands in the JSON, whatever it is, and gives it as a
`ModelCard` holds it, or raises `CardError`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.models.label_kind import CLASS_CHANNEL, LabelKind, class_channels
from napari_pmrnet.network import STRIDE
from napari_pmrnet.settings import TUNED, Settings

IN_CHANNELS = 3
MOST_CHANNELS = 16
LARGEST_TILE = 4096
LARGEST_NUMBER = 1e15
"""Beyond it sums of calibrated features would lose their digits."""
MOST_CARD = 2**20
"""Bytes that a card may have."""
DEEPEST = 50
"""Tables and lists within each other that a card may have."""

_CHANNEL = re.compile(r"[a-z][a-z0-9_]{0,31}")
_CLASS = re.compile(r"\S(.{0,30}\S)?")
_HASH = re.compile(r"[0-9a-f]{64}")


class CardError(WeightsError):
    """A model card that is spoilt.

    Attributes
    ----------
    fault : str
        What is wrong, as the end of "its card ...".
    """

    def __init__(self, fault: str) -> None:
        self.fault = " ".join(fault.split())
        super().__init__(f"The model card {self.fault}.")


def read_json(content: bytes) -> Any:
    """Content of a card file; every number is finite, and it can be written again."""
    if len(content) > MOST_CARD:
        raise CardError(f"is larger than {MOST_CARD // 2**20} MB")
    try:
        document = json.loads(
            content, parse_constant=_finite, parse_float=_finite, parse_int=_whole
        )
    except (ValueError, RecursionError) as error:
        raise CardError(f"is not JSON ({error})") from error
    _check_depth(document)
    return document


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not a finite number")
    return value


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _check_depth(document: Any) -> None:
    """Refuse what is nested so deeply that writing it would fail."""
    level = [document]
    for _ in range(DEEPEST):
        nested = (
            one.values() if isinstance(one, dict) else one
            for one in level
            if isinstance(one, dict | list)
        )
        level = [inner for values in nested for inner in values]
        if not level:
            return
    raise CardError("is not JSON of a model card (it is nested too deeply)")


def read_hash(value: Any) -> str:
    """SHA-256 of the weights, empty where they are not written yet."""
    if value in (None, ""):
        return ""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise CardError("names no SHA-256 of its weights")
    return value


def read_channels(architecture: Any) -> tuple[str, ...]:
    """Names of the output channels of the network that a card describes."""
    if not isinstance(architecture, Mapping):
        raise CardError("describes no network")
    name = architecture.get("name", "PMRNet")
    if name != "PMRNet":
        raise CardError(f"is of a network that is not known here ({_short(name)})")
    if not _is_whole(architecture.get("in_channels"), IN_CHANNELS, IN_CHANNELS):
        raise CardError(
            f"is of a network that does not take {IN_CHANNELS} input channels"
        )
    channels = architecture.get("channels")
    if not isinstance(channels, list) or not 1 <= len(channels) <= MOST_CHANNELS:
        raise CardError(f"does not name 1 to {MOST_CHANNELS} output channels")
    if not all(isinstance(c, str) and _CHANNEL.fullmatch(c) for c in channels):
        raise CardError("has output channels whose names are no plain words")
    if len(set(channels)) < len(channels):
        raise CardError("names an output channel twice")
    if "probability" not in channels:
        raise CardError("names no output channel 'probability'")
    if ("flow_y" in channels) != ("flow_x" in channels):
        raise CardError("has one of the channels flow_y and flow_x without the other")
    return tuple(channels)


def read_label_kind(
    document: Mapping[str, Any], channels: tuple[str, ...]
) -> tuple[LabelKind, tuple[str, ...]]:
    """Kind of the labels of a model, and the names of its classes."""
    value, classes = document.get("labels", LabelKind.NUCLEI), document.get("classes")
    if not isinstance(value, str) or value not in tuple(LabelKind):
        raise CardError(
            f"says that it labels {_short(value)}, not {', '.join(LabelKind)}"
        )
    kind = LabelKind(value)
    if (kind is LabelKind.CLASSES) != (classes is not None):
        raise CardError("names classes, or does not, against what it says it labels")
    if kind.sees_whole and (
        "flow_y" in channels or document.get("working_diameters") is not None
    ):
        raise CardError(f"is of {kind}, but has flows or working diameters of nuclei")
    if classes is None:
        return kind, ()
    if not _are_class_names(classes):
        raise CardError(f"does not name 1 to {MOST_CHANNELS - 1} classes, each once")
    separating = {name for name in channels if name.startswith(CLASS_CHANNEL)}
    if separating != set(class_channels(len(classes))):
        raise CardError(
            f"has other output channels than its {len(classes)} classes need"
        )
    return kind, tuple(classes)


def _are_class_names(value: Any) -> bool:
    """True of a list of short names, each there once."""
    return (
        isinstance(value, list)
        and 1 <= len(value) < MOST_CHANNELS
        and all(
            isinstance(v, str) and _CLASS.fullmatch(v) and v.isprintable()
            for v in value
        )
        and len(set(value)) == len(value)
    )


def read_tile(document: Mapping[str, Any], usual_overlap: int) -> tuple[int, int]:
    """Side of a tile and overlap of two, in pixels."""
    if "window" not in document:
        raise CardError("names no window size")
    tile = document["window"]
    if not _is_whole(tile, STRIDE, LARGEST_TILE) or tile % STRIDE:
        raise CardError(
            f"has a window that is no multiple of {STRIDE} up to {LARGEST_TILE} "
            f"({_short(tile)})"
        )
    overlap = document.get("overlap", min(usual_overlap, tile // 2))
    if not _is_whole(overlap, 0, tile // 2):
        raise CardError(
            f"has an overlap that does not fit its window ({_short(overlap)})"
        )
    return tile, overlap


def read_thresholds(document: Mapping[str, Any]) -> Mapping[str, float]:
    """Thresholds that were tuned for a model; empty where the card has none."""
    if "thresholds" not in document:
        return {}
    thresholds = document["thresholds"]
    if not thresholds or not _are_numbers(thresholds):
        raise CardError("has thresholds that are no numbers")
    try:
        Settings(**{name: thresholds[name] for name in TUNED if name in thresholds})
    except ValueError as error:
        raise CardError(
            f"has thresholds out of bounds: {str(error).rstrip('.')}"
        ) from error
    return thresholds


def read_calibration(
    document: Mapping[str, Any], name: str
) -> Mapping[str, float] | None:
    """Intercept and coefficients of a logistic regression, or None."""
    value = document.get(name)
    if value is not None and not _are_numbers(value, "intercept"):
        raise CardError(f"has a calibration '{name}' that is no table of numbers")
    return value


def read_suggestions(value: Any) -> Mapping[str, Mapping[str, float] | None] | None:
    """Calibrations of the suggested merges and splits, each of them or all None."""
    if value is not None and not (
        isinstance(value, Mapping)
        and all(
            table is None or _are_numbers(table, "intercept")
            for table in value.values()
        )
    ):
        raise CardError("has suggestions that are no tables of numbers")
    return value


def read_diameters(value: Any) -> tuple[float, float] | None:
    """Smallest and largest diameter, in pixels, that the network knows, or None."""
    if value is None:
        return None
    if not (
        isinstance(value, list)
        and len(value) == 2
        and all(_is_number(v) for v in value)
        and 1 <= value[0] <= value[1] <= LARGEST_TILE
    ):
        raise CardError("has working diameters that are no two lengths in pixels")
    return value[0], value[1]


def read_text(document: Mapping[str, Any], name: str) -> str:
    """A text, empty where the card has none."""
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise CardError(f"has a '{name}' that is no text ({_short(value)})")
    return value or ""


def read_table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A table of whatever it holds, empty where the card has none."""
    value = document.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise CardError(f"has a '{name}' that is no table ({_short(value)})")
    return value or {}


def _are_numbers(table: Any, needed: str | None = None) -> bool:
    """True of a table of numbers, one of them of that name."""
    return (
        isinstance(table, Mapping)
        and all(_is_number(value) for value in table.values())
        and (needed is None or needed in table)
    )


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= LARGEST_NUMBER
    )


def _is_whole(value: Any, low: int, high: int) -> bool:
    return (
        isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    )


def _short(value: Any) -> str:
    """A value in few characters."""
    return repr(value)[:40]
