"""Several data sets as one: names, weights, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.datasets.joined import JoinedDataset
from napari_pmrnet.errors import DataError

BOTH = ("train", "val")


def pack(folder: Path, table: str, deep: bool = False) -> PackedDataset:
    """A folder with a table whose images hold their row's number in every pixel."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for number, row in enumerate(table.splitlines()[1:], start=1):
        image_id = row.split(",")[0]
        image = np.full((9, 8), number * (300 if deep else 1))
        image = image.astype(np.uint16 if deep else np.uint8)
        Image.fromarray(image).save(folder / "images" / f"{image_id}.png")
        labels = np.full((9, 8), number, np.uint16)
        tifffile.imwrite(folder / "labels" / f"{image_id}.tif", labels)
    (folder / "split.csv").write_text(table)
    return PackedDataset(folder, subset=BOTH)


@pytest.fixture
def stained(tmp_path: Path) -> PackedDataset:
    table = "image_id,split,modality,weight\n1,train,a,2\n2,val,a,1\n3,train,,1"
    return pack(tmp_path / "stained", table)


@pytest.fixture
def deep(tmp_path: Path) -> PackedDataset:
    return pack(tmp_path / "deep", "image_id,split\n1,train\n7,val", deep=True)


def test_images_keep_their_set_in_name_and_modality(stained, deep) -> None:
    joined = JoinedDataset([stained, deep], [1, 3])
    assert joined.ids == ["stained/1", "stained/2", "stained/3", "deep/1", "deep/7"]
    assert joined.name == "stained + deep" and joined.instances
    table = joined.table
    assert list(table["modality"]) == ["stained-a"] * 2 + ["stained"] + ["deep"] * 2
    assert list(table["weight"]) == [2, 1, 1, 3, 3]
    assert joined.only("train").ids == ["stained/1", "stained/3", "deep/1"]
    image, labels = joined.only("val").load("deep/7")
    assert image.dtype == np.uint16 and image[0, 0] == 600 and labels[0, 0] == 2


def test_a_modality_is_left_out_by_its_name_here(stained, deep) -> None:
    joined = JoinedDataset([stained, deep], without="deep")
    assert set(joined.table["set"]) == {"stained"} and joined.left_out == "deep"
    with pytest.raises(DataError, match="has no row 'a'"):
        JoinedDataset([stained, deep], without="a")


def test_the_hash_is_of_the_images_in_use(stained, deep, tmp_path: Path) -> None:
    joined = JoinedDataset([stained, deep])
    whole, part = joined.data_hash(), joined.only("train").data_hash()
    assert whole != part and JoinedDataset([deep, stained]).data_hash() == whole
    path = deep.image_path("7")
    Image.fromarray(np.zeros((9, 8), np.uint8)).save(path)
    assert joined.only("train").data_hash() == part
    assert joined.data_hash() != whole


def test_what_does_not_go_together_is_named(stained, deep, tmp_path: Path) -> None:
    link = tmp_path / "other"
    link.symlink_to(deep.folder)
    with pytest.raises(DataError, match="other: is named twice"):
        JoinedDataset([deep, PackedDataset(link, subset=BOTH)])
    twin = tmp_path / "away" / "deep"
    shutil.copytree(deep.folder, twin)
    with pytest.raises(DataError, match="have one name"):
        JoinedDataset([deep, PackedDataset(twin, subset=BOTH)])
    united = PackedDataset(stained.folder, subset=BOTH)
    united.instances = False
    with pytest.raises(DataError, match="only one of them tells objects apart"):
        JoinedDataset([deep, united])
    for weights in ([1.0], [1, 0], [1, 2, 3]):
        with pytest.raises(DataError, match="for 2 data sets"):
            JoinedDataset([stained, deep], weights)
