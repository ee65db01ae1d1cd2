"""The network that is trained, and the weights that it begins with."""

from pathlib import Path

import pytest
import torch

from napari_pmrnet.errors import DataError
from napari_pmrnet.models.model import load_model
from napari_pmrnet.network import PMRNet
from napari_pmrnet.research.networks import PARTS, build_network
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.networks import build_pmrnet, take_weights
from napari_pmrnet.training.targets import CHANNELS

UNET = TrainConfig(network="unet")
WITHOUT = [TrainConfig(without=(part,)) for part in PARTS["pmrnet"]]


def image(size: int) -> torch.Tensor:
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_the_plugin_is_trained_no_other_network() -> None:
    assert isinstance(build_pmrnet(TrainConfig()), PMRNet)
    for config in (UNET, *WITHOUT):
        with pytest.raises(DataError, match="the whole PMRNet only"):
            build_pmrnet(config)


def test_a_network_begins_with_the_weights_of_a_trained_one(tmp_path: Path) -> None:
    parent = load_model("nuclei", "cpu")
    network = build_network(TrainConfig()).eval()
    kept = [name for name in CHANNELS if name not in parent.channels]
    at = [CHANNELS.index(name) for name in kept]
    random = network.state_dict()["head.2.weight"][at].clone()
    take_weights(network, CHANNELS, parent)
    with torch.no_grad():
        ours, theirs = network(image(32)).logits, parent.network(image(32)).logits
    for row, name in enumerate(parent.channels):
        torch.testing.assert_close(ours[:, CHANNELS.index(name)], theirs[:, row])
    assert kept == ["border", "distance"]
    torch.testing.assert_close(network.state_dict()["head.2.weight"][at], random)
    with torch.no_grad():
        network.head[2].weight.zero_()
    assert parent.network.head[2].weight.abs().sum() > 0
