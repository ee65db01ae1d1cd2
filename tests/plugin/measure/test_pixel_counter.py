"""Pixels of nuclei are counted in the background, and once while labels stay."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_pmrnet.plugin.measure.pixel_counter import PixelCounter


@pytest.fixture
def counter(qtbot):
    counter = PixelCounter()
    yield counter
    counter.shut_down()


def counted(counter: PixelCounter, qtbot, point=(0.0, 0.0)) -> dict[int, int] | None:
    with qtbot.waitSignal(counter.finished, timeout=60_000):
        counter.count(point)
    return None if counter.areas is None else counter.areas.to_dict()


def test_all_planes_in_memory_are_counted_together(counter, qtbot) -> None:
    stack = np.zeros((3, 20, 30), np.int32)
    stack[0, 2:6, 2:7], stack[2, 4:9, 4:9], stack[2, 12:14, 1:3] = 1, 1, 2
    counter.set_layer(Labels(stack))
    assert counted(counter, qtbot, (0.0, 0.0, 0.0)) == {1: 45, 2: 4}


def test_labels_are_counted_again_only_when_they_may_have_changed(
    counter, qtbot
) -> None:
    layer = Labels(np.ones((4, 5), np.int32))
    counter.set_layer(layer)
    assert counted(counter, qtbot) == {1: 20}
    layer.data[0] = 2
    with qtbot.assertNotEmitted(counter.finished, wait=200):
        counter.count((0.0, 0.0))
    counter.forget()
    assert counted(counter, qtbot) == {1: 15, 2: 5}


def test_a_count_of_the_layer_before_is_dropped(counter, qtbot) -> None:
    counter.set_layer(Labels(np.ones((4, 5), np.int32)))
    with qtbot.waitSignal(counter.finished, timeout=60_000):
        counter.count((0.0, 0.0))
        counter.set_layer(Labels(np.ones((9, 9), np.int32)))
    assert counter.areas is None
    counter.set_layer(None)
    with qtbot.assertNotEmitted(counter.finished, wait=200):
        counter.count((0.0, 0.0))
