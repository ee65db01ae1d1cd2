"""Work in this process: one file at a time, event by event."""

from pathlib import Path

import pytest
from PIL import Image

from napari_pmrnet.batch.events import FileProgress, FileStarted
from napari_pmrnet.batch.local import Ended, InProcess
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.batch.task import Task
from napari_pmrnet.settings import Settings

from .conftest import HASH, blobs


@pytest.fixture
def task(tmp_path: Path) -> Task:
    Image.fromarray(blobs()).save(tmp_path / "a.png")
    target = tmp_path / "a_labels.tif"
    row = Row("a.png", target.name)
    return Task(5, tmp_path / "a.png", target, row, Settings(min_area=1), HASH)


def all_of(workers: InProcess) -> tuple[list, Ended]:
    events = []
    while workers.is_busy:
        events += workers.step()
    return events[:-1], events[-1]


def messages(events: list) -> list[str]:
    return [e.progress.message for e in events if isinstance(e, FileProgress)]


def test_a_file_is_started_told_of_and_ended(core, task: Task) -> None:
    workers = InProcess()
    assert not workers.is_busy and workers.step() == []
    workers.submit(task)
    assert workers.is_busy and workers.is_full
    (first, *progress), last = all_of(workers)
    assert first == FileStarted(5, task.path)
    assert messages(progress)[0] == "loading the network"
    assert last.number == 5 and last.outcome.row.nuclei == 3
    assert task.target.is_file() and not workers.is_busy


def test_the_network_is_loaded_once(core, task: Task) -> None:
    workers = InProcess()
    workers.submit(task)
    assert "loading the network" in messages(all_of(workers)[0])
    task.target.unlink()
    workers.submit(task)
    told = messages(all_of(workers)[0])
    assert told and "loading the network" not in told


def test_an_unforeseen_error_is_of_the_file(core, task: Task) -> None:
    core.error = ZeroDivisionError("by zero")
    workers = InProcess()
    workers.submit(task)
    _, last = all_of(workers)
    assert last.outcome.row.error == "ZeroDivisionError: by zero"
    assert not last.outcome.ends_run and not task.target.exists()


def test_a_file_that_is_left_leaves_nothing(core, task: Task) -> None:
    workers = InProcess()
    workers.submit(task)
    for _ in range(3):
        workers.step()
    workers.close()
    workers.close()
    assert not workers.is_busy and not task.target.exists()
