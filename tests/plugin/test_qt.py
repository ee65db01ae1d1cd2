"""Parts of Qt beyond its widgets."""

import pytest

from napari_pmrnet.plugin.qt import single_shot, there


def test_a_part_that_is_there_is_given_back() -> None:
    part: list[int] = []
    assert there(part) is part
    with pytest.raises(TypeError, match="nothing is there"):
        there(None)


def test_a_timer_fires_once_after_it_was_started(qtbot) -> None:
    told: list[int] = []
    timer = single_shot(None, 50, lambda: told.append(1))
    assert not timer.isActive()
    timer.start()
    timer.start()
    assert told == []
    qtbot.waitUntil(lambda: told == [1])
    qtbot.wait(120)
    assert told == [1] and not timer.isActive()
    timer.start()
    qtbot.waitUntil(lambda: told == [1, 1])
