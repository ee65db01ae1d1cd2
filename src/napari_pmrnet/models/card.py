"""The model card: what a weights file is, in JSON beside it.

Whether a model is loaded, imported, exported or only listed, its card comes through
`parse_card`, and its weights are compared with it by `ModelCard.hash_fault`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.models.card_checks import (
    IN_CHANNELS,
    MOST_CARD,
    CardError,
    read_calibration,
    read_channels,
    read_diameters,
    read_hash,
    read_json,
    read_label_kind,
    read_suggestions,
    read_table,
    read_text,
    read_thresholds,
    read_tile,
)
from napari_pmrnet.models.label_kind import LabelKind

if TYPE_CHECKING:
    from napari_pmrnet.io.permit import Overwrite

CARD_VERSION = 1
TILE, OVERLAP = 256, 64
LICENCES = {"code": "BSD-3-Clause", "weights": "CC0-1.0"}
MOST_WEIGHTS = 64 * 2**20
"""Bytes that a file of weights may have."""

Calibration = Mapping[str, float]
"""``intercept`` of a logistic regression, and a coefficient for each feature."""


@dataclass(frozen=True)
class ModelCard:
    """The card of a model: made from the fields of its JSON, and checked by that.

    To change it, make another: see `updated`.

    Attributes
    ----------
    document : mapping
        All fields as they stand in the JSON, also those not known here.
    name : str
        Of the model when the card was written; may be empty.
    sha256 : str
        Hash of the weights; empty if they are not written yet.
    channels : tuple of str
        Output channels of the network, which takes three.
    label_kind : LabelKind
        What the model labels (``labels`` in the JSON).
    classes : tuple of str
        Names of the classes, that of label 1 first; empty if there are none.
    tile, overlap : int
        Side of the tiles the network sees (``window`` in the JSON), and overlap of
        neighbouring ones, in pixels.
    thresholds : mapping
        Settings that were tuned for the model; empty if none were.
    working_diameters : tuple of float, or None
        Diameters of nuclei, in pixels, between which the network sees an image as it
        is. None: it sees every image as it is.
    certainty, object_certainty, missed_certainty : Calibration or None
        Of pixels, of labels and of proposals.
    suggestions : mapping of Calibration, or None
        Of ``merge`` and ``split``, each None if it could not be fitted.
    parent : str
        Hash of the weights that training began with, or empty.
    date : str
        Of the training, or empty.
    about : str
        A sentence or two on what the model is for, or empty.
    licences, data, training, val, scores : mapping
        Licences of code and weights; what was trained on, and how; scores on
        validation images, and before and after fine-tuning. Empty if not stated.

    Raises
    ------
    CardError
        If a field is not as it should be.
    """

    document: Mapping[str, Any]
    name: str = field(init=False)
    sha256: str = field(init=False)
    channels: tuple[str, ...] = field(init=False)
    label_kind: LabelKind = field(init=False)
    classes: tuple[str, ...] = field(init=False)
    tile: int = field(init=False)
    overlap: int = field(init=False)
    thresholds: Mapping[str, float] = field(init=False)
    working_diameters: tuple[float, float] | None = field(init=False)
    certainty: Calibration | None = field(init=False)
    object_certainty: Calibration | None = field(init=False)
    missed_certainty: Calibration | None = field(init=False)
    suggestions: Mapping[str, Calibration | None] | None = field(init=False)
    parent: str = field(init=False)
    date: str = field(init=False)
    about: str = field(init=False)
    licences: Mapping[str, Any] = field(init=False)
    data: Mapping[str, Any] = field(init=False)
    training: Mapping[str, Any] = field(init=False)
    val: Mapping[str, Any] = field(init=False)
    scores: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        for name, value in _read(self.document).items():
            object.__setattr__(self, name, value)

    def updated(self, **fields: Any) -> ModelCard:
        """Card with some fields of its JSON changed or added.

        Raises
        ------
        CardError
            If a field is not as it should be.
        """
        return ModelCard({**self.document, **fields})

    def to_json(self) -> bytes:
        """Content of the file of the card."""
        return (json.dumps(self.document, indent=2) + "\n").encode()

    def hash_fault(self, weights: bytes) -> str | None:
        """Hashes of the content of a weights file and on the card, if they differ."""
        digest = sha256(weights).hexdigest()
        if digest == self.sha256:
            return None
        return f"SHA-256 {digest[:12]}..., expected {self.sha256[:12]}..."


def _read(document: Any) -> dict[str, Any]:
    """Attributes of a card from the fields of its JSON."""
    if not isinstance(document, Mapping):
        raise CardError("holds no fields")
    channels = read_channels(document.get("architecture"))
    label_kind, classes = read_label_kind(document, channels)
    tile, overlap = read_tile(document, OVERLAP)
    calibrations = ("certainty", "object_certainty", "missed_certainty")
    tables = ("licences", "data", "val", "scores")
    texts = ("name", "parent", "date", "about")
    return {
        "sha256": read_hash(document.get("sha256")),
        "channels": channels,
        "label_kind": label_kind,
        "classes": classes,
        "tile": tile,
        "overlap": overlap,
        "thresholds": read_thresholds(document),
        "working_diameters": read_diameters(document.get("working_diameters")),
        **{name: read_calibration(document, name) for name in calibrations},
        "suggestions": read_suggestions(document.get("suggestions")),
        **{name: read_text(document, name) for name in texts},
        **{name: read_table(document, name) for name in tables},
        "training": read_table(document, "training")
        or read_table(document, "settings"),
    }


def new_card(channels: Sequence[str], **fields: Any) -> ModelCard:
    """Card of a network with these output channels; other fields as in its JSON."""
    described = {
        "name": "PMRNet",
        "in_channels": IN_CHANNELS,
        "channels": list(channels),
    }
    return ModelCard({"architecture": described, "window": TILE, **fields})


def parse_card(content: bytes) -> ModelCard:
    """Card of weights on disk from the content of its file.

    Raises
    ------
    CardError
        If it is too large, not JSON, holds other than finite numbers, or a field is
        not as it should be.
    """
    card = ModelCard(read_json(content))
    if not card.sha256:
        raise CardError("names no SHA-256 of its weights")
    return card


def card_path(weights: Path) -> Path:
    """Path of the card of a weights file."""
    return weights.with_suffix(".json")


def read_card(weights: Path) -> ModelCard:
    """Read the model card of a weights file.

    Raises
    ------
    WeightsError
        If it is missing, unreadable or spoilt.
    """
    path = card_path(weights)
    try:
        with path.open("rb") as stream:
            return parse_card(stream.read(MOST_CARD + 1))
    except FileNotFoundError as error:
        raise WeightsError(
            f"{weights} has no model card: {path.name} is missing. Copy it from where "
            "the weights came."
        ) from error
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror or error}). Copy it again from "
            "where the weights came."
        ) from error
    except CardError as error:
        raise WeightsError(
            f"{path} is not a model card: it {error.fault[:300]}. Copy it again from "
            "where the weights came."
        ) from error


def write_card(weights: Path, card: ModelCard, overwrite: Overwrite) -> None:
    """Write the card of a weights file, whole or not at all."""
    from napari_pmrnet.io.write import replace_file

    place, text = card_path(weights), card.to_json()
    replace_file(place, text, overwrite)


def write_model(
    path: Path, weights: bytes, card: ModelCard, overwrite: Overwrite
) -> None:
    """Write a weights file and its card; both are whole before either takes its place.

    The weights go last, so that a new model that has weights has its card too.

    Raises
    ------
    DataError
        If one cannot be written; then nothing is, unless it was the last renaming.
    """
    from napari_pmrnet.io.write import replace_files

    replace_files({card_path(path): card.to_json(), path: weights}, overwrite)


def read_verified(path: Path) -> tuple[bytes, ModelCard]:
    """Weights of a file, and the card beside it, which belong together.

    Raises
    ------
    WeightsError
        If one of them is missing or cannot be read, or they do not.
    """
    card = read_card(path)
    try:
        with path.open("rb") as stream:
            weights = stream.read(MOST_WEIGHTS + 1)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}.") from error
    fault = card.hash_fault(weights)
    if fault:
        raise WeightsError(
            f"{path} is not the file its card describes: {fault}. Copy weights and "
            "card again from where they came; for a shipped model, reinstall "
            "napari-pmrnet."
        )
    return weights, card
