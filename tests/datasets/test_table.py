"""Split tables: rows of a subset or modality, and every fault in words."""

from pathlib import Path

import pandas as pd
import pytest

from napari_pmrnet.datasets.table import (
    column_of,
    drop_modality,
    keep_subset,
    read_split_table,
)
from napari_pmrnet.errors import DataError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "split.csv"
    path.write_text(
        "image_id,split,fold,modality\n007,train,1,a\n8,val,2,b\n9,,1,\n10,train,2,b\n"
    )
    return path


@pytest.fixture
def table(path: Path) -> pd.DataFrame:
    return read_split_table(path)


def test_identifiers_are_text(table: pd.DataFrame) -> None:
    assert list(table.index) == ["007", "8", "9", "10"]
    assert table.index.name == "image_id"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name,split\na,train\n", "has no column image_id"),
        (b"image_id,split\na,train\n,val\n", "has a row without image_id"),
        (b"image_id,split\na,train\na,val\n", "lists a twice"),
        (b"", "cannot be read as a CSV table"),
        (b"image_id,specks_below\na,60\nb,few\n", "specks_below holds no numbers"),
        (b"image_id\n\xff\xfe\n", "cannot be read as a CSV table"),
    ],
)
def test_a_table_that_is_none_is_refused(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "split.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as refused:
        read_split_table(path)
    assert str(refused.value).startswith(str(path))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: cannot be read"):
        read_split_table(tmp_path / "absent.csv")


def test_a_missing_column_is_named_beside_those_there_are(table: pd.DataFrame) -> None:
    assert column_of(table, "t", "fold").tolist() == [1, 2, 1, 2]
    with pytest.raises(DataError, match="t: has no column group. It has: split, fold"):
        column_of(table, "t", "group")


def test_rows_of_subsets_in_the_order_of_the_table(table: pd.DataFrame) -> None:
    def kept(column: str, subset: str | tuple[str, ...] | None) -> list[str]:
        return list(keep_subset(table, "t", column, subset).index)

    assert kept("split", "train") == ["007", "10"]
    assert kept("split", ("val", "train")) == ["007", "8", "10"]
    assert kept("fold", "2") == ["8", "10"], "numbers are compared as text"
    assert kept("no column is asked for", None) == list(table.index)


def test_a_subset_without_rows_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="no row 'test'. It has: train, val"):
        keep_subset(table, "t", "split", ("train", "test"))
    with pytest.raises(DataError, match="no row 'nan'"):
        keep_subset(table, "t", "split", "nan")


def test_a_modality_is_left_out(table: pd.DataFrame) -> None:
    assert list(drop_modality(table, table, "t", "b").index) == ["007", "9"]
    kept = table.loc[["007"]]
    assert list(drop_modality(kept, table, "t", "b").index) == ["007"]
    with pytest.raises(DataError, match="without modality a no row is left"):
        drop_modality(kept, table, "t", "a")
    with pytest.raises(DataError, match="column modality has no row 'c'. It has: a, b"):
        drop_modality(table, table, "t", "c")
