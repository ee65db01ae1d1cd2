"""PMRNet without some part, and baselines: built, trained and read as PMRNet is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_pmrnet._software import needs
from napari_pmrnet.datasets.base import OpenedDataset
from napari_pmrnet.errors import DataError
from napari_pmrnet.models.backends.devices import channels_last, choose_device
from napari_pmrnet.models.card import new_card
from napari_pmrnet.models.model import Model
from napari_pmrnet.network import Gates, PMRNet, PMRNetOutput
from napari_pmrnet.research.baselines import BASELINES, LogitsOnly
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.train import (
    data_hashes,
    make_trainer,
    one_training,
    refuse_others_files,
    training_data,
)
from napari_pmrnet.training.trainer import EpochReport

PARTS = {
    "pmrnet": ("esconv", "memory_bank", "pgrf", "boundary_fusion"),
    **dict.fromkeys(BASELINES, ()),
}
"""Names of the networks, and the parts each can be built without."""

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
    """Build the untrained network that a configuration names.

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
        with needs("research", f"The network {config.network}"):
            return LogitsOnly(BASELINES[config.network](len(config.channels)))
    return PMRNet(
        out_channels=len(config.channels), **dict.fromkeys(config.without, False)
    )


def train_for_comparison(
    train_set: OpenedDataset,
    val_set: OpenedDataset,
    checkpoint: Path,
    config: TrainConfig,
    *,
    device: str = "cpu",
    compiled: bool = False,
    report: Callable[[EpochReport], None] = lambda _: None,
    preparing: Callable[[int, int], None] | None = None,
) -> float:
    """Train a network of `build_network`, which leaves no weights for the plugin.

    Parameters
    ----------
    train_set, val_set, config, device, compiled, report, preparing
        As for `training.train.train`.
    checkpoint : Path
        The ``.ckpt`` file to write, with a CSV log beside it. If it exists, training
        goes on from it.

    Returns
    -------
    float
        The best validation Dice.

    Raises
    ------
    DataError
        If the data set is faulty, the checkpoint has other settings, there is no such
        network, or a file of another ending is to be written.
    """
    if checkpoint.suffix != ".ckpt":
        raise DataError(
            f"{checkpoint}: the plugin can use the whole PMRNet only. To train "
            "another network for comparison, name an output that ends in .ckpt."
        )
    with one_training(checkpoint):
        refuse_others_files(checkpoint)
        trainer = make_trainer(
            training_data(train_set, val_set, preparing, config),
            config,
            checkpoint,
            device,
            compiled=compiled,
            build=build_network,
            data=data_hashes(train_set, val_set),
        )
        trainer.run(report)
        return trainer.best_dice


def load_checkpoint(path: Path, device: str = "cpu") -> Model:
    """Load the network of a training checkpoint at its best epoch, with every map.

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
    card = new_card(config.channels, **config.card_fields())
    target = choose_device(device)
    network = channels_last(WithMaps(network).eval(), target)
    return Model(path.stem, card, network, target)
