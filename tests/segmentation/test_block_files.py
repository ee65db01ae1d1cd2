"""Blocks that are done are kept for the same job, and for no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_pmrnet.segmentation.block_files import BlockFiles
from napari_pmrnet.segmentation.blocks import BlockGrid, BlockNuclei

GRID = BlockGrid((90, 130), margin=8, side=64)
JOB = {"weights": "f00d", "scale": 1.0}


@pytest.fixture
def block() -> BlockNuclei:
    objects = pd.DataFrame({"certainty": [0.5], "area": [4], "centroid_y": [1.5]})
    return BlockNuclei(1, 2, (64, 0), np.ones((2, 2), np.int32), objects, ("a note",))


def test_a_block_comes_back_as_it_was(tmp_path: Path, block: BlockNuclei) -> None:
    files = BlockFiles(tmp_path / "plane", JOB)
    every = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert files.missing(GRID) == every and files.load(1, 2) is None
    files.save(block)
    again = BlockFiles(tmp_path / "plane", dict(reversed(JOB.items())))
    assert again.missing(GRID) == every[:-1]
    found = again.load(1, 2)
    assert (found.row, found.column, found.origin) == (1, 2, (64, 0))
    assert found.notes == ("a note",) and found.objects.equals(block.objects)
    np.testing.assert_array_equal(found.labels, block.labels)


def test_blocks_of_another_job_are_removed(tmp_path: Path, block: BlockNuclei) -> None:
    BlockFiles(tmp_path / "plane", JOB).save(block)
    other = BlockFiles(tmp_path / "plane", {**JOB, "scale": 2.0})
    assert other.load(1, 2) is None and len(other.missing(GRID)) == 6


def test_a_damaged_block_is_dropped(tmp_path: Path, block: BlockNuclei) -> None:
    files = BlockFiles(tmp_path / "plane", JOB)
    files.save(block)
    (file,) = files.folder.glob("block-*")
    file.write_bytes(file.read_bytes()[:50])
    assert len(files.missing(GRID)) == 5
    assert files.load(1, 2) is None and len(files.missing(GRID)) == 6
