"""Image files as microscopes and Fiji write them, and as disks damage them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_pmrnet.errors import DataError
from napari_pmrnet.io import read_image
from napari_pmrnet.io.images import open_image


def pixels(*shape: int, dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(0).integers(1, 250, shape).astype(dtype)


def read_one(path):
    (image,) = read_image(path)
    return image


def test_imagej_hyperstack_keeps_axes_channels_and_calibration(tmp_path):
    data = pixels(2, 3, 2, 9, 8, dtype="uint16")
    tifffile.imwrite(
        tmp_path / "stack.tif",
        data,
        imagej=True,
        resolution=(4, 2),
        metadata={
            "axes": "TZCYX",
            "unit": "um",
            "spacing": 1.5,
            "finterval": 30,
        },
    )
    image = read_one(tmp_path / "stack.tif")
    assert image.name == "stack"
    assert image.space.axes == ("t", "z", "y", "x")
    assert image.channel_axis == 2
    assert image.space.scale == (30, 1.5, 0.5, 0.25)
    assert image.space.units == ("s", "um", "um", "um")
    assert not image.rgb
    assert not image.is_labels
    np.testing.assert_array_equal(image.data, data)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("\\u00B5m", "um"), ("micron", "um"), ("nm", "nm"), ("furlong", "pixel")],
)
def test_imagej_unit_names(tmp_path, written, expected):
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels(9, 8),
        imagej=True,
        resolution=(5, 5),
        metadata={"unit": written},
    )
    image = read_one(tmp_path / "a.tif")
    assert image.space.units == (expected, expected)
    step = 1.0 if expected == "pixel" else 0.2
    assert image.space.scale == (step, step), "no pixels are counted in furlongs"


def test_big_endian_pixels_become_native(tmp_path):
    data = pixels(9, 8, dtype="uint16")
    tifffile.imwrite(tmp_path / "a.tif", data.astype(">u2"), byteorder=">")
    image = read_one(tmp_path / "a.tif")
    assert image.data.dtype.isnative
    np.testing.assert_array_equal(image.data, data)


def test_ome_tiff_keeps_calibration_and_channel_names(tmp_path):
    data = pixels(2, 3, 9, 8, dtype="uint16")
    tifffile.imwrite(
        tmp_path / "cells.ome.tif",
        data,
        metadata={
            "axes": "CZYX",
            "PhysicalSizeX": 130,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 130,
            "PhysicalSizeYUnit": "nm",
            "PhysicalSizeZ": 0.3,
            "PhysicalSizeZUnit": "µm",
            "Channel": {"Name": ["DAPI", "actin"]},
        },
    )
    image = read_one(tmp_path / "cells.ome.tif")
    assert image.name == "cells"
    assert (image.space.axes, image.channel_axis) == (("z", "y", "x"), 0)
    assert image.space.scale == (0.3, 130, 130)
    assert image.space.units == ("um", "nm", "nm")
    assert image.metadata["channel_names"] == ("DAPI", "actin")
    np.testing.assert_array_equal(image.data, data)


def test_ome_series_come_apart_each_with_its_calibration(tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.ome.tif") as tiff:
        for size in (0.5, 0.25):
            tiff.write(
                pixels(9, 8),
                metadata={"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeY": size},
            )
    images = read_image(tmp_path / "two.ome.tif")
    assert [image.space.scale for image in images] == [(0.5, 0.5), (0.25, 0.25)]
    assert images[0].name != images[1].name


def test_ome_pyramid_gives_its_finest_level(tmp_path):
    data = pixels(64, 64)
    with tifffile.TiffWriter(tmp_path / "p.ome.tif") as tiff:
        tiff.write(data, subifds=1, tile=(16, 16), metadata={"axes": "YX"})
        tiff.write(data[::2, ::2], subfiletype=1, tile=(16, 16))
    image = read_one(tmp_path / "p.ome.tif")
    np.testing.assert_array_equal(image.data, data)


def test_plain_stack_without_named_axes_says_no_z_or_t(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", pixels(5, 9, 8))
    image = read_one(tmp_path / "a.tif")
    assert image.space.axes[1:] == ("y", "x")
    assert image.space.axes[0] not in "zt"
    assert image.channel_axis is None


@pytest.mark.parametrize(
    ("per_unit", "unit", "scale"),
    [
        (40_000, "CENTIMETER", 0.25),
        (300, "INCH", 1.0),
        (118, "CENTIMETER", 1.0),
    ],
)
def test_plain_resolution_counts_only_if_a_microscopes(tmp_path, per_unit, unit, scale):
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels(9, 8),
        resolution=(per_unit, per_unit),
        resolutionunit=unit,
    )
    image = read_one(tmp_path / "a.tif")
    assert image.space.scale == pytest.approx((scale, scale))
    assert image.space.units == (("um",) * 2 if scale < 1 else ("pixel",) * 2)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_rgb_tiff_has_its_colours_last(tmp_path, planar):
    data = pixels(9, 8, 3)
    stored = data if planar == "contig" else data.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    image = read_one(tmp_path / "a.tif")
    assert image.rgb
    assert image.space.axes == ("y", "x")
    np.testing.assert_array_equal(image.data, data)


def test_samples_that_are_no_colours_are_channels(tmp_path):
    data = pixels(9, 8, 5)
    tifffile.imwrite(
        tmp_path / "a.tif", data, photometric="minisblack", planarconfig="contig"
    )
    image = read_one(tmp_path / "a.tif")
    assert not image.rgb
    assert image.channel_axis == 0
    np.testing.assert_array_equal(image.data, data.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("mode", "shape", "rgb"),
    [
        ("L", (9, 8), False),
        ("RGB", (9, 8, 3), True),
        ("RGBA", (9, 8, 4), True),
        ("P", (9, 8, 3), True),
        ("1", (9, 8), False),
        ("I;16", (9, 8), False),
    ],
)
def test_png_of_every_mode(tmp_path, mode, shape, rgb):
    Image.new(mode, (8, 9)).save(tmp_path / "a.PNG")
    image = read_one(tmp_path / "a.PNG")
    assert image.data.shape == shape
    assert image.rgb is rgb
    assert image.data.dtype == ("uint16" if mode == "I;16" else "uint8")
    assert image.space.units == ("pixel", "pixel")


def test_16_bit_png_keeps_its_values(tmp_path):
    data = pixels(9, 8, dtype="uint16") * 250
    Image.fromarray(data).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_one(tmp_path / "a.png").data, data)


def test_jpeg_is_read_as_colour(tmp_path):
    Image.new("RGB", (8, 9), (200, 100, 50)).save(tmp_path / "a.jpg")
    image = read_one(tmp_path / "a.jpg")
    assert image.rgb
    np.testing.assert_allclose(image.data[4, 4], (200, 100, 50), atol=3)


def damaged(path, keep: float):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    return path


@pytest.mark.parametrize("keep", [0, 0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    "options",
    [{"imagej": True}, {"imagej": True, "truncate": True}, {"compression": "zlib"}],
    ids=["imagej", "imagej-one-page", "zlib"],
)
def test_cut_tiff_is_refused_in_one_line_that_names_it(tmp_path, options, keep):
    path = tmp_path / "cut.tif"
    stack = pixels(4, 64, 64)
    tifffile.imwrite(path, stack, photometric="minisblack", **options)
    np.testing.assert_array_equal(read_one(path).data, stack)
    damaged(path, keep)
    with pytest.raises(DataError, match=r"cut.tif: .*again") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("keep", [0, 0.02, 0.5])
def test_cut_picture_is_refused(tmp_path, ending, keep):
    path = tmp_path / f"cut.{ending}"
    Image.fromarray(pixels(64, 64)).save(path)
    damaged(path, keep)
    with pytest.raises(DataError, match=f"cut.{ending}: .*again"):
        read_image(path)


@pytest.mark.parametrize("name", ["absent.tif", "absent.png"])
def test_absent_file(tmp_path, name):
    with pytest.raises(DataError, match=f"{name}: there is no such file"):
        read_image(tmp_path / name)


def test_unknown_ending(tmp_path):
    (tmp_path / "a.svs").write_bytes(b"")
    with pytest.raises(DataError, match=r"a.svs.*Convert it"):
        read_image(tmp_path / "a.svs")


@pytest.mark.parametrize(
    ("shape", "axes", "channel_axis"),
    [
        ((2, 3, 40, 60), ("q", "q2", "y", "x"), None),
        ((2, 3, 2, 40, 60), ("q", "q2", "q3", "y", "x"), None),
        ((40, 60, 5), ("y", "x"), 0),
        ((40, 60, 3), ("y", "x"), 0),
        ((4, 40, 60, 2), ("q", "y", "x"), 1),
        ((30, 8, 60), ("q", "y", "x"), None),
    ],
)
def test_arrays_saved_without_names_of_axes(tmp_path, shape, axes, channel_axis):
    """As tifffile saves an array: all axes that it does not know are Q."""
    pixels = np.random.default_rng(1).integers(0, 200, shape).astype(np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack")
    for read in (read_image, open_image):
        (image,) = read(path)
        assert (image.space.axes, image.channel_axis) == (axes, channel_axis)
        expected = pixels if channel_axis is None else np.moveaxis(pixels, -1, -3)
        np.testing.assert_array_equal(np.asarray(image.data), expected)


def test_channels_with_a_look_up_table_keep_their_intensities(tmp_path):
    """Bio-Formats writes the colours that channels are shown by as a palette."""
    table = np.zeros((3, 256), np.uint16)
    table[2] = np.arange(256) * 257
    data, path = pixels(2, 40, 60), tmp_path / "a.ome.tif"
    about = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    options = {"photometric": "palette", "colormap": table}
    tifffile.imwrite(path, data, ome=True, metadata=about, **options)
    for read in (read_image, open_image):
        (image,) = read(path)
        assert (image.channel_axis, image.rgb) == (0, False)
        np.testing.assert_array_equal(np.asarray(image.data), data)
