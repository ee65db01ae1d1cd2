"""Networks of other papers."""

import pytest
import torch
from torch import nn

from napari_pmrnet.research.baselines import HALVINGS, LogitsOnly
from napari_pmrnet.research.networks import build_network
from napari_pmrnet.training.config import TrainConfig


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("unetplusplus", 8e6, 12e6), ("attention_unet", 30e6, 40e6)],
)
def test_baselines_take_any_size(name: str, low: float, high: float) -> None:
    network = build_network(TrainConfig(network=name, channels=("probability",)))
    assert low < count(network) < high
    with torch.inference_mode():
        logits = network.eval()(torch.rand(1, 3, 40, 56)).logits
    assert logits.shape == (1, 1, 40, 56)


def test_any_size_is_padded_to_what_the_network_halves_and_cut_again() -> None:
    class Doubling(nn.Module):
        def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
            self.seen = images.shape[-2:]
            return [2 * images[:, :1], images]

    network, images = Doubling(), torch.rand(1, 3, 33, 64)
    with torch.no_grad():
        out = LogitsOnly(network)(images)
    assert all(side % HALVINGS == 0 and side < 33 + 64 for side in network.seen)
    assert torch.equal(out.logits, 2 * images[:, :1]), "of several outputs, the first"
