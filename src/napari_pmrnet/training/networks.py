"""The networks that can be trained: PMRNet, PMRNet without some part, and baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_pmrnet._software import needs
from napari_pmrnet.errors import DataError
from napari_pmrnet.models.backends.devices import choose_device
from napari_pmrnet.models.card import TILE, architecture
from napari_pmrnet.models.model import Model
from napari_pmrnet.network import Gates, PMRNet, PMRNetOutput
from napari_pmrnet.research.baselines import BASELINES, LogitsOnly
from napari_pmrnet.training.config import TrainConfig

PARTS = {
    "pmrnet": ("esconv", "memory_bank", "pgrf", "boundary_fusion"),
    **dict.fromkeys(BASELINES, ()),
}
"""Names of the networks, and the parts each can be built without."""

HEAD = ("head.2.weight", "head.2.bias")
"""Weights of PMRNet with a row for each output channel."""

_BUILT_FROM = ("network", "without", "channels", "labels", "classes")


class WithMaps(nn.Module):
    """A network with constants for the maps it lacks: certainty 1, gates 0.

    What reads the maps of a whole PMRNet then reads those of any network.

    Shapes: as PMRNet's.

    Parameters
    ----------
    network : Module
        Of `build_network`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, maps: bool = False) -> PMRNetOutput:
        logits, certainty, gates = self.network(images, maps)
        if not maps:
            return PMRNetOutput(logits)
        batch, _, height, width = images.shape
        if certainty is None:
            certainty = logits.new_ones(batch, 1, height, width)
        filled = [
            logits.new_zeros(batch, 1, height // step, width // step)
            if gate is None
            else gate
            for gate, step in zip(gates or [None] * 4, (1, 2, 4, 1), strict=True)
        ]
        return PMRNetOutput(logits, certainty, Gates(*filled))


def build_network(config: TrainConfig) -> nn.Module:
    """The untrained network that a configuration names.

    Parameters
    ----------
    config : TrainConfig
        Its ``network``, ``without`` and ``channels`` are read.

    Returns
    -------
    Module
        (B, 3, H, W) -> `PMRNetOutput` with ``len(config.channels)`` logits.

    Raises
    ------
    DataError
        If there is no such network, or it has no such part; names those there are.
    """
    if config.network not in PARTS:
        raise DataError(
            f"there is no network '{config.network}'. Choose one of: "
            f"{', '.join(PARTS)}."
        )
    parts = PARTS[config.network]
    for name in config.without:
        if name not in parts:
            raise DataError(
                f"{config.network} cannot be built without '{name}'. What can be left "
                f"out: {', '.join(parts) or 'nothing'}."
            )
    if config.network in BASELINES:
        with needs("baselines", f"The network {config.network}"):
            return LogitsOnly(BASELINES[config.network](len(config.channels)))
    return PMRNet(
        out_channels=len(config.channels), **dict.fromkeys(config.without, False)
    )


def take_weights(network: nn.Module, channels: Sequence[str], parent: Model) -> None:
    """Let a network begin with the weights of a trained one.

    Parameters
    ----------
    network : Module
        A whole PMRNet of `build_network`; changed in place.
    channels : sequence of str
        Names of its outputs. Those that `parent` lacks keep their random weights.
    parent : Model
    """
    state = parent.network.state_dict()
    own = network.state_dict()
    theirs = [
        parent.channels.index(name) for name in channels if name in parent.channels
    ]
    rows = [i for i, name in enumerate(channels) if name in parent.channels]
    for name in HEAD:
        filled = own[name].clone()
        filled[rows] = state[name].cpu()[theirs]
        state[name] = filled
    network.load_state_dict(state)


def load_checkpoint(path: Path, device: str = "cpu") -> Model:
    """The network of a training checkpoint at its best epoch, with every map.

    Parameters
    ----------
    path : Path
        The ``.ckpt`` file of a training run, of any network of `build_network`.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Returns
    -------
    Model
        With all the channels it was trained with, and no calibration of certainty.
    """
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    named = {k: v for k, v in state["config"].items() if k in _BUILT_FROM}
    config = TrainConfig.from_dict(named)
    network = build_network(config)
    network.load_state_dict(state["best_state"])
    card = {
        "architecture": architecture(config.channels),
        "window": TILE,
        **config.card_fields(),
        "sha256": "",
    }
    target = choose_device(device)
    network = WithMaps(network).eval().to(target, memory_format=torch.channels_last)
    return Model(path.stem, card, network, target)
