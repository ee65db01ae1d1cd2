"""The whole network: budget, outputs, gradients, sizes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from napari_pmrnet.network import PMRNet
from napari_pmrnet.network.adaptive_scale import RotationBranch
from napari_pmrnet.network.esconv import SOBEL_X, ESConv

STORED = Path(__file__).with_name("stored_output.npz")


@pytest.fixture
def network() -> PMRNet:
    torch.manual_seed(0)
    return PMRNet().eval()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(1))


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_published_number_of_parameters() -> None:
    assert count(PMRNet(in_channels=3, out_channels=1)) == 867_676


def test_every_further_output_costs_25_parameters() -> None:
    assert count(PMRNet(out_channels=6)) == 867_676 + 5 * 25


def test_published_cost_as_thop_counts_it() -> None:
    thop = pytest.importorskip("thop")
    macs, _ = thop.profile(
        PMRNet().eval(), inputs=(torch.zeros(1, 3, 256, 256),), verbose=False
    )
    assert 3.38e9 <= macs <= 3.48e9


def test_every_parameter_receives_a_gradient(image: torch.Tensor) -> None:
    network = PMRNet()
    network(torch.cat([image, image.flip(3)])).logits.square().sum().backward()
    silent = [
        name
        for name, p in network.named_parameters()
        if p.grad is None or not p.grad.abs().sum() > 0
    ]
    assert silent == []


def test_outputs_and_their_ranges(network: PMRNet, image: torch.Tensor) -> None:
    with torch.no_grad():
        out = network(image, maps=True)
    assert out.logits.shape == (1, 1, 64, 48)
    assert out.certainty.shape == (1, 1, 64, 48)
    sizes = [tuple(gate.shape[-2:]) for gate in out.gates]
    assert sizes == [(64, 48), (32, 24), (16, 12), (64, 48)]
    for field in (out.certainty, *out.gates):
        assert field.min() > 0 and field.max() < 1


def test_maps_do_not_change_the_logits(network: PMRNet, image: torch.Tensor) -> None:
    with torch.no_grad():
        plain, full = network(image), network(image, maps=True)
    assert plain.certainty is None and plain.gates is None
    assert torch.equal(plain.logits, full.logits)


def test_certainty_reads_the_diffusivity(network: PMRNet, image: torch.Tensor) -> None:
    class Constant(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.full_like(x, 0.25)

    with torch.no_grad():
        learned = network(image, maps=True).certainty
        network.pgrf.diffusivity = Constant()
        constant = network(image, maps=True).certainty
    assert learned.std() > 0
    torch.testing.assert_close(constant, torch.full_like(constant, 0.75))


def test_physics_initialisation_survives_construction() -> None:
    network = PMRNet()
    (esconv,) = (m for m in network.modules() if isinstance(m, ESConv))
    branches = [m for m in network.modules() if isinstance(m, RotationBranch)]
    assert torch.equal(
        esconv.gradient_x.weight, SOBEL_X.expand_as(esconv.gradient_x.weight)
    )
    assert torch.equal(
        esconv.gradient_y.weight, SOBEL_X.T.expand_as(esconv.gradient_y.weight)
    )
    assert len(branches) == 9
    for branch in branches:
        first = branch.responses[0].weight
        assert 0.05 < first.std() < 0.15
        for turns, conv in enumerate(branch.responses):
            assert torch.equal(conv.weight, torch.rot90(first, turns, dims=(2, 3)))


@pytest.mark.parametrize("size", [(60, 64), (64, 7), (0, 8)])
def test_other_sizes_are_refused_with_the_size_needed(size: tuple[int, int]) -> None:
    need = " x ".join(str(max(8, -(-n // 8) * 8)) for n in size)
    with pytest.raises(ValueError, match=need):
        PMRNet()(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("part", ["esconv", "memory_bank", "pgrf", "boundary_fusion"])
def test_each_part_can_be_switched_off(part: str, image: torch.Tensor) -> None:
    network = PMRNet(**{part: False}).eval()
    assert count(network) < 867_676
    with torch.no_grad():
        out = network(image, maps=True)
    assert out.logits.shape == (1, 1, 64, 48)
    assert (out.certainty is None) == (part == "pgrf")
    assert (out.gates.full is None) == (part == "boundary_fusion")
    assert (out.gates.esconv is None) == (part == "esconv")


def test_channels_last_gives_the_same(network: PMRNet, image: torch.Tensor) -> None:
    with torch.no_grad():
        expected = network(image).logits
        network.to(memory_format=torch.channels_last)
        actual = network(image.to(memory_format=torch.channels_last)).logits
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


def deterministic_weights(network: nn.Module) -> None:
    """Weights that no random generator of any torch version can move."""
    with torch.no_grad():
        for offset, (name, tensor) in enumerate(network.state_dict().items()):
            if not tensor.is_floating_point():
                continue
            steps = torch.arange(tensor.numel(), dtype=torch.float64)
            wave = torch.sin(steps * (0.7 + 0.01 * offset) + offset).reshape(
                tensor.shape
            )
            if tensor.ndim == 4 and tensor.shape[0] > 1:
                tensor.copy_(2.0 * wave / tensor[0].numel() ** 0.5)
            elif name.endswith(("running_var", "weight")):
                tensor.copy_(1 + 0.3 * wave)
            else:
                tensor.copy_(0.2 * wave)


def stored_example() -> dict[str, np.ndarray]:
    network = PMRNet(out_channels=2).eval()
    deterministic_weights(network)
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(40.0), indexing="ij")
    image = torch.stack([torch.sin(x / 3), torch.cos(y / 5), x * y / 1300])[None]
    with torch.no_grad():
        out = network(image, maps=True)
    return {
        "image": image.numpy(),
        "logits": out.logits.numpy(),
        "certainty": out.certainty.numpy(),
        **{f"gate_{name}": gate.numpy() for name, gate in out.gates._asdict().items()},
    }


def test_stored_output() -> None:
    actual = stored_example()
    with np.load(STORED) as stored:
        assert set(stored) == set(actual)
        for name in stored:
            np.testing.assert_allclose(
                actual[name], stored[name], rtol=2e-4, atol=2e-5, err_msg=name
            )
