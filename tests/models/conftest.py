"""Weights that a test may spoil."""

import shutil
from pathlib import Path

import pytest

from napari_pmrnet.models.library import SUFFIX


@pytest.fixture
def source(weights: Path, tmp_path: Path) -> Path:
    """A copy of the weights and card, outside the library, that a test may spoil."""
    folder = tmp_path / "download"
    folder.mkdir()
    for suffix in (SUFFIX, ".json"):
        shutil.copy(weights.with_suffix(suffix), folder)
    return folder / weights.name
