"""Every layout is known by its name and by its looks, and told from the others."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.errors import DataError
from napari_pmrnet.research.published import NativeDataset, split_table
from napari_pmrnet.research.registry import (
    READERS,
    labels_of,
    open_dataset,
    open_reader,
    reader_class,
)


def test_images_are_uint8_and_labels_whole_numbers(any_tree):
    name, folder = any_tree
    reader = open_reader(name, folder)
    for item in reader.items:
        image, labels = reader.load(item)
        assert image.dtype == np.uint8 and image.shape[2:] in ((), (3,))
        assert labels.dtype == np.int32 and labels.shape == image.shape[:2]
        assert labels.max() == (2 if reader.instances else item.image_id[0] != "n")


def test_no_group_is_on_both_sides_of_the_grouped_split(any_tree):
    name, folder = any_tree
    table = split_table(open_reader(name, folder))
    assert set(table["grouped"]) == {"train", "val", "test"}
    assert (table.groupby("group")["grouped"].nunique() == 1).all()
    assert "official" in table or (table["split"] == table["grouped"]).all()


def test_a_folder_above_serves_too(any_tree):
    name, folder = any_tree
    assert open_reader(name, folder.parent).root.is_relative_to(folder)


def test_the_wrong_folder_names_the_right_reader(any_tree, tmp_path):
    name, folder = any_tree
    wrong = next(other for other in READERS if other != name)
    with pytest.raises(DataError) as refused:
        open_reader(wrong, folder)
    said = str(refused.value)
    assert said.startswith(f"{folder}: not the layout of {READERS[wrong].title}.")
    assert READERS[wrong].layout in said and f"looks like {name}:" in said


def test_a_folder_of_nothing_known(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(DataError, match="No other reader knows it either"):
        open_reader("ph2", tmp_path)
    with pytest.raises(DataError, match="there is no such folder"):
        open_reader("ph2", tmp_path / "absent")
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    with pytest.raises(DataError, match="looks like the packed layout"):
        open_reader("ph2", tmp_path)


def test_names_are_forgiving_and_breast_is_not_one():
    assert reader_class("Kvasir_SEG") is READERS["kvasir-seg"]
    with pytest.raises(DataError, match="'breast' is no data set.*dsb18, cvc-cl"):
        reader_class("breast")


def test_without_a_name_the_packed_layout_is_meant(tree, tmp_path):
    with pytest.raises(DataError, match="has no folder 'images'"):
        open_dataset(None, tree("ph2"))
    assert isinstance(open_dataset("ph2", tmp_path / "ph2"), NativeDataset)
    assert not issubclass(NativeDataset, PackedDataset)


def test_what_systems_and_archives_hide_is_not_read(tree, draw):
    folder = tree("kvasir")
    for part in ("images", "masks"):
        (folder / part / "._cju0.jpg").write_bytes(b"junk")
        (folder / part / "Thumbs.db").write_bytes(b"junk")
    (folder / "__MACOSX" / "images").mkdir(parents=True)
    reader = open_reader("kvasir-seg", folder)
    assert len(reader.items) == 10 and reader.problems == []


def test_what_labels_of_a_data_set_are() -> None:
    assert labels_of(None) == labels_of("dsb18") == labels_of("GlaS") == "instances"
    assert labels_of("Kvasir-SEG") == labels_of("busi") == "objects"
