"""The folder that an evaluation leaves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from image_scores import nuclei, united

from napari_pmrnet.errors import DataError
from napari_pmrnet.evaluation.report import markdown_table, write_report
from napari_pmrnet.evaluation.tables import NOT_APPLICABLE, summary
from napari_pmrnet.models.model import Model
from napari_pmrnet.segmentation import Settings


class Pictures:
    """A data set that remembers what was loaded of it."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def load(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
        self.loaded.append(image_id)
        labels = np.zeros((40, 40), np.int32)
        labels[10:30, 10:30] = 1
        return labels * 200, labels


def written(
    folder: Path, scores: list, model: Model, overwrite: bool = False
) -> tuple[list[str], Pictures]:
    pictures, settings = Pictures(), Settings(diameter=20)
    conditions = {"model": model.name, "images": "two squares"}
    tables = summary(scores)
    made_with = (model, pictures, settings, conditions)
    files = write_report(folder, scores, tables, *made_with, overwrite)
    assert all(file.is_file() and file.stat().st_size for file in files)
    return [file.name for file in files], pictures


def test_the_worst_images_come_first_and_numbers_agree(
    model: Model, tmp_path: Path
) -> None:
    scores = [nuclei(f"image {k}", counts=(k, 1, 10 - k)) for k in range(10, 0, -1)]
    files, pictures = written(tmp_path / "new" / "r", scores, model)
    assert files == [
        "images.csv",
        "precision.png",
        "reliability.png",
        "report.md",
        "scores.json",
        "worst.png",
    ]
    assert pictures.loaded == [f"image {k}" for k in range(1, 9)]
    folder = tmp_path / "new" / "r"
    said = json.loads((folder / "scores.json").read_text())
    assert said["conditions"] == {"model": model.name, "images": "two squares"}
    table = summary(scores)["Instances (native size)"]
    assert said["Instances (native size)"]["all"]["F1"] == pytest.approx(
        table.loc["all", "F1"], abs=1e-6
    )
    images = pd.read_csv(folder / "images.csv", index_col="image_id")
    assert images.loc["image 3", "AP0.5"] == pytest.approx(3 / 11, abs=1e-4)
    text = (folder / "report.md").read_text()
    assert "- images: two squares" in text and "lowest AP at IoU 0.5" in text


def test_without_objects_images_are_ranked_by_dice(
    model: Model, tmp_path: Path
) -> None:
    scores = [united("good", semantic_dice=0.9), united("bad", semantic_dice=0.1)]
    files, pictures = written(tmp_path, scores, model)
    assert "precision.png" not in files and "reliability.png" not in files
    assert pictures.loaded == ["bad", "good"]
    text = (tmp_path / "report.md").read_text()
    assert NOT_APPLICABLE in text and "images of lowest Dice" in text
    assert "precision.png" not in text


def test_an_earlier_report_is_replaced_where_that_is_allowed(
    model: Model, tmp_path: Path
) -> None:
    written(tmp_path, [nuclei("first")], model)
    with pytest.raises(DataError, match="exists already"):
        written(tmp_path, [nuclei("second")], model)
    assert "first" in (tmp_path / "images.csv").read_text()
    written(tmp_path, [nuclei("second")], model, overwrite=True)
    assert "first" not in (tmp_path / "images.csv").read_text()


def test_counts_are_whole_and_other_numbers_have_three_digits() -> None:
    table = pd.DataFrame(
        {"images": [3.0, 10.0], "AP": [0.12345, 1.0], "kind": ["a", "b"]},
        index=pd.Index(["all", "x"], name="images of"),
    )
    assert markdown_table(table).splitlines() == [
        "| images of | images | AP | kind |",
        "| --- | --- | --- | --- |",
        "| all | 3 | 0.123 | a |",
        "| x | 10 | 1.000 | b |",
    ]
