"""Weights are verified, found by name or path, and never unpickled."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_pmrnet.errors import PMRNetError, WeightsError
from napari_pmrnet.models import available_models, load_model, shared_model
from napari_pmrnet.models.backends import devices
from napari_pmrnet.models.card import new_card
from napari_pmrnet.models.weights import save_model
from napari_pmrnet.network import PMRNet


@pytest.fixture
def copied(weights: Path, tmp_path: Path) -> Path:
    """A copy of the weights and card that a test may spoil."""
    for suffix in (".safetensors", ".json"):
        shutil.copy(weights.with_suffix(suffix), tmp_path)
    return tmp_path / weights.name


def test_loaded_network_is_the_saved_one(weights: Path) -> None:
    model = load_model(weights, "cpu")
    assert model.name == "untrained" and model.tile == 32 and model.overlap == 16
    assert not model.network.training and str(model.device) == "cpu"
    torch.manual_seed(0)
    expected = PMRNet(out_channels=3).stem[0][0].weight
    torch.testing.assert_close(model.network.stem[0][0].weight, expected)


def test_predicted_windows_are_the_network_s_maps(weights: Path) -> None:
    model = load_model(weights, "cpu")
    tiles = np.random.default_rng(0).random((2, 3, 64, 64), np.float32)
    maps = model.predict_tiles(tiles, extra=True)
    names = model.map_names(extra=True)
    assert maps.shape == (2, len(names), 64, 64) and maps.dtype == np.float32
    with torch.no_grad():
        out = model.network(torch.from_numpy(tiles), maps=True)
    expected = {
        "probability": torch.sigmoid(out.logits[:, 0]),
        "flow_y": out.logits[:, 1],
        "boundary": out.gates.full[:, 0],
        "pgrf": out.certainty[:, 0],
        "esconv": out.gates.esconv[:, 0],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(
            maps[:, names.index(name)], values, atol=2e-5, err_msg=name
        )


def test_a_copy_on_another_device_leaves_the_model_where_it_is(weights: Path) -> None:
    model = load_model(weights, "cpu")
    moved = model.to("meta")
    assert moved.device.type == "meta" and moved.network.stem[1].weight.is_meta
    assert model.device.type == "cpu" and not model.network.stem[1].weight.is_meta


def test_altered_weights_are_refused(copied: Path) -> None:
    content = bytearray(copied.read_bytes())
    content[-1] ^= 1
    copied.write_bytes(content)
    with pytest.raises(WeightsError, match="SHA-256") as caught:
        load_model(copied)
    assert str(copied) in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_model(path, {"conv.weight": torch.zeros(3)}, new_card(["probability"]))
    with pytest.raises(WeightsError, match=r"other\.safetensors does not hold"):
        load_model(path)


def test_missing_card_weights_and_models_are_named(copied: Path) -> None:
    copied.with_suffix(".json").write_text("[not a card")
    with pytest.raises(WeightsError, match="not a model card: it is not JSON"):
        load_model(copied)
    copied.with_suffix(".json").write_text(json.dumps({"sha256": ""}))
    with pytest.raises(WeightsError, match="not a model card"):
        load_model(copied)
    copied.with_suffix(".json").unlink()
    with pytest.raises(WeightsError, match="has no model card"):
        load_model(copied)
    copied.unlink()
    with pytest.raises(WeightsError, match="does not exist"):
        load_model(copied)
    with pytest.raises(WeightsError, match="There is no model 'nonesuch'"):
        load_model("nonesuch")


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({}, path)
    with pytest.raises(WeightsError, match="can run code"):
        load_model(path)


def test_a_device_that_is_not_there_is_refused(weights: Path) -> None:
    with pytest.raises(PMRNetError, match=r"no device 'cuda:9'.*cpu"):
        load_model(weights, "cuda:9")


def test_devices_are_listed_with_automatic_first() -> None:
    values = [value for value, _ in devices.available_devices()]
    assert values[0] == "auto" and values[-1] == "cpu"


def test_advice_names_the_gpu_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices, "_nvidia_gpu", lambda: None)
    assert devices.device_advice() is None
    monkeypatch.setattr(devices, "_nvidia_gpu", lambda: "NVIDIA RTX 4090")
    advice = devices.device_advice()
    assert "NVIDIA RTX 4090" in advice and "-m pip install" in advice


def test_listing_models_does_not_import_torch() -> None:
    code = (
        "import sys; from napari_pmrnet.models import available_models;"
        "available_models(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif("nuclei" not in available_models(), reason="no shipped weights yet")
def test_shipped_weights_load_and_their_card_is_complete() -> None:
    model = load_model("nuclei", "cpu")
    assert model.channels[0] == "probability" and "flow_y" in model.channels
    assert {"architecture", "window", "data", "training", "val", "licences"} <= set(
        model.card.document
    )
    assert {"code", "weights"} == set(model.card.licences)
    assert model.card.data["split"] == "split" and model.card.data["sha256"]


@pytest.mark.parametrize("axis", [2, 3])
def test_with_flips_a_flipped_window_has_flipped_maps(weights: Path, axis: int) -> None:
    model = load_model(weights, "cpu")
    tiles = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    maps = model.predict_tiles(tiles, flips=True)
    back = np.flip(model.predict_tiles(np.flip(tiles, axis).copy(), flips=True), axis)
    signs = np.ones((1, len(model.map_names()), 1, 1))
    signs[0, model.channels.index("flow_y" if axis == 2 else "flow_x")] = -1
    np.testing.assert_allclose(back * signs, maps, atol=1e-5)
    assert not np.allclose(model.predict_tiles(tiles), maps, atol=1e-3)


def test_a_model_asked_for_again_is_the_same(copied: Path) -> None:
    first = shared_model(copied, "cpu")
    assert shared_model(copied, "cpu") is first
    assert shared_model(copied, "auto") is not first


def test_a_model_that_changed_on_disk_is_loaded_anew(copied: Path) -> None:
    first = shared_model(copied, "cpu")
    state = dict(first.network.state_dict())
    state["head.2.bias"] = state["head.2.bias"] + 1
    save_model(copied, state, first.card, overwrite=True)
    again = shared_model(copied, "cpu")
    assert again is not first
    assert torch.equal(again.network.head[2].bias, first.network.head[2].bias + 1)


def test_a_model_that_went_is_missed(copied: Path) -> None:
    shared_model(copied, "cpu")
    copied.with_suffix(".json").unlink()
    with pytest.raises(WeightsError, match="no model card"):
        shared_model(copied, "cpu")


def test_a_model_whose_device_is_gone_is_made_from_its_weights(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise RuntimeError("CUDA error: the GPU is lost")

    model = load_model(weights, "cpu", "pytorch")
    tiles = np.random.default_rng(0).random((1, 3, 32, 32), np.float32)
    expected = model.predict_tiles(tiles)
    monkeypatch.setattr(torch.nn.Module, "__deepcopy__", lost, raising=False)
    other = model.to("cpu")
    assert other is not model and other.network is not model.network
    with pytest.raises(RuntimeError, match="lost"):
        replace(model, weights=model.network).to("cpu")
    monkeypatch.undo()
    np.testing.assert_array_equal(other.predict_tiles(tiles), expected)
