"""Records on disk: whole ones, whatever happens to the file or to its disk."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import file_limit, sampled

from napari_pmrnet.proofreading.record_file import (
    RecordFile,
    line_of,
    read_lines,
    set_aside,
)

PAGE = 4096
RECORDS = [line_of({"number": n, "text": "x" * (120 + 37 * n)}) for n in range(12)]


def written(path: Path, lines: list[bytes]) -> RecordFile:
    file = RecordFile(path)
    file.add(deque(lines))
    return file


class Disk:
    """A disk that is full but for some pages."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "filler"
        self._pages = 0
        with self.file.open("wb", buffering=0) as stream:
            try:
                while stream.write(b"\1" * PAGE) == PAGE:
                    self._pages += 1
            except OSError:
                pass

    def leave(self, pages: int) -> None:
        keep = self._pages - pages
        with self.file.open("r+b", buffering=0) as stream:
            size = stream.seek(0, 2) // PAGE
            if size > keep:
                stream.truncate(keep * PAGE)
            else:
                stream.write(b"\1" * PAGE * (keep - size))


def meets_a_full_disk(path: Path, disk: Disk, offset: int) -> None:
    """Write records on a full disk, the first ending `offset` before a page's end."""
    path.unlink(missing_ok=True)
    disk.leave(1)
    first = line_of({"text": ""})
    first = line_of({"text": "y" * (PAGE - offset - len(first))})
    assert len(first) == PAGE - offset
    file = written(path, [first])
    pending = deque(RECORDS)
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            file.add(pending)
    there = read_lines(path)
    assert there.damaged == 0 and not there.is_cut
    assert there.whole + list(pending) == [first, *RECORDS]
    fits = np.cumsum([len(line) for line in RECORDS]) <= offset
    assert len(there.whole) == 1 + fits.sum()
    disk.leave(5)
    file.add(pending)
    assert not pending and read_lines(path).whole == [first, *RECORDS]


def test_a_full_disk_costs_no_record(disk: Path) -> None:
    full = Disk(disk)
    for offset in [0, 1, 2, *range(3, 4000, 61)]:
        meets_a_full_disk(disk / "a", full, offset)


@pytest.mark.slow
def test_a_full_disk_at_every_offset_to_the_end_of_a_page(disk: Path) -> None:
    full = Disk(disk)
    for offset in range(PAGE - 30):
        meets_a_full_disk(disk / "a", full, offset)


@pytest.mark.parametrize("count", [10, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_journal_on_a_file_system_that_ends_anywhere(
    tmp_path: Path, count: int
) -> None:
    path, size = tmp_path / "a", sum(map(len, RECORDS))
    for end in sampled(size, count):
        path.unlink(missing_ok=True)
        file, pending = RecordFile(path), deque(RECORDS)
        with file_limit(end):
            for _ in range(2):
                with pytest.raises(OSError, match="large"):
                    file.add(pending)
            there = read_lines(path)
            assert not there.damaged and there.whole + list(pending) == RECORDS
        file.add(pending)
        assert not pending and read_lines(path).whole == RECORDS


@given(
    at=st.lists(st.integers(0, 5000), min_size=1, max_size=5),
    junk=st.binary(max_size=8),
    cut=st.integers(0, 40),
)
@settings(max_examples=150, deadline=None)
def test_damage_costs_the_records_it_hits_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, at: list[int], junk: bytes, cut: int
) -> None:
    path = tmp_path_factory.mktemp("r") / "a"
    written(path, RECORDS)
    data = path.read_bytes()
    bytes_of = list(enumerate(data))
    for place in at:
        place %= len(bytes_of)
        bytes_of[place : place + cut] = [(-1, byte) for byte in junk]
    path.write_bytes(bytes(byte for _, byte in bytes_of))
    places = [place for place, _ in bytes_of]
    starts = np.cumsum([0, *map(len, RECORDS)]).tolist()
    spared = []
    for line, start in zip(RECORDS, starts, strict=False):
        if start in places:
            first = places.index(start)
            if places[first : first + len(line)] == [*range(start, start + len(line))]:
                spared.append(line)
    there = read_lines(path)
    assert [line for line in there.whole if line in spared] == spared
    assert set(there.whole) <= set(RECORDS)

    damaged = path.read_bytes()
    file = RecordFile(path)
    file.open()
    more = line_of({"more": 1})
    file.add(deque([more]))
    again = read_lines(path)
    assert again.whole == [*there.whole, more] and not again.damaged
    if file.kept is not None:
        assert file.kept.read_bytes() == damaged
    else:
        assert there.damaged <= there.is_cut


def test_a_record_after_a_lost_end_of_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(RECORDS[3][:20] + RECORDS[4] + RECORDS[5])
    there = read_lines(path)
    assert there.whole == RECORDS[4:6] and there.damaged == 1


@pytest.mark.parametrize("how", ["moved", "deleted", "emptied", "cut", "other", "more"])
def test_a_file_that_is_not_as_it_was_left_is_written_anew(
    tmp_path: Path, how: str
) -> None:
    path = tmp_path / "a"
    file = written(path, RECORDS[:5])
    other = written(tmp_path / "b", RECORDS[8:]).path.read_bytes()
    data = path.read_bytes()
    left = {
        "moved": None,
        "deleted": None,
        "emptied": b"",
        "cut": data[:-9],
        "other": other,
        "more": data + other,
    }[how]
    if how == "moved":
        path.rename(tmp_path / "c")
    elif left is None:
        path.unlink()
    else:
        path.write_bytes(left)
    file.add(deque(RECORDS[5:7]))
    assert read_lines(path).whole == RECORDS[:7]
    if left:
        assert file.kept == tmp_path / "a.1" and file.kept.read_bytes() == left
    else:
        assert file.kept is None


def test_a_file_that_appears_before_the_first_record_is_kept(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "a")
    file.path.write_bytes(b"of somebody else")
    file.add(deque(RECORDS[:1]))
    assert (tmp_path / "a.1").read_bytes() == b"of somebody else"
    assert read_lines(file.path).whole == RECORDS[:1]


def test_a_damaged_file_is_added_to_where_there_is_no_room_for_a_copy(
    disk: Path,
) -> None:
    path = disk / "a"
    path.write_bytes(RECORDS[0] + b"torn\n" + RECORDS[1])
    full = Disk(disk)
    file = RecordFile(path)
    file.open()
    file.add(deque([RECORDS[2]]))
    there = read_lines(path)
    assert there.whole == RECORDS[:3] and there.damaged == 1 and file.kept is None
    full.leave(9)
    again = RecordFile(path)
    again.open()
    assert again.kept is not None and b"torn" in again.kept.read_bytes()
    assert read_lines(path).damaged == 0


def test_a_journal_is_set_aside_and_nothing_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "cells.journal"
    for content in ("first", "second"):
        path.write_text(content)
        set_aside(path)
        assert not path.exists()
    kept = {p.name: p.read_text() for p in tmp_path.iterdir()}
    assert kept == {"cells.journal.1": "first", "cells.journal.2": "second"}
