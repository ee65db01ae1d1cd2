"""A report can be read as Markdown, JSON and CSV."""

import io
import json
from pathlib import Path

import pandas as pd

from napari_pmrnet.benchmark.clock import Report, Row
from napari_pmrnet.benchmark.report import as_csv, as_json, as_markdown, writer

ROWS = [
    Row("fast", 0.0312, 0.03, 0.0601, 1.0, 2, "note"),
    Row("slow", 131.2, 12.34, 250.0, 4205.1, 1),
    Row("absent", note="not measured"),
]
REPORT = Report({"cores": "2"}, {"Tiles": ROWS})


def test_markdown_has_three_digits_that_count() -> None:
    assert as_markdown(REPORT).splitlines() == [
        "- cores: 2",
        "",
        "| Tiles | median, s | fastest, s | CPU, s | times | threads | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| fast | 0.0312 | 0.0300 | 0.0601 | 1.00 | 2 | note |",
        "| slow | 131 | 12.3 | 250 | 4205 | 1 |  |",
        "| absent |  |  |  |  |  | not measured |",
    ]


def test_json_and_csv_hold_the_same_rows() -> None:
    read = json.loads(as_json(REPORT))
    assert read["conditions"] == {"cores": "2"}
    assert [Row(**row) for row in read["tables"]["Tiles"]] == ROWS
    table = pd.read_csv(io.StringIO(as_csv(REPORT)))
    assert table["what"].tolist() == ["fast", "slow", "absent"]
    assert set(table["table"]) == {"Tiles"} and table["median"][0] == 0.0312


def test_the_ending_of_a_file_chooses() -> None:
    assert writer(Path("a.json")) is as_json and writer(Path("a.CSV")) is as_csv
    assert writer(Path("a.md")) is writer(Path("a")) is as_markdown
