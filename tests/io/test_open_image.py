"""Images opened lazily are those that are read, and label Zarrs are told apart."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

from napari_pmrnet import Settings
from napari_pmrnet.errors import DataError, SoftwareError
from napari_pmrnet.io.images import ImageData, open_image, read_image
from napari_pmrnet.io.label_zarr import (
    create_label_zarr,
    is_label_zarr,
    label_tag,
    open_label_zarr,
)
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.space import Space


def pixels(*shape: int, dtype: Any = np.uint16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 250, shape).astype(dtype)


def the_same(lazy: ImageData, read: ImageData) -> None:
    """Everything alike but that one is lazy."""
    assert isinstance(lazy.data, da.Array) and isinstance(read.data, np.ndarray)
    np.testing.assert_array_equal(lazy.data.compute(), read.data)
    for name in ("name", "space", "channel_axis", "rgb", "metadata"):
        assert getattr(lazy, name) == getattr(read, name)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((40, 50), {"tile": (16, 16)}),
        ((40, 50, 3), {"photometric": "rgb", "tile": (16, 32)}),
        ((3, 40, 50), {"photometric": "rgb", "planarconfig": "separate"}),
        ((2, 3, 40, 50), {"imagej": True, "metadata": {"axes": "TCYX"}}),
        ((4, 2, 40, 50), {"ome": True, "metadata": {"axes": "ZCYX"}}),
        ((40, 50), {"byteorder": ">"}),
    ],
)
def test_tiff(shape: tuple[int, ...], options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with_colour = options.get("photometric") == "rgb"
    data = pixels(*shape, dtype=np.uint8 if with_colour else np.uint16)
    tifffile.imwrite(path, data, **options)
    (lazy,), (read,) = open_image(path), read_image(path)
    the_same(lazy, read)


def test_tiff_pyramid(tmp_path: Path) -> None:
    data, path = pixels(64, 80), tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(data, subifds=1, tile=(16, 16))
        writer.write(data[::2, ::2], subfiletype=1, tile=(16, 16))
    (lazy,), (read,) = open_image(path), read_image(path)
    the_same(lazy, read)
    (coarser,) = lazy.coarser
    np.testing.assert_array_equal(coarser.compute(), data[::2, ::2])


def test_series_are_not_mixed_up(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(pixels(20, 30), metadata={"axes": "YX"})
        writer.write(pixels(40, 10) + 1, metadata={"axes": "YX"})
    for lazy, read in zip(open_image(path), read_image(path), strict=True):
        the_same(lazy, read)


def test_zarr_pyramid(tmp_path: Path) -> None:
    data = pixels(2, 1, 40, 60)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    levels = []
    for name, level in (("0", data), ("1", data[..., ::2, ::2])):
        group.create_array(name, data=level, chunks=(1, 1, 16, 16))
        transform = [{"type": "scale", "scale": [1.0] * 4}]
        levels.append({"path": name, "coordinateTransformations": transform})
    axes = [{"name": name, "type": "space"} for name in "czyx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": levels}]
    (lazy,), (read,) = open_image(tmp_path / "a.zarr"), read_image(tmp_path / "a.zarr")
    the_same(lazy, read)
    assert lazy.coarser[0].shape == (2, 20, 30) and read.coarser == ()


def test_without_zarr_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels(9, 9))
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(SoftwareError, match=r"napari-pmrnet\[zarr\]"):
        open_image(tmp_path / "a.tif")


def test_labels_are_edited_in_place_and_say_where_they_come_from(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a_labels.zarr"
    create_label_zarr(
        path,
        (3, 30, 40),
        name="a",
        space=Space.of("tyx", (2.0, 0.5, 0.5), ("s", "um", "um")),
        provenance=Provenance(Settings(channel=1).as_dict(), "f00d"),
    )
    labels = open_label_zarr(path)
    labels[1, 5:9, 5:9] = 7
    assert open_label_zarr(path, "r")[1, 6, 6] == 7
    (read,) = read_image(path)
    assert read.space.axes == ("t", "y", "x") and read.space.units == ("s", "um", "um")
    assert read.data.dtype == np.int32 and read.space.scale == (2.0, 0.5, 0.5)
    assert label_tag(path).provenance.settings["channel"] == 1


def test_other_folders_are_no_labels(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "image.zarr", mode="w", zarr_format=2)
    for place in (tmp_path, tmp_path / "image.zarr", tmp_path / "absent.zarr"):
        assert not is_label_zarr(place)
        with pytest.raises(DataError, match="no labels of napari-pmrnet"):
            open_label_zarr(place)
