"""Stage 1 of the Data Science Bowl: masks in files, or in a table of run lengths."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from napari_pmrnet.errors import DataError
from napari_pmrnet.research.check import check
from napari_pmrnet.research.published import split_table
from napari_pmrnet.research.readers.dsb18 import DSB18


@pytest.fixture
def folder(tree):
    return tree("dsb18")


def runs(top: int, left: int, height: int) -> str:
    """Eight columns of eight pixels in an image of a height."""
    starts = (1 + top + height * column for column in range(left, left + 8))
    return " ".join(f"{start} 8" for start in starts)


def test_every_nucleus_has_a_label_and_alpha_goes(folder, draw):
    reader = DSB18(folder)
    assert [i.image_id for i in reader.items][:2] == ["a1", "b2"]
    image, labels = reader.load(reader.items[0])
    np.testing.assert_array_equal(image, draw.picture("a1"))
    np.testing.assert_array_equal(
        labels, draw.mask(at=1, white=1) + draw.mask(at=11, white=2)
    )


def test_rgb_and_grey_images(folder, draw):
    for name, pixels in (
        ("a1", draw.picture("a1")),
        ("b2", draw.rgb(draw.picture("b2", colour=False))),
    ):
        draw.write(folder / "stage1_train" / name / "images" / f"{name}.png", pixels)
    reader = DSB18(folder)
    shapes = [reader.load(item)[0].shape for item in reader.items[:2]]
    assert shapes == [(*draw.shape, 3), draw.shape]


def test_the_table_stands_in_for_mask_files(folder, draw):
    expected = [DSB18(folder).load(item)[1] for item in DSB18(folder).items]
    lines = ["ImageId,EncodedPixels"]
    for case in (folder / "stage1_train").iterdir():
        shutil.rmtree(case / "masks")
        lines += [f"{case.name},{runs(at, at, 20)}" for at in (1, 11)]
    assert all("no masks" in line for line in DSB18(folder).problems)
    (folder / "stage1_train_labels.csv").write_text("\n".join(lines))
    reader = DSB18(folder)
    assert reader.problems == []
    for item, labels in zip(reader.items, expected, strict=True):
        np.testing.assert_array_equal(reader.load(item)[1], labels)
        assert reader.load(item)[0].shape == (*draw.shape, 3)


def test_solution_makes_the_test_images_the_test_subset(folder, draw):
    for name in ("t1", "t2"):
        path = folder / "stage1_test" / name / "images" / f"{name}.png"
        draw.write(path, draw.picture(name))
    reader = DSB18(folder)
    assert len(reader.items) == 10
    (line,) = reader.problems
    assert "stage1_test: 2 images have no masks" in line and "stage1_sol" in line
    (folder / "stage1_solution.csv").write_text(
        "ImageId,EncodedPixels,Height,Width,Usage\n"
        f"t1,{runs(3, 2, 20)},20,24,Ignored\nt2,,20,24,Ignored\n"
    )
    reader = DSB18(folder)
    assert reader.problems == []
    split = split_table(reader)["split"]
    assert list(split[split == "test"].index) == ["t1", "t2"]
    assert set(split) == {"train", "val", "test"}
    labels = {i.image_id: reader.load(i)[1] for i in reader.items[-2:]}
    assert labels["t1"].sum() == 64 and labels["t1"][3:11, 2:10].all()
    assert not labels["t2"].any()


def test_the_folder_of_the_cases_serves_and_finds_its_table_beside(folder):
    shutil.rmtree(folder / "stage1_train" / "a1" / "masks")
    (folder / "stage1_train_labels.csv").write_text("ImageId,EncodedPixels\na1,1 2\n")
    reader = DSB18(folder / "stage1_train")
    assert len(reader.items) == 10
    assert reader.load(reader.items[0])[1].sum() == 2


def test_faults_are_named_and_the_others_go_on(folder, draw):
    cases = folder / "stage1_train"
    shutil.rmtree(cases / "a1" / "masks")
    draw.write(cases / "b2" / "images" / "extra.png", draw.mask())
    draw.write(cases / "c3" / "masks" / "m1.png", draw.mask((9, 9), at=0))
    found = check(DSB18(folder))
    assert len(found.images) == 7
    said = "\n".join(found.problems)
    assert "1 images have no masks" in said and "such as a1" in said
    assert "must hold one PNG image, not 2" in said
    assert "m1.png: has shape (9, 9)" in said
    with pytest.raises(DataError, match="9 x 9 pixels"):
        reader = DSB18(folder)
        reader.check_sizes(reader.items[0])


def test_a_copy_with_united_nuclei_looks_wrong(folder):
    for path in folder.rglob("m2.png"):
        path.unlink()
    (line,) = check(DSB18(folder)).problems
    assert "no image has more than one object" in line
