"""Files are timed by the megapixel, and a command that fails is not."""

import subprocess
from pathlib import Path

import pytest

from napari_pmrnet.benchmark import files
from napari_pmrnet.models import load_model


def test_a_folder_is_timed_by_the_megapixel(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SIDE", 64)
    monkeypatch.setattr(files, "COUNT", 2)
    row = files.folder_of_images(load_model(weights, "cpu", "pytorch"), 1)
    assert row.what.startswith("2 files of 64 x 64") and row.cpu > 0


def test_a_command_that_fails_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        files.command_line(tmp_path / "none.safetensors", "cpu", 1)
