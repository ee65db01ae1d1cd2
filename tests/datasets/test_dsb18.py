"""Folders of the Data Science Bowl: one image, one mask a nucleus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_pmrnet.datasets.dsb18 import is_stage1_folder, read_stage1_folder
from napari_pmrnet.errors import DataError

MASKS = {
    "a": np.array([[255, 255, 0, 0], [0, 0, 0, 0]], np.uint8),
    "b": np.array([[0, 255, 255, 0], [0, 0, 0, 0]], np.uint8),
    "c": np.zeros((2, 4), np.uint8),
    "d": np.array([[0, 0, 0, 0], [0, 0, 0, 255]], np.uint8),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    Image.new("RGBA", (4, 2), (9, 9, 9, 255)).save(tmp_path / "images" / "x.png")
    for name, mask in MASKS.items():
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path


def test_masks_become_consecutive_labels_and_the_first_wins(folder):
    image, labels = read_stage1_folder(folder)
    assert (image.shape, image.dtype) == ((2, 4), np.uint8)
    assert labels.dtype == np.int32
    assert labels.tolist() == [[1, 1, 2, 0], [0, 0, 0, 3]]


def test_coloured_image_stays_coloured(folder):
    Image.new("RGBA", (4, 2), (9, 8, 7, 255)).save(folder / "images" / "x.png")
    image, _ = read_stage1_folder(folder)
    assert image.shape == (2, 4, 3)
    assert image[0, 0].tolist() == [9, 8, 7]


def test_is_stage1_folder(folder, tmp_path):
    assert is_stage1_folder(folder)
    assert not is_stage1_folder(folder / "images")
    assert not is_stage1_folder(folder / "images" / "x.png")
    assert not is_stage1_folder(tmp_path / "absent")


def test_mask_of_another_shape_is_named(folder):
    Image.new("L", (5, 5)).save(folder / "masks" / "b.png")
    with pytest.raises(DataError, match=r"b\.png: has shape \(5, 5\)"):
        read_stage1_folder(folder)


def test_damaged_mask_is_named(folder):
    (folder / "masks" / "b.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=r"b\.png"):
        read_stage1_folder(folder)


def test_two_images_or_no_masks_are_refused(folder):
    for path in (folder / "masks").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no PNG masks"):
        read_stage1_folder(folder)
    Image.new("L", (4, 2)).save(folder / "images" / "y.png")
    with pytest.raises(DataError, match="one PNG image, not 2"):
        read_stage1_folder(folder)
