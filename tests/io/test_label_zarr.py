"""Labels on disk: made empty, edited in place, and told from other folders."""

import json
from pathlib import Path

import numpy as np
import pytest

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.label_zarr import (
    create_label_zarr,
    is_label_zarr,
    label_tag,
    open_label_zarr,
)
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.space import Space

pytest.importorskip("zarr")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cells.zarr"


def test_new_labels_are_zero_and_take_no_room(path: Path) -> None:
    space = Space.of("zyx", (2, 1, 1), ("um",) * 3)
    array = create_label_zarr(path, (3, 5000, 1500), name="cells", space=space)
    assert array.dtype == np.int32 and array.chunks == (1, 1024, 1024)
    assert not np.asarray(array[1, :9, :9]).any()
    assert sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) < 10_000


def test_what_is_written_is_there_when_it_is_opened_again(path: Path) -> None:
    create_label_zarr(path, (30, 40), name="cells")[3:6, 4:9] = 7
    again = open_label_zarr(path)
    assert (again[3:6, 4:9] == 7).all()
    again[0, 0] = 9
    assert open_label_zarr(path, "r")[0, 0] == 9
    with pytest.raises(OSError):
        create_label_zarr(path, (20, 20), name="cells")
    assert open_label_zarr(path)[0, 0] == 9, "what lies there stays"


def test_space_and_provenance_are_kept_for_us_and_for_others(path: Path) -> None:
    space = Space.of("tyx", (30.0, 0.5, 0.25), ("second", "micrometer", "micron"))
    made = Provenance({"seed_threshold": 0.3}, "ab" * 32)
    create_label_zarr(path, (2, 9, 9), name="cells", space=space, provenance=made)
    tag = label_tag(path)
    assert tag.space == Space.of("tyx", (30.0, 0.5, 0.25), ("s", "um", "um"))
    assert tag.provenance == made
    (about,) = json.loads((path / ".zattrs").read_text())["multiscales"]
    assert about["name"] == "cells"
    assert [axis["unit"] for axis in about["axes"]] == [
        *("second", "micrometer", "micrometer")
    ]
    (level,) = about["datasets"]
    assert level["coordinateTransformations"][0]["scale"] == [30, 0.5, 0.25]


@pytest.mark.parametrize("content", [None, "", "[1]", "{}", '{"napari_pmrnet": 3}'])
def test_other_folders_hold_no_labels_of_ours(path: Path, content: str | None) -> None:
    path.mkdir()
    if content is not None:
        (path / ".zattrs").write_text(content)
    assert not is_label_zarr(path)
    for look in (open_label_zarr, label_tag):
        with pytest.raises(DataError, match="holds no labels of napari-pmrnet"):
            look(path)
