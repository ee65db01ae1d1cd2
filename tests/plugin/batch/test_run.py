"""What came of a batch in words, and its results in the viewer."""

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pmrnet.batch.events import BatchReport
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.plugin import reader
from napari_pmrnet.plugin.batch.run import open_result, report_text


def report(files: int, stopped: bool = False, device: str = "", **ended: int):
    counts = {"done": 0, "unchanged": 0, "kept": 0, "failed": 0, **ended}
    return BatchReport(Path("out"), files, counts, stopped=stopped, device=device)


@pytest.mark.parametrize(
    ("made", "text", "tone"),
    [
        (
            report(3, done=2, unchanged=1, device="cpu"),
            "Of 3 files: 2 segmented on cpu, 1 finished before.",
            "good",
        ),
        (
            report(2, done=1, failed=1),
            "Of 2 files: 1 segmented, 1 could not be segmented.",
            "warning",
        ),
        (report(1, failed=1), "Of 1 file: 1 could not be segmented.", "error"),
        (
            report(1, kept=1),
            "Of 1 file: 1 kept because their labels were changed.",
            "warning",
        ),
        (
            report(9, stopped=True),
            "Stopped. Of 9 files: none finished. Start goes on from here.",
            "warning",
        ),
    ],
)
def test_a_batch_in_words(made: BatchReport, text: str, tone: str) -> None:
    assert report_text(made) == (text, tone)


@pytest.mark.parametrize("labels", ["", "gone.tif", "a_labels.tif"])
def test_labels_are_opened_where_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: str
) -> None:
    (tmp_path / "a_labels.tif").touch()
    opened: list[str] = []

    def read(path: Path) -> list[tuple]:
        opened.append(path.name)
        return [(np.zeros((4, 5)), {"name": path.stem}, "image")]

    monkeypatch.setattr(reader, "read_layers", read)
    image, viewer = tmp_path / "a.tif", ViewerModel()
    layers = open_result(viewer, image, Row("a.tif", labels), tmp_path)
    there = ["a_labels.tif"] if labels == "a_labels.tif" else []
    assert opened == ["a.tif", *there] and len(layers) == 1 + len(there)
    assert len(open_result(viewer, image, None, tmp_path)) == 1


def test_what_is_opened_knows_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, viewer = tmp_path / "a.zarr", ViewerModel()
    folder.mkdir()
    layer = (np.zeros((4, 5)), {"name": "a"}, "image")
    monkeypatch.setattr(reader, "read_layers", lambda path: [layer])
    (made,) = open_result(viewer, folder, None, tmp_path)
    assert made.name == "a" and made in viewer.layers
    assert made.source.path == str(folder)
