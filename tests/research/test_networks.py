"""Networks for comparison: built, trained and read as PMRNet is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from napari_pmrnet.errors import DataError
from napari_pmrnet.models.card import new_card
from napari_pmrnet.models.model import Model
from napari_pmrnet.network import PMRNet
from napari_pmrnet.research.networks import (
    PARTS,
    WithMaps,
    build_network,
    load_checkpoint,
)
from napari_pmrnet.segmentation import Settings, segment
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.data import CropSource, make_sample
from napari_pmrnet.training.targets import CHANNELS
from napari_pmrnet.training.trainer import Trainer

UNET = TrainConfig(network="unet")
WITHOUT = [TrainConfig(without=(part,)) for part in PARTS["pmrnet"]]
ALL_GONE = TrainConfig(without=PARTS["pmrnet"])
TINY = {
    "epochs": 1,
    "batch_size": 2,
    "crop_size": 32,
    "finish_epochs": 0,
    "validate_every": 1,
    "autocast": "off",
}


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def image(size: int) -> torch.Tensor:
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1))


def name(config: TrainConfig) -> str:
    return "-".join(config.without) or config.network


@pytest.fixture(scope="module")
def unet() -> nn.Module:
    return build_network(UNET).eval()


def as_model(network: nn.Module) -> Model:
    card = new_card(CHANNELS)
    return Model("test", card, WithMaps(network).eval(), torch.device("cpu"))


def tiny_trainer(config: TrainConfig, checkpoint: Path) -> Trainer:
    labels = np.zeros((40, 40), np.int32)
    labels[8:28, 10:30] = 1
    sample = make_sample((labels * 180).astype(np.uint8), labels)
    source = CropSource([sample] * 4, np.full(4, 0.25), config.augmentation, 0)
    return Trainer(config, source, [], checkpoint, build=build_network)


@pytest.mark.parametrize("config", [*WITHOUT, ALL_GONE], ids=name)
def test_every_part_can_be_left_out(config: TrainConfig) -> None:
    assert count(build_network(config)) < count(build_network(TrainConfig()))


def test_the_whole_network_is_the_published_one() -> None:
    network = build_network(TrainConfig(channels=("probability",)))
    assert isinstance(network, PMRNet) and count(network) == 867_676


def test_the_unet_is_the_standard_one(unet: nn.Module) -> None:
    assert 31e6 < count(unet) < 35e6
    with torch.no_grad():
        out, whole = unet(image(32), maps=True), build_network(TrainConfig())(image(32))
    assert out.logits.shape == whole.logits.shape == (1, len(CHANNELS), 32, 32)
    assert out.certainty is None and out.gates is None


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        (TrainConfig(network="unetr"), "pmrnet, unet"),
        (TrainConfig(without=("gate",)), "esconv, memory_bank, pgrf, boundary_fusion"),
        (TrainConfig(network="unet", without=("pgrf",)), "nothing"),
    ],
)
def test_unknown_names_are_refused_with_those_there_are(
    config: TrainConfig, choice: str
) -> None:
    with pytest.raises(DataError, match=choice):
        build_network(config)


def test_maps_that_are_there_stay() -> None:
    network = build_network(TrainConfig()).eval()
    with torch.no_grad():
        plain, filled = (n(image(32), maps=True) for n in (network, WithMaps(network)))
        assert WithMaps(network)(image(32)).gates is None
    assert torch.equal(filled.certainty, plain.certainty)
    assert all(map(torch.equal, filled.gates, plain.gates))


def test_absent_maps_are_constants(unet: nn.Module) -> None:
    for network in (unet, build_network(ALL_GONE).eval()):
        with torch.no_grad():
            out = WithMaps(network)(image(32), maps=True)
        assert out.certainty.shape == (1, 1, 32, 32) and (out.certainty == 1).all()
        assert [gate.shape[-1] for gate in out.gates] == [32, 16, 8, 32]
        assert all(gate.shape[1] == 1 and not gate.any() for gate in out.gates)


def test_windows_have_every_map_by_name(unet: nn.Module) -> None:
    constant = {"boundary": 0, "pgrf": 1, "gate_half": 0, "gate_quarter": 0}
    for network in (unet, build_network(ALL_GONE)):
        model = as_model(network)
        maps = model.predict_tiles(image(32).numpy(), extra=True)
        named = dict(zip(model.map_names(extra=True), maps[0], strict=True))
        assert maps.shape[-2:] == (32, 32) and named["probability"].std() > 0
        for which, value in constant.items():
            assert (named[which] == value).all(), which


def test_an_ablated_network_is_trained_kept_and_read_back(tmp_path: Path) -> None:
    config = TrainConfig(**TINY, without=("pgrf", "boundary_fusion"))
    trainer = tiny_trainer(config, tmp_path / "w.ckpt")
    trainer.run(lambda _: None)
    model = load_checkpoint(tmp_path / "w.ckpt")
    with torch.no_grad():
        expected = trainer.average.module.eval()(image(32)).logits
        torch.testing.assert_close(model.network(image(32)).logits, expected)
    assert model.name == "w" and model.channels == CHANNELS
    picture = np.arange(1600, dtype=np.float32).reshape(40, 40)
    result = segment(picture, Settings(diameter=24), model, extra_maps=True)
    assert (result.maps["pgrf"] == 1).all() and not result.maps["boundary"].any()
    assert tiny_trainer(config, tmp_path / "w.ckpt").epoch == 1
    with pytest.raises(DataError, match="other settings"):
        tiny_trainer(replace(config, without=()), tmp_path / "w.ckpt")


def test_checkpoints_of_earlier_versions_are_read(tmp_path: Path) -> None:
    network = build_network(TrainConfig())
    config = {"channels": list(CHANNELS), "augmentation": {"of old": 1.0}}
    state = {"config": config, "best_state": network.state_dict()}
    torch.save(state, tmp_path / "w.ckpt")
    with torch.no_grad():
        expected = network.eval()(image(32)).logits
        read = load_checkpoint(tmp_path / "w.ckpt").network(image(32)).logits
    torch.testing.assert_close(read, expected)


@pytest.mark.slow
def test_the_unet_is_trained_kept_and_read_back(tmp_path: Path) -> None:
    trainer = tiny_trainer(replace(UNET, **TINY), tmp_path / "w.ckpt")
    trainer.run(lambda _: None)
    model = load_checkpoint(tmp_path / "w.ckpt")
    with torch.no_grad():
        expected = trainer.average.module.eval()(image(32)).logits
        torch.testing.assert_close(model.network(image(32)).logits, expected)
    assert tiny_trainer(trainer.config, tmp_path / "w.ckpt").epoch == 1
