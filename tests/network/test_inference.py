"""The inference form gives what the network gives, in fewer passes."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained
from napari_pmrnet.models import load_model
from napari_pmrnet.network import PMRNet, PMRNetOutput
from napari_pmrnet.network.inference import inference_form
from napari_pmrnet.segmentation.plane import prepare

PARTS = ("esconv", "memory_bank", "pgrf", "boundary_fusion")
DSB18 = os.environ.get("PMRNET_DSB18")


def trained_looking(**parts: bool) -> PMRNet:
    """A network whose BatchNorms have learned something, negative scales included."""
    torch.manual_seed(0)
    network = PMRNet(out_channels=3, **parts).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(-0.4, 1.5)
                module.bias.normal_(0, 0.2)
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
    return network


def planes(output: PMRNetOutput) -> dict[str, torch.Tensor]:
    """Every map of an output that is there, logits as probabilities."""
    gates = {} if output.gates is None else output.gates._asdict()
    maps = {"probability": torch.sigmoid(output.logits), "pgrf": output.certainty}
    return {name: m for name, m in (maps | gates).items() if m is not None}


def assert_same(network: nn.Module, image: torch.Tensor, atol: float) -> None:
    with torch.inference_mode():
        expected = planes(network(image, maps=True))
        actual = planes(inference_form(network)(image, maps=True))
    assert set(actual) == set(expected)
    for name, values in expected.items():
        torch.testing.assert_close(
            actual[name], values, atol=atol, rtol=0, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("without", [(), *[(p,) for p in PARTS], PARTS], ids=str)
def test_any_network_without_any_part_stays_the_same(without: tuple[str, ...]) -> None:
    image = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(1))
    assert_same(trained_looking(**dict.fromkeys(without, False)), image, 2e-5)


def test_no_batch_norm_or_dropout_is_left_and_the_network_is() -> None:
    network = trained_looking().train()
    before = {name: t.clone() for name, t in network.state_dict().items()}
    fast = inference_form(network)
    gone = (nn.BatchNorm2d, nn.Dropout2d)
    assert not [m for m in fast.modules() if isinstance(m, gone)]
    assert not any(p.requires_grad for p in fast.parameters()) and not fast.training
    assert network.training and all(p.requires_grad for p in network.parameters())
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_logits_alone_carry_no_maps() -> None:
    with torch.inference_mode():
        out = inference_form(trained_looking())(torch.rand(1, 3, 32, 32))
    assert out.gates is None and out.certainty is None


@pytest.mark.parametrize("make", [make_fluorescence, make_stained])
def test_shipped_weights_agree_on_pictures(make) -> None:
    tile = torch.from_numpy(prepare(make((256, 256), seed=3)[0]))[None]
    assert_same(load_model("nuclei", "cpu").network, tile, 1e-4)


@pytest.mark.skipif(not DSB18, reason="PMRNET_DSB18 does not name the data")
def test_shipped_weights_agree_on_real_images() -> None:
    network, dataset = load_model("nuclei", "cpu").network, PackedDataset(Path(DSB18))
    for image_id in dataset.ids[::70]:
        image = prepare(dataset.load(image_id)[0])[:, :256, :256]
        missing = [(0, 0), *((0, 256 - n) for n in image.shape[1:])]
        tile = torch.from_numpy(np.pad(image, missing, mode="reflect"))[None]
        assert_same(network, tile, 1e-4)
