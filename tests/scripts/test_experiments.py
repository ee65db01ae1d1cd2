"""The scripts that train many runs: the tables they print, and that they go on."""

import importlib.util
import re
import shutil
import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.errors import DataError
from napari_pmrnet.models.model import Model, load_model
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.training.trainer import Trainer

SCRIPTS = Path(__file__).parents[2] / "scripts" / "experiments"
SIZE = 32


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten little images of one square each: bright on dark, or dark on bright."""
    folder, rows = tmp_path / "data", []
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    subsets = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    for index, subset in enumerate(subsets):
        labels = np.zeros((48, 48), np.uint16)
        labels[8 + index : 28 + index, 10:30] = 3
        modality = "stained" if index % 2 else "fluorescence"
        image = 20 + labels * 60 if index % 2 else 220 - labels * 60
        Image.fromarray(image.astype(np.uint8)).save(folder / "images" / f"{index}.png")
        tifffile.imwrite(folder / "labels" / f"{index}.tif", labels)
        row = {"image_id": index, "split": subset, "random_split": subset}
        rows.append({**row, "modality": modality})
    pd.DataFrame(rows).to_csv(folder / "split.csv", index=False)
    return folder


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    """Load a script by its name; images are resized to `SIZE` in place of 256."""
    monkeypatch.setattr("napari_pmrnet.evaluation.semantic.PROTOCOL_SIZE", SIZE)

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        monkeypatch.setattr(module, "keep_freed_memory", lambda: None)
        return module

    return load


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    """Call a script's `main` with words as options; the lines it prints."""

    def run(script: ModuleType, *words: object) -> list[str]:
        words = ("--epochs", 1, "--device", "cpu", *words)
        monkeypatch.setattr(sys, "argv", [script.__name__, *map(str, words)])
        script.main()
        return capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch):
    """Call it, and from then on no network is trained, or read to be scored."""

    def refuse(*_: object) -> None:
        raise AssertionError("this has been done before")

    def idle(script: ModuleType) -> None:
        monkeypatch.setattr(Trainer, "_train_epoch", refuse)
        monkeypatch.setattr(script, "load_checkpoint", refuse)

    return idle


def first_cells(lines: list[str]) -> list[str]:
    return [line.split(" | ")[0].removeprefix("| ") for line in lines]


def numbered_source(script: ModuleType, count: int, seed: int = 0):
    """Images whose red is their foreground and whose blue is their number."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[2:9, 5:20] = True
    image = torch.from_numpy(mask).float().repeat(3, 1, 1)
    images = [image.clone() for _ in range(count)]
    for number, image in enumerate(images):
        image[2] = number
    return script.TurnedSource([(image, mask) for image in images], seed)


def test_paper_protocol_prints_its_scores_beside_the_published(
    data: Path, tmp_path: Path, load, run, idle
) -> None:
    script, output = load("paper_protocol"), tmp_path / "runs"
    words = ("--data", data, "--output", output, "--seeds")
    lines = run(script, *words, 2)
    assert first_cells(lines) == [
        "test images",
        "---",
        "pmrnet, seed 0",
        "pmrnet, seed 1",
        "pmrnet, median of 2",
        *script.PUBLISHED,
    ]
    assert lines[-3].startswith("| PMRNet, published | 86.87 | 92.74 | 3.36 |")
    table = pd.read_csv(output / "pmrnet-random_split.csv", index_col="seed")
    assert table.index.tolist() == [0, 1]
    assert table["Dice"].between(0, 100).all()
    assert {"HD95", "HD95 median", "ASD", "ASD median"} <= set(table)
    assert f"| {table['IoU'].median():.2f} |" in lines[4]
    idle(script)
    assert run(script, *words, 2) == lines
    for checkpoint in output.glob("*.ckpt"):
        checkpoint.unlink()
    assert run(script, *words, 2) == lines
    with pytest.raises(AssertionError, match="before"):
        run(script, *words, 3)


def test_paper_protocol_keeps_plain_weights_of_one_channel(
    data: Path, tmp_path: Path, load
) -> None:
    script, checkpoint = load("paper_protocol"), tmp_path / "w.ckpt"
    pairs = script.load_pairs(data, "random_split")
    assert {subset: len(found) for subset, found in pairs.items()} == {
        "train": 6,
        "val": 2,
        "test": 2,
    }
    config = script.make_config("pmrnet", 2, 0)
    script.train(config, pairs, checkpoint, "cpu")
    state = torch.load(checkpoint, weights_only=True)
    assert state["network"]["head.2.weight"].shape[0] == 1
    for name, value in state["network"].items():
        assert torch.equal(state["average"][f"module.{name}"], value), name


def test_paper_protocol_draws_every_image_once_an_epoch(load) -> None:
    script = load("paper_protocol")
    source = numbered_source(script, 6)
    passes = []
    for step in range(0, 6, 3):
        batches = [source.batch(s, 2, SIZE)[0] for s in range(step, step + 3)]
        passes.append([int(number) for number in torch.cat(batches)[:, 2, 0, 0]])
    assert sorted(passes[0]) == sorted(passes[1]) == [*range(6)]
    assert passes[0] != passes[1]


def test_paper_protocol_turns_image_and_mask_alike(load) -> None:
    script = load("paper_protocol")
    source = numbered_source(script, 3)
    seen = set()
    for step in range(20):
        images, target = source.batch(step, 4, SIZE)
        assert images.shape == (4, 3, SIZE, SIZE)
        assert target.shape == (4, 5, SIZE, SIZE)
        assert torch.equal(images[:, :1], target[:, :1])
        assert not target[:, 2:].any() and target[:, 1].any()
        seen |= {mask.numpy().tobytes() for mask in target[:, 0]}
    assert len(seen) == 8
    again = numbered_source(script, 3).batch(19, 4, SIZE)
    assert torch.equal(again[0], images) and torch.equal(again[1], target)
    other = numbered_source(script, 3, seed=1).batch(19, 4, SIZE)
    assert not torch.equal(other[0], images)


def test_leave_one_out_compares_each_modality(
    data: Path, tmp_path: Path, load, run, idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, output = load("leave_one_out"), tmp_path / "runs"
    short = partial(script.TrainConfig, crop_size=SIZE, batch_size=2)
    monkeypatch.setattr(script, "TrainConfig", short)
    monkeypatch.setattr("napari_pmrnet.models.card.TILE", 128)
    used, scored = [], []
    prepare, evaluate = script.training_data, script.evaluate

    def watch(train_set: PackedDataset, val_set: PackedDataset):
        used.append([*train_set.ids, *val_set.ids])
        return prepare(train_set, val_set)

    def score(model, dataset: PackedDataset, settings):
        scored.append((model.name, dataset.ids))
        return evaluate(model, dataset, settings)

    monkeypatch.setattr(script, "training_data", watch)
    monkeypatch.setattr(script, "evaluate", score)
    words = ("--data", data, "--output", output)
    lines = run(script, *words)
    assert first_cells(lines) == ["modality", "---", "fluorescence", "stained"]
    even, odd = ["0", "2", "4", "6"], ["1", "3", "5", "7"]
    assert used == [sorted(even + odd), odd, even]
    assert scored == [
        ("without-fluorescence-seed0", ["8"]),
        ("all-seed0", ["8"]),
        ("without-stained-seed0", ["9"]),
        ("all-seed0", ["9"]),
    ]
    table = pd.read_csv(output / "leave-one-out-seed0.csv", index_col="modality")
    assert table["test images"].tolist() == [1, 1]
    assert [name.split(", ")[-1] for name in table][1:] == [
        *("left out", "trained on", "ratio") * 2
    ]
    for checkpoint in output.glob("*.ckpt"):
        checkpoint.unlink()
    idle(script)
    assert run(script, *words) == lines
    lines = run(script, *words, "--modalities", "stained")
    assert first_cells(lines)[2:] == ["stained"]


def test_leave_one_out_can_give_every_run_the_same_steps(
    data: Path, tmp_path: Path, load, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, trained = load("leave_one_out"), {}
    batches = partial(script.TrainConfig, batch_size=2)
    monkeypatch.setattr(script, "TrainConfig", batches)
    monkeypatch.setattr(script, "scores", lambda *_: dict.fromkeys(script.SCORES, 0.5))
    monkeypatch.setattr(
        script, "train", lambda run, *_: trained.update({run.name: run.config})
    )
    run(script, "--data", data, "--output", tmp_path / "runs", "--equal-steps")
    steps = {name: config.steps_per_epoch for name, config in trained.items()}
    half = len(PackedDataset(data, subset="train")) // 2
    assert steps == {"all": 0, "without-fluorescence": half, "without-stained": half}


def test_leave_one_out_shows_what_is_lost(load) -> None:
    script = load("leave_one_out")
    images = {"a": 3, "b": 2}
    left_out = {"a": {"AP0.5 per image": 0.2, "AP0.5 pooled": 0.3}, "b": {}}
    left_out["b"] = dict.fromkeys(script.SCORES, 0.5)
    trained_on = {name: dict.fromkeys(script.SCORES, 0.8) for name in images}
    table = script.compare(images, left_out, trained_on)
    assert table.loc["a", "AP0.5 per image, ratio"] == pytest.approx(0.25)
    assert table.loc["a", "AP0.5 pooled, ratio"] == pytest.approx(0.375)
    assert table.loc["b", "AP0.5 pooled, trained on"] == 0.8


def test_leave_one_out_names_the_modalities_there_are(
    data: Path, tmp_path: Path, load, run
) -> None:
    script = load("leave_one_out")
    words = ("--data", data, "--output", tmp_path / "runs", "--modalities", "x")
    with pytest.raises(DataError, match="'x'.*fluorescence, stained"):
        run(script, *words)
    table = pd.read_csv(data / "split.csv")
    table.drop(columns="modality").to_csv(data / "split.csv", index=False)
    with pytest.raises(DataError, match="no column modality. Add it"):
        run(script, *words)


def test_every_sigma_is_applied_to_every_number_of_photons(
    data, load, weights, monkeypatch, capsys
) -> None:
    script, seen = load("compare_smoothing"), []

    def segment(image: np.ndarray, model: Model) -> SimpleNamespace:
        seen.append(Plane([image]).smoothing)
        return SimpleNamespace(labels=(image > image.mean()).astype(np.int32))

    monkeypatch.setattr(script, "segment", segment)
    options = ["--photons", "30", "900", "--sigmas", "0", "2", "--subset", "val"]
    words = ["--data", str(data), "--model", str(weights), "--device", "cpu", *options]
    monkeypatch.setattr(sys, "argv", ["compare_smoothing", *words])
    script.main()
    assert seen == [0, 0, 2, 2] * 2
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    few, _, many, _ = (float(row[-5]) for row in rows)
    assert few > 2 * many > 0


@pytest.fixture
def sets(tmp_path: Path, data: Path) -> Path:
    """A folder with a set that has rows of its own, and one of three magnifications."""
    parent = tmp_path / "sets"
    for name in ("dsb18", "bbbc039", "bitdepth_nucseg"):
        shutil.copytree(data, parent / name)
    table = pd.read_csv(parent / "dsb18" / "split.csv")
    table["modality"] = ["f", "c"] * 5
    table["stardist"] = [*["train"] * 9, "test"]
    table.to_csv(parent / "dsb18" / "split.csv", index=False)
    table = pd.read_csv(parent / "bitdepth_nucseg" / "split.csv")
    names = [f"bone_{'63x_oil' if n % 2 else '20x'}_{n}" for n in range(10)]
    for kind, ending in (("images", "png"), ("labels", "tif")):
        for old, new in enumerate(names):
            folder = parent / "bitdepth_nucseg" / kind
            (folder / f"{old}.{ending}").rename(folder / f"{new}.{ending}")
    table["image_id"] = names
    table.to_csv(parent / "bitdepth_nucseg" / "split.csv", index=False)
    return parent


def test_the_table_of_results_has_a_row_a_set_and_model(
    sets: Path, weights: Path, load, monkeypatch, capsys
) -> None:
    script = load("results_table")
    words = ("--data", sets, "--device", "cpu")
    words += ("--model", f"before={weights}", "--model", f"now={weights}")
    monkeypatch.setattr(sys, "argv", ["results_table", *map(str, words)])
    script.main()
    head, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("|")
    ]
    assert head[:3] == ["test of", "weights", "images"]
    assert {"AP0.5 pooled", "AP0.9 per image", "Dice", "AUROC", "ECE"} < set(head)
    titles = {
        "DSB18": "2",
        "DSB18, fluorescence (a, f)": "1",
        "DSB18, stained and other (b-e)": "1",
        "StarDist's 50": "1",
        "BBBC039": "2",
        "BBBC039 without specks": "2",
        "mouse sections, 20x": "1",
        "mouse sections, 63x oil": "1",
    }
    rows = [(title, name) for title in titles for name in ("before", "now")]
    assert [(line[0], line[1]) for line in lines] == rows
    assert [line[2] for line in lines] == [titles[line[0]] for line in lines]
    for one, other in zip(lines[::2], lines[1::2], strict=True):
        assert one[2:] == other[2:]
    dice = lines[0][head.index("Dice")]
    assert re.fullmatch(r"0\.\d{3} \(0\.\d{3}-0\.\d{3}\)", dice)
    assert lines[10][head.index("Dice")] == "-"


def test_weights_are_averaged_by_their_shares(tmp_path) -> None:
    name = "average_weights"
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    output = tmp_path / "mean.safetensors"
    script.average({"dsb18": 0.25, "nuclei": 0.75}, output)
    first, last, mean = (
        load_model(which, "cpu", "pytorch") for which in ("dsb18", "nuclei", output)
    )
    one, other = (model.network.state_dict() for model in (first, last))
    for key, value in mean.network.state_dict().items():
        expected = 0.25 * one[key].float() + 0.75 * other[key].float()
        torch.testing.assert_close(value, expected.to(value.dtype))
    assert not mean.card.val and mean.card.thresholds == last.card.thresholds
    with pytest.raises(SystemExit, match="add up to"):
        script.average({"dsb18": 0.5, "nuclei": 0.6}, output)
