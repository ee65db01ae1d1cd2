"""BUSI: several tumours united, masks of every kind, normal images without a tumour."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pmrnet.research.check import check
from napari_pmrnet.research.published import NativeDataset, split_table
from napari_pmrnet.research.readers.busi import BUSI


@pytest.fixture
def folder(tree):
    return tree("busi")


def labels_of(reader: BUSI, image_id: str) -> np.ndarray:
    return reader.load(next(i for i in reader.items if i.image_id == image_id))[1]


def test_tumours_are_united_and_masks_of_every_kind_read(folder, draw):
    reader = BUSI(folder)
    assert len(reader.items) == 12 and reader.problems == []
    one, both = draw.mask(at=1, white=1), draw.mask(at=1, white=1)
    both |= draw.mask(at=11, white=1)
    np.testing.assert_array_equal(labels_of(reader, "benign (1)"), one)
    np.testing.assert_array_equal(labels_of(reader, "benign (2)"), both)
    np.testing.assert_array_equal(labels_of(reader, "benign (3)"), one)


def test_parts_are_counted_and_normal_is_not_called_empty(folder):
    found = check(BUSI(folder))
    assert found.problems == []
    row = found.by_subset().loc["all"]
    assert (row["images"], row["with objects"], row["objects"]) == (12, 8, 9)


def test_normal_images_are_empty_whatever_their_mask_says(folder, draw):
    draw.write(folder / "normal" / "normal (1)_mask.png", draw.mask())
    (folder / "normal" / "normal (2)_mask.png").unlink()
    reader = BUSI(folder)
    assert reader.problems == [] and len(reader.items) == 12
    for n in (1, 2):
        assert not labels_of(reader, f"normal ({n})").any()
    (line,) = check(reader).problems
    assert "normal (1)_mask.png: marks a tumour in an image of normal" in line


def test_modality_is_the_kind_so_that_normal_can_be_left_out(folder):
    table = split_table(BUSI(folder))
    assert dict(table["modality"].value_counts()) == {
        "benign": 4,
        "malignant": 4,
        "normal": 4,
    }
    opened = NativeDataset(BUSI(folder), subset=None, without="normal")
    assert len(opened) == 8 and set(opened.table["modality"]) == {"benign", "malignant"}


def test_masks_and_images_alone_are_named(folder):
    (folder / "benign" / "benign (1)_mask.png").unlink()
    (folder / "malignant" / "malignant (2).png").unlink()
    one, two = BUSI(folder).problems
    assert "benign (1).png: image without a mask" in one
    assert "malignant (2)_mask.png: mask without an image" in two


def test_the_same_image_twice_in_different_subsets(folder):
    split = split_table(BUSI(folder))["split"]
    first = split[split == "train"].index[0]
    last = split[split == "test"].index[0]
    source = folder / first.split()[0] / f"{first}.png"
    (folder / last.split()[0] / f"{last}.png").write_bytes(source.read_bytes())
    (line,) = check(BUSI(folder)).problems
    assert f"{first} (train)" in line and f"{last} (test)" in line
    assert "the same image, in different subsets" in line
