"""Work in other threads: what a job holds is let go, whatever becomes of it."""

from __future__ import annotations

import gc
import time
import weakref

import numpy as np
import pytest

from napari_pmrnet.plugin.widgets.torch_loading import quiet_collector
from napari_pmrnet.plugin.widgets.worker import Runner


class Load(np.ndarray):
    """An array that a weak reference can watch."""


def endless(array):
    """Steps that only a cancellation ends."""
    with quiet_collector():
        while True:
            time.sleep(0.002)
            yield array.size


def plain(array):
    return array.size


@pytest.fixture
def runner(make_napari_viewer, qtbot):
    make_napari_viewer()
    return Runner()


def test_a_cancelled_job_lets_go(runner, qtbot):
    array = np.zeros(10).view(Load)
    watch = weakref.ref(array)
    with qtbot.waitSignal(runner.progressed):
        runner.start("Waiting", endless, array)
    assert gc.get_freeze_count() > 0
    del array
    with qtbot.waitSignals([runner.cancelled, runner.finished]):
        runner.cancel()
    qtbot.waitUntil(lambda: watch() is None)
    assert gc.get_freeze_count() == 0


def test_a_finished_function_lets_go(runner, qtbot):
    array = np.zeros(10).view(Load)
    watch = weakref.ref(array)
    with qtbot.waitSignal(runner.succeeded) as caught:
        runner.start("Counting", plain, array)
    assert caught.args == [10]
    del array
    qtbot.waitUntil(lambda: watch() is None)


def test_a_job_left_behind_lets_go(runner, qtbot):
    array = np.zeros(10).view(Load)
    watch = weakref.ref(array)
    with qtbot.waitSignal(runner.progressed):
        runner.start("Waiting", endless, array)
    del array
    runner.shut_down()
    assert not runner.is_running
    qtbot.waitUntil(lambda: watch() is None)


def test_one_job_at_a_time(runner, qtbot):
    runner.start("Waiting", endless, np.zeros(1))
    with pytest.raises(RuntimeError, match="still running"):
        runner.start("Counting", plain, np.zeros(1))
    with qtbot.waitSignal(runner.finished):
        runner.cancel()


def test_a_job_waits_at_the_gate(runner, qtbot):
    waiting = Runner(gate=runner)
    runner.start("Waiting", endless, np.zeros(1))
    waiting.start("Counting", plain, np.zeros(3))
    assert waiting.is_running
    with (
        qtbot.assertNotEmitted(waiting.succeeded, wait=50),
        qtbot.waitSignal(runner.progressed),
    ):
        pass
    with qtbot.waitSignal(waiting.succeeded) as caught:
        runner.cancel()
    assert caught.args == [3]


def test_a_job_cancelled_at_the_gate_never_runs(runner, qtbot):
    waiting = Runner(gate=runner)
    runner.start("Waiting", endless, np.zeros(1))
    waiting.start("Counting", plain, np.zeros(3))
    waiting.cancel()
    with (
        qtbot.assertNotEmitted(waiting.succeeded),
        qtbot.waitSignal(waiting.finished),
    ):
        runner.cancel()
    assert not waiting.is_running


def test_the_next_job_may_start_at_the_news_of_the_last(runner, qtbot):
    results = []

    def on_succeeded(result):
        results.append(result)
        if len(results) == 1:
            runner.start("Counting on", plain, np.zeros(5))

    runner.succeeded.connect(on_succeeded)
    with qtbot.waitSignal(runner.finished):
        runner.start("Counting", plain, np.zeros(3))
    assert results == [3, 5] and not runner.is_running


def test_a_job_cancelled_at_its_very_end_is_said_to_be_cancelled(runner, qtbot):
    runner.start("Counting", plain, np.zeros(3))
    with (
        qtbot.assertNotEmitted(runner.succeeded),
        qtbot.waitSignals([runner.cancelled, runner.finished]),
    ):
        runner.cancel()
