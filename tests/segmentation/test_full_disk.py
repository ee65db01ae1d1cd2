"""A disk that is really full: one message, nothing half written, and it goes on after.

Needs leave to mount a small disk in memory; without it the tests are skipped.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_pmrnet import Settings
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.label_zarr import open_label_zarr
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.segmentation.plane import LargePlane
from napari_pmrnet.segmentation.stack import segment_large

from .conftest import Reader, discs, drawn, same_partition

PLAIN = Settings(diameter=20, probability_threshold=0.5, seed_threshold=0.3, min_area=1)
SIZE = 400_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of `SIZE` bytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    try:
        made = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        made = False
    if not made:
        pytest.skip("no leave to mount a disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_labels_are_written_whole_or_not_at_all(disk: Path) -> None:
    path = disk / "a_labels.tif"
    write_labels(path, np.ones((100, 100), np.uint8))
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"a_labels.tif.*No space left.*Make room"):
        write_labels(path, np.ones((900, 900), np.uint8))
    assert path.read_bytes() == before and len(list(disk.iterdir())) == 1


@pytest.mark.parametrize("room", [2_000, 30_000, 90_000, 150_000])
def test_a_large_image_goes_on_when_there_is_room_again(disk: Path, room: int) -> None:
    truth = discs((300, 340), 1, (4, 14))
    plane = LargePlane([drawn(truth)])
    plane.limits = 0.0, 255.0
    filler = disk / "filler"
    filler.write_bytes(bytes(SIZE - room))
    with pytest.raises(DataError, match="No space left on device"):
        segment_large(plane, disk / "out.zarr", PLAIN, Reader(), block=100)
    assert not (disk / "out.zarr").exists()
    assert not list(disk.rglob("*.tmp"))
    filler.unlink()
    subprocess.run(["mount", "-o", f"remount,size={20 * SIZE}", str(disk)], check=True)
    result = segment_large(plane, disk / "out.zarr", PLAIN, Reader(), block=100)
    assert same_partition(open_label_zarr(result.labels, "r")[...], truth)
