"""The command: what it prints, how it stops, with which status it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from napari_pmrnet.cli import app as app_module
from napari_pmrnet.io.images import read_image
from napari_pmrnet.segmentation import segment_stack

from ..batch.conftest import blobs, left_over


@pytest.fixture
def segment(core, tmp_path):
    """Run the command into ``out``; status and what it printed."""

    def run(*words):
        command = ["segment", *map(str, words), "--output", str(tmp_path / "out")]
        result = CliRunner().invoke(app_module.app, command)
        return result.exit_code, result.output

    return run


def test_a_folder_and_again(segment, folder, core, tmp_path):
    status, said = segment(folder)
    assert status == 0
    assert "a.png: 1 nucleus, certainty" in said
    assert "4 files: 4 segmented on cpu." in said
    assert str(tmp_path / "out" / "contact_sheet.html") in said
    core.names.clear()
    status, said = segment(folder)
    assert status == 0 and not core.names
    assert "4 files: 4 finished before." in said
    _, said = segment(folder, "--overwrite")
    assert "4 files: 4 segmented" in said and "    overwrite=True," in said


def test_subfolders_are_asked_for(segment, folder):
    (folder / "sub").mkdir()
    Image.fromarray(blobs()).save(folder / "sub" / "e.png")
    assert "4 files" in segment(folder)[1]
    assert (
        "5 files: 1 segmented on cpu, 4 finished before"
        in segment(folder, "--recursive")[1]
    )


def test_status_tells_that_a_file_failed(segment, folder):
    (folder / "b.png").write_bytes(b"junk")
    status, said = segment(folder)
    assert status == 1
    assert said.count("b.png: not a PNG or JPEG") == 1
    assert "4 files: 3 segmented on cpu, 1 could not be segmented" in said
    status, said = segment(folder, "--strict", "--overwrite")
    assert status == 1 and "2 segmented" not in said and "Stopped" in said


def test_classes_that_cannot_be_counted_are_told(segment, folder):
    status, said = segment(folder, "--class", "a:intensity GFP>=5")
    assert status == 0
    assert "No image has the column 'intensity GFP', so 'a' was not counted" in said
    assert "counts.csv" in said
    status, said = segment(folder, "--class", "bright")
    assert status == 2 and "'bright' is no class" in " ".join(said.split())


def test_kept_labels_are_told(segment, folder, tmp_path):
    segment(folder)
    target = tmp_path / "out" / "a_labels.tif"
    tifffile.imwrite(target, np.ones((40, 60), np.uint8))
    status, said = segment(folder, "--seed-threshold", "0.3")
    assert status == 0 and "a.png: labels were changed" in said
    assert "3 segmented on cpu, 1 with changed labels kept" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_and_the_same_command_goes_on(
    segment, folder, core, tmp_path, monkeypatch, number
):
    """So does what a scheduler sends before it kills."""
    real, before = core.segment_steps, signal.getsignal(number)

    def interrupted(plane, settings, model):
        if plane.name == "c.png":
            os.kill(os.getpid(), number)
        return (yield from real(plane, settings, model))

    monkeypatch.setattr(segment_stack, "segment_steps", interrupted)
    status, said = segment(folder)
    assert status == 130 and "The same command goes on from here" in said
    assert signal.getsignal(number) is before
    assert len(pd.read_csv(tmp_path / "out" / "summary.csv")) == 2
    assert not left_over(tmp_path)
    monkeypatch.setattr(segment_stack, "segment_steps", real)
    status, said = segment(folder)
    assert status == 0 and "2 segmented on cpu, 2 finished before" in said


def test_the_printed_python_makes_the_same_labels(folder, weights, tmp_path):
    options = ("--model", str(weights), "--device", "cpu", "--min-area", "3")
    command = ["segment", str(folder / "d.png"), "--output", str(tmp_path / "one")]
    said = CliRunner().invoke(app_module.app, [*command, *options]).output
    code = said.partition("The same in Python:")[2].strip()
    assert code.startswith("from napari_pmrnet import Settings")
    code = code.replace(str(tmp_path / "one"), str(tmp_path / "two"))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    one, two = (
        read_image(tmp_path / name / "d_labels.tif")[0] for name in ("one", "two")
    )
    assert (one.data == two.data).all()
    made = [image.metadata["napari_pmrnet"] for image in (one, two)]
    assert made[0] == made[1] and made[0]["settings"]["min_area"] == 3


def test_paths_are_printed_as_they_were_given(segment, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    _, said = segment(Path("a.png"))
    assert "['a.png']" in said


def test_a_shard_says_how_the_tables_are_written(segment, folder, tmp_path):
    status, said = segment(folder, "--shard", "2/3")
    assert status == 0 and "1 files of shard 2/3: 1 segmented on cpu." in said
    whole = f"napari-pmrnet segment {folder} --output {tmp_path / 'out'}"
    assert whole in said.splitlines()
    assert not (tmp_path / "out" / "summary.csv").exists()
    status, said = segment(folder)
    assert "4 files: 3 segmented on cpu, 1 finished before." in said
    status, said = segment(folder, "--shard", "4/3")
    assert status == 2
