"""What every opened data set can do, whatever its layout."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.datasets.base import OpenedDataset, collected, count, shrink
from napari_pmrnet.errors import DataError


@given(st.integers(1, 80), st.integers(1, 80), st.integers(1, 40))
def test_shrinking_keeps_the_proportions(height, width, side):
    labels = np.arange(height * width, dtype=np.int32).reshape(height, width)
    image, small = shrink(labels.astype(np.uint8), labels, side)
    assert image.shape == small.shape and max(small.shape) == side
    assert np.isin(small, labels).all()
    assert abs(min(small.shape) - side * min(height, width) / max(height, width)) <= 1


class Squares(OpenedDataset):
    """Four images in memory, two of each subset."""

    column, source, split_name = "split", "split.csv", "by hand"

    def __init__(self) -> None:
        self.folder = Path("squares")
        split = ["train", "train", "val", "val"]
        index = pd.Index(list("abcd"), name="image_id")
        self.table = pd.DataFrame({"split": split}, index=index)

    def load(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
        labels = np.full((2, 2), ord(image_id), np.int32)
        return labels.astype(np.uint8), labels

    def data_hash(self) -> str:
        return ""


def test_images_come_with_their_ids_in_order() -> None:
    data = Squares()
    assert len(data) == 4
    assert [(name, labels[0, 0]) for name, _, labels in data] == [
        (name, ord(name)) for name in "abcd"
    ]


def test_one_of_the_subsets_leaves_the_whole_as_it_is() -> None:
    data = Squares()
    data.problems = ("one",)
    part = data.only("val")
    assert type(part) is Squares and part.ids == ["c", "d"] and len(data) == 4
    assert part.problems == ("one",)
    with pytest.raises(DataError, match=r"split.csv: no row with split = test"):
        data.only("test")


def test_what_is_faulty_is_left_out_and_said(caplog) -> None:
    data = Squares()
    data._settle(["b: cut short"], ["b"], strict=False, notes=["d: empty"])
    assert data.ids == ["a", "c", "d"]
    assert data.problems == ("b: cut short", "d: empty")
    assert "2 problems; 1 of 4 images is left out." in caplog.text


def test_strict_allows_notes_and_no_faults() -> None:
    data = Squares()
    data._settle([], [], strict=True, notes=["d: empty"])
    assert data.problems == ("d: empty",)
    with pytest.raises(DataError, match="1 problem; strict allows none") as refused:
        Squares()._settle(["b: cut short"], ["b"], strict=True)
    assert str(refused.value).endswith("\nb: cut short")


def test_nothing_usable_is_refused_with_every_problem() -> None:
    faults = [f"{name}: gone" for name in "abcd"]
    with pytest.raises(DataError, match="squares: 4 problems; no usable") as refused:
        Squares()._settle(faults, list("abcd"), strict=False)
    assert str(refused.value).splitlines()[1:] == faults


def test_only_faults_of_the_data_are_collected() -> None:
    faults: list[str] = []
    for error in (DataError("one"), DataError("two")):
        with collected(faults):
            raise error
    assert faults == ["one", "two"]
    with pytest.raises(KeyError), collected(faults):
        raise KeyError


def test_numbers_in_words() -> None:
    assert [count(n, "problem") for n in (0, 1, 2)] == [
        *("0 problems", "1 problem", "2 problems")
    ]
