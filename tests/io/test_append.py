"""Lines at the end of a file, on disks that end anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from limits import file_limit, sampled

from napari_pmrnet.io.append import add_line, write_lines

LINES = [b"%d %s\n" % (number, b"x" * (37 * number)) for number in range(12)]


def test_lines_follow_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for line in LINES:
        add_line(path, line, settle=line is LINES[3])
    assert path.read_bytes() == b"".join(LINES)
    assert write_lines(path, LINES[3:5], len(LINES[0])) == (2, None)
    assert path.read_bytes() == LINES[0] + LINES[3] + LINES[4]


def test_a_line_that_was_cut_short_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(LINES[5][:9])
    add_line(path, LINES[6])
    assert path.read_bytes() == LINES[5][:9] + b"\n" + LINES[6]


@pytest.mark.parametrize("count", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_line_that_has_no_room_is_not_there(tmp_path: Path, count: int) -> None:
    """No byte of it, at once or later, and what follows is whole."""
    path, ends = tmp_path / "a", np.cumsum([len(line) for line in LINES])
    for size in sampled(int(ends[-1]), count):
        path.unlink(missing_ok=True)
        fitting = int((ends <= size).sum())
        with file_limit(size):
            for line in LINES[:fitting]:
                add_line(path, line)
            with pytest.raises(OSError, match="large"):
                add_line(path, LINES[fitting])
            written, fault = write_lines(path, LINES, 0)
            assert written == fitting and fault is not None
        assert path.read_bytes() == b"".join(LINES[:fitting])
        add_line(path, LINES[fitting])
        assert path.read_bytes() == b"".join(LINES[: fitting + 1])
