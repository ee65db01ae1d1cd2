"""Labels on disk: whole or not there, with their table, pixel size and origin."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from napari_pmrnet import Settings
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.images import open_image
from napari_pmrnet.io.label_zarr import label_tag, open_label_zarr
from napari_pmrnet.io.space import Space
from napari_pmrnet.segmentation.plane import Plane

from ..conftest import DISK_BYTES
from .conftest import (
    PLAIN,
    Reader,
    discs,
    drawn,
    labelled,
    labelling,
    result_of,
    run,
    same_partition,
)


def test_the_table_tells_of_the_labels(
    tmp_path: Path, reader: Reader, narrow: None
) -> None:
    truth = discs((220, 260), 3, (4, 14))
    result = result_of(drawn(truth), tmp_path, reader, block=90)
    labels = open_label_zarr(result.labels, "r")[...]
    assert result.table.read_text().count("\n") == len(result.objects) + 1
    for row in result.objects.itertuples():
        pixels = np.argwhere(labels == row.label)
        assert row.area == len(pixels)
        np.testing.assert_allclose(
            (row.centroid_y, row.centroid_x), pixels.mean(axis=0), atol=1e-6
        )


def test_labels_before_are_replaced_only_at_the_end(
    tmp_path: Path, reader: Reader
) -> None:
    one, two = (discs((120, 150), seed, (4, 14)) for seed in (1, 2))
    first = run(drawn(one), tmp_path, reader)
    plane = Plane([drawn(two)])
    plane.limits = 0.0, 255.0
    output = tmp_path / "out.zarr"
    steps = labelling(plane, output, PLAIN, reader, overwrite=True)
    next(steps), next(steps)
    steps.close()
    kept = open_label_zarr(tmp_path / "out.zarr", "r")[...]
    np.testing.assert_array_equal(kept, first)
    assert same_partition(run(drawn(two), tmp_path, reader, overwrite=True), two)


def test_pixel_size_and_origin_travel_with_the_labels(
    tmp_path: Path, reader: Reader
) -> None:
    image = drawn(discs((120, 150), 1, (4, 14)))
    space = Space.of_plane((0.5, 0.25), "um")
    result = result_of(image, tmp_path, reader, space=space)
    (read,) = open_image(result.labels)
    assert read.space.axes == ("y", "x")
    assert read.space.scale == (0.5, 0.25) and read.space.units == ("um", "um")
    made = label_tag(result.labels).provenance
    assert made.weights_hash == reader.card.sha256
    assert Settings.from_dict(made.settings) == PLAIN


@pytest.mark.parametrize(
    ("name", "words"), [("out.tif", "ends in .zarr"), ("no/out.zarr", "folder")]
)
def test_outputs_that_cannot_be_are_refused(
    name: str, words: str, tmp_path: Path, reader: Reader
) -> None:
    image = drawn(discs((90, 90), 1, (4, 14)))
    with pytest.raises(DataError, match=words):
        labelled(Plane([image]), tmp_path / name, PLAIN, reader)


@pytest.mark.parametrize("room", [2_000, 30_000, 90_000, 150_000])
def test_a_large_image_goes_on_when_there_is_room_again(disk: Path, room: int) -> None:
    truth = discs((300, 340), 1, (4, 14))
    plane = Plane([drawn(truth)])
    plane.limits = 0.0, 255.0
    filler = disk / "filler"
    filler.write_bytes(bytes(DISK_BYTES - room))
    with pytest.raises(DataError, match="No space left on device"):
        labelled(plane, disk / "out.zarr", PLAIN, Reader(), block=100)
    assert not (disk / "out.zarr").exists()
    assert not list(disk.rglob("*.tmp"))
    filler.unlink()
    subprocess.run(
        ["mount", "-o", f"remount,size={20 * DISK_BYTES}", str(disk)], check=True
    )
    result = labelled(plane, disk / "out.zarr", PLAIN, Reader(), block=100)
    assert same_partition(open_label_zarr(result.labels, "r")[...], truth)
