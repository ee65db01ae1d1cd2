"""A batch goes on where it stopped, whatever stopped it, and loses no one's work."""

from __future__ import annotations

import errno
import os
import random
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from napari_pmrnet.batch import BatchJob, batch_steps, run_log, segment_files
from napari_pmrnet.errors import DataError
from napari_pmrnet.io import write
from napari_pmrnet.io.images import read_image
from napari_pmrnet.segmentation import Settings

from .conftest import WINDOWS, blobs, left_over

DONE = dict.fromkeys(("a.png", "b.png", "c.png", "d.png"), "done")


def labels_of(path):
    (image,) = read_image(path)
    return image


def test_a_folder_gives_labels_a_table_and_a_sheet(run, folder, tmp_path):
    tifffile.imwrite(
        folder / "e.ome.tif",
        blobs(2),
        metadata={
            "axes": "YX",
            "PhysicalSizeX": 0.5,
            "PhysicalSizeXUnit": "um",
            "PhysicalSizeY": 0.25,
            "PhysicalSizeYUnit": "um",
        },
    )
    report, statuses = run(folder)
    assert statuses == DONE | {"e.ome.tif": "done"}
    table = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert list(table["nuclei"]) == [1, 2, 3, 4, 2]
    assert list(table["labels"])[-1] == "e_labels.tif"
    last = table.iloc[-1]
    assert (last["pixel_height"], last["pixel_width"], last["unit"]) == (
        0.25,
        0.5,
        "um",
    )
    assert table["certainty"].between(0.9, 1).all() and (table["doubtful"] == 0).all()
    image = labels_of(tmp_path / "out" / "e_labels.tif")
    assert (
        image.is_labels and image.space.scale == (0.25, 0.5) and image.data.max() == 2
    )
    assert report.sheet.is_file() and report.ended["done"] == 5
    assert not left_over(tmp_path)


def test_a_finished_batch_has_nothing_left_to_do(run, folder, core):
    first, _ = run(folder)
    core.names.clear()
    again, statuses = run(folder)
    assert set(statuses.values()) == {"unchanged"} and not core.names
    assert again.rows == first.rows


@pytest.mark.parametrize(
    "change",
    ["settings", "image", "labels gone", "time"],
)
def test_what_changed_is_made_anew(run, folder, core, tmp_path, change):
    run(folder)
    settings, expected = Settings(), {"b.png": "done"}
    if change == "settings":
        settings, expected = Settings(seed_threshold=0.3), DONE
    elif change == "image":
        Image.fromarray(blobs(5)).save(folder / "b.png")
    elif change == "time":
        os.utime(folder / "b.png", ns=(1, 1))
    else:
        (tmp_path / "out" / "b_labels.tif").unlink()
    _, statuses = run(folder, settings=settings)
    assert {k: v for k, v in statuses.items() if v == "done"} == expected
    count = 5 if change == "image" else 2
    assert labels_of(tmp_path / "out" / "b_labels.tif").data.max() == count


def test_other_weights_make_all_anew_and_another_device_does_not(folder):
    job = Settings()
    key = run_log.file_key(folder / "a.png", job, "1")
    assert key != run_log.file_key(folder / "a.png", job, "2")
    assert key == run_log.file_key(folder / "a.png", replace(job, device="cpu"), "1")


def test_corrected_labels_are_kept_unless_overwritten(run, folder, tmp_path):
    run(folder)
    target = tmp_path / "out" / "b_labels.tif"
    tifffile.imwrite(target, np.ones((40, 60), np.uint8))
    corrected = target.read_bytes()
    other = Settings(seed_threshold=0.3)
    report, statuses = run(folder, settings=other)
    assert statuses == DONE | {"b.png": "kept"}
    assert target.read_bytes() == corrected and "kept" in report.rows[1].note
    _, statuses = run(folder, settings=other, overwrite=True)
    assert statuses == DONE and labels_of(target).data.max() == 2


def test_labels_of_someone_else_are_not_overwritten(run, folder, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_labels.tif").write_bytes(b"precious")
    report, _ = run(folder)
    assert report.rows[0].labels == "a.png_labels.tif"
    assert (tmp_path / "out" / "a_labels.tif").read_bytes() == b"precious"


def test_junk_is_reported_and_the_rest_goes_on(run, folder, tmp_path):
    (folder / "b.png").write_bytes(b"\x89PNG nothing")
    tifffile.imwrite(folder / "blank.tif", np.full((9, 9), 7, np.uint8))
    report, statuses = run(folder, folder / "gone.png")
    bad = {"b.png": "failed", "blank.tif": "failed", "gone.png": "failed"}
    assert statuses == DONE | bad
    table = pd.read_csv(report.summary).set_index("file")
    assert "not a PNG" in table.loc["../images/b.png", "error"]
    assert "same value" in table.loc["../images/blank.tif", "error"]
    assert "no such file" in table.loc["../images/gone.png", "error"]
    assert table["labels"].notna().sum() == 3
    Image.fromarray(blobs()).save(folder / "b.png")
    (folder / "blank.tif").unlink()
    report, statuses = run(folder)
    assert statuses["b.png"] == "done"
    assert pd.read_csv(report.summary)["error"].isna().all()


def test_strict_stops_at_the_first_fault(run, folder):
    (folder / "b.png").write_bytes(b"junk")
    report, statuses = run(folder, strict=True)
    assert list(statuses.values()) == ["done", "failed"] and report.stopped


def test_an_unforeseen_error_of_one_file_does_not_end_the_run(run, folder, core):
    core.error = RuntimeError("the network\nbroke")
    report, statuses = run(folder)
    assert set(statuses.values()) == {"failed"}
    assert report.rows[0].error == "RuntimeError: the network broke"
    core.error = MemoryError()
    assert "Too large for the memory" in run(folder)[0].rows[0].error


@pytest.mark.parametrize("seed", range(12))
def test_a_stop_at_any_window_leaves_whole_files(run, folder, tmp_path, seed):
    steps = random.Random(seed).randrange(4 * (WINDOWS + 1))
    asked = iter(range(10_000))
    report, statuses = run(folder, stop=lambda: next(asked) >= steps)
    written = sorted((tmp_path / "out").glob("*_labels.tif"))
    assert report.stopped and not left_over(tmp_path)
    assert len(written) == len(statuses) == len(pd.read_csv(report.summary))
    for path in written:
        assert labels_of(path).data.any()
    _, after = run(folder)
    assert list(after.values()).count("unchanged") == len(written)
    assert len(after) == 4


@pytest.mark.parametrize("how", ["close", "interrupt"])
def test_a_closed_or_interrupted_run_leaves_whole_files(run, folder, tmp_path, how):
    steps = batch_steps(BatchJob((str(folder),), tmp_path / "out"))
    for _ in range(9):
        next(steps)
    if how == "close":
        steps.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            steps.throw(KeyboardInterrupt)
    assert len(pd.read_csv(tmp_path / "out" / "summary.csv")) == 1
    assert (tmp_path / "out" / "contact_sheet.html").is_file()
    assert not left_over(tmp_path)
    assert list(run(folder)[1].values()).count("unchanged") == 1


def test_a_record_that_was_cut_short_is_read_on(run, folder, tmp_path):
    run(folder)
    path = tmp_path / "out" / run_log.FOLDER / "record.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"d.png") + 3])
    assert run(folder)[1] == dict.fromkeys(DONE, "unchanged") | {"d.png": "done"}
    assert set(run(folder)[1].values()) == {"unchanged"}
    path.write_bytes(path.read_bytes() + b"[1]\n{}\nnonsense\n")
    assert set(run(folder)[1].values()) == {"unchanged"}


def test_a_crash_between_labels_and_record_is_made_good(
    run, folder, tmp_path, monkeypatch
):
    real, calls = run_log.Record.add, []

    def crash(self, entry, sync=True):
        calls.append(entry)
        if entry.key is not None and len(calls) > 2:
            raise KeyboardInterrupt
        real(self, entry, sync)

    monkeypatch.setattr(run_log.Record, "add", crash)
    with pytest.raises(KeyboardInterrupt):
        run(folder)
    assert (tmp_path / "out" / "b_labels.tif").is_file()
    monkeypatch.setattr(run_log.Record, "add", real)
    report, _ = run(folder)
    assert [row.labels for row in report.rows] == [f"{n}_labels.tif" for n in "abcd"]


def test_a_full_disk_ends_the_run_with_one_message(run, folder, tmp_path, monkeypatch):
    real, calls = os.fsync, []

    def full(number):
        calls.append(number)
        if len(calls) > 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"No space left on device.*Make room"):
        run(folder)
    assert not left_over(tmp_path)
    monkeypatch.setattr(os, "fsync", real)
    assert list(run(folder)[1].values()).count("unchanged") == 1
    assert write.disk_is_full(OSError(errno.ENOSPC, "")) is True


def test_an_output_that_cannot_be_written_to_is_told_at_once(run, folder, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(DataError, match="output folder cannot be written to"):
        run(folder)


def test_moved_together_nothing_is_made_anew(run, folder, tmp_path):
    run(folder)
    (tmp_path / "elsewhere").mkdir()
    for name in ("images", "out"):
        shutil.move(tmp_path / name, tmp_path / "elsewhere" / name)
    moved = tmp_path / "elsewhere"
    _, statuses = run(moved / "images", output="elsewhere/out")
    assert set(statuses.values()) == {"unchanged"}


def test_the_table_tells_of_earlier_runs_into_the_folder(run, folder):
    run(folder / "a.png")
    report, _ = run(folder / "b.png")
    assert list(pd.read_csv(report.summary)["nuclei"]) == [1, 2]


def test_segment_files_takes_one_path_and_default_settings(core, folder, tmp_path):
    report = segment_files(folder, tmp_path / "out")
    assert report.ended["done"] == 4 and report.device == "cpu"


def test_labels_of_other_settings_are_marked_in_the_table(run, folder, tmp_path):
    run(folder)
    run(folder / "b.png", settings=Settings(min_area=5))
    notes = pd.read_csv(tmp_path / "out" / "summary.csv").set_index("labels")["note"]
    assert notes.isna().to_dict() == {
        f"{name}_labels.tif": name == "b" for name in "abcd"
    }
    assert notes["a_labels.tif"] == run_log.OTHERWISE
    run(folder)
    assert pd.read_csv(tmp_path / "out" / "summary.csv")["note"].isna().all()


def test_a_file_with_a_damaged_tile_is_segmented_without_it_if_asked_for(run, tmp_path):
    path = tmp_path / "in" / "a.tif"
    path.parent.mkdir()
    whole = blobs(3)
    tifffile.imwrite(path, whole, tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        start = tiff.pages[0].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[start : start + 9] = b"\x55" * 9
    path.write_bytes(content)
    report, statuses = run(path)
    assert statuses == {"a.tif": "failed"} and "tile 1" in report.rows[0].error
    report, statuses = run(path, mask_unreadable=True)
    assert statuses == {"a.tif": "done"}
    note = report.rows[0].note
    assert "chunks of the image cannot be read" in note
    labels = labels_of(tmp_path / "out" / "a_labels.tif").data
    assert not labels[:16, :16].any() and labels[whole > 0].any()
    _, statuses = run(path, mask_unreadable=True)
    assert statuses == {"a.tif": "unchanged"}
