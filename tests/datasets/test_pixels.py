"""Masks come as 0 and 1, 0 and 255, palettes, colours and JPEG: all mean the same."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_pmrnet.datasets.pixels import (
    image_size,
    read_image,
    read_labels,
    read_mask,
    unite,
)
from napari_pmrnet.errors import DataError

TRUTH = np.zeros((12, 16), bool)
TRUTH[2:7, 3:9] = True


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("boolean.png", TRUTH),
        ("boolean.bmp", TRUTH),
        ("ones.png", TRUTH.astype(np.uint8)),
        ("white.png", 255 * TRUTH.astype(np.uint8)),
        ("grey.png", np.where(TRUTH, 200, 100).astype(np.uint8)),
        ("colour.png", np.repeat(255 * TRUTH[..., None], 3, 2).astype(np.uint8)),
        ("red.bmp", np.dstack([255 * TRUTH, 0 * TRUTH, 0 * TRUTH]).astype(np.uint8)),
        ("deep.png", np.where(TRUTH, 65535, 0).astype(np.uint16)),
        ("deep_ones.png", TRUTH.astype(np.uint16)),
    ],
)
def test_every_way_to_store_a_mask(name, pixels, tmp_path):
    Image.fromarray(pixels).save(tmp_path / name)
    np.testing.assert_array_equal(read_mask(tmp_path / name), TRUTH)
    assert image_size(tmp_path / name) == TRUTH.shape


def test_alpha_is_no_mask(tmp_path):
    pixels = np.dstack([np.zeros((12, 16, 3)), np.full((12, 16), 255)])
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "a.png")
    assert not read_mask(tmp_path / "a.png").any()


@pytest.mark.parametrize("axes", ["plain", "last", "first", "one", "boolean"])
def test_tiff_masks_with_channels_anywhere(axes, tmp_path):
    white = 255 * TRUTH.astype(np.uint8)
    pixels = {
        "plain": white,
        "last": np.repeat(white[..., None], 3, 2),
        "first": np.repeat(white[None], 3, 0),
        "one": white[..., None],
        "boolean": TRUTH,
    }[axes]
    photometric = "rgb" if pixels.ndim == 3 and 3 in pixels.shape else "minisblack"
    tifffile.imwrite(tmp_path / "m.tif", pixels, photometric=photometric)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), TRUTH)
    assert image_size(tmp_path / "m.tif") == TRUTH.shape


def test_noise_of_an_empty_jpeg_is_no_mask(tmp_path):
    noise = np.random.default_rng(0).integers(0, 2, (16, 16)).astype(np.uint8)
    for name in ("m.jpg", "m.png"):
        Image.fromarray(noise).save(tmp_path / name, quality=100)
    with Image.open(tmp_path / "m.jpg") as stored:
        assert 0 < np.array(stored).max() < 5
    assert not read_mask(tmp_path / "m.jpg").any()
    assert read_mask(tmp_path / "m.png").any()


@given(quality=st.integers(30, 95), seed=st.integers(0, 99))
def test_jpeg_masks_are_cut_at_half(quality, seed, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "jpeg_mask.jpg"
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:64, :64]
    truth = (y - rng.integers(20, 44)) ** 2 + (x - rng.integers(20, 44)) ** 2 < 200
    rgb = np.repeat(255 * truth[..., None].astype(np.uint8), 3, 2)
    Image.fromarray(rgb).save(path, quality=quality)
    found = read_mask(path)
    with Image.open(path) as stored:
        values = np.array(stored)[..., 0]
    assert len(np.unique(values)) > 2
    assert (found != truth).sum() < 40
    assert (found != truth).sum() <= ((values != 0) != truth).sum()


def test_labels_as_numbers_palette_and_colours(tmp_path):
    labels = np.zeros((6, 8), np.uint8)
    labels[:2, :2], labels[4:, 5:] = 1, 7
    Image.fromarray(labels).save(tmp_path / "plain.bmp")
    Image.fromarray(np.repeat(labels[..., None], 3, 2)).save(tmp_path / "three.bmp")
    palette = Image.fromarray(labels, "P")
    palette.putpalette([0, 0, 0, 255, 0, 0, *[9] * 15, 0, 99, 0])
    palette.save(tmp_path / "palette.png")
    tifffile.imwrite(tmp_path / "plain.tif", labels)
    for name in ("plain.bmp", "three.bmp", "palette.png", "plain.tif"):
        found = read_labels(tmp_path / name)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, labels)
    palette.convert("RGB").save(tmp_path / "colours.png")
    found = read_labels(tmp_path / "colours.png")
    assert sorted(np.unique(found)) == [0, 1, 2]
    np.testing.assert_array_equal(found > 0, labels > 0)
    assert found[0, 0] != found[5, 7]


def test_images_lose_alpha_and_grey_colours(tmp_path):
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    rgba = np.dstack([grey, grey, grey, grey])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), grey)
    Image.fromarray(rgba[..., :3] + np.array([0, 1, 0], np.uint8)).save(
        tmp_path / "b.bmp"
    )
    assert read_image(tmp_path / "b.bmp").shape == (6, 8, 3)
    tifffile.imwrite(tmp_path / "c.tif", grey.astype(np.uint16))
    with pytest.raises(DataError, match=r"c\.tif: has pixels of type uint16"):
        read_image(tmp_path / "c.tif")
    tifffile.imwrite(tmp_path / "d.tif", np.zeros((5, 6, 8), np.uint8))
    with pytest.raises(DataError, match="not one plane"):
        read_image(tmp_path / "d.tif")


def test_masks_of_another_size_are_named(tmp_path):
    Image.fromarray(TRUTH).save(tmp_path / "m.png")
    with pytest.raises(DataError, match=r"m\.png: has 12 x 16 .* its image 16 x 12"):
        unite([tmp_path / "m.png"], (16, 12))


def test_damaged_files_are_named(tmp_path):
    for name in ("m.bmp", "m.png", "m.tif"):
        (tmp_path / name).write_bytes(b"BMnothing")
        for read in (read_mask, read_image, read_labels, image_size):
            with pytest.raises(DataError, match=name.replace(".", r"\.")):
                read(tmp_path / name)
    with pytest.raises(DataError, match="not a BMP image"):
        read_mask(tmp_path / "m.bmp")
