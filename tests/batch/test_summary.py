"""One row a file: read back, sorted, and written as a table."""

import csv
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from napari_pmrnet.batch.summary import FORMULAS, Row, as_csv, worst_first
from napari_pmrnet.models.label_kind import LabelKind

ROW = Row("../in/a.tif", "a_labels.tif", 12, 0.875, 0.25, 1.5, 0.5, 0.25, "um", 3)


def test_a_row_comes_back_from_a_dictionary_that_holds_more() -> None:
    assert Row.from_dict({**asdict(ROW), "key": {"size": 1}, "hash": "ab"}) == ROW
    assert Row.from_dict({"file": "a.tif"}) == Row("a.tif")


@pytest.mark.parametrize(
    ("written", "kind"),
    [("objects", LabelKind.OBJECTS), ("of a later version", LabelKind.NUCLEI)],
)
def test_a_kind_that_is_not_known_counts_as_nuclei(written: str, kind: str) -> None:
    assert Row.from_dict({"file": "a", "kind": written}).kind is kind


@pytest.mark.parametrize("file", ["a.tif", "../in/a.tif", "C:\\in\\a.tif"])
def test_the_name_of_a_file_alone(file: str) -> None:
    assert Row(file).name == "a.tif"


def test_errors_come_first_then_files_without_nuclei_then_the_least_certain() -> None:
    rows = [
        Row("sure", certainty=0.9),
        Row("empty", nuclei=0),
        Row("doubtful", certainty=0.3),
        Row("broken", error="damaged"),
    ]
    order = [row.file for row in sorted(rows, key=worst_first)]
    assert order == ["broken", "empty", "doubtful", "sure"]


def test_the_table_has_a_row_a_file_and_empty_cells_for_the_unknown(
    tmp_path: Path,
) -> None:
    odd = Row('odd, "quoted"\n.tif', note="two\nlines", error="not µm")
    path = tmp_path / "summary.csv"
    path.write_bytes(as_csv([ROW, odd]))
    table = pd.read_csv(path)
    assert table.loc[0, "nuclei"] == 12 and table.loc[0, "certainty"] == 0.875
    assert table.loc[0, "kind"] == LabelKind.NUCLEI.value
    assert table.loc[1, ["nuclei", "certainty", "seconds"]].isna().all()
    with path.open(newline="", encoding="utf-8") as stream:
        *_, last = csv.DictReader(stream)
    assert last["file"] == odd.file
    assert (last["note"], last["error"]) == (odd.note, odd.error)


def test_a_name_that_is_no_text_is_written_too() -> None:
    assert "cells" in as_csv([Row("cells\udce9.tif")]).decode("utf-8")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_name_is_a_formula_for_a_spreadsheet(start: str, tmp_path: Path) -> None:
    name = f"{start}cmd|' /C calc'!A1.tif"
    row = Row(name, f"{name}_labels.tif", note=name, error=f"{name}: damaged")
    path = tmp_path / "summary.csv"
    path.write_bytes(as_csv([row]))
    with path.open(newline="") as stream:
        (read,) = csv.DictReader(stream)
    assert read["file"] == f"./{name}".replace("\r", "\\r"), "the same file"
    assert not any(cell.startswith(FORMULAS) for cell in read.values())


def test_numbers_keep_their_digits() -> None:
    row = Row("a.tif", pixel_height=0.123456789, certainty=0.1 + 0.2)
    assert b"0.123456789" in as_csv([row]) and b"0.3," in as_csv([row])
