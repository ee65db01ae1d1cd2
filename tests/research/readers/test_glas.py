"""GlaS: glands told apart in every copy of the annotation, patients kept together."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_pmrnet.research.check import check
from napari_pmrnet.research.published import split_table
from napari_pmrnet.research.readers.glas import GlaS


@pytest.fixture
def folder(tree):
    return tree("glas")


def test_official_parts_grades_and_patients(folder):
    table = split_table(GlaS(folder))
    assert list(table.index)[:2] == ["testA_1", "testA_2"]
    assert set(table.loc[table["split"] == "test", "part"]) == {"testA", "testB"}
    assert set(table.loc[table["official"] == "train", "split"]) == {"train", "val"}
    assert table.loc["train_1", "grade"] == "malignant"
    assert table.loc["train_2", "modality"] == "benign"
    assert table.loc["train_1", "group"] == table.loc["train_2", "group"] == "patient 0"
    within = table[table["official"] == "train"].groupby("group")["split"].nunique()
    assert (within == 1).all()


def test_the_split_across_a_patient_is_named(folder):
    assert check(GlaS(folder)).problems == []
    text = (folder / "Grade.csv").read_text()
    (folder / "Grade.csv").write_text(text.replace("testB_1,6", "testB_1,0"))
    (line,) = check(GlaS(folder)).problems
    assert line.startswith("patient 0: the split divides neighbours, 2 in ")
    assert "1 in test" in line and "--column grouped" in line


@pytest.mark.parametrize("copy", ["three channels", "palette"])
def test_glands_are_told_apart_in_every_copy(copy, folder, draw):
    path = folder / "train_1_anno.bmp"
    labels = draw.mask(at=1, white=1) + draw.mask(at=11, white=2)
    if copy == "palette":
        stored = Image.fromarray(labels, "P")
        stored.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
        stored.save(path)
    else:
        draw.write(path, draw.rgb(labels))
    reader = GlaS(folder)
    item = next(i for i in reader.items if i.image_id == "train_1")
    np.testing.assert_array_equal(reader.load(item)[1], labels)


def test_without_grades(folder):
    (folder / "Grade.csv").unlink()
    reader = GlaS(folder)
    (line,) = reader.problems
    assert "Grade.csv: missing" in line
    table = split_table(reader)
    assert "grade" not in table and table["group"].is_unique


def test_an_image_that_the_grades_do_not_name(folder):
    text = (folder / "Grade.csv").read_text().splitlines()
    (folder / "Grade.csv").write_text("\n".join(line for line in text[:-3]))
    table = split_table(GlaS(folder))
    assert table.loc["testB_1", "modality"] == "unknown"
    assert table.loc["testB_1", "group"] == "testB_1"


def test_annotation_of_another_size(folder, draw):
    draw.write(folder / "train_1_anno.bmp", draw.mask((9, 9), at=0))
    said = "\n".join(check(GlaS(folder)).problems)
    assert "train_1_anno.bmp: has 9 x 9 pixels" in said
