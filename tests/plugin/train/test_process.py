"""What the log of a training says so far, and a process that can be ended."""

from pathlib import Path

import numpy as np
import pytest

from napari_pmrnet.finetuning.corrections import Corrections
from napari_pmrnet.finetuning.job import (
    AFTER,
    BEFORE,
    DONE,
    EPOCH,
    FAILED,
    NOTE,
    STARTED,
    Job,
)
from napari_pmrnet.plugin.train.process import (
    State,
    TrainingRun,
    trainings,
    trainings_folder,
)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    labels = np.ones((8, 8), np.int32)
    one = Corrections("a", labels, labels, np.array([1]))
    return Job.create(tmp_path / "job", [one], "nuclei")


def epoch(job: Job, number: int, loss: float, held_back: float | None = None) -> None:
    job.say(
        EPOCH,
        epoch=number,
        epochs=5,
        loss=loss,
        held_back=held_back,
        seconds_left=60.0 / number,
    )


def test_a_new_job_has_said_nothing(job: Job) -> None:
    assert State.of(job) == State()


def test_an_epoch_that_was_trained_again_counts_once(job: Job) -> None:
    job.say(STARTED, learned=8, held_back=2, apart=True)
    epoch(job, 1, 0.9)
    epoch(job, 2, 0.8, 0.5)
    job.say(STARTED, learned=8, held_back=2, apart=True)
    epoch(job, 2, 0.7, 0.4)
    state = State.of(job)
    assert state.losses == [0.9, 0.7] and state.held_back == [0.4]
    assert (state.epochs, state.seconds_left) == (5, 30.0)
    assert state.started["learned"] == 8


def test_a_failure_counts_until_the_job_is_started_again(job: Job) -> None:
    job.say(FAILED, message="The training ran out of memory.")
    assert State.of(job).failure == "The training ran out of memory."
    job.say(STARTED, learned=8, held_back=2, apart=True)
    assert State.of(job).failure == ""


def test_scores_and_notes_are_read(job: Job) -> None:
    job.say(BEFORE, scores={"Dice": 0.8})
    job.say(NOTE, message="It became unstable.")
    job.say(AFTER, scores={"Dice": 0.9})
    state = State.of(job)
    assert (state.before, state.after) == ({"Dice": 0.8}, {"Dice": 0.9})
    assert state.note == "It became unstable."


def test_a_job_is_done_only_if_its_weights_are_there(job: Job) -> None:
    job.say(DONE)
    assert not State.of(job).done
    job.weights.touch()
    assert State.of(job).done


def test_trainings_are_listed_until_they_are_discarded(
    qapp, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path)
    run = TrainingRun()
    assert not run.is_running and not trainings() and run.state() == State()
    folder = trainings_folder() / "one"
    folder.parent.mkdir(parents=True)
    job.folder.rename(folder)
    assert trainings() == [Job(folder)]
    run.show(trainings()[0])
    run.discard()
    assert not trainings() and not folder.exists()


def test_a_process_that_says_nothing_was_ended_from_outside(
    job: Job, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_pmrnet.plugin.train.process.WORKER", "this")
    run, seen = TrainingRun(), []
    run.moved.connect(seen.append)
    with qtbot.waitSignal(run.ended, timeout=60_000):
        run.go_on(job)
    assert not run.is_running and not run.paused
    assert "Choose Continue" in State.of(job).failure
    assert seen and seen[-1].failure


def test_a_process_that_is_stopped_says_nothing(
    job: Job, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_pmrnet.plugin.train.process.WORKER", "this")
    run = TrainingRun()
    run.go_on(job)
    assert run.is_running
    run.stop()
    run.stop()
    assert not run.is_running and State.of(job).failure == ""
