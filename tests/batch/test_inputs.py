"""Which files a batch takes, and which it leaves alone."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_pmrnet.batch.inputs import find_sources
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.labels import write_labels

from .conftest import blobs

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith("_labels.tif"):
        return write_labels(path, np.ones((4, 4), int))
    Image.fromarray(blobs()).save(path)
    return path


def names(root, inputs, output="out", recursive=False):
    found = find_sources([root / i for i in inputs], root / output, recursive)
    return [source.path.relative_to(root).as_posix() for source in found]


def test_folders_files_and_patterns(tmp_path):
    for name in ("in/b.PNG", "in/a.jpg", "in/sub/c.png", "in/.hidden.png", "x.png"):
        put(tmp_path / name)
    (tmp_path / "in" / "notes.txt").touch()
    assert names(tmp_path, ["in"]) == ["in/a.jpg", "in/b.PNG"]
    assert names(tmp_path, ["in"], recursive=True) == [
        "in/a.jpg",
        "in/b.PNG",
        "in/sub/c.png",
    ]
    assert names(tmp_path, ["in/**/*.png"]) == ["in/sub/c.png"]
    assert names(tmp_path, ["x.png", "*.png", "in/../x.png"]) == ["x.png"]
    assert names(tmp_path, ["gone.png"]) == ["gone.png"]


@pytest.mark.parametrize("inputs", ["in", "in/*.txt"])
def test_nothing_found_is_told(tmp_path, inputs):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").touch()
    with pytest.raises(DataError, match="no image"):
        names(tmp_path, [inputs])


@pytest.mark.parametrize("inputs", ["in", "in/**/*.*"])
def test_an_output_inside_the_input_is_not_read(tmp_path, inputs):
    for name in ("in/a.png", "in/out/a.png", "in/out/sub/b.png", "in/output/c.png"):
        put(tmp_path / name)
    found = names(tmp_path, [inputs], "in/out", recursive=True)
    assert found == ["in/a.png", "in/output/c.png"]


def test_an_output_around_the_input_hides_nothing(tmp_path):
    put(tmp_path / "in" / "a.png")
    assert names(tmp_path, ["in"], ".") == ["in/a.png"]
    assert names(tmp_path, ["in/*"], ".") == ["in/a.png"]


def test_labels_beside_the_images_are_not_read(tmp_path):
    for name in ("in/a.png", "in/a_labels.tif"):
        put(tmp_path / name)
    Image.fromarray(blobs()).save(tmp_path / "in" / "of_others_labels.tif")
    assert names(tmp_path, ["in"], "in") == ["in/a.png", "in/of_others_labels.tif"]


def test_a_run_into_the_folder_of_the_images(run, tmp_path):
    put(tmp_path / "in" / "a.png")
    for _ in range(2):
        report, _ = run(tmp_path / "in", output="in")
        assert report.files == 1
    assert (tmp_path / "in" / "a_labels.tif").is_file()


def test_names_that_collide_stay_apart_and_stay_the_same(run, tmp_path):
    put(tmp_path / "p" / "a.png")
    report, _ = run(tmp_path / "p")
    put(tmp_path / "q" / "a.png")
    put(tmp_path / "p" / "a.jpg")
    inputs = (tmp_path / "q", tmp_path / "p")
    report, statuses = run(*inputs)
    assert [row.labels for row in report.rows] == [
        "a.png_labels.tif",
        "a.jpg_labels.tif",
        "a_labels.tif",
    ]
    assert report.ended == {"done": 2, "unchanged": 1, "kept": 0, "failed": 0}
    put(tmp_path / "r" / "a.png")
    report, _ = run(*inputs, tmp_path / "r")
    assert report.rows[-1].labels == "a-2_labels.tif"


def test_labels_never_replace_an_input(run, tmp_path):
    put(tmp_path / "in" / "a.png")
    other = tmp_path / "in" / "a_labels.tif"
    noise = np.random.default_rng(0).integers(0, 99, blobs(2).shape, np.uint8)
    Image.fromarray(blobs(2) | noise).save(other)
    before = other.read_bytes()
    report, _ = run(tmp_path / "in", output="in", overwrite=True)
    assert other.read_bytes() == before
    assert [r.labels for r in report.rows] == [
        "a.png_labels.tif",
        "a_labels_labels.tif",
    ]


def test_subfolders_are_mirrored(run, tmp_path):
    for name in ("in/one/a.png", "in/two/a.png"):
        put(tmp_path / name)
    report, _ = run(tmp_path / "in", recursive=True)
    assert [row.labels for row in report.rows] == [
        "one/a_labels.tif",
        "two/a_labels.tif",
    ]


def test_labels_named_as_an_image_are_refused(run, tmp_path):
    report, _ = run(put(tmp_path / "a_labels.tif"))
    assert "holds labels of napari-pmrnet" in report.rows[0].error


def put_zarr(path: Path, count: int) -> None:
    """An OME-Zarr image with that many nuclei and a pixel size."""
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(path, mode="w")
    group.create_array("0", data=blobs(count))
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    scale = [{"type": "scale", "scale": [0.5, 0.5]}]
    level = {"path": "0", "coordinateTransformations": scale}
    group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": [level]}]}


def test_zarr_folders_are_images_and_not_searched(run, tmp_path):
    put_zarr(tmp_path / "in" / "a.ome.zarr", 2)
    put(tmp_path / "in" / "b.png")
    for recursive in (True, False):
        report, _ = run(tmp_path / "in", recursive=recursive)
        assert report.files == 2
    assert report.rows[0].labels == "a_labels.tif"
    assert (report.rows[0].nuclei, report.rows[0].pixel_width) == (2, 0.5)
    put_zarr(tmp_path / "in" / "a.ome.zarr", 3)
    report, statuses = run(tmp_path / "in")
    assert statuses == {"a.ome.zarr": "done", "b.png": "unchanged"}


def test_a_plate_is_named_by_a_pattern(run, tmp_path):
    for number, well in enumerate(("A/1/0", "A/2/0", "B/1/0"), start=1):
        put_zarr(tmp_path / "plate.zarr" / well, number)
    report, _ = run(tmp_path / "plate.zarr" / "*" / "*" / "*")
    assert [(row.labels, row.nuclei) for row in report.rows] == [
        ("A/1/0_labels.tif", 1),
        ("A/2/0_labels.tif", 2),
        ("B/1/0_labels.tif", 3),
    ]


@pytest.mark.parametrize("how", ["imagej", "plain"])
def test_labels_that_another_program_saved_anew_are_no_images(how, run, tmp_path):
    for name in ("a.png", "b.png"):
        put(tmp_path / "in" / name)
    run(tmp_path / "in", output="in")
    labels = tmp_path / "in" / "a_labels.tif"
    with tifffile.TiffFile(labels) as tiff:
        pixels, about = tiff.asarray(), {"Info": tiff.imagej_metadata["Info"]}
    pixels[:4, :4] = pixels.max() + 1
    if how == "imagej":
        tifffile.imwrite(labels, pixels, imagej=True, metadata=about)
    else:
        tifffile.imwrite(labels, pixels, metadata=None)
    assert names(tmp_path, ["in"]) == ["in/a.png", "in/b.png"]
    assert names(tmp_path, ["in/*"]) == ["in/a.png", "in/b.png"]
    assert names(tmp_path, ["in/a_labels.tif"]) == ["in/a_labels.tif"], "as named"
    (tmp_path / "in" / "a.png").unlink()
    left = ["in/a_labels.tif"] if how == "plain" else []
    assert names(tmp_path, ["in"]) == [*left, "in/b.png"]


@pytest.mark.parametrize("name", ["a GFP", "b 2_ Right"])
def test_labels_of_a_layer_that_were_saved_anew_are_no_images(name, tmp_path):
    (tmp_path / "in").mkdir()
    pixels = np.zeros((2, 40, 50), np.uint8)
    about = {"axes": "CYX", "Labels": ["GFP", "DAPI"]}
    tifffile.imwrite(tmp_path / "in" / "a.tif", pixels, imagej=True, metadata=about)
    with tifffile.TiffWriter(tmp_path / "in" / "b.ome.tif", ome=True) as tiff:
        for scene in ("Left", "Right"):
            tiff.write(pixels[0], metadata={"axes": "YX", "Name": scene})
    images = names(tmp_path, ["in"])
    labels = np.zeros((40, 50), np.uint16)
    labels[2:9, 2:9] = 1
    tifffile.imwrite(tmp_path / "in" / f"{name}_labels.tif", labels)
    assert names(tmp_path, ["in"]) == images
    (tmp_path / "in" / f"{name}_labels.tif").rename(tmp_path / "in" / "a x_labels.tif")
    assert "in/a x_labels.tif" in names(tmp_path, ["in"]), "of no layer"


def test_a_picture_that_is_named_like_labels_is_one(tmp_path):
    put(tmp_path / "in" / "a.png")
    noise = np.random.default_rng(0).integers(0, 4000, (40, 50), np.uint16)
    tifffile.imwrite(tmp_path / "in" / "a_labels.tif", noise)
    assert names(tmp_path, ["in"]) == ["in/a.png", "in/a_labels.tif"]


@posix
def test_an_image_is_named_by_its_own_name_rather_than_a_link(run, tmp_path):
    """Whichever of them sorts first; links to what is elsewhere keep theirs."""
    put(tmp_path / "elsewhere" / "x.png")
    put(tmp_path / "in" / "m.png")
    for link, target in (
        ("in/a.png", "m.png"),
        ("in/z.png", "m.png"),
        ("in/c.png", "../elsewhere/x.png"),
        ("in/d.png", "../elsewhere/x.png"),
        ("links", "in"),
    ):
        (tmp_path / link).symlink_to(target)
    assert names(tmp_path, ["in"]) == ["in/m.png", "in/c.png"]
    assert names(tmp_path, ["links", "in"]) == ["in/m.png", "in/c.png"]
    assert names(tmp_path, ["in/a.png", "in/z.png"]) == ["in/a.png"]
    report, _ = run(tmp_path / "in")
    labels = {path.name for path in (tmp_path / "out").glob("*_labels.tif")}
    assert labels == {"m_labels.tif", "c_labels.tif"}
    assert run(tmp_path / "in")[0].ended["unchanged"] == 2
