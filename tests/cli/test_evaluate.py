"""Scores printed and written, faulty files named."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from terminal import run, run_main


def test_evaluate_prints_and_saves_scores(data: Path, weights: Path) -> None:
    report = data / "report"
    said = run("evaluate", "--data", data, "--output", report, "--model", weights)
    assert "HD95" in said and "AP0.5 pooled" in said and "AUROC" in said
    assert "95 % intervals" in said and re.search(r"Dice +0\.\d{3} \(0\.\d{3}-", said)
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


def test_evaluate_gives_rows_by_a_column_and_with_and_without_specks(
    data: Path, weights: Path
) -> None:
    lines = (data / "split.csv").read_text().splitlines()
    table = [f"{lines[0]},organ,specks_below"]
    table += [f"{line},liver,9" for line in lines[1:]]
    (data / "split.csv").write_text("\n".join(table))
    said = run("evaluate", "--data", data, "--model", weights, "--by", "organ")
    assert "liver" in said and "AP0.5 pooled without specks" in said


def test_the_same_folder_twice_is_refused(
    data: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    again = data / "images" / ".."
    command = ("evaluate", "--data", data, "--data", again, "--model", weights)
    assert run_main(*command, monkeypatch=monkeypatch) == 1
    assert "is named twice. Name it once." in capsys.readouterr().err


def test_grey_and_colour_and_small_images_in_one_set_and_a_blank_one_is_named(
    data: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    rng, names = np.random.default_rng(0), ["x"]
    for name, shape in (("tiny", (1, 2)), ("thin", (40, 3, 3)), ("blank", (9, 9, 3))):
        image = rng.integers(0, 255, shape) * (name != "blank")
        Image.fromarray(image.astype(np.uint8)).save(data / "images" / f"{name}.png")
        labels = np.ones(shape[:2], np.uint16)
        tifffile.imwrite(data / "labels" / f"{name}.tif", labels)
        names.append(name)
    rows = "\n".join(["image_id,split", *(f"{name},test" for name in names)])
    (data / "split.csv").write_text(rows)
    command = ("evaluate", "--data", data, "--model", weights)
    assert run_main(*command, monkeypatch=monkeypatch) == 1
    assert "'blank' has the same value (0) everywhere" in capsys.readouterr().err
    (data / "split.csv").write_text(rows.replace("\nblank,test", ""))
    assert "images: 3, split = test" in run(*command)
