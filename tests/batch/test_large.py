"""Files whose planes or labels are too large for memory, in a batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_pmrnet import Settings
from napari_pmrnet.batch import task
from napari_pmrnet.batch.events import DONE, KEPT, UNCHANGED
from napari_pmrnet.io.images import open_image, read_image
from napari_pmrnet.io.label_zarr import label_tag, open_label_zarr
from napari_pmrnet.segmentation import blocks, sizes
from napari_pmrnet.segmentation.stack import Stack

from ..segmentation.conftest import Reader, discs, drawn, same_partition
from .conftest import FakeCore

SETTINGS = Settings(
    diameter=20, probability_threshold=0.5, seed_threshold=0.3, min_area=1
)


@pytest.fixture(autouse=True)
def small_is_large(core: FakeCore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take images of a test for large ones, and the network for one that reads."""
    monkeypatch.setattr(sizes, "LARGE_PLANE", 20_000)
    monkeypatch.setattr(task, "LARGE_FILE", 0)
    monkeypatch.setattr(blocks, "MARGIN", 32)
    monkeypatch.setattr("napari_pmrnet.models.load_model", lambda *_: Reader())


@pytest.fixture
def slide(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A colour image in tiles, and the nuclei on it."""
    truth = discs((260, 300), 4, (5, 14))
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, drawn(truth), photometric="rgb", tile=(64, 64))
    return path, truth


def test_labels_go_to_zarr_with_a_table(
    run: Callable, slide: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    path, truth = slide
    report, statuses = run(path, settings=SETTINGS)
    assert statuses == {"slide.tif": DONE}
    (row,) = report.rows
    assert row.labels == "slide_labels.zarr" and row.nuclei == truth.max()
    (read,) = read_image(tmp_path / "out" / row.labels)
    assert same_partition(read.data, truth)
    made = label_tag(tmp_path / "out" / row.labels).provenance
    stack = Stack.of(open_image(path)[0])
    assert (made.image, made.fingerprint) == ("slide.tif", stack.print_of_middle())
    table = pd.read_csv(tmp_path / "out" / "slide_labels.csv")
    objects = pd.read_csv(report.objects)
    assert objects["label"].tolist() == table["label"].tolist()
    assert objects["area [pixel^2]"].tolist() == table["area"].tolist()
    assert table["label"].tolist() == list(range(1, truth.max() + 1))
    assert report.sheet.read_text().count("slide_labels.zarr") >= 1
    left = {p.name for p in (tmp_path / "out").iterdir() if "slide" in p.name}
    assert left == {"slide_labels.zarr", "slide_labels.csv"}


def test_a_second_run_keeps_them_edited_or_not(
    run: Callable, slide: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    path, _ = slide
    run(path, settings=SETTINGS)
    assert run(path, settings=SETTINGS)[1] == {"slide.tif": UNCHANGED}
    labels = open_label_zarr(tmp_path / "out" / "slide_labels.zarr")
    labels[5:9, 5:9] = 999
    again = Settings(**{**SETTINGS.as_dict(), "min_area": 2})
    assert run(path, settings=again)[1] == {"slide.tif": KEPT}
    assert labels[6, 6] == 999
    assert run(path, settings=again, overwrite=True)[1] == {"slide.tif": DONE}


def test_a_series_of_large_planes_keeps_its_axes(run: Callable, tmp_path: Path) -> None:
    truths = [discs((200, 240), seed, (5, 14)) for seed in (1, 2)]
    blank = np.zeros((200, 240, 3), np.uint8)
    movie = np.stack([drawn(truths[0]), blank, drawn(truths[1])])
    tifffile.imwrite(
        tmp_path / "movie.ome.tif",
        movie,
        photometric="rgb",
        metadata={"axes": "TYXS"},
    )
    report, statuses = run(tmp_path / "movie.ome.tif", settings=SETTINGS)
    assert statuses == {"movie.ome.tif": DONE}
    (row,) = report.rows
    assert row.planes == 3 and "1 of 3 planes are blank" in row.note
    (read,) = read_image(tmp_path / "out" / row.labels)
    assert read.space.axes == ("t", "y", "x") and not read.data[1].any()
    for place, truth in ((0, truths[0]), (2, truths[1])):
        assert same_partition(read.data[place], truth)
    table = pd.read_csv(tmp_path / "out" / "movie_labels.csv")
    assert table["t"].value_counts().to_dict() == {
        0: truths[0].max(),
        2: truths[1].max(),
    }


def test_small_planes_of_a_long_series_go_to_disk_one_by_one(
    run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "LARGEST_LABELS", 20_000)
    truths = [discs((90, 110), seed, (5, 14)) for seed in (1, 2, 3)]
    movie = np.stack([drawn(truth) for truth in truths])
    tifffile.imwrite(
        tmp_path / "movie.ome.tif", movie, photometric="rgb", metadata={"axes": "TYXS"}
    )
    report, _ = run(tmp_path / "movie.ome.tif", settings=SETTINGS)
    (row,) = report.rows
    assert row.labels == "movie_labels.zarr"
    (read,) = read_image(tmp_path / "out" / row.labels)
    assert all(map(same_partition, read.data, truths))


def test_a_stopped_run_leaves_no_labels_and_goes_on(
    run: Callable, slide: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    path, truth = slide
    asked = iter(range(1000))
    report, _ = run(path, settings=SETTINGS, stop=lambda: next(asked) > 12)
    assert report.stopped
    assert not (tmp_path / "out" / "slide_labels.zarr").exists()
    run(path, settings=SETTINGS)
    (read,) = read_image(tmp_path / "out" / "slide_labels.zarr")
    assert same_partition(read.data, truth)


def test_labels_on_disk_are_no_input(
    run: Callable, slide: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    run(slide[0], settings=SETTINGS, output=".")
    _, statuses = run(tmp_path, settings=SETTINGS, output="out")
    assert set(statuses) == {"slide.tif"}
    labels = tmp_path / "slide_labels.zarr"
    report, _ = run(labels, settings=SETTINGS, output="out")
    assert "holds labels" in report.rows[0].error
