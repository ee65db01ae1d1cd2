"""What comes from elsewhere is refused in a sentence, or is as its card says."""

import json
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.models import importing
from napari_pmrnet.models.card import card_path
from napari_pmrnet.models.user_models import import_model


def respell(source: Path, **fields: Any) -> None:
    """Change fields of a card."""
    path = card_path(source)
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def restate(source: Path, state: dict[str, torch.Tensor]) -> None:
    """Put other weights in, with the right hash."""
    content = save(state)
    source.write_bytes(content)
    respell(source, sha256=sha256(content).hexdigest())


def pack(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(path: Path, library: Path, reason: str) -> None:
    """Assert that a file is refused in one sentence, and nothing is kept."""
    with pytest.raises(WeightsError, match=reason) as caught:
        import_model(path, "new")
    text = str(caught.value)
    assert str(path) in text and text.endswith(".") and "\n" not in text
    assert not library.exists()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sha256": "0" * 64}, "not those that its card describes"),
        ({"sha256": None}, "names no SHA-256"),
        ({"architecture": None}, "describes no network"),
        ({"architecture": {"name": "U-Net"}}, "not known here"),
        ({"architecture": {"in_channels": True}}, "input channels"),
        ({"window": 100}, "no multiple of 8"),
        ({"window": "256"}, "no multiple of 8"),
        ({"overlap": 64}, "overlap"),
        ({"thresholds": {"probability_threshold": 7}}, "out of bounds"),
        ({"thresholds": {"probability_threshold": "high"}}, "no numbers"),
        ({"certainty": {"pgrf": 1.0}}, "'certainty'"),
        ({"suggestions": {"merge": [1]}}, "suggestions"),
        ({"working_diameters": [40, 20]}, "diameters"),
    ],
)
def test_a_card_that_is_not_right_is_refused(
    source: Path, library: Path, fields: dict[str, Any], reason: str
) -> None:
    respell(source, **fields)
    refused(source, library, reason)


@pytest.mark.parametrize(
    ("channels", "reason"),
    [
        (["probability"], "another network: head.2.weight is float32 3 x"),
        ([], "1 to 16"),
        (["probability"] * 3, "twice"),
        (["probability", "a/b", "c"], "plain words"),
        (["border", "flow_y", "flow_x"], "'probability'"),
        (["probability", "flow_y", "x"], "without the other"),
    ],
)
def test_channels_that_do_not_fit_are_refused(
    source: Path, library: Path, channels: list[str], reason: str
) -> None:
    respell(source, architecture={"in_channels": 3, "channels": channels})
    refused(source, library, reason)


def test_weights_that_are_not_right_are_refused(source: Path, library: Path) -> None:
    state = load_file(source)
    name = "stem.0.0.weight"
    broken = {**state, name: state[name].clone()}
    broken[name][0, 0, 0, 0] = float("nan")
    restate(source, broken)
    refused(source, library, f"NaN or infinite values in {name}")
    restate(source, {**state, name: state[name].half()})
    refused(source, library, "is float16 3 x 1 x 3 x 3 where")
    restate(source, {k: v for k, v in state.items() if k != name})
    refused(source, library, f"1 of {len(state)} tensors are missing")
    restate(source, {**state, "evil": torch.zeros(1)})
    refused(source, library, "1 are not of it, such as 'evil'")
    source.write_bytes(b"\x80\x04pickle")
    respell(source, sha256=sha256(source.read_bytes()).hexdigest())
    refused(source, library, "no safetensors file")


def test_files_of_other_kinds_and_without_a_card_are_refused(
    source: Path, library: Path, tmp_path: Path
) -> None:
    torch.save({}, tmp_path / "w.pt")
    refused(tmp_path / "w.pt", library, "neither a .safetensors file nor a .zip")
    refused(tmp_path / "no.zip", library, "no such file")
    deep = '{"a": ' * 980 + "1" + "}" * 980
    for text in ('{"window": NaN}', '{"window": 1e999}', "[" * 100_000, deep, ""):
        card_path(source).write_text(text)
        refused(source, library, "is not JSON")
    card_path(source).write_text("[1]")
    refused(source, library, "holds no fields")
    card_path(source).unlink()
    refused(source, library, "untrained.json is not beside it")


def test_zips_that_are_no_export_are_refused(
    source: Path, library: Path, tmp_path: Path
) -> None:
    weights, card = source.read_bytes(), card_path(source).read_bytes()
    path = tmp_path / "m.zip"
    for members, reason in (
        ({}, "one .safetensors file and one .json"),
        ({"m.safetensors": weights}, "one .safetensors file and one .json"),
        ({"m.safetensors": weights, "m.json": card, "n.json": card}, "no more"),
        ({"m.safetensors": weights, "m.json": card, "run.py": b""}, "'run.py'"),
        ({"../m.safetensors": weights, "m.json": card}, "files in folders"),
        ({"..\\m.safetensors": weights, "m.json": card}, "files in folders"),
    ):
        refused(pack(path, **members), library, reason)
    path.write_bytes(b"PK no zip")
    refused(path, library, "no zip file that can be read")
    content = pack(path, **{"m.safetensors": weights, "m.json": card}).read_bytes()
    path.write_bytes(content[:100] + b"\0" * 100 + content[200:])
    refused(path, library, "no zip file that can be read")


def test_a_zip_bomb_is_never_unpacked(
    source: Path, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = card_path(source).read_bytes()
    most = importing.MOST_WEIGHTS
    bomb = pack(
        tmp_path / "b.zip", **{"b.safetensors": b"\0" * (most + 1), "b.json": card}
    )
    assert bomb.stat().st_size < most / 500
    refused(bomb, library, "larger than 64 MB")
    # A directory that understates the size of what it leads to.
    monkeypatch.setattr(importing, "MOST_WEIGHTS", 1000)
    small = pack(tmp_path / "s.zip", **{"b.safetensors": b"\0" * 1001, "b.json": card})
    lying = small.read_bytes().replace((1001).to_bytes(4, "little"), b"\x01\0\0\0")
    small.write_bytes(lying)
    refused(small, library, "cannot be imported")
    monkeypatch.setattr(importing, "MOST_CARD", 10)
    refused(source, library, "larger than")
