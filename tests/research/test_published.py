"""A published data set opened for training: subsets, tables of one's own, faults."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from napari_pmrnet.datasets.base import OpenedDataset
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.errors import DataError
from napari_pmrnet.research import published
from napari_pmrnet.research.published import NativeDataset
from napari_pmrnet.research.registry import open_dataset, open_reader


@pytest.fixture
def kvasir(tree) -> Path:
    return tree("kvasir")


def test_it_is_what_training_and_evaluation_ask_for(any_tree):
    name, folder = any_tree
    opened = open_dataset(name, folder, subset=("train", "val"))
    assert isinstance(opened, OpenedDataset) and issubclass(
        PackedDataset, OpenedDataset
    )
    assert opened.problems == ()
    train, val = opened.only("train"), opened.only("val")
    assert isinstance(train, NativeDataset)
    assert set(train.ids).isdisjoint(val.ids)
    assert len(train) + len(val) == len(opened) == len(list(opened))
    assert train.table.index.name == "image_id"
    image, labels = val.load(val.ids[0])
    assert image.shape[:2] == labels.shape
    assert len(train.data_hash()) == 64 and train.data_hash() != val.data_hash()


def test_no_such_subset(tree):
    with pytest.raises(DataError, match="split has no row 'test'. It has: train, val"):
        open_dataset("tg3k", tree("tg3k"), subset="test")


def test_another_column(tree):
    folder = tree("tn3k")
    opened = open_dataset("tn3k", folder, column="fold2", subset="val")
    assert opened.ids == ["trainval-9", "trainval-10"]
    with pytest.raises(DataError, match="has no column fold9. It has: .*fold2"):
        open_dataset("tn3k", folder, column="fold9", subset="val")


def test_hash_depends_on_images_and_labels(kvasir, draw):
    def digest() -> str:
        return open_dataset("kvasir-seg", kvasir, subset=None).data_hash()

    first = digest()
    assert digest() == first
    draw.write(kvasir / "images" / "cju0.jpg", draw.picture("other"))
    second = digest()
    draw.write(kvasir / "masks" / "cju0.jpg", draw.rgb(draw.mask(at=9)))
    assert len({first, second, digest()}) == 3


def test_a_table_of_the_users_own(tree, tmp_path, caplog):
    folder, table = tree("busi"), tmp_path / "mine.csv"
    table.write_text(
        "image_id,split\nbenign (1),train\nnormal (1),train\nbenign (2),val\nnone,val\n"
    )
    opened = open_dataset("busi", folder, table, subset=("train", "val"))
    assert opened.ids == ["benign (1)", "normal (1)", "benign (2)"]
    assert list(opened.table["modality"]) == ["benign", "normal", "benign"]
    unknown, rest = opened.problems
    assert unknown.startswith("none: listed in") and "no such image" in unknown
    assert "does not list 9 images, such as benign (3)" in rest
    assert opened.split_name == "mine.csv" and opened.source == str(table)
    with pytest.raises(DataError, match="strict allows none"):
        open_dataset("busi", folder, table, strict=True)


@pytest.mark.parametrize("decoded", [0, 300])
def test_faulty_images_are_named_and_left_out(
    decoded, kvasir, draw, monkeypatch, caplog
):
    monkeypatch.setattr(published, "DECODED", decoded)
    draw.write(kvasir / "masks" / "cju1.jpg", draw.rgb(draw.mask((9, 9), at=0)))
    (kvasir / "images" / "cju2.jpg").write_bytes(b"junk")
    with caplog.at_level(logging.WARNING):
        opened = open_dataset("kvasir-seg", kvasir, subset=None)
    assert len(opened) == 8 and not {"cju1", "cju2"} & set(opened.ids)
    other, junk = opened.problems
    assert "cju1.jpg: has 9 x 9 pixels" in other and "cju2.jpg: not a PNG" in junk
    assert caplog.messages[-1] == "2 problems; 2 of 10 images are left out."
    with pytest.raises(DataError, match="2 problems; strict allows none"):
        open_dataset("kvasir-seg", kvasir, subset=None, strict=True)


def test_a_large_data_set_is_not_decoded_when_it_is_opened(kvasir, monkeypatch):
    monkeypatch.setattr(published, "DECODED", 0)
    monkeypatch.setattr("napari_pmrnet.research.readers.layout.read_image", pytest.fail)
    monkeypatch.setattr("napari_pmrnet.research.readers.layout.unite", pytest.fail)
    assert len(open_dataset("kvasir-seg", kvasir, subset=None)) == 10


def test_nothing_usable(kvasir, tmp_path):
    for path in (kvasir / "masks").iterdir():
        path.rename(path.with_name(f"other{path.name}"))
    with pytest.raises(DataError) as refused:
        open_dataset("kvasir-seg", kvasir)
    first, *lines = str(refused.value).splitlines()
    assert first == f"{kvasir}: nothing usable." and len(lines) == 20


def test_large_images_are_shrunk_with_their_labels(kvasir):
    whole = open_dataset("kvasir-seg", kvasir, subset=None)
    small = open_dataset("kvasir-seg", kvasir, subset=None, max_side=12)
    image, labels = small.load("cju0")
    assert image.shape == (10, 12, 3) and labels.shape == (10, 12)
    assert image.dtype == np.uint8 and labels.dtype == np.int32
    assert labels.sum() == whole.load("cju0")[1].sum() / 4
    assert "at most 12 pixels a side" in small.split_name
    assert small.data_hash() != whole.data_hash()
    with pytest.raises(DataError, match="give --dataset too"):
        open_dataset(None, kvasir, max_side=12)


def test_which_split_it_is_is_said(tree):
    said = {
        name: published.where_split(open_reader(name, tree(name)))
        for name in ("ph2", "glas", "isic2017")
    }
    assert said == {
        "ph2": "grouped split (seed 0)",
        "glas": "official split, val out of train by group (seed 0)",
        "isic2017": "official split",
    }
