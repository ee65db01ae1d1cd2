"""OME-Zarr of both formats, as images and as what is no image."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from napari_pmrnet.errors import DataError, SoftwareError
from napari_pmrnet.io import read_image
from napari_pmrnet.io.images import open_image
from napari_pmrnet.io.label_zarr import create_label_zarr, label_tag
from napari_pmrnet.io.space import Space

zarr = pytest.importorskip("zarr")


def axes(letters):
    kinds = {"t": ("time", "second"), "c": ("channel", None)}
    listed = []
    for letter in letters:
        kind, unit = kinds.get(letter, ("space", "micrometer"))
        listed.append({"name": letter, "type": kind} | ({"unit": unit} if unit else {}))
    return listed


def write(path, data, letters, version="0.5", scale=None, channels=()):
    """An image of two levels."""
    zarr_format = 3 if version == "0.5" else 2
    group = zarr.open_group(path, mode="a", zarr_format=zarr_format)
    datasets = []
    for level in range(2):
        array = group.create_array(
            str(level), shape=data.shape, dtype=data.dtype, overwrite=True
        )
        array[...] = data if level == 0 else 0
        steps = scale or [1.0] * data.ndim
        transform = [{"type": "scale", "scale": steps}]
        datasets.append({"path": str(level), "coordinateTransformations": transform})
    about = {"multiscales": [{"axes": axes(letters), "datasets": datasets}]}
    if version == "0.3":
        about["multiscales"][0]["axes"] = list(letters)
    if channels:
        about["omero"] = {"channels": [{"label": name} for name in channels]}
    group.attrs.update(
        {"ome": about | {"version": "0.5"}} if version == "0.5" else about
    )
    return path


def pixels(*shape):
    return np.random.default_rng(0).integers(1, 250, shape).astype(np.uint16)


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_axes_channels_and_calibration(tmp_path, version):
    data = pixels(1, 2, 3, 9, 8)
    path = write(
        tmp_path / "a.ome.zarr",
        data,
        "tczyx",
        version,
        [1, 1, 2.0, 0.5, 0.25],
        ("DNA", "actin"),
    )
    (image,) = read_image(path)
    assert image.name == "a"
    assert image.space.axes == ("z", "y", "x") and image.channel_axis == 0
    assert image.space.scale == (2.0, 0.5, 0.25) and image.space.units == ("um",) * 3
    assert image.metadata["channel_names"] == ("DNA", "actin")
    np.testing.assert_array_equal(image.data, data[0])


def test_axes_without_units(tmp_path):
    (image,) = read_image(write(tmp_path / "a.zarr", pixels(9, 8), "yx", "0.3"))
    assert image.space.axes == ("y", "x") and image.space.units == ("pixel", "pixel")


def test_a_folder_of_numbered_images(tmp_path):
    path = tmp_path / "raw.zarr"
    zarr.open_group(path, mode="w").attrs["ome"] = {"bioformats2raw.layout": 3}
    for number in (10, 2):
        write(path / str(number), pixels(4, number), "yx")
    images = read_image(path)
    assert [i.name for i in images] == ["raw 2", "raw 10"]
    assert images[1].data.shape == (4, 10)


PLATE = {
    "rows": [{"name": "A"}],
    "columns": [{"name": "1"}],
    "wells": [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}],
}


@pytest.mark.parametrize(
    ("kind", "about", "expected"),
    [
        ("plate", PLATE, "is a plate"),
        ("plate", {}, r"cannot be read as OME-Zarr \(columns: "),
        ("plate", {**PLATE, "version": "0.9"}, "OME-Zarr 0.9 is not known"),
        ("well", {"images": [{"path": "0"}]}, "is a well"),
        ("well", {"images": []}, r"cannot be read as OME-Zarr \(images: "),
        ("nothing", {}, "without an OME image"),
    ],
)
def test_what_is_no_image_is_said(tmp_path, kind, about, expected):
    zarr.open_group(tmp_path / "a.zarr", mode="w").attrs["ome"] = {kind: about}
    with pytest.raises(DataError, match=expected) as told:
        read_image(tmp_path / "a.zarr")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("letters", "shape", "kinds"),
    [
        ("yxc", (9, 8, 2), True),
        ("zcyx", (3, 2, 9, 8), True),
        ("cyx", (2, 9, 8), False),
        ("ztyx", (3, 2, 9, 8), True),
    ],
)
def test_axes_in_another_order_or_without_type_are_read(
    tmp_path, letters, shape, kinds
):
    """The model of the format refuses them, but there is no doubt what they mean."""
    data, steps = pixels(*shape), [2.0**-i for i in range(len(shape))]
    path = write(tmp_path / "a.zarr", data, letters, "0.4", steps)
    group = zarr.open_group(path, mode="a")
    about = dict(group.attrs)["multiscales"]
    for axis in about[0]["axes"] if not kinds else ():
        del axis["type"]
    group.attrs["multiscales"] = about
    (image,) = read_image(path)
    known = dict(zip(letters, steps, strict=True))
    assert image.space.scale == tuple(known[axis] for axis in image.space.axes)
    assert (image.channel_axis is not None) == ("c" in letters)
    left = data if letters != "yxc" else np.moveaxis(data, -1, 0)
    np.testing.assert_array_equal(image.data, left)


def test_levels_with_steps_that_make_no_sense_are_read(tmp_path):
    """Only those of the finest one count."""
    path = write(tmp_path / "a.zarr", pixels(9, 8), "yx", "0.4", [0.5, 0.5])
    group = zarr.open_group(path, mode="a")
    about = dict(group.attrs)["multiscales"]
    about[0]["datasets"][1]["coordinateTransformations"] = [scale(0.25, 0.25)]
    group.attrs["multiscales"] = about
    assert read_image(path)[0].space.scale == (0.5, 0.5)
    del about[0]["datasets"][1]["coordinateTransformations"]
    group.attrs["multiscales"] = about
    assert read_image(path)[0].space.scale == (0.5, 0.5)
    about[0]["datasets"][0]["coordinateTransformations"] = [scale(0.5, 0.5, 0.5)]
    group.attrs["multiscales"] = about
    with pytest.raises(DataError, match=r"its scale .* does not fit its axes"):
        read_image(path)


@pytest.mark.parametrize("axes", ["yx", "tzyx", "ztyx", "qyx"])
def test_labels_on_disk_follow_the_format(tmp_path, axes):
    """As the models of another library read it, whatever the order of the axes."""
    yaozarrs = pytest.importorskip("yaozarrs")
    path, count = tmp_path / "l.zarr", len(axes)
    space = Space.of(axes, [0.5] * count, ["um"] * count, [3.0] * count)
    create_label_zarr(path, (2,) * (count - 2) + (9, 8), name="l", space=space)
    about = yaozarrs.v04.LabelImage.model_validate(dict(zarr.open_group(path).attrs))
    (image,) = about.multiscales
    assert [axis.name for axis in image.axes] == list(axes)
    assert image.datasets[0].coordinateTransformations[1].translation == [3.0] * count
    assert label_tag(path).space == space
    yaozarrs.validate_zarr_store(path)


def test_damage_is_said(tmp_path):
    path = write(tmp_path / "a.zarr", pixels(9, 8), "yx")
    (path / "zarr.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read as OME-Zarr"):
        read_image(path)
    path = write(tmp_path / "b.zarr", pixels(9, 8), "yq")
    with pytest.raises(DataError, match="not of t, c, z, y, x"):
        read_image(path)


def test_without_zarr_the_remedy_is_said(tmp_path, monkeypatch):
    path = write(tmp_path / "a.zarr", pixels(9, 8), "yx")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(SoftwareError, match=r"napari-pmrnet\[zarr\]"):
        read_image(path)


def moved(path, transforms, whole=(), units=True):
    """Write the transformations of a store's finest level and of the store anew."""
    group = zarr.open_group(path, mode="a")
    about = dict(group.attrs)["ome"]
    image = about["multiscales"][0]
    image["datasets"][0]["coordinateTransformations"] = list(transforms)
    image["coordinateTransformations"] = list(whole)
    if not units:
        image["axes"] = [{"name": a["name"], "type": "space"} for a in image["axes"]]
    group.attrs["ome"] = about
    return path


def scale(*values):
    return {"type": "scale", "scale": list(values)}


def translation(*values):
    return {"type": "translation", "translation": list(values)}


@pytest.mark.parametrize(
    ("transforms", "whole", "units", "step", "place"),
    [
        ([scale(0.5, 0.25), translation(100, 50)], [], True, (0.5, 0.25), (100, 50)),
        ([scale(0.5, 0.5)], [translation(100, 50)], True, (0.5, 0.5), (100, 50)),
        (
            [scale(1, 1), translation(10, 5)],
            [scale(0.5, 2), translation(-1, 3)],
            True,
            (0.5, 2),
            (4, 13),
        ),
        ([scale(1, 1), translation(100, 50)], [], False, (1, 1), (100, 50)),
        ([scale(0.5, 0.5), translation(100, 50)], [], False, (1, 1), (200, 100)),
        ([scale(-0.5, 0.5), translation(100, 0)], [], True, (-0.5, 0.5), (100, 0)),
        ([scale(0.5, 0.5), translation(0, 0)], [], True, (0.5, 0.5), ()),
    ],
)
@pytest.mark.parametrize("read", [read_image, open_image])
def test_the_place_of_a_store_is_kept(
    tmp_path, read, transforms, whole, units, step, place
):
    path = write(tmp_path / "a.zarr", pixels(9, 8), "yx")
    (image,) = read(moved(path, transforms, whole, units))
    assert image.space.scale == step
    assert image.space.translate == pytest.approx(place)


def test_labels_are_written_where_their_image_lies(tmp_path):
    path = write(tmp_path / "a.zarr", pixels(2, 9, 8), "zyx")
    place = translation(7, 100, 50)
    (image,) = read_image(moved(path, [scale(2, 0.5, 0.25), place]))
    made = create_label_zarr(
        tmp_path / "l.zarr", image.data.shape, name="l", space=image.space
    )
    assert made.shape == image.data.shape
    assert label_tag(tmp_path / "l.zarr").space == image.space
    (again,) = read_image(tmp_path / "l.zarr")
    assert again.space == image.space
