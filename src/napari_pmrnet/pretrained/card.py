"""The model card: what a weights file is, in JSON beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from napari_pmrnet.io.atomic import replace_file
from napari_pmrnet.pretrained.library import write_card

CARD_VERSION = 1
WINDOW = 256
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
        "window": WINDOW,
        "licences": LICENCES,
        **card,
        "sha256": sha256(path),
    }
    write_card(path, card)
    return card
