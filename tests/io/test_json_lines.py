"""A log of JSON lines: what was added is read, what was cut short is passed over."""

from pathlib import Path

import pytest

from napari_pmrnet.io.json_lines import JsonLines


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "a.jsonl")
    for number in range(3):
        log.add({"n": number, "name": "größe"}, sync=number == 1)
    assert [line["n"] for line in log.read()] == [0, 1, 2]
    assert log.path.read_bytes().count(b"\n") == 3 and log.path.read_bytes().isascii()


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "a.jsonl")
    log.add({"n": 0})
    log.path.write_bytes(log.path.read_bytes() + b'{"n": 1, "na')
    assert [line["n"] for line in log.read()] == [0]
    log.add({"n": 2})
    assert [line["n"] for line in log.read()] == [0, 2]


def test_lines_of_other_things_are_passed_over(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "a.jsonl")
    log.path.write_bytes(b'[1]\n\n\xff\n"text"\n{"n": 3}\r\n{"n": 4}')
    assert [line["n"] for line in log.read()] == [3, 4]


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(JsonLines(tmp_path / "a.jsonl").read())
