"""The time of a training stands still while it is paused."""

from __future__ import annotations

import pytest

from napari_pmrnet.finetuning import running_time
from napari_pmrnet.finetuning.running_time import LONGEST, RunningTime


def test_a_pause_counts_for_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(running_time, "monotonic", lambda: now)
    watch = RunningTime()
    for seconds, counted in ((0.5, 0.5), (LONGEST, LONGEST), (3600, LONGEST), (2, 2)):
        before = watch.seconds
        now += seconds
        assert watch.seconds - before == pytest.approx(counted)


def test_the_clock_is_looked_at_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a step of training that takes long would count as a pause."""
    now, looks = 0.0, 0

    def clock() -> float:
        nonlocal now, looks
        looks += 1
        now += 1
        if looks == 20:
            watch._ended.set()
        return now

    monkeypatch.setattr(running_time, "TICK", 0.001)
    monkeypatch.setattr(running_time, "monotonic", clock)
    watch = RunningTime()
    with watch:
        assert watch._ended.wait(30)
    assert not watch._thread.is_alive() and watch.seconds >= 19
