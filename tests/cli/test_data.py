"""What 'data list', 'data check' and the option --dataset say and do."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from napari_pmrnet.cli.app import app
from napari_pmrnet.errors import DataError
from napari_pmrnet.models.card import new_card
from napari_pmrnet.research.registry import READERS


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def rows(said: str) -> dict[str, list[int]]:
    """Counts by subset, as printed: images, with objects, objects, groups."""
    lines = [line.split() for line in said.splitlines()]
    subsets = {"train", "val", "test", "all"}
    return {
        n: [int(v) for v in rest] for n, *rest in filter(None, lines) if n in subsets
    }


def test_list_names_every_layout():
    said = run("data", "list").output
    for name, reader in READERS.items():
        assert name in said and reader.layout in said and reader.split_rule in said


def test_check_counts_what_is_there(any_tree):
    name, folder = any_tree
    result = run("data", "check", name, folder)
    assert result.exit_code == 0, result.output
    assert "no problems" in result.output and READERS[name].title in result.output
    counts = rows(result.output)
    number = counts.pop("all")[0]
    assert sum(row[0] for row in counts.values()) == number


def test_check_counts_by_subset_and_writes_the_table(tree, tmp_path):
    folder, table = tree("tn3k"), tmp_path / "t.csv"
    options = ("--column", "fold1", "--table", table)
    result = run("data", "check", "TN3K", folder, *options)
    assert result.exit_code == 0
    assert rows(result.output) == {
        "train": [4, 4, 4, 4],
        "val": [2, 2, 2, 2],
        "test": [2, 2, 2, 2],
        "all": [8, 8, 8, 8],
    }
    refused = run("data", "check", "tn3k", folder, "--column", "fold7")
    assert "has no column fold7" in str(refused.exception)
    written = pd.read_csv(table)
    assert {"image_id", "split", "grouped", "group", "fold2"} <= set(written.columns)
    assert len(written) == 8


def test_check_says_what_looks_wrong(tree, draw):
    folder = tree("busi")
    (folder / "benign" / "benign (1)_mask.png").unlink()
    draw.write(folder / "malignant" / "malignant (1)_mask.png", draw.mask((9, 9), at=0))
    result = run("data", "check", "busi", folder)
    assert result.exit_code == 0
    *_, first, second, count = result.output.splitlines()
    assert "benign (1).png: image without a mask" in first
    assert "malignant (1)_mask.png: has 9 x 9 pixels" in second
    assert count == "2 problems" and rows(result.output)["all"][0] == 10


def test_check_of_the_wrong_folder_or_of_nothing_usable_fails(tree, tmp_path):
    folder = tree("kvasir")
    result = run("data", "check", "ph2", folder)
    assert result.exit_code == 1 and isinstance(result.exception, DataError)
    assert "looks like kvasir-seg" in str(result.exception)
    for path in (folder / "masks").iterdir():
        path.write_bytes(b"junk")
    result = run("data", "check", "kvasir-seg", folder)
    assert result.exit_code == 1
    assert "no image can be used" in result.output and "10 problems" in result.output
    assert run("data", "check", "ph2", tmp_path / "absent").exit_code == 1


def test_evaluate_reads_a_published_data_set(tree, weights: Path):
    options = ("--model", weights, "--device", "cpu")
    data = ("--data", tree("glas"), "--dataset", "glas")
    result = run("evaluate", *data, *options)
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "images: 3, split = test of GlaS, official split" in said
    assert "HD95" in said and "benign" in said and "malignant" in said
    result = run("evaluate", "--data", tree("ph2"), "--dataset", "glas", *options)
    assert "looks like ph2" in str(result.exception)


def test_train_reads_a_published_data_set(
    tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "napari_pmrnet.training.train.finish",
        lambda *_, **__: new_card(("probability",), val={"Dice": 0.5}),
    )
    config, output = tmp_path / "c.json", tmp_path / "w.safetensors"
    config.write_text(
        json.dumps({"finish_epochs": 0, "batch_size": 1, "crop_size": 32})
    )
    folder = tree("kvasir")
    command = ("train", "--data", folder, "--output", output, "--config", config)
    command += ("--epochs", 1, "--device", "cpu", "--max-side", 32)
    result = run(*command, "--dataset", "kvasir-seg")
    assert result.exit_code == 0, result.output
    made = json.loads(output.with_suffix(".json").read_text())["data"]
    assert made["images"] == {"train": 8, "val": 1}
    assert made["dataset"].startswith("Kvasir-SEG, grouped split (seed 0)")
    refused = run(*command, "--dataset", "breast").exception
    assert "'breast' is no data set with a reader" in str(refused)


def test_a_published_data_set_without_instances_is_learned_as_objects(
    tree, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.json"
    values = {"batch_size": 2, "steps_per_epoch": 1, "crop_size": 32}
    settings.write_text(json.dumps(values))
    output = tmp_path / "polyps.safetensors"
    arguments = ["--data", tree("kvasir"), "--dataset", "kvasir-seg", "--epochs", 1]
    arguments += ["--output", output, "--config", settings, "--device", "cpu"]
    done = CliRunner().invoke(app, ["train", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    card = json.loads(output.with_suffix(".json").read_text())
    assert card["labels"] == "objects" and card["window"] == 32
    assert card["architecture"]["channels"] == ["probability"]
    arguments = ["--data", tree("kvasir"), "--dataset", "kvasir-seg"]
    arguments += ["--model", output, "--device", "cpu", "--output", tmp_path / "scores"]
    done = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    assert "Objects" in done.output and "Missed" not in done.output
    assert "Semantic" in (tmp_path / "scores" / "report.md").read_text()
