"""What the readers of all layouts share: folders found, files paired, doubts said."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.errors import DataError
from napari_pmrnet.research.readers.layout import (
    Item,
    Reader,
    by_number,
    holds,
    subfolder,
    visible,
)


class Pairs(Reader):
    """``x/N.png`` beside ``y/N_mask.png``."""

    name, title, layout = "pairs", "Pairs", "x/ and y/"
    split_rule, published = "none", 3

    @classmethod
    def fits(cls, root: Path) -> bool:
        return bool(subfolder(root, "x") and subfolder(root, "Y", "masks"))

    def _list(self) -> Iterator[Item]:
        images = self.pictures(subfolder(self.root, "x"))
        masks = self.pictures(subfolder(self.root, "Y"), r"(.*)_mask")
        for key, image, mask in self.pairs(images, masks):
            yield Item(key, image, (mask,))


@pytest.fixture
def root(tmp_path: Path, draw) -> Path:
    root = tmp_path / "a" / "b"
    for number in (9, 10, 2):
        draw.write(root / "x" / f"{number}.png", draw.picture(str(number)))
        draw.write(root / "y" / f"{number}_mask.png", draw.mask())
    return root


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_names_are_sorted_by_their_numbers(numbers: list[int]) -> None:
    names = sorted((f"frame {n}.png" for n in numbers), key=by_number)
    assert names == [f"frame {n}.png" for n in sorted(numbers)]


@given(st.text(), st.text())
def test_any_two_names_have_an_order(a: str, b: str) -> None:
    assert (by_number(a) < by_number(b)) + (by_number(b) < by_number(a)) == (
        by_number(a) != by_number(b)
    )
    assert a == b or by_number(a) != by_number(b)


def test_items_in_the_order_of_numbers_each_a_group_of_its_own(root: Path) -> None:
    reader = Pairs(root)
    assert [item.image_id for item in reader.items] == ["2", "9", "10"]
    assert [item.group for item in reader.items] == ["2", "9", "10"]
    assert reader.problems == []
    image, labels = reader.load(reader.items[0])
    assert labels.shape == image.shape[:2] and set(np.unique(labels)) == {0, 1}


def test_the_layout_is_found_two_levels_below_and_no_deeper(root: Path) -> None:
    assert Pairs.locate(root.parents[1]) == Pairs(root).root == root
    assert Pairs.locate(root.parents[2]) is None
    with pytest.raises(DataError, match="not the layout of Pairs: x/ and y/"):
        Pairs(root / "x")
    with pytest.raises(DataError, match="there is no such folder"):
        Pairs(root / "absent")


def test_a_folder_of_very_many_is_not_searched(root: Path) -> None:
    for number in range(50):
        (root.parents[1] / f"case {number}").mkdir()
    assert Pairs.locate(root.parents[1]) is None


def test_files_alone_and_twice_are_named(root: Path, draw) -> None:
    draw.write(root / "x" / "3.png", draw.picture("3"))
    draw.write(root / "x" / "9.bmp", draw.picture("9"))
    (root / "y" / "10_mask.png").rename(root / "y" / "11_mask.png")
    (root / "x" / "notes.txt").touch()
    reader = Pairs(root)
    assert [item.image_id for item in reader.items] == ["2", "9"]
    said = sorted(line.removeprefix(f"{root}/") for line in reader.problems)
    assert said == [
        "x/10.png: image without a mask. It is not used.",
        "x/3.png: image without a mask. It is not used.",
        "x/9.png: there is 9.bmp too.",
        "y/11_mask.png: mask without an image. It is not used.",
    ]


def test_an_identifier_counts_once(root: Path) -> None:
    class Twice(Pairs):
        def _list(self) -> Iterator[Item]:
            yield from super()._list()
            yield from super()._list()

    reader = Twice(root)
    assert len(reader.items) == 3
    assert all("has the same name" in line for line in reader.problems)


def test_sizes_are_compared_by_the_headers(root: Path, draw) -> None:
    reader = Pairs(root)
    for item in reader.items:
        reader.check_sizes(item)
    draw.write(root / "y" / "2_mask.png", draw.mask(shape=(7, 7)))
    with pytest.raises(DataError, match="2_mask.png"):
        reader.check_sizes(reader.items[0])


def test_empty_and_full_masks_are_doubted(root: Path, draw) -> None:
    draw.write(root / "y" / "2_mask.png", draw.mask(white=90))
    reader = Pairs(root)
    item = reader.items[0]
    nothing, half = np.zeros((10, 10), int), np.eye(10, dtype=int)
    (line,) = reader.doubts(item, nothing)
    assert line.endswith("nothing is marked; its greatest value is 90 of 255.")
    (line,) = reader.doubts(item, nothing + 1)
    assert "nearly all of the image. Is it inverted?" in line
    assert reader.doubts(item, half) == []


def test_hidden_files_and_the_case_of_names(tmp_path: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "__MACOSX", "Images", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "masks").touch()
    assert [path.name for path in visible(tmp_path)] == ["Images", "b", "masks"]
    assert subfolder(tmp_path, "IMAGES") == tmp_path / "Images"
    assert subfolder(tmp_path, "masks") is None, "a file is no folder"
    assert holds(tmp_path, "IMAGE.") and not holds(tmp_path, "image")
    assert not holds(None, ".*")
