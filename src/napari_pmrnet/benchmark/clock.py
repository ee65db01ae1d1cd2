"""Candidates that take turns, and what their turns took."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

import torch


class Turn(NamedTuple):
    """Seconds on the clock, and of all threads and finished children together."""

    wall: float
    cpu: float


class Row(NamedTuple):
    """One line of a table: what was measured in seconds, or why it was not.

    ``times`` is the median over that of the line to compare with, ``threads`` those
    that the candidate may use.
    """

    what: str
    median: float | None = None
    fastest: float | None = None
    cpu: float | None = None
    times: float | None = None
    threads: int | None = None
    note: str = ""

    @classmethod
    def of(cls, what: str, turns: list[Turn], note: str = "", **more: float) -> Row:
        """Row of all turns of a candidate."""
        wall, cpu = ([turn[i] for turn in turns] for i in (0, 1))
        return cls(what, median(wall), min(wall), median(cpu), note=note)._replace(
            **more
        )


class Report(NamedTuple):
    """Conditions, and tables of rows by title."""

    conditions: dict[str, str]
    tables: dict[str, list[Row]]


def timed(run: Callable[[], object]) -> Turn:
    """Time one call."""
    started, worked = time.perf_counter(), _worked()
    run()
    return Turn(time.perf_counter() - started, _worked() - worked)


def take_turns(
    candidates: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[Turn]]:
    """Time every candidate in every round, after one round that does not count.

    Parameters
    ----------
    candidates : mapping
        What to run, by name.
    rounds : int
    """
    turns: dict[str, list[Turn]] = {name: [] for name in candidates}
    for counts in (False, *[True] * rounds):
        for name, run in candidates.items():
            turn = timed(run)
            if counts:
                turns[name].append(turn)
    return turns


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let PyTorch, and backends made meanwhile, use so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _worked() -> float:
    """Processor seconds of this process and of the children it has waited for."""
    return sum(os.times()[:4])
