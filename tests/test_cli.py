"""The command line does what the functions do, and says what went wrong."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from napari_pmrnet import Settings, load_model, segment
from napari_pmrnet.cli import app
from napari_pmrnet.io.images import read_image


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (70, 90)).astype(np.uint8)


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
    assert labels.is_labels and labels.scale == (0.5, 0.5)
    made = labels.metadata["napari_pmrnet"]
    assert made["settings"] == settings.as_dict()
    assert made["weights_hash"] == load_model(weights, "cpu").card["sha256"]
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
    assert "junk.png" in said and "1 of 2 images" in said
    assert [p.name for p in (tmp_path / "o").iterdir()] == ["good_labels.tif"]


@pytest.mark.parametrize(
    "option", [("--probability-threshold", "2"), ("--min-area", "-1"), ("--nonsense",)]
)
def test_wrong_options_are_refused(option: tuple[str, ...], tmp_path: Path) -> None:
    run("segment", "a.png", "--output", tmp_path, *option, code=2)


def test_evaluate_prints_and_saves_scores(
    image: np.ndarray, weights: Path, tmp_path: Path
) -> None:
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    Image.fromarray(image).save(tmp_path / "images" / "x.png")
    tifffile.imwrite(tmp_path / "labels" / "x.tif", (image > 200).astype(np.uint16))
    table = pd.DataFrame({"image_id": ["x"], "split": ["test"], "modality": ["f"]})
    table.to_csv(tmp_path / "split.csv", index=False)
    report = tmp_path / "report"
    said = run(
        *("evaluate", "--data", tmp_path, "--output", report, "--model", weights)
    )
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
