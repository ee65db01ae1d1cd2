"""The packed folder: subsets, and every fault found with its file named."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_pmrnet.datasets.folder import PackedDataset
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


def only_problem(folder: Path, dropped: str | None = "a") -> str:
    """The one problem of the folder, which strict refuses; the others are kept."""
    data = PackedDataset(folder)
    (line,) = data.problems
    assert data.ids == list(data.table.index) == [i for i in "ab" if i != dropped]
    with pytest.raises(DataError) as refused:
        PackedDataset(folder, strict=True)
    first, *lines = str(refused.value).splitlines()
    assert first.startswith(f"{folder}: 1 problem;") and lines == [line]
    return line


def test_sound_data_have_no_problems(folder, caplog):
    assert PackedDataset(folder, subset=None, strict=True).problems == ()
    assert not caplog.messages


def test_row_without_labels(folder):
    (folder / "labels" / "a.tif").unlink()
    assert re.search(r"a\.png: image without labels.*a\.tif", only_problem(folder))


def test_row_without_image(folder):
    (folder / "images" / "a.png").unlink()
    assert re.search(r"a\.tif: labels without an image.*a\.png", only_problem(folder))


def test_row_of_an_unknown_image(folder):
    (folder / "images" / "a.png").unlink()
    (folder / "labels" / "a.tif").unlink()
    line = only_problem(folder)
    assert re.match(r"a: listed in .*split\.csv, but there is no such image", line)


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("", r"007\.png: image not listed in .*split\.csv"),
        ("labels/007.tif", r"007\.png: image not listed in .*split\.csv"),
        ("images/007.png", r"007\.tif: labels without an image, not listed in"),
    ],
)
def test_files_that_the_table_does_not_list_are_only_named(folder, gone, words):
    table = (folder / "split.csv").read_text().replace("\n007,f,test", "")
    (folder / "split.csv").write_text(table)
    if gone:
        (folder / gone).unlink()
    assert re.search(words, only_problem(folder, dropped=None))


def test_files_of_another_subset_are_neither_checked_nor_unlisted(folder):
    (folder / "images" / "007.png").unlink()
    assert PackedDataset(folder, strict=True).problems == ()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.ones((9, 7), np.uint16), r"shape \(9, 7\), its image \(8, 7\)"),
        (np.ones((8, 7), np.float32), "whole numbers, not float32"),
        (np.ones((2, 8, 7), np.uint16), "one plane"),
        (np.full((8, 7), -3, np.int16), "label -3 is negative"),
        (np.full((8, 7), 1 << 31, np.uint32), "is above 2147483647"),
        (np.zeros((9, 7), np.uint16), r"shape \(9, 7\)"),
    ],
)
def test_labels_that_do_not_fit(folder, labels, words):
    data = PackedDataset(folder)
    tifffile.imwrite(folder / "labels" / "a.tif", labels)
    with pytest.raises(DataError, match=rf"a\.tif: .*{words}") as error:
        data.load("a")
    assert only_problem(folder) == str(error.value)


def test_16_bits_stay(folder):
    deep = np.arange(56, dtype=np.uint16).reshape(8, 7) * 1000
    Image.fromarray(deep).save(folder / "images" / "a.png")
    image, _ = PackedDataset(folder, strict=True).load("a")
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image, deep)


def test_palette_image_is_no_problem(folder):
    Image.new("P", (7, 8), 1).save(folder / "images" / "a.png")
    assert PackedDataset(folder, strict=True).load("a")[0].shape == (8, 7, 3)


def test_damaged_labels(folder):
    (folder / "labels" / "a.tif").write_bytes(b"II*\0junk")
    assert "a.tif: holds no image" in only_problem(folder)


def test_image_that_is_no_picture(folder):
    (folder / "images" / "a.png").write_bytes(b"junk")
    assert "a.png: not a PNG" in only_problem(folder)


def test_image_cut_short_behind_its_header(folder):
    path, noise = folder / "images" / "a.png", np.random.default_rng(0)
    Image.fromarray(noise.integers(0, 255, (8, 7), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:60])
    assert "a.png: cannot be read" in only_problem(folder)


def test_empty_mask_is_named_and_used_even_when_strict(folder):
    tifffile.imwrite(folder / "labels" / "a.tif", np.zeros((8, 7), np.uint16))
    for strict in (False, True):
        data = PackedDataset(folder, strict=strict)
        assert data.ids == ["a", "b"]
        (line,) = data.problems
        assert "a.tif: empty mask" in line


def test_every_problem_is_logged_and_counted(folder, caplog):
    (folder / "images" / "a.png").write_bytes(b"junk")
    (folder / "labels" / "a.tif").write_bytes(b"junk")
    (folder / "images" / "b.png").unlink()
    tifffile.imwrite(folder / "labels" / "007.tif", np.zeros((8, 7), np.uint8))
    Image.new("L", (7, 8)).save(folder / "images" / "stray.png")
    data = PackedDataset(folder, subset=None)
    assert data.ids == ["007"]
    faulty = ["a.png", "a.tif", "b.tif", "stray.png", "007.tif"]
    for name, line in zip(faulty, data.problems, strict=True):
        assert f"{name}: " in line and "\n" not in line
    count = "5 problems; 2 of 3 images are left out."
    assert caplog.messages == [*data.problems, count]
    with pytest.raises(DataError) as refused:
        PackedDataset(folder, subset=None, strict=True)
    first, *lines = str(refused.value).splitlines()
    assert "5 problems; strict" in first and lines == list(data.problems)


def test_no_usable_row_is_left(folder):
    for name in "ab":
        (folder / "images" / f"{name}.png").unlink()
    with pytest.raises(DataError, match=r"2 problems; no usable(.|\n)*b\.tif: labels"):
        PackedDataset(folder)


def test_subsets_opened_together_are_told_apart(folder, caplog):
    Image.new("L", (7, 8)).save(folder / "images" / "stray.png")
    data = PackedDataset(folder, subset=("train", "test"))
    assert data.ids == ["a", "b", "007"]
    assert data.only("train").ids == ["a", "b"]
    assert data.only("test").ids == ["007"]
    assert data.only("test").problems == data.problems
    assert len(caplog.messages) == 2
    with pytest.raises(DataError, match="no row 'val'. It has: test, train"):
        PackedDataset(folder, subset=("train", "val"))


def test_subset_of_which_no_row_is_usable(folder):
    (folder / "images" / "007.png").unlink()
    data = PackedDataset(folder, subset=("train", "test"))
    with pytest.raises(DataError, match="no row with split = test is left"):
        data.only("test")


def test_modality_left_out(folder):
    table = (folder / "split.csv").read_text().replace("b,f", "b,h")
    (folder / "split.csv").write_text(table)
    (folder / "images" / "a.png").unlink()
    data = PackedDataset(folder, strict=True, without="f")
    assert data.ids == list(data.table.index) == ["b"]
    with pytest.raises(DataError, match="modality has no row 'x'. It has: f, h"):
        PackedDataset(folder, without="x")
    with pytest.raises(DataError, match="without modality f no row is left"):
        PackedDataset(folder, subset="test", without="f")


def test_modality_left_out_of_a_table_without_modalities(folder):
    (folder / "split.csv").write_text("image_id,split\na,train")
    with pytest.raises(DataError, match="no column modality. It has: split"):
        PackedDataset(folder, without="f")


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
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="has no folder 'labels'"):
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


def test_rows_of_an_unknown_split_are_named_and_not_used(folder, caplog):
    table = (folder / "split.csv").read_text().replace("b,f,train", "b,f,spare")
    (folder / "split.csv").write_text(table)
    data = PackedDataset(folder)
    assert data.ids == ["a"] and len(data.problems) == 1
    assert "column split has 'spare' 1 times, which is none of train, val, test" in (
        caplog.text
    )
    with pytest.raises(DataError, match="strict allows none"):
        PackedDataset(folder, strict=True)
    # A table with names of its own is asked for them.
    assert PackedDataset(folder, subset="spare").problems == ()
    assert PackedDataset(folder, subset=None).problems == ()


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    colour=st.booleans(),
    deep=st.booleans(),
)
def test_labels_that_reach_beyond_the_image_are_named(
    shape, colour, deep, tmp_path_factory
):
    place = tmp_path_factory.mktemp("set")
    for name in ("images", "labels"):
        (place / name).mkdir()
    image = np.zeros((8, 7, 3) if colour else (8, 7), np.uint8)
    if deep and not colour:
        image = image.astype(np.uint16) + 300
    Image.fromarray(image).save(place / "images" / "a.png")
    tifffile.imwrite(place / "labels" / "a.tif", np.full(shape, 65535, np.uint16))
    (place / "split.csv").write_text("image_id,split\na,train\n")
    if shape == (8, 7):
        assert PackedDataset(place).load("a")[1].max() == 65535
        return
    with pytest.raises(DataError) as error:
        PackedDataset(place)
    words = f"labels/a.tif: has shape {shape}, its image (8, 7). Replace it by labels"
    assert words in str(error.value).replace(os.sep, "/")


def test_a_folder_without_any_labels_names_every_image(folder):
    for path in (folder / "labels").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no usable image is left") as error:
        PackedDataset(folder)
    _, *lines = str(error.value).splitlines()
    assert len(lines) == 2 and all("image without labels" in line for line in lines)
