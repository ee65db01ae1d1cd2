"""Labels of a plate, as another library finds them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.label_plate import LabelPlate, is_label_plate
from napari_pmrnet.io.label_zarr import is_label_zarr
from napari_pmrnet.io.ome_plate import fields_of
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.space import Space

yaozarrs = pytest.importorskip("yaozarrs")
pytest.importorskip("zarr")


@pytest.mark.parametrize("axes", ["yx", "tzyx", "ztyx"])
def test_a_plate_of_labels_is_valid_and_known_again(tmp_path, axes) -> None:
    plate, shape = tmp_path / "p.zarr", (2, 3, 9, 8)[-len(axes) :]
    units = ["s" if axis == "t" else "um" for axis in axes]
    space = Space.of(axes, [0.5] * len(axes), units)
    written = LabelPlate(plate, "p", "../in/p.zarr")
    for number, field in enumerate(("A/1/0", "A/1/1", "H/12/0"), start=1):
        array = written.add(field, "nuclei", shape, space, Provenance())
        array[..., 2:4, 2:4] = number
    assert not is_label_plate(plate), "not before it is whole"
    written.finish()
    assert is_label_plate(plate) and not is_label_plate(tmp_path)
    yaozarrs.validate_zarr_store(plate)
    found = fields_of(plate, {})
    assert [(one.well, one.name) for one in found] == [
        ("A01", "0"),
        ("A01", "1"),
        ("H12", "0"),
    ]
    for number, one in enumerate(found, start=1):
        assert is_label_zarr(one.path / "labels" / "nuclei")
        (image,) = read_image(one.path)
        assert image.data.max() == number and image.data.shape == shape
        assert image.space.scale == space.scale and image.space.units == space.units


def test_nothing_that_is_there_is_written_to(tmp_path) -> None:
    (tmp_path / "p.zarr").mkdir()
    LabelPlate(tmp_path / "q.zarr", "q", "a")
    with pytest.raises((OSError, ValueError)):
        LabelPlate(tmp_path / "q.zarr", "q", "a")
    assert np.array_equal([], list((tmp_path / "p.zarr").iterdir()))
