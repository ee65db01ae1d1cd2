"""One at a time, and a dead one keeps nobody away."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from crashes import at_once, forked, forks

from napari_pmrnet.errors import DataError
from napari_pmrnet.io import alone as module
from napari_pmrnet.io.alone import alone


def test_a_second_one_is_told_and_no_trace_is_left(tmp_path: Path) -> None:
    with alone(tmp_path / "a", "busy"):
        with pytest.raises(DataError, match="busy"), alone(tmp_path / "a", "busy", 0):
            pass
        with alone(tmp_path / "b", "busy"):
            pass
    with alone(tmp_path / "a", "busy"):
        pass
    assert not list(tmp_path.iterdir())


@forks
def test_who_waits_long_enough_comes_after(tmp_path: Path) -> None:
    def work() -> None:
        with alone(tmp_path / "a", "busy", 20):
            (tmp_path / "in").mkdir()
            time.sleep(0.05)
            (tmp_path / "in").rmdir()

    assert at_once(*[work] * 4) == [""] * 4


@forks
def test_a_killed_one_keeps_nobody_away(tmp_path: Path) -> None:
    def work() -> None:
        with alone(tmp_path / "a", "busy"):
            (tmp_path / "in").touch()
            time.sleep(60)

    child = forked(work)
    while not (tmp_path / "in").exists():
        time.sleep(0.01)
    with pytest.raises(DataError, match="busy"), alone(tmp_path / "a", "busy"):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with alone(tmp_path / "a", "busy"):
        pass


def test_where_there_are_no_locks_nobody_is_kept_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object, **__: object) -> None:
        raise OSError("no locks")

    monkeypatch.setattr(module.FileLock, "acquire", no_locks)
    with alone(tmp_path / "a", "busy"), alone(tmp_path / "a", "busy"):
        pass
