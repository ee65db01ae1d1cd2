"""A training from the command line: what it reads, leaves out, refuses and writes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import run_main

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.models.card import ModelCard, new_card


def test_train_stops_at_a_fault_when_strict(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for name in "tvx":
        (data / "images" / f"{name}.png").write_bytes(b"junk")
    command = ("train", "--data", data, "--output", data / "w.safetensors", "--strict")
    assert run_main(*command, monkeypatch=monkeypatch) == 1
    said = capsys.readouterr().err
    assert "t.png: not a PNG" in said and "v.png: not a PNG" in said
    assert "x.png" not in said and not (data / "w.safetensors").exists()


def test_train_leaves_out_a_modality_and_says_so(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with (data / "split.csv").open("a") as table:
        table.write("dark,train,h\ngone,val,f\n")
    config, output = data / "config.json", data / "w.safetensors"
    config.write_text(
        json.dumps({"finish_epochs": 0, "batch_size": 1, "crop_size": 32})
    )
    command = ("train", "--data", data, "--output", output, "--config", config)
    command += ("--epochs", 1, "--device", "cpu", "--leave-out")
    assert run_main(*command, "g", monkeypatch=monkeypatch) == 1
    assert "has no row 'g'. It has: f, h" in capsys.readouterr().err
    monkeypatch.setattr(
        "napari_pmrnet.training.train.finish",
        lambda *_, **__: new_card(("probability",), val={"Dice": 0.5}),
    )
    assert not run_main(*command, "h", monkeypatch=monkeypatch)
    fault, count = capsys.readouterr().err.splitlines()
    assert fault.startswith("gone: listed in")
    assert count == "1 problem; 1 of 3 images is left out."
    made = json.loads(output.with_suffix(".json").read_text())["data"]
    assert made["left_out"] == "h" and made["images"] == {"train": 1, "val": 1}


def test_a_network_for_comparison_leaves_a_checkpoint(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    config = data / "config.json"
    values = {"finish_epochs": 0, "batch_size": 1, "crop_size": 32, "epochs": 1}
    config.write_text(json.dumps({**values, "without": ["pgrf"]}))
    command = ("train", "--data", data, "--config", config, "--device", "cpu")
    other = data / "w.safetensors"
    for more in (("--output", other), ("--output", other, "--start-from", "nuclei")):
        assert run_main(*command, *more, monkeypatch=monkeypatch) == 1
    said = capsys.readouterr().err
    assert "ends in .ckpt" in said and "only the whole PMRNet begins" in said
    assert not run_main(*command, "--output", data / "w.ckpt", monkeypatch=monkeypatch)
    dice = float(capsys.readouterr().out.split("validation Dice ")[1])
    assert 0 <= dice <= 1
    assert sorted(path.name for path in data.glob("w.*")) == ["w.ckpt", "w.csv"]


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\xff\xfe",
        b"[1]",
        b"null",
        b'{"epoch": 3}',
        b'{"loss": {"odd": 1}}',
        b'{"augmentation": 3}',
        b'{"labels": "lesions"}',
    ],
)
def test_a_file_that_holds_no_settings_is_named(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    content: bytes | None,
) -> None:
    config = data / "config.json"
    if content is not None:
        config.write_bytes(content)
    command = ("train", "--data", data, "--output", data / "w.safetensors")
    assert run_main(*command, "--config", config, monkeypatch=monkeypatch) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"{config}: holds no training settings (" in said
    assert not (data / "w.safetensors").exists()


def test_several_data_sets_are_learned_from_together(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    other = tmp_path / "other"
    shutil.copytree(data, other)
    table = (other / "split.csv").read_text().splitlines()
    table = [f"{table[0]},specks_below", *(f"{row},9" for row in table[1:])]
    (other / "split.csv").write_text("\n".join(table))
    config, output = tmp_path / "config.json", tmp_path / "w.safetensors"
    values = {"finish_epochs": 0, "batch_size": 1, "crop_size": 32}
    values |= {"loss": {"touching": 2.0}, "augmentation": {"stain": 0.5}}
    config.write_text(json.dumps(values))
    command = ("train", "--data", data, "--output", output, "--config", config)
    command += ("--epochs", 1, "--device", "cpu", "--data")
    assert run_main(*command, data, monkeypatch=monkeypatch) == 1
    assert "is named twice. Name it once." in capsys.readouterr().err
    words = (*command, other, "--weights", "1,x")
    assert run_main(*words, monkeypatch=monkeypatch) == 1
    assert "--weights: 1,x are no numbers" in capsys.readouterr().err

    def finish(
        *_: object, fitting: Callable[[int, int], None], **__: object
    ) -> ModelCard:
        for done in (1, 2):
            fitting(done, 2)
        return new_card(("probability",), val={"Dice": 0.5})

    monkeypatch.setattr("napari_pmrnet.training.train.finish", finish)
    assert not run_main(*command, other, "--weights", "1,2", monkeypatch=monkeypatch)
    said = capsys.readouterr().out.splitlines()
    first, *epochs, fitting, last = [line for line in said if line.strip()]
    assert first == "preparing training images (2)"
    assert len(epochs) == 1 and fitting == "fitting on validation images (2)"
    assert last.endswith("validation Dice 0.5")
    made = json.loads(output.with_suffix(".json").read_text())
    assert made["data"]["name"] == f"{data.name} + other"
    alone = PackedDataset(data, subset="train")
    assert made["data"]["images"]["train"] == 2 * len(alone)
    assert made["training"]["loss"]["touching"] == 2.0
    assert made["training"]["augmentation"]["stain"] == 0.5
