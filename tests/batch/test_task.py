"""One file of a batch: its labels, or the reason why there are none."""

import errno
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from napari_pmrnet.batch.summary import Row
from napari_pmrnet.batch.task import Task, failed, file_steps
from napari_pmrnet.errors import DataError, ImageError
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.write import unwritable
from napari_pmrnet.proofreading.journal import fingerprint
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.settings import Settings

from .conftest import CARD, HASH, blobs

MODEL = SimpleNamespace(card=CARD, device="cpu", runs_on="cpu")


def task_of(path: Path) -> Task:
    target = path.parent / "out" / f"{path.stem}_labels.tif"
    row = Row(path.name, target.name)
    return Task(0, path, target, row, Settings(min_area=1), HASH)


def test_labels_are_written_with_what_made_them(core, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, blobs(), imagej=True, resolution=(2, 4), metadata={"unit": "um"}
    )
    task = task_of(path)
    outcome = run_to_end(file_steps(task, MODEL))
    row = outcome.row
    assert (row.nuclei, row.planes, row.error) == (3, 1, "")
    assert (row.pixel_height, row.pixel_width, row.unit) == (0.25, 0.5, "um")
    assert 0 < row.certainty <= 1 and row.doubtful == 0
    assert outcome.labels_hash and outcome.picture.startswith(b"\xff\xd8")
    (labels,) = read_image(task.target)
    assert labels.is_labels and labels.data.max() == 3
    assert labels.metadata["napari_pmrnet"]["weights_hash"] == HASH


def test_a_pixel_of_unknown_size_has_none(core, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", blobs())
    row = run_to_end(file_steps(task_of(tmp_path / "a.tif"), MODEL)).row
    assert (row.pixel_height, row.pixel_width, row.unit) == (None, None, "")


def test_labels_are_no_image(core, tmp_path: Path) -> None:
    path = Path(write_labels(tmp_path / "a.tif", np.ones((4, 5), np.int32)))
    row = run_to_end(file_steps(task_of(path), MODEL)).row
    assert "holds labels of napari-pmrnet, not an image" in row.error
    assert row.labels == "a_labels.tif" and row.nuclei is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImageError("'a':\n no  pixels."), "'a': no pixels."),
        (MemoryError(), "Too large for the memory of this computer."),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_a_reason_is_a_line(tmp_path: Path, error: Exception, said: str) -> None:
    outcome = failed(task_of(tmp_path / "a.tif"), error)
    assert outcome.row.error.startswith(said) and "\n" not in outcome.row.error
    assert not outcome.ends_run


def test_a_full_disk_ends_the_run(tmp_path: Path) -> None:
    task = task_of(tmp_path / "a.tif")
    cause = OSError(errno.ENOSPC, "No space left")
    full = unwritable(task.target, cause)
    full.__cause__ = cause
    assert failed(task, full).ends_run
    assert not failed(task, DataError("damaged.")).ends_run
    assert failed(task, DataError("other weights."), ends_run=True).ends_run


def test_labels_know_the_channel_that_they_are_of(core, tmp_path: Path) -> None:
    path, pixels = tmp_path / "a.tif", np.stack([blobs() // 2, blobs(), blobs(2)])
    tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "CYX"})
    for channel in (None, 2):
        task = task_of(path)
        task = replace(task, settings=replace(task.settings, channel=channel))
        assert not run_to_end(file_steps(task, MODEL)).row.error
        (labels,) = read_image(task.target)
        made = labels.metadata["napari_pmrnet"]
        assert made["fingerprint"] == fingerprint(pixels[channel or 0])
        task.target.unlink()
