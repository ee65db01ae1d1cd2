"""What a data set holds, counted, and what looks wrong."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_pmrnet.errors import DataError
from napari_pmrnet.research.check import check, sizes
from napari_pmrnet.research.published import split_table
from napari_pmrnet.research.readers.layout import Item, Reader
from napari_pmrnet.research.registry import open_reader, recognised


def test_a_sound_tree_has_one_layout_and_no_problems(any_tree):
    name, folder = any_tree
    assert recognised(folder) == [name]
    reader = open_reader(name, folder)
    assert reader.problems == [] and reader.remarks() == []
    found = check(reader)
    assert found.listed == len(found.images) > 0
    assert found.problems == []
    assert not split_table(reader)["group"].isna().any()


def picture(side: int, objects: int) -> np.ndarray:
    labels = np.zeros((side, side), np.int32)
    for k in range(objects):
        labels[3 * k : 3 * k + 2, 0:2] = k + 1
    return labels


class Made(Reader):
    """Images made in memory; a name that is no number cannot be read."""

    name = title = layout = split_rule = "made"
    published, instances = 4, True

    def __init__(self, *items: tuple[str, str, str, int], united: bool = False) -> None:
        self.root = self.folder = Path("made")
        self.instances = not united
        self.problems = []
        self.objects = {name: count for name, _, _, count in items}
        self.items = [
            Item(name, Path(f"{name}.png"), split=split, group=group)
            for name, split, group, _ in items
        ]

    @classmethod
    def fits(cls, root: Path) -> bool:
        return True

    def _list(self) -> Iterator[Item]:
        yield from self.items

    def load(self, item: Item) -> tuple[np.ndarray, np.ndarray]:
        count = self.objects[item.image_id]
        if count < 0:
            raise DataError(f"{item.image}: cannot be read.")
        labels = picture(20 + count, count)
        image = labels.astype(np.uint8)
        return image, labels if self.instances else (labels > 0).astype(np.int32)


SPLIT = (
    ("a", "train", "1", 2),
    ("b", "train", "2", 3),
    ("c", "val", "3", 4),
    ("d", "test", "4", 5),
)


def test_subsets_are_counted_with_the_whole_at_the_end() -> None:
    found = check(Made(*SPLIT))
    table = found.by_subset()
    assert list(table.index) == ["train", "val", "test", "all"]
    assert table["objects"].tolist() == [5, 4, 5, 14]
    assert table["images"].tolist() == [2, 1, 1, 4] and found.problems == []
    assert found.images.loc["b", ["height", "width"]].tolist() == [23, 23]


def test_united_objects_count_as_their_parts() -> None:
    found = check(Made(*SPLIT, united=True))
    assert found.images["objects"].tolist() == [2, 3, 4, 5]


def test_an_image_that_cannot_be_read_is_a_problem_and_not_a_row() -> None:
    calls: list[tuple[int, int]] = []
    found = check(
        Made(*SPLIT, ("e", "train", "5", -1)), lambda *done: calls.append(done)
    )
    assert found.listed == 5 and len(found.images) == 4
    assert found.problems == ["e.png: cannot be read."]
    assert calls == [(k, 5) for k in range(1, 6)]


def test_nothing_that_can_be_read() -> None:
    found = check(Made(*((n, s, g, -1) for n, s, g, _ in SPLIT)))
    assert found.images.empty and len(found.problems) == 4


def test_the_same_image_and_neighbours_in_different_subsets_are_named() -> None:
    found = check(Made(*SPLIT, ("e", "val", "1", 2)))
    copies, divided = found.problems
    assert copies == "a (train), e (val): the same image, in different subsets."
    assert divided.startswith("1: the split divides neighbours, 1 in ")
    assert "--column grouped" in divided
    assert check(Made(*SPLIT, ("e", "train", "1", 2))).problems == []


def test_single_objects_throughout_look_like_united_ones() -> None:
    single = [(n, s, g, 1) for n, s, g, _ in SPLIT[:3]]
    found = check(Made(*single))
    assert "no image has more than one object" in "".join(found.problems)
    assert "more than one" not in "".join(check(Made(*single, united=True)).problems)


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError, match="has no column fold"):
        check(Made(*SPLIT), column="fold")


def test_sizes_in_words() -> None:
    images = pd.DataFrame({"height": [30, 10, 20], "width": [30, 40, 5]})
    assert sizes(images) == "20 x 5 to 30 x 30"
    assert sizes(images.iloc[:1]) == "30 x 30"
