"""Parts of Qt beyond its widgets."""

import pytest

from napari_pmrnet.plugin.qt import single_shot, there


def test_a_part_that_is_there_is_given_back() -> None:
    part: list[int] = []
    assert there(part) is part
    with pytest.raises(TypeError, match="nothing is there"):
        there(None)


def test_a_timer_fires_once_after_its_last_start(qtbot) -> None:
    told: list[int] = []
    timer = single_shot(None, 60, lambda: told.append(1))
    for _ in range(4):
        timer.start()
        qtbot.wait(20)
    assert told == []
    qtbot.waitUntil(lambda: told == [1])
    qtbot.wait(100)
    assert told == [1] and not timer.isActive()
