"""The packed folder: subsets, and every fault found with its file named."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_pmrnet.datasets.packed import PackedDataset
from napari_pmrnet.errors import DataError

ROWS = {"a": "train", "b": "train", "007": "test"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    lines = ["image_id,modality,split"]
    for i, (name, subset) in enumerate(ROWS.items(), start=1):
        colour = (8, 7, 3) if name == "b" else (8, 7)
        image = np.full(colour, 10 * i, np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{name}.png")
        labels = np.zeros((8, 7), np.uint16)
        labels[2:4, 2:4] = i
        tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", labels)
        lines.append(f"{name},f,{subset}")
    (tmp_path / "split.csv").write_text("\n".join(lines))
    return tmp_path


def test_subset_and_its_table(folder):
    data = PackedDataset(folder)
    assert data.ids == ["a", "b"]
    assert len(data) == 2
    assert list(data.table.index) == ["a", "b"]
    assert data.table.loc["a", "modality"] == "f"
    assert PackedDataset(folder, subset="test").ids == ["007"]
    assert PackedDataset(folder, subset=None).ids == list(ROWS)


def test_load_gives_uint8_and_int32(folder):
    data = PackedDataset(folder)
    grey, labels = data.load("a")
    colour, _ = data.load("b")
    assert (grey.shape, grey.dtype) == ((8, 7), np.uint8)
    assert colour.shape == (8, 7, 3)
    assert (labels.dtype, labels.sum()) == (np.int32, 4)
    assert [name for name, _, _ in data] == ["a", "b"]


def test_alpha_is_dropped(folder):
    Image.new("RGBA", (7, 8), (1, 2, 3, 4)).save(folder / "images" / "a.png")
    image, _ = PackedDataset(folder).load("a")
    assert image.shape == (8, 7, 3)


def test_split_file_of_another_name(folder):
    (folder / "split.csv").rename(folder / "other.csv")
    assert PackedDataset(folder, "other.csv").ids == ["a", "b"]
    assert PackedDataset(folder, folder / "other.csv").ids == ["a", "b"]
    with pytest.raises(DataError, match=r"split\.csv: there is no such"):
        PackedDataset(folder)


def test_hash_depends_on_bytes_and_ids_but_not_on_order(folder):
    first = PackedDataset(folder).data_hash()
    lines = (folder / "split.csv").read_text().splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    (folder / "split.csv").write_text("\n".join(lines))
    assert PackedDataset(folder).data_hash() == first
    assert PackedDataset(folder, subset="test").data_hash() != first
    tifffile.imwrite(folder / "labels" / "a.tif", np.zeros((8, 7), np.uint16))
    assert PackedDataset(folder).data_hash() != first


@pytest.mark.parametrize("name", ["labels/a.tif", "images/b.png"])
def test_listed_file_that_is_missing(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name}: missing"):
        PackedDataset(folder)


def test_image_without_row_is_refused_when_strict(folder):
    Image.new("L", (7, 8)).save(folder / "images" / "stray.png")
    PackedDataset(folder)
    with pytest.raises(DataError, match=r"stray.png: not listed"):
        PackedDataset(folder, strict=True)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((9, 7), np.uint16), r"shape \(9, 7\), its image \(8, 7\)"),
        (np.zeros((8, 7), np.float32), "whole numbers, not float32"),
        (np.zeros((2, 8, 7), np.uint16), "one plane"),
        (np.full((8, 7), -3, np.int16), "between 0 and"),
    ],
)
def test_labels_that_do_not_fit(folder, labels, words):
    tifffile.imwrite(folder / "labels" / "a.tif", labels)
    with pytest.raises(DataError, match=rf"a\.tif: .*{words}"):
        PackedDataset(folder).load("a")
    with pytest.raises(DataError, match=r"a\.tif"):
        PackedDataset(folder, strict=True)


def test_16_bit_image_is_refused(folder):
    Image.fromarray(np.zeros((8, 7), np.uint16)).save(folder / "images" / "a.png")
    with pytest.raises(DataError, match=r"a\.png: .*uint16.*8 bits"):
        PackedDataset(folder).load("a")


def test_damaged_labels_are_named(folder):
    (folder / "labels" / "a.tif").write_bytes(b"II*\0junk")
    with pytest.raises(DataError, match=r"a\.tif"):
        PackedDataset(folder).load("a")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("id,split\na,train", "no column image_id"),
        ("image_id,fold\na,train", "no column split. It has: fold"),
        ("image_id,split\na,val", "no row 'train'. It has: val"),
        ("image_id,split\na,train\na,train", "lists a twice"),
        ("", "cannot be read as a CSV"),
    ],
)
def test_faulty_table(folder, table, words):
    (folder / "split.csv").write_text(table)
    with pytest.raises(DataError, match=rf"split\.csv: .*{words}"):
        PackedDataset(folder)


def test_folder_of_another_layout(tmp_path):
    with pytest.raises(DataError, match="has no folder 'images'"):
        PackedDataset(tmp_path)


@pytest.mark.skipif(
    "PMRNET_DSB18" not in os.environ,
    reason="PMRNET_DSB18 does not name the packed DSB18 folder",
)
def test_real_data_agree_with_their_table():
    data = PackedDataset(os.environ["PMRNET_DSB18"], subset="val")
    assert len(data) == 70
    for name in data.ids[:8]:
        image, labels = data.load(name)
        row = data.table.loc[name]
        assert labels.shape == (row["height"], row["width"])
        assert len(np.unique(labels)) - 1 == row["nuclei"]
        assert (image.ndim == 3) == row["colour"]
