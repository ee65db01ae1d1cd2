"""Batches that are killed at any moment, and two on one folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from crashes import at_once, forks, killed
from limits import file_limit

from napari_pmrnet.batch import BatchJob, batch_steps, run_log, task
from napari_pmrnet.batch.events import DONE, FAILED, UNCHANGED, FileEnded
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.json_lines import JsonLines
from napari_pmrnet.io.label_zarr import is_label_zarr
from napari_pmrnet.io.permit import hash_of
from napari_pmrnet.segmentation import Settings, blocks, segment_stack, sizes

from ..segmentation.conftest import Reader, discs, drawn, same_partition
from .conftest import FakeCore

SETTINGS = Settings(exclude_border=False), Settings(exclude_border=True)
"""Of two runs whose labels differ."""
LARGE = tuple(
    Settings(diameter=20, probability_threshold=0.5, seed_threshold=0.3, min_area=area)
    for area in (1, 2)
)
OVERVIEWS = {"summary.csv", "objects.csv", "contact_sheet.html"}


def statuses(inputs: Path, output: Path, settings: Settings) -> dict[str, str]:
    """Run a batch to its end; what came of each file."""
    steps = batch_steps(BatchJob((str(inputs),), output, settings))
    events = [event for event in steps if isinstance(event, FileEnded)]
    return {event.path.name: event.status for event in events}


def goes_on(inputs: Path, output: Path, *settings: Settings) -> None:
    """Run a batch: what runs before it have left is neither kept nor a fault."""
    for each in settings:
        found = set(statuses(inputs, output, each).values())
        assert found <= {DONE, UNCHANGED}, found


def for_ever(inputs: Path, output: Path, *settings: Settings) -> Callable[[], None]:
    """Batches without an end, with each of the settings in turn."""

    def work() -> None:
        for number in count():
            goes_on(inputs, output, settings[number % len(settings)])

    return work


@pytest.fixture
def varied(core: FakeCore, monkeypatch: pytest.MonkeyPatch) -> FakeCore:
    """Labels that depend on the settings."""

    def segment_steps(plane: Any, settings: Settings, model: Any) -> Iterator[Any]:
        found = yield from core.segment_steps(plane, settings, model)
        if settings.exclude_border:
            found.labels[:10] = 0
        return found

    monkeypatch.setattr(segment_stack, "segment_steps", segment_steps)
    return core


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hash_of(path) for path in folder.iterdir()}


def expected_of(folder: Path, output: Path, settings: Settings) -> dict[str, Any]:
    """Labels of an undisturbed run."""
    goes_on(folder, output, settings)
    return {path.name: tifffile.imread(path) for path in output.glob("*.tif")}


def age(output: Path) -> None:
    """Make what killed processes left old enough to be swept away."""
    for path in output.rglob(".pmrnet-*.tmp"):
        os.utime(path, (1, 1))


def check_record(output: Path) -> None:
    log = output / run_log.FOLDER / "record.jsonl"
    if log.exists():
        lines = log.read_bytes().splitlines()
        assert len(lines) - len(list(JsonLines(log).read())) <= 1
    for path in output.glob("*.csv"):
        assert path.read_bytes().endswith(b"\n") and "file" in pd.read_csv(path)
    for path in output.glob("*.html"):
        assert path.read_text().rstrip().endswith("</html>")


@forks
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_killed_batches(varied: None, folder: Path, tmp_path: Path) -> None:
    wholes = [
        expected_of(folder, tmp_path / str(number), settings)
        for number, settings in enumerate(SETTINGS)
    ]
    before, output = hashes(folder), tmp_path / "out"
    for number in killed(for_ever(folder, output, *SETTINGS), 0.5):
        assert hashes(folder) == before
        names = {path.name for path in output.glob("[!.]*")}
        assert names <= set(wholes[0]) | OVERVIEWS
        for name in names - OVERVIEWS:
            labels = tifffile.imread(output / name)
            assert any(np.array_equal(labels, whole[name]) for whole in wholes)
        check_record(output)
        if number % 20 == 0:
            goes_on(folder, output, SETTINGS[number // 20 % 2])
    age(output)
    goes_on(folder, output, SETTINGS[0])
    for name, labels in wholes[0].items():
        np.testing.assert_array_equal(tifffile.imread(output / name), labels)
    assert {p.name for p in output.iterdir()} == {
        *wholes[0],
        *OVERVIEWS,
        run_log.FOLDER,
    }
    assert not list(output.rglob("*.tmp"))


@pytest.fixture
def slide(core: FakeCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder with an image that counts as large, and its nuclei."""
    monkeypatch.setattr(sizes, "LARGE_PLANE", 20_000)
    monkeypatch.setattr(task, "LARGE_FILE", 0)
    monkeypatch.setattr(blocks, "MARGIN", 32)
    monkeypatch.setattr("napari_pmrnet.models.load_model", lambda *_: Reader())
    truth = discs((150, 200), 4, (5, 14))
    inputs = tmp_path / "images"
    inputs.mkdir()
    tifffile.imwrite(
        inputs / "slide.tif", drawn(truth), photometric="rgb", tile=(64, 64)
    )
    return inputs, truth


@forks
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_killed_batches_of_a_large_image(
    slide: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    inputs, truth = slide
    before, output = hashes(inputs), tmp_path / "out"
    labels = output / "slide_labels.zarr"
    for number in killed(for_ever(inputs, output, *LARGE), 1.5):
        assert hashes(inputs) == before
        names = {path.name for path in output.glob("[!.]*")}
        assert names <= {labels.name, "slide_labels.csv", *OVERVIEWS}
        if labels.exists():
            assert is_label_zarr(labels)
            assert same_partition(read_image(labels)[0].data, truth)
        check_record(output)
        if number % 20 == 0:
            goes_on(inputs, output, LARGE[number // 20 % 2])
    age(output)
    goes_on(inputs, output, *LARGE)
    assert same_partition(read_image(labels)[0].data, truth)
    table = pd.read_csv(output / "slide_labels.csv")
    assert table["label"].tolist() == list(range(1, truth.max() + 1))
    assert {p.name for p in output.iterdir()} == {
        labels.name,
        "slide_labels.csv",
        *OVERVIEWS,
        run_log.FOLDER,
    }


@forks
@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_two_batches_on_one_folder(
    varied: FakeCore, folder: Path, tmp_path: Path, rounds: int
) -> None:
    wholes = [
        expected_of(folder, tmp_path / str(number), settings)
        for number, settings in enumerate(SETTINGS)
    ]
    output, refused, varied.seconds = tmp_path / "out", 0, 0.1
    for _ in range(rounds):
        told = at_once(*(lambda s=s: goes_on(folder, output, s) for s in SETTINGS))
        assert "" in told
        refused += sum("another run writes there" in text for text in told)
        assert all(not text or "another run writes there" in text for text in told)
        found = {path.name: tifffile.imread(path) for path in output.glob("*.tif")}
        # One folder, one run: all labels are of the one that was the last.
        assert any(
            all(np.array_equal(found[name], whole[name]) for name in whole)
            for whole in wholes
        )
    assert refused


def labels_in(output: Path) -> dict[str, np.ndarray]:
    return {path.name: tifffile.imread(path) for path in output.glob("*.tif")}


def meets_an_end(folder: Path, output: Path, whole: dict[str, Any]) -> bool:
    """Run a batch on a disk that may end; tell whether it came to its end.

    What is there is whole, and what is not there was told.
    """
    job, failed = BatchJob((str(folder),), output, SETTINGS[0]), set()
    try:
        for event in batch_steps(job):
            if isinstance(event, FileEnded) and event.status == FAILED:
                failed.add(event.path.stem)
                assert "cannot be written" in event.row.error
        ended = not failed
    except DataError as error:
        assert "cannot be" in str(error) or "Make room" in str(error)
        ended = False
    for name, labels in labels_in(output).items():
        np.testing.assert_array_equal(labels, whole[name])
    check_record(output)
    return ended


@pytest.mark.parametrize("count", [10, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.timeout(1800)
def test_a_batch_on_a_file_system_that_ends_anywhere(
    varied: FakeCore, folder: Path, tmp_path: Path, count: int
) -> None:
    """Labels, thumbnails, record, table and sheet; the next run makes it good."""
    first = tmp_path / "first"
    whole = expected_of(folder, first, SETTINGS[0])
    largest = max(path.stat().st_size for path in first.rglob("*") if path.is_file())
    random, output, before = np.random.default_rng(0), tmp_path / "out", hashes(folder)
    for number, size in enumerate(random.integers(0, largest, count)):
        with file_limit(int(size)):
            assert not meets_an_end(folder, output, whole)
        assert not list(output.glob(".pmrnet-*.tmp"))
        assert hashes(folder) == before
        if number % 10 == 9:
            goes_on(folder, output, SETTINGS[0])
            found = labels_in(output)
            assert set(found) == set(whole)
            output.rename(tmp_path / f"gone-{number}")


def test_a_batch_on_a_disk_that_is_full_at_any_page(
    varied: FakeCore, folder: Path, disk: Path, tmp_path: Path
) -> None:
    whole = expected_of(folder, tmp_path / "first", SETTINGS[0])
    filler, output, page = disk / "filler", disk / "out", 4096
    free, given = shutil.disk_usage(disk).free, 0
    while True:
        filler.write_bytes(bytes(free - given * page))
        if meets_an_end(folder, output, whole):
            break
        assert not list(disk.rglob("*.tmp"))
        filler.unlink()
        goes_on(folder, output, SETTINGS[0])
        assert set(labels_in(output)) == set(whole)
        shutil.rmtree(output)
        given += 1
    assert given > 5
