"""The model card: what a weights file is, in JSON beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save
from torch import Tensor

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.write import replace_file
from napari_pmrnet.models.library import write_card

CARD_VERSION = 1
TILE = 256
LICENCES = {"code": "BSD-3-Clause", "weights": "CC0-1.0"}


def architecture(channels: Sequence[str]) -> dict[str, Any]:
    """The card's description of a network with these output channels."""
    return {"name": "PMRNet", "in_channels": 3, "channels": list(channels)}


def sha256(path: Path) -> str:
    """Hash of a file's bytes, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_model(
    path: Path, state: dict[str, Tensor], card: dict[str, Any]
) -> dict[str, Any]:
    """Write weights and card, each to a temporary file that is renamed.

    Parameters
    ----------
    path : Path
        The ``.safetensors`` file; the card goes to the same name with ``.json``.
    state : dict of Tensor
        State of the network.
    card : dict
        Fields beyond those added here: card version, window, licences, hash.

    Returns
    -------
    dict
        The card as written.
    """
    packed = {name: value.contiguous() for name, value in state.items()}
    replace_file(path, lambda stream: stream.write(save(packed)))
    card = {
        "card_version": CARD_VERSION,
        "name": path.stem,
        "window": TILE,
        "licences": LICENCES,
        **card,
        "sha256": sha256(path),
    }
    write_card(path, card)
    return card


INSTANCES, OBJECTS, CLASSES = "instances", "objects", "classes"
LABEL_KINDS = (INSTANCES, OBJECTS, CLASSES)
_CHANNEL = "class_"
_NOUNS = {
    INSTANCES: ("nucleus", "nuclei"),
    OBJECTS: ("object", "objects"),
    CLASSES: ("class", "classes"),
}


def label_kind_of(card: Mapping[str, Any]) -> str:
    """One of `LABEL_KINDS`: what the model of a card labels."""
    return card.get("labels", INSTANCES)


def sees_whole(card: Mapping[str, Any]) -> bool:
    """Whether the model of a card sees every image whole, at the size of a window."""
    return label_kind_of(card) != INSTANCES


def noun(kind: str) -> tuple[str, str]:
    """Singular and plural of what is labelled; see `LABEL_KINDS`."""
    return _NOUNS.get(kind, _NOUNS[INSTANCES])


def counted(count: int, kind: str) -> str:
    """How many nuclei, objects or classes, in words."""
    return f"{count} {noun(kind)[count != 1]}"


def class_names(card: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the classes, that of label 1 first; empty if there are none."""
    return tuple(card.get("classes", ())) if label_kind_of(card) == CLASSES else ()


def class_channels(count: int) -> tuple[str, ...]:
    """Output channels that tell classes apart: none for a single class."""
    return tuple(f"{_CHANNEL}{k}" for k in range(1, count + 1)) if count > 1 else ()


def class_channels_in(channels: Iterable[str]) -> tuple[str, ...]:
    """Those of some channels or maps that tell classes apart, class 1 first."""
    return class_channels(sum(name.startswith(_CHANNEL) for name in channels))


def whole_scale(tile: int, shape: tuple[int, int]) -> float:
    """Pixels of a window for each pixel of an image (H, W) that it holds whole."""
    return tile / max(shape)


def refuse_parts(card: Mapping[str, Any], name: str, instead: str) -> None:
    """Refuse to segment an image part by part with a model that sees images whole.

    Parameters
    ----------
    card : mapping
        The model card.
    name : str
        Of the image.
    instead : str
        What the user can do, as a sentence.

    Raises
    ------
    ImageError
    """
    if sees_whole(card):
        raise ImageError(
            f"'{name}': a model of {label_kind_of(card)} sees every image whole. "
            f"{instead}"
        )


def classes_of(parts: np.ndarray, maps: Mapping[str, np.ndarray]) -> np.ndarray:
    """Class of every pixel of the foreground: the one with the highest probability.

    Parameters
    ----------
    parts : ndarray of int32, shape (H, W)
        0 is background.
    maps : mapping of ndarray, each (H, W)
        Probabilities ``class_1``, ``class_2``...; none of a single class.

    Returns
    -------
    ndarray of int32, shape (H, W)
        0 is background, k the k-th class.
    """
    names = class_channels_in(maps)
    if not names:
        return (parts > 0).astype(np.int32)
    likeliest = np.argmax(np.stack([maps[name] for name in names]), axis=0) + 1
    return np.where(parts > 0, likeliest, 0).astype(np.int32)


def true_classes(labels: np.ndarray, card: Mapping[str, Any]) -> np.ndarray:
    """What `classes_of` should give, from true labels of any shape."""
    several = len(class_names(card)) > 1
    return labels if several else (labels > 0).astype(np.int32)
