"""A batch alone at night: it loses nothing of others, and one bad file ends nothing."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from napari_pmrnet.batch import run as run_module
from napari_pmrnet.batch import run_log, task
from napari_pmrnet.batch.events import DONE, FAILED, KEPT, UNCHANGED
from napari_pmrnet.batch.inputs import find_sources
from napari_pmrnet.cli import app as cli
from napari_pmrnet.errors import DataError
from napari_pmrnet.io import settle
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.label_zarr import open_label_zarr
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.permit import hash_of
from napari_pmrnet.segmentation import Settings, blocks, sizes

from ..segmentation.conftest import Reader, discs, drawn
from .test_inputs import put, put_zarr

OTHER = Settings(seed_threshold=0.3)
SLIDE = Settings(diameter=20, probability_threshold=0.5, seed_threshold=0.3, min_area=1)
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX file systems only")


@pytest.fixture
def slide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small image that counts as a large one."""
    monkeypatch.setattr(sizes, "LARGE_PLANE", 20_000)
    monkeypatch.setattr(task, "LARGE_FILE", 0)
    monkeypatch.setattr(blocks, "MARGIN", 32)
    monkeypatch.setattr("napari_pmrnet.models.load_model", lambda *_: Reader())
    path = tmp_path / "slide.tif"
    image = drawn(discs((260, 300), 4, (5, 14)))
    tifffile.imwrite(path, image, photometric="rgb", tile=(64, 64))
    return path


def test_a_zarr_image_is_not_segmented_onto_itself(run, tmp_path):
    put_zarr(tmp_path / "image.zarr", 2)
    before = hash_of(tmp_path / "image.zarr")
    for output in ("image.zarr", "image.zarr/labels"):
        with pytest.raises(DataError, match="inside the Zarr folder"):
            run(tmp_path / "image.zarr", output=output)
        assert hash_of(tmp_path / "image.zarr") == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_zarr_labels_of_others_stay(run, slide, tmp_path, overwrite):
    mine = tmp_path / "out" / "slide_labels.zarr"
    mine.mkdir(parents=True)
    (mine / "precious").touch()
    report, statuses = run(slide, settings=SLIDE, overwrite=overwrite)
    assert statuses == {"slide.tif": DONE}
    assert report.rows[0].labels == "slide.tif_labels.zarr"
    assert [path.name for path in mine.iterdir()] == ["precious"]


def test_corrected_labels_of_a_record_that_is_lost_stay(run, slide, tmp_path):
    run(slide, settings=SLIDE)
    labels = open_label_zarr(tmp_path / "out" / "slide_labels.zarr")
    labels[5:9, 5:9] = 999
    shutil.rmtree(tmp_path / "out" / run_log.FOLDER)
    report, _ = run(slide, settings=SLIDE)
    assert report.rows[0].labels == "slide.tif_labels.zarr"
    assert (labels[5:9, 5:9] == 999).all()


def test_labels_that_nobody_touched_are_made_anew_without_a_record(run, slide, folder):
    for images in (slide, folder / "a.png"):
        run(images, settings=SLIDE)
    shutil.rmtree(folder.parent / "out" / run_log.FOLDER)
    report, _ = run(slide, folder / "a.png", settings=SLIDE)
    assert [row.labels for row in report.rows] == [
        "slide_labels.zarr",
        "a_labels.tif",
    ]


def test_a_table_of_others_beside_zarr_labels_stays(run, slide, tmp_path):
    table = tmp_path / "out" / "slide_labels.csv"
    table.parent.mkdir()
    table.write_text("well,drug\nA1,water\n")
    before = table.read_bytes()
    for overwrite in (False, True):
        report, _ = run(slide, settings=SLIDE, overwrite=overwrite)
        assert report.rows[0].labels == "slide.tif_labels.zarr"
    assert table.read_bytes() == before


def test_a_table_that_was_changed_keeps_its_labels(run, slide, tmp_path):
    run(slide, settings=SLIDE)
    table = tmp_path / "out" / "slide_labels.csv"
    table.write_text(table.read_text() + "a note\n")
    again = Settings(**{**SLIDE.as_dict(), "min_area": 2})
    assert run(slide, settings=again)[1] == {"slide.tif": KEPT}
    assert table.read_text().endswith("a note\n")
    assert run(slide, settings=again, overwrite=True)[1] == {"slide.tif": DONE}


def test_labels_in_the_place_of_a_file_that_was_never_finished_stay(
    run, folder, core, tmp_path
):
    core.error = RuntimeError("broke")
    run(folder / "a.png")
    core.error = None
    mine = write_labels(tmp_path / "out" / "a_labels.tif", np.ones((40, 60), int))
    before = mine.read_bytes()
    assert run(folder / "a.png")[1] == {"a.png": KEPT}
    assert mine.read_bytes() == before
    assert run(folder / "a.png", overwrite=True)[1] == {"a.png": DONE}


def test_labels_corrected_while_the_batch_runs_stay(run, folder, core, tmp_path):
    run(folder / "a.png")
    target, real = tmp_path / "out" / "a_labels.tif", core.segment_steps

    def corrected(*arguments):
        write_labels(target, np.ones((40, 60), int), overwrite=True)
        return (yield from real(*arguments))

    run_log_of = "napari_pmrnet.segmentation.segment_stack.segment_steps"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_log_of, corrected)
        report, statuses = run(folder / "a.png", settings=OTHER)
    assert statuses == {"a.png": FAILED} and "exists already" in report.rows[0].error
    assert read_image(target)[0].data.all()
    assert run(folder / "a.png", settings=OTHER)[1] == {"a.png": KEPT}


@pytest.mark.parametrize("name", ["summary.csv", "contact_sheet.html"])
def test_a_table_or_page_of_others_stays(run, folder, tmp_path, name):
    mine = tmp_path / "out" / name
    mine.parent.mkdir()
    mine.write_text("file,labels\nof,others\n")
    before = mine.read_bytes()
    for _ in range(2):
        report, _ = run(folder / "a.png")
        told = {report.summary.name, report.sheet.name}
        assert f"{mine.stem}-2{mine.suffix}" in told and mine.name not in told
    assert mine.read_bytes() == before
    assert report.summary.name in report.sheet.read_text()
    assert not list(mine.parent.glob("*-3*"))


def test_a_summary_that_was_annotated_stays(run, folder):
    report, _ = run(folder / "a.png")
    first = report.summary
    first.write_text(first.read_text() + "my notes\n")
    report, _ = run(folder)
    assert first.read_text().endswith("my notes\n")
    assert len(pd.read_csv(report.summary)) == 4 and report.summary != first


def test_overviews_of_the_version_before_are_replaced(run, folder, tmp_path):
    report, _ = run(folder / "a.png")
    record = tmp_path / "out" / run_log.FOLDER / "record.jsonl"
    lines = [line for line in record.read_text().splitlines() if "overview" not in line]
    record.write_text("\n".join(lines) + "\n")
    again, _ = run(folder)
    assert again.summary == report.summary and again.sheet == report.sheet
    assert len(pd.read_csv(again.summary)) == 4


def test_a_table_open_elsewhere_ends_nothing(run, folder, monkeypatch):
    real = os.replace

    def in_use(source, target):
        if Path(target).name == "summary.csv":
            raise PermissionError(errno.EACCES, "open in another program")
        real(source, target)

    run(folder / "a.png")
    monkeypatch.setattr(settle, "_WAITS", ())
    monkeypatch.setattr(run_module, "SUMMARY_SECONDS", 0)
    monkeypatch.setattr(os, "replace", in_use)
    report, statuses = run(folder)
    assert list(statuses.values()).count(DONE) == 3
    assert report.summary.name == "summary-2.csv"
    assert len(pd.read_csv(report.summary)) == 4


@posix
def test_names_that_are_no_text(run, folder, tmp_path):
    name = os.fsdecode(b"\xe9tude\nb.png")
    shutil.copy(folder / "a.png", folder / name)
    report, statuses = run(folder)
    assert statuses[name] == DONE and set(run(folder)[1].values()) == {UNCHANGED}
    assert len(pd.read_csv(report.summary)) == 5 and report.sheet.is_file()


@posix
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_the_command_prints_any_name(core, folder, tmp_path, monkeypatch, encoding):
    for name in ("核.png", os.fsdecode(b"\xe9tude.png")):
        shutil.copy(folder / "a.png", folder / name)
    (folder / "核2.png").write_bytes(b"junk")
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    arguments = ["napari-pmrnet", "segment", str(folder)]
    monkeypatch.setattr(sys, "argv", [*arguments, "--output", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out.flush(), err.flush()
    assert ended.value.code == 1
    assert b"6 segmented" in out.buffer.getvalue()
    assert b"not a PNG" in err.buffer.getvalue()


@posix
@pytest.mark.parametrize("letter", ["n", "é", "核"])
def test_a_name_too_long_to_extend(run, folder, tmp_path, letter):
    length = 250 // len(letter.encode())
    for end in ("1", "2"):
        shutil.copy(folder / "a.png", folder / f"{letter * (length - 1)}{end}.png")
    report, statuses = run(folder)
    assert set(statuses.values()) == {DONE} and len(statuses) == 6
    assert len({row.labels for row in report.rows}) == 6
    assert set(run(folder)[1].values()) == {UNCHANGED}


@posix
def test_a_name_too_long_for_zarr_labels(run, slide):
    slide = slide.rename(slide.with_name(f"{'s' * 245}.tif"))
    report, statuses = run(slide, settings=SLIDE)
    assert list(statuses.values()) == [DONE]
    assert report.rows[0].labels.endswith(".zarr")


@posix
def test_what_is_no_file_is_told_and_the_rest_goes_on(
    run, folder, tmp_path, monkeypatch
):
    os.mkfifo(folder / "pipe.tif")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    monkeypatch.chdir(folder)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.tif")
        report, statuses = run(folder)
    bad = {"pipe.tif", "loop.png", "gone.png", "s.tif"}
    assert {name for name, status in statuses.items() if status == FAILED} == bad
    assert list(statuses.values()).count(DONE) == 4
    errors = {row.name: row.error for row in report.rows if row.error}
    assert "pipe, socket or device" in errors["pipe.tif"]
    assert run(folder / "pipe.tif")[1] == {"pipe.tif": FAILED}


@posix
def test_links_that_lead_back_up(run, folder, tmp_path):
    for name in ("up", "up too", "and up"):
        (folder / name).symlink_to(folder, target_is_directory=True)
    assert len(run(folder, recursive=True)[1]) == 4
    assert len(run(str(folder / "**" / "*.png"), output="other")[1]) == 4


def test_brackets_in_the_names_of_folders(tmp_path):
    for name in ("data [1]/a.png", "data [1]/b [2].png", "data 1/c.png", "x/[y]/d.png"):
        put(tmp_path / name)

    def found(pattern: str) -> list[str]:
        sources = find_sources([tmp_path / pattern], tmp_path / "out")
        return [source.path.name for source in sources]

    assert found("data [1]/*.png") == ["a.png", "b [2].png"]
    assert found("data [1]/b [2].png") == ["b [2].png"]
    assert found("data [1]") == ["a.png", "b [2].png"]
    assert found("data [0-9]/*.png") == ["c.png"]
    assert found("*/[[]y]/*.png") == ["d.png"]
    assert found("*/[y]/*.png") == ["d.png"]


def test_one_file_that_the_file_system_refuses(run, folder, monkeypatch):
    real = os.link

    def refuses(source, target):
        if Path(target).name == "b_labels.tif":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(source, target)

    def refuses_rename(source, target):
        if Path(target).name == "b_labels.tif":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(source, target)

    rename = os.replace
    monkeypatch.setattr(os, "link", refuses)
    monkeypatch.setattr(os, "replace", refuses_rename)
    report, statuses = run(folder)
    assert [name for name, status in statuses.items() if status == FAILED] == ["b.png"]
    assert "cannot be written" in report.rows[1].error


def test_a_share_without_fsync(run, folder, monkeypatch):
    def no_sync(_: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(settle, "os", SimpleNamespace(fsync=no_sync))
    assert set(run(folder)[1].values()) == {DONE}


def test_what_a_thumbnail_costs_is_not_the_labels(run, folder, tmp_path, monkeypatch):
    """Labels that were written are known again, though their picture failed."""
    (tmp_path / "out" / run_log.FOLDER / "thumbnails").mkdir(parents=True)
    picture = run_log.Record(tmp_path / "out").thumbnail("../images/a.png")
    picture.mkdir()
    assert run(folder / "a.png")[1] == {"a.png": FAILED}
    picture.rmdir()
    assert run(folder / "a.png", settings=OTHER)[1] == {"a.png": DONE}


def test_the_record_tells_what_was_written(run, folder, tmp_path):
    report, _ = run(folder / "a.png")
    record = tmp_path / "out" / run_log.FOLDER / "record.jsonl"
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    told = {one["hash"] for one in lines if "overview" in one}
    assert {hash_of(report.summary), hash_of(report.sheet)} <= told


def test_a_png_of_200_megapixels_is_read(tmp_path):
    path = tmp_path / "large.png"
    Image.new("L", (20_000, 10_000), 7).save(path, compress_level=1)
    (image,) = read_image(path)
    assert image.data.shape == (10_000, 20_000) and image.data[-1, -1] == 7
