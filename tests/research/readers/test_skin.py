"""ISIC by year, without what else lies there; PH2 without its regions of interest."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from napari_pmrnet.research.published import split_table
from napari_pmrnet.research.readers.skin import ISIC2017, ISIC2018, PH2
from napari_pmrnet.research.registry import recognised

YEARS = [("isic2017", ISIC2017), ("isic2018", ISIC2018)]


@pytest.mark.parametrize(("which", "reader"), YEARS)
def test_official_split_and_nothing_else_of_the_folders(which, reader, tree, draw):
    opened = reader(tree(which))
    split = split_table(opened)["split"]
    assert dict(split.value_counts()) == {"train": 4, "val": 2, "test": 2}
    assert split["ISIC_0000020"] == "test" and len(opened.items) == 8
    assert not any("superpixels" in str(i.image) for i in opened.items)
    _, labels = opened.load(opened.items[0])
    np.testing.assert_array_equal(labels, draw.mask(white=1))


@pytest.mark.parametrize(("which", "reader"), YEARS)
def test_without_test_images_validation_stays_official(which, reader, tree):
    folder = tree(which)
    for path in folder.glob("*Test*"):
        shutil.rmtree(path)
    split = split_table(reader(folder))["split"]
    assert dict(split.value_counts()) == {"train": 4, "val": 2}


def test_training_images_alone_are_split_by_the_seed(tree):
    folder = tree("isic2018")
    for path in [*folder.glob("*Test*"), *folder.glob("*Validation*")]:
        shutil.rmtree(path)
    table = split_table(ISIC2018(folder))
    assert set(table["split"]) == {"train", "val", "test"}
    assert "official" not in table


def test_images_without_their_truth_are_named_once(tree):
    folder = tree("isic2017")
    shutil.rmtree(folder / "ISIC-2017_Test_v2_Part1_GroundTruth")
    reader = ISIC2017(folder)
    (line,) = reader.problems
    assert "ISIC-2017_Test_v2_Data: there is no folder *_GroundTruth" in line
    assert len(reader.items) == 6


def test_a_folder_within_a_folder_of_its_name(tree):
    folder = tree("isic2018")
    for path in list(folder.glob("*Training*")):
        path.rename(folder / "moved")
        path.mkdir()
        (folder / "moved").rename(path / path.name)
    reader = ISIC2018(folder)
    assert reader.problems == [] and len(reader.items) == 8


def test_another_year_is_not_taken_for_this_one(tree):
    folder = tree("isic2017")
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace("2017", "2016"))
    assert recognised(folder) == []


def test_ph2_reads_lesions_and_no_regions(tree, draw):
    folder = tree("ph2")
    shutil.rmtree(folder / "PH2 Dataset images" / "IMD004" / "IMD004_lesion")
    reader = PH2(folder)
    (line,) = reader.problems
    assert "IMD004.bmp: image without a mask" in line
    assert [i.image_id for i in reader.items][:2] == ["IMD002", "IMD003"]
    image, labels = reader.load(reader.items[0])
    np.testing.assert_array_equal(image, draw.picture("IMD002"))
    np.testing.assert_array_equal(labels, draw.mask(white=1))
