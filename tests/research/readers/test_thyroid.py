"""TN3K and TG3K: positions among files sorted by number; videos kept whole."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_pmrnet.research.check import check
from napari_pmrnet.research.published import split_table
from napari_pmrnet.research.readers.thyroid import TG3K, TN3K


def test_folds_are_positions_among_files_sorted_by_number(tree, draw):
    reader = TN3K(tree("tn3k"))
    table = split_table(reader)
    numbers = [1, 2, 9, 10, 11, 100]
    assert list(table.index)[:6] == [f"trainval-{n}" for n in numbers]
    for k in range(3):
        fold = table[f"fold{k}"]
        val = {f"trainval-{numbers[i]}" for i in (k, 5 - k)}
        assert set(fold[fold == "val"].index) == val
        assert list(fold[fold == "test"].index) == ["test-1", "test-2"]
    assert (table["split"] == table["fold0"]).all()
    image, labels = reader.load(reader.items[3])
    assert image.shape == draw.shape
    np.testing.assert_array_equal(labels, draw.mask(white=1))


def test_without_folds_a_part_of_the_training_images_is_val(tree):
    folder = tree("tn3k")
    for path in folder.glob("*.json"):
        path.unlink()
    reader = TN3K(folder)
    (line,) = reader.problems
    assert "tn3k-trainval-fold0.json: missing" in line
    counts = dict(split_table(reader)["split"].value_counts())
    assert counts == {"train": 5, "test": 2, "val": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"train": [0, 1, 2, 3, 4], "val": [9]}', "lists position 9 and there are 6"),
        ('{"train": [0, 1, 2, 3, 4], "val": [4]}', "1 images are in neither"),
        ('{"train": [0, 1, 2, 3, 4], "val": [4, 5]}', "1 positions are in train and"),
        ('{"train": [0, 1]}', "not a split file"),
        ('{"train": ["a.jpg"], "val": []}', "not a split file"),
        ("[1, 2", "not a split file"),
    ],
)
def test_faulty_folds_are_named(content, said, tree):
    folder = tree("tn3k")
    (folder / "tn3k-trainval-fold0.json").write_text(content)
    reader = TN3K(folder)
    assert any(said in line for line in reader.problems)
    assert len(reader.items) == 8
    split = split_table(reader)["split"]
    assert split["test-1"] == "test"


def test_a_missing_folder_is_named(tree):
    folder = tree("tn3k")
    (folder / "test-mask").rename(folder / "elsewhere")
    reader = TN3K(folder)
    assert len(reader.items) == 6
    assert any("test-mask: there is no such folder" in p for p in reader.problems)


def test_frames_of_one_size_are_one_video(tree):
    reader = TG3K(tree("tg3k"))
    groups = [item.group for item in reader.items]
    assert groups == [f"video {1 + n // 8}" for n in range(40)]
    table = split_table(reader)
    assert dict(table["split"].value_counts()) == {"train": 32, "val": 8}
    assert (table.groupby("group")["grouped"].nunique() == 1).all()
    assert check(reader).problems == []


def test_the_official_split_through_a_video_is_named(tree):
    folder = tree("tg3k")
    split = {"train": [*range(30)], "val": [*range(30, 40)]}
    (folder / "tg3k-trainval.json").write_text(json.dumps(split))
    (line,) = check(TG3K(folder)).problems
    assert line.startswith(
        "video 4: the split divides neighbours, 6 in train, 2 in val"
    )


def test_frames_of_one_size_throughout_stay_in_blocks(tree, draw):
    folder = tree("tg3k")
    (folder / "tg3k-trainval.json").unlink()
    for path in [*folder.rglob("*.jpg")]:
        draw.write(path, draw.picture(path.stem, colour=False))
        if "mask" in path.parent.name:
            draw.write(path, draw.mask())
    reader = TG3K(folder)
    assert [i.group for i in reader.items][:5] == ["block 1"] * 4 + ["block 2"]
    (line,) = reader.remarks()
    assert "all frames are of one size" in line
    assert set(split_table(reader)["split"]) == {"train", "val", "test"}


def test_capital_letters_of_some_copies(tree):
    folder = tree("tg3k")
    for part in ("image", "mask"):
        (folder / f"thyroid-{part}").rename(folder / f"Thyroid-{part}")
    assert len(TG3K(folder).items) == 40
