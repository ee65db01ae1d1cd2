"""Names of images and their labels, by where the images lie."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from plates import say, write_plate

from napari_pmrnet.io.image_place import LONGEST_STEM, ImagePlace, images_in
from napari_pmrnet.io.images import open_image
from napari_pmrnet.io.ome_plate import field_at, name_in_zarr


def test_names_of_a_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.tif"
    tifffile.imwrite(path, np.zeros((9, 8), np.uint8))
    (image,) = images_in(path)
    assert image == ImagePlace(path) and not image.is_one_of_several
    assert image.stems() == ("cells", "cells.ome.tif")
    assert image.name == "cells.ome.tif"


def test_names_of_scenes(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tiff:
        for name in ("Left/1", ""):
            pixels = np.zeros((9, 8), np.uint8)
            tiff.write(pixels, metadata={"axes": "YX", "Name": name})
    first, second = images_in(path)
    assert (first.number, second.number) == (0, 1)
    assert first.stems() == ("a_Left_1", "a.ome.tif_Left_1")
    assert first.name == "a.ome.tif [Left/1]" and second.is_one_of_several


@pytest.mark.parametrize("ending", [".tif", ".ome.tif"])
def test_layers_are_named_without_the_package_zarr(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens TIFFs lazily, and the wheel alone does not bring it."""
    path, pixels = tmp_path / f"a{ending}", np.zeros((2, 9, 8), np.uint8)
    if ending == ".tif":
        about = {"axes": "CYX", "Labels": ["GFP", "DAPI"]}
        tifffile.imwrite(path, pixels, imagej=True, metadata=about)
    else:
        names = {"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}}
        tifffile.imwrite(path, pixels, ome=True, metadata=names)
    monkeypatch.setitem(sys.modules, "zarr", None)
    assert ImagePlace(path).layer_stems() == ["a GFP", "a DAPI"]


def test_names_of_fields_are_those_of_plate_and_well(tmp_path: Path) -> None:
    pytest.importorskip("yaozarrs")
    plate = write_plate(tmp_path / "screen 1.ome.zarr")
    images = images_in(plate)
    names = [f"screen 1_{field}" for field in ("A01_0", "A01_1", "B12_0")]
    assert [image.name for image in images] == names
    whole = [name.replace("screen 1", plate.name) for name in names]
    assert [image.stems() for image in images] == [*zip(names, whole, strict=True)]
    assert [name_in_zarr(image.path) for image in images] == names
    assert [one.name for image in images for one in open_image(image.path)] == names
    assert images_in(plate / "A") == images[:2] and field_at(plate / "A") is None


@pytest.mark.parametrize(
    ("inside", "named"),
    [("", "A"), ("A", "1"), ("A/1", "0"), ("..", "p.zarr/B/../A/1")],
)
def test_names_of_fields_are_the_same_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str, named: str
) -> None:
    pytest.importorskip("yaozarrs")
    monkeypatch.chdir(write_plate(tmp_path / "p.zarr") / inside)
    first = images_in(Path(named))[0]
    assert first.name == "p_A01_0" and first.stems() == ("p_A01_0", "p.zarr_A01_0")
    assert first.path == tmp_path / "p.zarr" / "A" / "1" / "0"


def test_an_image_in_a_zarr_has_the_name_of_that_too(tmp_path: Path) -> None:
    pytest.importorskip("yaozarrs")
    say(tmp_path / "slide.zarr", {"bioformats2raw.layout": 3})
    say(tmp_path / "slide.zarr" / "0", {})
    path = tmp_path / "slide.zarr" / "0"
    assert name_in_zarr(path) == "slide_0" == name_in_zarr(path.parent) + "_0"
    assert ImagePlace(path).stems() == ("slide_0", "slide_0")


def test_long_names_are_cut_and_stay_apart() -> None:
    stems = {ImagePlace(Path(f"{'ä' * 120}{end}.tif")).stems() for end in "ab"}
    assert len(stems) == 2
    assert all(
        len(stem.encode()) <= LONGEST_STEM + 9 for pair in stems for stem in pair
    )
