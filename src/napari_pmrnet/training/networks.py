"""The networks that can be trained: PMRNet, PMRNet without some part, and baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_pmrnet.errors import DataError
from napari_pmrnet.network import Gates, PMRNet, PMRNetOutput
from napari_pmrnet.pretrained.card import WINDOW, architecture
from napari_pmrnet.pretrained.devices import choose_device
from napari_pmrnet.pretrained.model import Model
from napari_pmrnet.segmentation.scale import LARGE, SMALL
from napari_pmrnet.training.config import TrainConfig

PARTS = {
    "pmrnet": ("esconv", "memory_bank", "pgrf", "boundary_fusion"),
    "unet": (),
    "unetplusplus": (),
    "attention_unet": (),
}
"""Names of the networks, and the parts each can be built without."""

HEAD = ("head.2.weight", "head.2.bias")
"""Weights of PMRNet with a row for each output channel."""

UNET_FEATURES = (64, 128, 256, 512, 1024, 64)
UNETPLUSPLUS_FEATURES = (32, 64, 128, 256, 512, 32)
ATTENTION_CHANNELS = (64, 128, 256, 512, 1024)
HALVINGS = 16
_BUILT_FROM = ("network", "without", "channels")


class LogitsOnly(nn.Module):
    """A network of logits alone, in the place of PMRNet.

    Shapes: (B, 3, H, W) -> logits (B, out_channels, H, W); no maps.

    Parameters
    ----------
    network : Module
        (B, 3, H, W) -> (B, out_channels, H, W).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, maps: bool = False) -> PMRNetOutput:
        return PMRNetOutput(self.network(images))


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
        return BASELINES[config.network](len(config.channels))
    return PMRNet(
        out_channels=len(config.channels), **dict.fromkeys(config.without, False)
    )


def _unet(out_channels: int) -> LogitsOnly:
    """A U-Net of five levels, 64 to 1024 channels, with batch norm."""
    from monai.networks.nets import BasicUNet

    return LogitsOnly(
        BasicUNet(
            spatial_dims=2,
            in_channels=3,
            out_channels=out_channels,
            features=UNET_FEATURES,
            act=("relu", {"inplace": True}),
            norm="batch",
            bias=False,
            upsample="deconv",
        )
    )


class _Padded(nn.Module):
    """A network that halves its input four times, for any size."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        padding = (0, -width % HALVINGS, 0, -height % HALVINGS)
        logits = self.network(F.pad(images, padding, mode="replicate"))
        return logits[..., :height, :width]


class _FirstOf(nn.Module):
    """A network that gives a list, of which the first entry counts."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)[0]


def _unetplusplus(out_channels: int) -> LogitsOnly:
    """A U-Net++ of five levels, 32 to 512 channels, with batch norm."""
    from monai.networks.nets import BasicUNetPlusPlus

    network = BasicUNetPlusPlus(
        spatial_dims=2,
        in_channels=3,
        out_channels=out_channels,
        features=UNETPLUSPLUS_FEATURES,
        act=("relu", {"inplace": True}),
        norm="batch",
        bias=False,
        upsample="deconv",
    )
    return LogitsOnly(_Padded(_FirstOf(network)))


def _attention_unet(out_channels: int) -> LogitsOnly:
    """An attention U-Net of five levels, 64 to 1024 channels."""
    from monai.networks.nets import AttentionUnet

    network = AttentionUnet(
        spatial_dims=2,
        in_channels=3,
        out_channels=out_channels,
        channels=ATTENTION_CHANNELS,
        strides=(2, 2, 2, 2),
    )
    return LogitsOnly(_Padded(network))


BASELINES = {
    "unet": _unet,
    "unetplusplus": _unetplusplus,
    "attention_unet": _attention_unet,
}
"""Networks for comparison, from MONAI: number of outputs to the network."""


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
        "window": WINDOW,
        "working_diameters": [SMALL, LARGE],
        "sha256": "",
    }
    target = choose_device(device)
    network = WithMaps(network).eval().to(target, memory_format=torch.channels_last)
    return Model(path.stem, card, network, target)
