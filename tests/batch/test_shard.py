"""Shards of a batch: together they leave what one run leaves."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading

import pandas as pd
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_pmrnet.batch import BatchJob, batch_steps, run_log, segment_files
from napari_pmrnet.batch.shard import Shard
from napari_pmrnet.errors import DataError
from napari_pmrnet.segmentation import Settings

from .conftest import blobs, left_over

TABLES = ("summary.csv", "objects.csv", "contact_sheet.html")


@pytest.fixture
def many(folder):
    """More images, some of which fight for a name, in two folders, and one fault."""
    for number, name in enumerate(("a.tif", "A.tif", "a-2.tif", "a.png.tif"), start=1):
        tifffile.imwrite(folder / name, blobs(number))
    (folder / "junk.png").write_bytes(b"\x89PNG nothing")
    (folder / "sub").mkdir()
    for name in "ae":
        Image.fromarray(blobs(2)).save(folder / "sub" / f"{name}.png")
    return folder


@given(st.integers(0, 50), st.integers(1, 9))
def test_every_file_is_in_one_shard(files: int, count: int) -> None:
    shards = [Shard(number, count).of(range(files)) for number in range(1, count + 1)]
    assert sorted(sum(shards, [])) == list(range(files))
    sizes = [len(shard) for shard in shards]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 999), st.integers(0, 999))
def test_a_shard_is_read_as_it_is_written(number: int, more: int) -> None:
    shard = Shard(number, number + more)
    assert Shard.parse(str(shard)) == Shard.parse(f" {shard} ") == shard


@pytest.mark.parametrize("text", ["", "3", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "٣/8"])
def test_no_such_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="from 1/n to n/n"):
        Shard.parse(text)


def label_files(output):
    """Content of the label files of a folder, by name."""
    found = (p for p in output.rglob("*_labels.*") if p.is_file())
    return {p.relative_to(output).as_posix(): p.read_bytes() for p in found}


def tables(output):
    """Tables of a folder without what was measured in seconds."""
    summary = pd.read_csv(output / "summary.csv", dtype=str).drop(columns="seconds")
    return summary, (output / "objects.csv").read_bytes()


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shards_leave_the_files_of_one_run(run, many, core, tmp_path, order):
    report, _ = run(many, recursive=True, output="one")
    whole, statuses = {}, {}
    for number in order:
        shard = Shard(number, 3)
        part, ended = run(many, recursive=True, output="parts", shard=shard)
        assert part.files == len(part.rows) in (3, 4)
        assert not whole.keys() & ended.keys() - {"a.png"}
        whole |= ended
        assert not any((tmp_path / "parts" / name).exists() for name in TABLES)
    assert label_files(tmp_path / "parts") == label_files(tmp_path / "one")
    assert len(label_files(tmp_path / "one")) == report.ended["done"] == 10
    core.names.clear()
    merged, statuses = run(many, recursive=True, output="parts")
    assert core.names == [] and merged.ended["unchanged"] == 10
    assert statuses["junk.png"] == "failed"
    ours, theirs = tables(tmp_path / "parts"), tables(tmp_path / "one")
    pd.testing.assert_frame_equal(ours[0], theirs[0])
    assert ours[1] == theirs[1]
    assert label_files(tmp_path / "parts") == label_files(tmp_path / "one")
    records = (tmp_path / "parts" / run_log.FOLDER).glob("*")
    names = {path.name for path in records}
    assert names == {"record.jsonl", "thumbnails", "nuclei"}
    assert not left_over(tmp_path)


def test_a_shard_that_was_stopped_goes_on(run, many, core, tmp_path):
    shard = Shard(1, 2)
    job = BatchJob((str(many),), tmp_path / "out", shard=shard)
    steps = batch_steps(job)
    for event in steps:
        if getattr(event, "status", None):
            break
    steps.close()
    assert len(label_files(tmp_path / "out")) == 1
    core.names.clear()
    _, statuses = run(many, shard=shard)
    assert list(statuses.values()).count("unchanged") == 1 and len(core.names) == 3
    core.names.clear()
    _, statuses = run(many, shard=shard)
    assert set(statuses.values()) <= {"unchanged", "failed"} and not core.names


def test_other_parts_and_the_whole_know_what_is_done(run, folder, core, tmp_path):
    """Also what a run without shards, or with other numbers of them, has done."""
    run(folder, shard=Shard(1, 2))
    core.names.clear()
    for number in (1, 2, 3, 4):
        run(folder, shard=Shard(number, 4))
    assert sorted(core.names) == ["b.png", "d.png"]
    core.names.clear()
    run(folder)
    run(folder, shard=Shard(2, 3))
    assert not core.names
    run(folder, shard=Shard(2, 3), settings=Settings(seed_threshold=0.3))
    _, statuses = run(folder, settings=Settings(seed_threshold=0.3))
    assert statuses == dict.fromkeys(("a.png", "c.png", "d.png"), "done") | {
        "b.png": "unchanged"
    }


def test_corrected_labels_are_kept_by_shards_too(run, folder, tmp_path):
    run(folder)
    target = tmp_path / "out" / "b_labels.tif"
    tifffile.imwrite(target, blobs(1))
    corrected = target.read_bytes()
    settings = Settings(seed_threshold=0.3)
    _, statuses = run(folder, shard=Shard(2, 4), settings=settings)
    assert statuses == {"b.png": "kept"} and target.read_bytes() == corrected
    _, statuses = run(folder, settings=settings)
    assert statuses["b.png"] == "kept" and target.read_bytes() == corrected


def test_more_shards_than_files_have_nothing_to_do(run, folder, tmp_path):
    report, statuses = run(folder, shard=Shard(9, 9))
    assert report.files == 0 and not statuses
    assert not label_files(tmp_path / "out")


def started(folder, output, shard=None):
    """A run that is at its second event, which holds the lock."""
    steps = batch_steps(BatchJob((str(folder),), output, shard=shard))
    next(steps), next(steps)
    return steps


def test_shards_run_beside_each_other_and_nothing_else_does(run, folder, tmp_path):
    first = started(folder, tmp_path / "out", Shard(1, 2))
    _, statuses = run(folder, shard=Shard(2, 2))
    assert statuses == {"b.png": "done", "d.png": "done"}
    with pytest.raises(DataError, match="another run writes there"):
        run(folder)
    with pytest.raises(DataError, match="another run writes there"):
        run(folder, shard=Shard(1, 2))
    first.close()
    assert run(folder)[0].ended["failed"] == 0


def test_no_shard_begins_beside_a_whole_run(run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_pmrnet.batch.lock.GATE_SECONDS", 0.3)
    whole = started(folder, tmp_path / "out")
    with pytest.raises(DataError, match="another run writes there"):
        run(folder, shard=Shard(1, 2))
    whole.close()
    run(folder, shard=Shard(1, 2))


def test_a_dead_shard_keeps_nobody_out(run, folder, tmp_path):
    note = tmp_path / "out" / run_log.FOLDER / "lock-1-of-2.json"
    note.parent.mkdir(parents=True)
    said = {"run": "dead", "pid": os.getpid(), "since": "2026-11-25 10:00:00"}
    note.write_text(json.dumps(said | {"host": socket.gethostname()}))
    run(folder, shard=Shard(1, 2))
    assert not note.exists()
    note.write_text(json.dumps(said | {"host": "node7"}))
    with pytest.raises(DataError, match=r"node7.*remove .*lock-1-of-2\.json"):
        run(folder)
    note.unlink()
    run(folder)


def test_shards_start_at_once(core, many, tmp_path):
    """In threads, which share nothing but the folder."""
    core.seconds = 0.02
    errors = []

    def work(number):
        try:
            segment_files(many, tmp_path / "parts", recursive=True, shard=f"{number}/4")
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    segment_files(many, tmp_path / "one", recursive=True)
    assert label_files(tmp_path / "parts") == label_files(tmp_path / "one")


def test_results_can_be_moved_before_they_are_put_together(run, folder, tmp_path):
    for number in (1, 2):
        run(folder, output="first", shard=Shard(number, 2))
    place = tmp_path / "elsewhere"
    place.mkdir()
    shutil.move(folder, place / "images")
    shutil.move(tmp_path / "first", place / "out")
    report = segment_files(place / "images", place / "out")
    assert report.ended["unchanged"] == 4 and report.summary.is_file()
