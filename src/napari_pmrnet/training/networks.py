"""The network that is trained, and the weights that it begins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from napari_pmrnet.errors import DataError
from napari_pmrnet.models.model import Model
from napari_pmrnet.network import PMRNet
from napari_pmrnet.training.config import TrainConfig

HEAD = ("head.2.weight", "head.2.bias")
"""Weights of PMRNet with a row for each output channel."""

Build = Callable[[TrainConfig], nn.Module]
"""Makes the untrained network of a configuration.

It maps images (B, 3, H, W) to a `PMRNetOutput` with ``len(config.channels)`` logits.
"""


def build_pmrnet(config: TrainConfig) -> PMRNet:
    """Build the whole PMRNet, untrained, with the channels of a configuration.

    Raises
    ------
    DataError
        If the configuration names another network.
    """
    if not config.is_whole:
        raise DataError(
            "the plugin can use the whole PMRNet only: leave 'network' and 'without' "
            "out of the settings."
        )
    return PMRNet(out_channels=len(config.channels))


def take_weights(network: nn.Module, channels: Sequence[str], parent: Model) -> None:
    """Let a network begin with the weights of a trained one.

    Parameters
    ----------
    network : Module
        A whole PMRNet; changed in place.
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
