"""Whether a file of weights is the state of the network that its card describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from napari_pmrnet.network import PMRNet


def state_fault(weights: bytes, architecture: Mapping[str, Any]) -> str | None:
    """What is wrong with weights, as the end of "its weights ...", or None.

    Parameters
    ----------
    weights : bytes
        Content of a ``.safetensors`` file.
    architecture : mapping
        Of the card: ``in_channels`` and ``channels``.
    """
    try:
        state = load(weights)
    except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
        return f"are no safetensors file ({error})"
    expected = expected_state(architecture)
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


def expected_state(architecture: Mapping[str, Any]) -> dict[str, Tensor]:
    """State of a network of that architecture, without its values."""
    with torch.device("meta"):
        network = PMRNet(architecture["in_channels"], len(architecture["channels"]))
    return network.state_dict()


def _kind(tensor: Tensor) -> str:
    """Type and shape, in words."""
    shape = " x ".join(map(str, tensor.shape)) or "one number"
    return f"{str(tensor.dtype).removeprefix('torch.')} {shape}"
