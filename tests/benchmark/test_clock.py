"""Candidates take turns after one that does not count."""

import subprocess
import sys

import pytest
import torch

from napari_pmrnet.benchmark.clock import Row, Turn, take_turns, threads, timed

BUSY = "sum(i * i for i in range(2_000_000))"


def test_candidates_take_turns_after_one_that_does_not_count() -> None:
    calls: list[str] = []
    turns = take_turns(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3
    )
    assert "".join(calls) == "abababab"
    assert {name: len(spent) for name, spent in turns.items()} == {"a": 3, "b": 3}


@pytest.mark.skipif(sys.platform == "win32", reason="children are not counted there")
def test_work_of_children_counts() -> None:
    spent = timed(lambda: subprocess.run([sys.executable, "-c", BUSY], check=True))
    assert spent.cpu > 0 and spent.wall > 0


def test_a_row_holds_medians() -> None:
    turns = [Turn(3.0, 5.0), Turn(1.0, 2.0), Turn(2.0, 9.0)]
    row = Row.of("what", turns, "note", threads=2)
    assert row == Row("what", 2.0, 1.0, 5.0, None, 2, "note")


def test_threads_are_those_of_before_afterwards() -> None:
    before = torch.get_num_threads()
    with threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
