"""The command line does what the functions do, and says what went wrong."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from napari_pmrnet import Settings, load_model, segment
from napari_pmrnet.cli.app import app, main
from napari_pmrnet.io.images import read_image
from napari_pmrnet.models.card import new_card


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (70, 90)).astype(np.uint8)


@pytest.fixture
def data(image: np.ndarray, tmp_path: Path) -> Path:
    """A packed folder of one image of each subset."""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    subsets = {"x": "test", "t": "train", "v": "val"}
    for name in subsets:
        Image.fromarray(image).save(tmp_path / "images" / f"{name}.png")
        labels = (image > 200).astype(np.uint16)
        tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", labels)
    table = pd.DataFrame({"image_id": subsets.keys(), "split": subsets.values()})
    table.assign(modality="f").to_csv(tmp_path / "split.csv", index=False)
    return tmp_path


def test_segment_writes_the_labels_of_segment(
    image: np.ndarray, weights: Path, tmp_path: Path
) -> None:
    tifffile.imwrite(
        tmp_path / "cells.tif",
        image,
        imagej=True,
        resolution=(2.0, 2.0),
        metadata={"unit": "um"},
    )
    options = ("--model", weights, "--device", "cpu", "--min-area", 3)
    options += ("--seed-threshold", 0.05)
    said = run("segment", tmp_path / "cells.tif", "--output", tmp_path / "o", *options)
    (labels,) = read_image(tmp_path / "o" / "cells_labels.tif")
    settings = Settings(
        model=str(weights), device="cpu", min_area=3, seed_threshold=0.05
    )
    expected = segment(image, settings)
    np.testing.assert_array_equal(labels.data, expected.labels)
    assert labels.is_labels and labels.space.scale == (0.5, 0.5)
    made = labels.metadata["napari_pmrnet"]
    assert made["settings"] == settings.as_dict()
    assert made["weights_hash"] == load_model(weights, "cpu").card.sha256
    assert f"{len(expected.objects)} nuclei" in said


def test_a_faulty_file_is_named_and_the_others_go_on(
    image: np.ndarray, weights: Path, tmp_path: Path
) -> None:
    Image.fromarray(image).save(tmp_path / "good.png")
    (tmp_path / "junk.png").write_bytes(b"\x89PNG nothing")
    said = run(
        "segment",
        tmp_path / "junk.png",
        tmp_path / "good.png",
        *("--output", tmp_path / "o", "--model", weights),
        code=1,
    )
    assert "junk.png" in said and "1 could not be segmented" in said
    assert [p.name for p in (tmp_path / "o").glob("*.tif")] == ["good_labels.tif"]


@pytest.mark.parametrize(
    "option", [("--probability-threshold", "2"), ("--min-area", "-1"), ("--nonsense",)]
)
def test_wrong_options_are_refused(option: tuple[str, ...], tmp_path: Path) -> None:
    run("segment", "a.png", "--output", tmp_path, *option, code=2)


def test_limits_reach_the_labels_and_the_channel_of_nuclei_is_told(
    image: np.ndarray, weights: Path, tmp_path: Path
) -> None:
    path, out = tmp_path / "c.ome.tif", tmp_path / "out"
    about = {"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}}
    tifffile.imwrite(path, np.stack([image // 2, image]), metadata=about)
    run("segment", path, "--output", out, "--model", weights, "--limits", "10:200")
    settings = Settings(model=str(weights), limits="10:200")
    (labels,) = read_image(out / "c_labels.tif")
    expected = segment(image, settings, load_model(weights))
    np.testing.assert_array_equal(labels.data, expected.labels)
    assert labels.metadata["napari_pmrnet"]["settings"]["limits"] == "10:200"
    note = pd.read_csv(out / "summary.csv")["note"][0]
    assert "channel 1 was chosen because its name is 'DAPI'" in note
    said = run("segment", path, "--output", out, "--limits", "200:10", code=2)
    assert "120:4000" in said


def test_evaluate_prints_and_saves_scores(data: Path, weights: Path) -> None:
    report = data / "report"
    said = run("evaluate", "--data", data, "--output", report, "--model", weights)
    assert "HD95" in said and "AP0.5 pooled" in said and "AUROC" in said
    images = pd.read_csv(report / "images.csv")
    assert images.loc[0, "image_id"] == "x" and 0 <= images.loc[0, "Dice"] <= 1
    scores = json.loads((report / "scores.json").read_text())
    assert scores["Instances (native size)"]["f"]["images"] == 1
    assert "weights" in scores["conditions"]
    text = (report / "report.md").read_text()
    assert "| failed |" in text and "| all | 1 |" in text
    for plot in ("precision.png", "reliability.png", "worst.png"):
        assert f"({plot})" in text
        assert min(Image.open(report / plot).size) > 100


def run_main(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int | None:
    """Exit status of the console script, with logging set up as it does."""
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(sys, "argv", ["napari-pmrnet", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_evaluate_names_faulty_files_and_goes_on_or_stops(
    data: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    (data / "split.csv").write_text("image_id,split\nx,test\ngone,test\n")
    for name in "tv":
        (data / "images" / f"{name}.png").unlink()
        (data / "labels" / f"{name}.tif").unlink()
    command = ("evaluate", "--data", data, "--model", weights)
    assert not run_main(*command, monkeypatch=monkeypatch)
    said = capsys.readouterr()
    fault, count = said.err.splitlines()
    assert fault.startswith("gone: listed in")
    assert count == "1 problem; 1 of 2 images is left out."
    assert "images: 1, split = test" in said.out
    assert run_main(*command, "--strict", monkeypatch=monkeypatch) == 1
    refused = capsys.readouterr().err.splitlines()
    assert "1 problem; strict allows none" in refused[0] and refused[1:] == [fault]


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
        lambda *_: new_card(("probability",), val={"Dice": 0.5}),
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
    for more in (("--output", other), ("--output", other, "--start-from", "dsb18")):
        assert run_main(*command, *more, monkeypatch=monkeypatch) == 1
    said = capsys.readouterr().err
    assert "ends in .ckpt" in said and "only the whole PMRNet begins" in said
    assert not run_main(*command, "--output", data / "w.ckpt", monkeypatch=monkeypatch)
    dice = float(capsys.readouterr().out.split("validation Dice ")[1])
    assert 0 <= dice <= 1
    assert sorted(path.name for path in data.glob("w.*")) == ["w.ckpt", "w.csv"]
