"""Weights saved with their card, and checked against it."""

import re
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save

from napari_pmrnet.models.card import CARD_VERSION, LICENCES, new_card, read_card
from napari_pmrnet.models.weights import expected_state, save_model, state_fault
from napari_pmrnet.network import PMRNet

NAME = "stem.0.0.weight"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return PMRNet(out_channels=3).state_dict()


def test_a_network_on_the_meta_device_has_the_shapes_of_a_real_one() -> None:
    real = PMRNet(3, 2).state_dict()
    bare = expected_state(2)
    assert bare.keys() == real.keys()
    for name, tensor in bare.items():
        assert tensor.shape == real[name].shape and tensor.dtype == real[name].dtype


def test_weights_come_back_with_a_card_of_their_hash(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    flipped = {
        name: t.transpose(-1, -2) if t.ndim == 4 else t for name, t in state.items()
    }
    written = save_model(
        path, flipped, new_card(("probability", "flow_y", "flow_x"), window=64)
    )
    assert written == read_card(path)
    assert written.sha256 == sha256(path.read_bytes()).hexdigest()
    assert written.name == "mine" and written.licences == LICENCES
    assert written.document["card_version"] == CARD_VERSION
    for name, tensor in load_file(path).items():
        assert torch.equal(tensor, flipped[name]), name
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "mine.json",
        "mine.safetensors",
    ]


def test_what_a_card_states_stays_but_for_the_hash(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    card = new_card(
        ("probability",), name="given", licences={"weights": "MIT"}, sha256="0" * 64
    )
    written = save_model(tmp_path / "file.safetensors", state, card)
    assert written.name == "given" and written.licences == {"weights": "MIT"}
    assert written.sha256 != "0" * 64


def test_weights_of_the_network_have_no_fault(state: dict[str, torch.Tensor]) -> None:
    assert state_fault(save(state), 3) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda s: s.pop(NAME), "1 of [0-9]+ tensors are missing"),
        (lambda s: s.update(evil=torch.zeros(1)), "1 are not of it, such as 'evil'"),
        (lambda s: s.update({"x" * 90: torch.zeros(1)}), f"'{'x' * 60}'$"),
        (lambda s: s.update({NAME: s[NAME].half()}), "is float16 3 x 1 x 3 x 3 where"),
        (lambda s: s.update({NAME: torch.zeros(())}), "is float32 one number where"),
        (lambda s: s.update({NAME: s[NAME] / 0}), f"infinite values in {NAME}"),
    ],
)
def test_faults_are_named(state: dict[str, torch.Tensor], change, fault: str) -> None:
    spoilt = dict(state)
    change(spoilt)
    assert re.search(fault, str(state_fault(save(spoilt), 3)))


def test_other_channels_and_other_files_are_faults(
    state: dict[str, torch.Tensor],
) -> None:
    assert "another network: head.2.weight" in str(state_fault(save(state), 2))
    for content in (b"", b"\x80\x04pickle", save(state)[:-7]):
        assert str(state_fault(content, 3)).startswith("are no safetensors file")
