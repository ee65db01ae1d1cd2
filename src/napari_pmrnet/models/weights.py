"""Weights of a network: saved with their card, and checked against it."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from napari_pmrnet._software import misfit
from napari_pmrnet.errors import WeightsError
from napari_pmrnet.models.card import (
    CARD_VERSION,
    LICENCES,
    ModelCard,
    write_model,
)
from napari_pmrnet.network import PMRNet


def save_model(
    path: Path, state: dict[str, Tensor], card: ModelCard, *, overwrite: bool = False
) -> ModelCard:
    """Write the weights of a network and their card; see `write_model`.

    Parameters
    ----------
    path : Path
        The ``.safetensors`` file; the card goes to the same name with ``.json``.
    state : dict of Tensor
        State of the network.
    card : ModelCard
        Card version, name and licences are added where it has none, the hash always.
    overwrite : bool
        Whether weights and card that are there may be replaced.

    Returns
    -------
    ModelCard
        The card as written.
    """
    content, written = model_files(path, state, card)
    write_model(path, content, written, overwrite)
    return written


def model_files(
    path: Path, state: dict[str, Tensor], card: ModelCard
) -> tuple[bytes, ModelCard]:
    """What `save_model` writes: the content of the weights file, and its card."""
    content = save({name: value.contiguous() for name, value in state.items()})
    whole = ModelCard(
        {
            "card_version": CARD_VERSION,
            "name": path.stem,
            "window": card.tile,
            "licences": LICENCES,
            **card.document,
            "sha256": sha256(content).hexdigest(),
        }
    )
    return content, whole


def network_of(content: bytes, channels: int, path: Path) -> PMRNet:
    """Network from the content of a ``.safetensors`` file.

    Parameters
    ----------
    content : bytes
    channels : int
        Output channels of the network on the card.
    path : Path
        The file, for messages.

    Raises
    ------
    WeightsError
        If it is of another network.
    SoftwareError
        If torch or safetensors does not fit.
    """
    network = PMRNet(out_channels=channels)
    try:
        network.load_state_dict(load(content))
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        unfit = misfit(error, str(path), "torch", "safetensors")
        raise unfit or WeightsError(
            f"{path} does not hold weights of the PMRNet its card describes "
            f"({_first_line(error)}). Choose another model."
        ) from error
    return network


def _first_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error))[:120]


def state_fault(weights: bytes, channels: int) -> str | None:
    """Fault of weights, as the end of "its weights ...", or None.

    Parameters
    ----------
    weights : bytes
        Content of a ``.safetensors`` file.
    channels : int
        Output channels of the network on the card.
    """
    try:
        state = load(weights)
    except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
        return f"are no safetensors file ({error})"
    expected = expected_state(channels)
    missing, strange = expected.keys() - state.keys(), state.keys() - expected.keys()
    if missing or strange:
        return (
            f"are not those of PMRNet: {len(missing)} of {len(expected)} tensors are "
            f"missing and {len(strange)} are not of it, such as "
            f"{min(strange or missing)[:60]!r}"
        )
    for name, wanted in expected.items():
        tensor = state[name]
        if tensor.shape != wanted.shape or tensor.dtype != wanted.dtype:
            return (
                f"are of another network: {name} is {_kind(tensor)} where its card's "
                f"network has {_kind(wanted)}"
            )
        if not torch.isfinite(tensor).all():
            return f"hold NaN or infinite values in {name}"
    return None


def expected_state(channels: int) -> dict[str, Tensor]:
    """State of a network with so many output channels, without its values."""
    with torch.device("meta"):
        return PMRNet(out_channels=channels).state_dict()


def _kind(tensor: Tensor) -> str:
    """Type and shape, in words."""
    shape = " x ".join(map(str, tensor.shape)) or "one number"
    return f"{str(tensor.dtype).removeprefix('torch.')} {shape}"
