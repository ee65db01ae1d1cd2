"""The same picture in every format looks the same to the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_pmrnet.io.images import open_image, read_image
from napari_pmrnet.segmentation.plane import prepare
from napari_pmrnet.segmentation.stack import Stack

Writer = Callable[[Path, np.ndarray], Path]
"""Writes a picture, (H, W) or (H, W, 3), to a file in a folder."""


def with_alpha(picture: np.ndarray) -> np.ndarray:
    opaque = np.full(picture.shape[:2], np.iinfo(picture.dtype).max, picture.dtype)
    return np.ascontiguousarray(np.dstack([picture, opaque]))


def png(folder: Path, picture: np.ndarray) -> Path:
    path = folder / "a.png"
    path.write_bytes(imagecodecs.png_encode(picture))
    return path


def png_alpha(folder: Path, picture: np.ndarray) -> Path:
    return png(folder, with_alpha(picture))


def tiff(
    pixels: Callable[[np.ndarray], np.ndarray] = np.asarray, **options: Any
) -> Writer:
    def write(folder: Path, picture: np.ndarray) -> Path:
        more = dict(options)
        if "photometric" not in more:
            more["photometric"] = "rgb" if picture.ndim == 3 else "minisblack"
        if more.pop("planar", False) and picture.ndim == 3:
            more["planarconfig"], picture = "separate", picture.transpose(2, 0, 1)
        elif picture.ndim == 3 or "extrasamples" in more:
            more["planarconfig"] = "contig"
        tifffile.imwrite(folder / "a.tif", pixels(picture), **more)
        return folder / "a.tif"

    return write


def ome(folder: Path, picture: np.ndarray) -> Path:
    axes = "YXS" if picture.ndim == 3 else "YX"
    path = folder / "a.ome.tif"
    photometric = "rgb" if picture.ndim == 3 else "minisblack"
    metadata = {"axes": axes}
    tifffile.imwrite(
        path, picture, ome=True, photometric=photometric, metadata=metadata
    )
    return path


def single_axes(folder: Path, picture: np.ndarray) -> Path:
    tifffile.imwrite(folder / "a.tif", picture[None, None, None], imagej=True)
    return folder / "a.tif"


def ome_zarr(folder: Path, picture: np.ndarray) -> Path:
    group: Any = zarr.open_group(folder / "a.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=picture[None, None, None], chunks=(1, 1, 1, 16, 16))
    group.attrs["multiscales"] = [
        {"axes": list("tczyx"), "datasets": [{"path": "0"}], "version": "0.3"}
    ]
    return folder / "a.zarr"


def inverted(picture: np.ndarray) -> np.ndarray:
    return np.iinfo(picture.dtype).max - picture


ANY: dict[str, Writer] = {
    "png": png,
    "png with alpha": png_alpha,
    "tiff": tiff(),
    "big-endian tiff": tiff(byteorder=">"),
    "deflated tiff": tiff(compression="zlib", predictor=True),
    "tiled tiff": tiff(tile=(16, 16)),
    "bigtiff": tiff(bigtiff=True),
    "tiff with alpha": tiff(with_alpha, extrasamples=["unassalpha"]),
    "planar tiff": tiff(planar=True),
    "ome": ome,
}


def inks(picture: np.ndarray) -> np.ndarray:
    none = np.zeros(picture.shape[:2], picture.dtype)
    return np.ascontiguousarray(np.dstack([inverted(picture), none]))


COLOUR: dict[str, Writer] = {
    "inks": tiff(inks, photometric="separated"),
    "inks, tiled": tiff(inks, photometric="separated", tile=(16, 16)),
}
GREY: dict[str, Writer] = {
    "white is 0": tiff(inverted, photometric="miniswhite"),
    "white is 0, tiled": tiff(inverted, photometric="miniswhite", tile=(16, 16)),
    "imagej with single axes": single_axes,
    "ome-zarr": ome_zarr,
}


@st.composite
def pictures(draw: st.DrawFn) -> np.ndarray:
    """Smooth pictures, of which 16-bit ones need more than 8 bits."""
    shape = (draw(st.integers(5, 40)), draw(st.integers(5, 40)))
    colours = draw(st.sampled_from([(), (3,)]))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    most = draw(st.sampled_from([40, 250] if dtype == np.uint8 else [40, 4000, 65000]))
    return random.integers(0, most, (*shape, *colours)).astype(dtype)


KINDS = (*ANY, *GREY, *COLOUR)


@given(pictures(), st.sampled_from(KINDS), st.booleans())
@settings(max_examples=150, deadline=None)
@example(np.arange(600, dtype=np.uint16).reshape(10, 20, 3), "png", False)
def test_the_network_sees_the_same(
    picture: np.ndarray, kind: str, lazily: bool
) -> None:
    check_same(picture, kind, lazily)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_the_network_sees_the_same_in_a_thousand_pictures(kind: str) -> None:
    @given(pictures(), st.booleans())
    @settings(max_examples=1000, deadline=None, database=None)
    def search(picture: np.ndarray, lazily: bool) -> None:
        check_same(picture, kind, lazily)

    search()


def check_same(picture: np.ndarray, kind: str, lazily: bool) -> None:
    """Write a picture in a format; the network sees what it sees of the array."""
    if kind in GREY and picture.ndim == 3:
        picture = picture[..., 0]
    if kind in COLOUR and picture.ndim == 2:
        picture = np.stack([picture, picture // 2, picture // 3], axis=-1)
    with TemporaryDirectory() as folder:
        path = (ANY | GREY | COLOUR)[kind](Path(folder), np.ascontiguousarray(picture))
        (image,) = open_image(path) if lazily else read_image(path)
        assert image.data.dtype == picture.dtype
        assert image.rgb == (picture.ndim == 3)
        plane = Stack.of(image).plane((), name=kind).loaded()
    np.testing.assert_array_equal(plane.prepared(), prepare(picture))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
@pytest.mark.parametrize("read", [read_image, open_image])
def test_other_colours_are_those_of_pillow(
    tmp_path: Path, mode: str, read: Any
) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (20, 30, len(mode) if mode == "CMYK" else 3))
    picture = Image.fromarray(pixels.astype(np.uint8), mode)
    picture.save(tmp_path / "a.tif")
    (image,) = read(tmp_path / "a.tif")
    assert image.rgb
    expected = np.array(picture.convert("RGB")).astype(int)
    np.testing.assert_allclose(np.asarray(image.data), expected, atol=1)


def palette_tiff(folder: Path, numbers: np.ndarray, colours: np.ndarray) -> Path:
    table = (colours.astype(np.uint16) * 257).T
    tifffile.imwrite(
        folder / "a.tif", numbers, photometric="palette", colormap=table, tile=(16, 16)
    )
    return folder / "a.tif"


def palette_tiff_of_pillow(
    folder: Path, numbers: np.ndarray, colours: np.ndarray, ending: str = "tif"
) -> Path:
    picture = Image.fromarray(numbers, "P")
    picture.putpalette(colours.tobytes())
    picture.save(folder / f"a.{ending}")
    return folder / f"a.{ending}"


def palette_png(folder: Path, numbers: np.ndarray, colours: np.ndarray) -> Path:
    return palette_tiff_of_pillow(folder, numbers, colours, "png")


@pytest.mark.parametrize("write", [palette_tiff, palette_tiff_of_pillow, palette_png])
@pytest.mark.parametrize("read", [read_image, open_image])
def test_palettes_show_their_colours(tmp_path: Path, write: Any, read: Any) -> None:
    random = np.random.default_rng(0)
    numbers = random.integers(0, 256, (20, 30)).astype(np.uint8)
    colours = random.integers(0, 256, (256, 3)).astype(np.uint8)
    (image,) = read(write(tmp_path, numbers, colours))
    assert image.rgb and image.space.axes == ("y", "x")
    np.testing.assert_array_equal(np.asarray(image.data)[..., :3], colours[numbers])


def test_a_false_colour_of_imagej_leaves_the_intensities(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.uint8)
    table = np.zeros((3, 256), np.uint16)
    table[2] = np.arange(256) * 257
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        numbers,
        photometric="palette",
        colormap=table,
        description="ImageJ=1.54f\nimages=1\n",
        metadata=None,
    )
    (image,) = read_image(path)
    assert not image.rgb
    np.testing.assert_array_equal(image.data, numbers)


@pytest.mark.parametrize("dtype", ["?", "i2", "f4"])
def test_white_is_zero_in_every_type(tmp_path: Path, dtype: str) -> None:
    data = np.random.default_rng(0).integers(0, 2, (20, 30)).astype(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, data, photometric="miniswhite")
    (image,) = read_image(path)
    assert image.data.dtype == dtype
    np.testing.assert_array_equal(prepare(image.data), prepare(1 - data.astype(float)))


@pytest.mark.parametrize("ending", ["jpg", "tif", "png"])
def test_pixels_stay_as_stored_like_in_fiji(tmp_path: Path, ending: str) -> None:
    picture = Image.fromarray(np.tile(np.arange(30, dtype=np.uint8) * 8, (20, 1)))
    exif = Image.Exif()
    exif[274] = 6
    picture.save(tmp_path / f"a.{ending}", exif=exif)
    (image,) = read_image(tmp_path / f"a.{ending}")
    assert image.data.shape == (20, 30)


@pytest.mark.parametrize("options", [{}, {"metadata": {"axes": "YXC"}}])
def test_a_last_axis_of_two_holds_channels(tmp_path: Path, options: Any) -> None:
    data = np.random.default_rng(0).integers(0, 99, (20, 30, 2)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", **options)
    for read in (read_image, open_image):
        (image,) = read(tmp_path / "a.tif")
        assert (image.channel_axis, image.space.axes) == (0, ("y", "x"))
        np.testing.assert_array_equal(image.data, data.transpose(2, 0, 1))
