"""Several images in one file: names that tell them apart, and one read alone."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.images import open_image, read_image, scene_names
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.scenes import distinct_names


def write_ome(path, names, unit="µm"):
    """An OME-TIFF with an image for each name, whose pixels count from 1."""
    with tifffile.TiffWriter(path, ome=True) as tiff:
        for number, name in enumerate(names, start=1):
            about = {"axes": "YX", "PhysicalSizeX": number, "PhysicalSizeXUnit": unit}
            about |= {"PhysicalSizeY": number, "PhysicalSizeYUnit": unit}
            about |= {"Name": name} if name else {}
            pixels = np.full((9, 8 + number), number, np.uint8)
            tiff.write(pixels, metadata=about)
    return path


@given(st.lists(st.text(max_size=6) | st.sampled_from(["a", "A", "1", "a (2)", " "])))
def test_no_two_names_are_alike(names: list[str]) -> None:
    found = distinct_names(names)
    assert len(found) == len(names)
    if len(names) > 1:
        assert len({name.casefold() for name in found}) == len(names) and all(found)
    first = " ".join(names[0].split()) if names else ""
    assert not first or found[0] == first


def test_images_of_an_ome_tiff_are_named_and_read_one_by_one(tmp_path) -> None:
    path = write_ome(tmp_path / "a.ome.tif", ["Cells", "", "Cells"])
    names = scene_names(path)
    assert names[0] == "Cells" and names[2] == "Cells (2)" and len(set(names)) == 3
    every = read_image(path)
    for number, whole in enumerate(every):
        for read in (read_image, open_image):
            (image,) = read(path, scene=number)
            assert image.name == whole.name and image.space == whole.space
            np.testing.assert_array_equal(np.asarray(image.data), whole.data)
    for read in (read_image, open_image):
        with pytest.raises(DataError, match="no image of number 3, it holds 3"):
            read(path, scene=3)


def test_a_series_of_pages_of_other_sizes_is_an_image(tmp_path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for side in (5, 6, 7):
            tiff.write(np.full((side, side), side, np.uint8), metadata=None)
    assert scene_names(tmp_path / "a.tif") == ["0", "1", "2"]
    (image,) = read_image(tmp_path / "a.tif", scene=2)
    assert image.data.shape == (7, 7)


def test_a_file_with_one_image_has_one_scene(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 9, 8), np.uint8))
    write_labels(tmp_path / "l.tif", np.ones((9, 8), np.int32))
    for name in ("a.tif", "l.tif"):
        assert len(scene_names(tmp_path / name)) == 1
        (image,) = read_image(tmp_path / name, scene=0)
        assert image.data.shape[-2:] == (9, 8)
    assert scene_names(tmp_path / "a.png") == [""]
    with pytest.raises(DataError, match="no such file"):
        scene_names(tmp_path / "gone.tif")


def test_numbered_images_of_a_zarr_are_scenes(tmp_path) -> None:
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "raw.zarr"
    zarr.open_group(path, mode="w").attrs["ome"] = {"bioformats2raw.layout": 3}
    axes = [{"name": name, "type": "space"} for name in "yx"]
    for number in (10, 2):
        group = zarr.open_group(path / str(number), mode="w")
        group.create_array("0", shape=(4, number), dtype="u1")
        level = {"path": "0", "coordinateTransformations": []}
        about = {"multiscales": [{"axes": axes, "datasets": [level]}]}
        group.attrs["ome"] = {"version": "0.5", **about}
    assert scene_names(path) == ["2", "10"]
    (image,) = open_image(path, scene=1)
    assert image.name == "raw 10" and image.data.shape == (4, 10)
    with pytest.raises(DataError, match="no image of number 2"):
        read_image(path, scene=2)
