"""Scores printed and written, faulty files named."""

import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from terminal import run, run_main


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
