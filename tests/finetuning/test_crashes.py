"""Trainings on corrections that are killed at any moment, and two of one job."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from crashes import at_once, forks, killed

from napari_pmrnet.finetuning import finetune
from napari_pmrnet.finetuning import run as run_module
from napari_pmrnet.finetuning.corrections import Corrections
from napari_pmrnet.finetuning.job import EPOCH, Job, TuneSettings
from napari_pmrnet.io.permit import hash_of
from napari_pmrnet.models import load_model

from .conftest import discs

QUICK = TuneSettings(minutes=0.001, crop_size=32, replay=0.0, keep=0.0)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[Corrections]:
    """Corrections of two little images, from which is learned in three epochs."""
    monkeypatch.setattr(finetune, "EPOCHS", 3)
    monkeypatch.setattr(finetune, "LEAST_SECONDS", 3600.0)  # busy or not
    torch.set_num_threads(1)
    images = [discs(seed, 64) for seed in (0, 1)]
    return [
        Corrections(f"{number}", image, labels, np.unique(labels)[1:])
        for number, (image, labels) in enumerate(images)
    ]


def state_of(job: Job) -> dict[str, torch.Tensor]:
    return load_model(job.weights, "cpu").network.state_dict()


def check_same(job: Job, expected: dict[str, torch.Tensor]) -> None:
    for name, value in state_of(job).items():
        torch.testing.assert_close(value, expected[name], msg=name)


@forks
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_killed_trainings(
    few: list[Corrections],
    weights: Path,
    tmp_path: Path,
    quick_epochs: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = dict.fromkeys(("AP0.5", "AP0.75", "Dice"), 0.5)
    monkeypatch.setattr("napari_pmrnet.finetuning.score.score", lambda *_: scores)

    def create(folder: Path) -> Job:
        job = Job.create(folder, few, str(weights), QUICK, "cpu")
        job.write({**job.about, "steps": 1})
        return job

    first = create(tmp_path / "first")
    started = time.monotonic()
    run_module.run_job(first)
    seconds, expected = time.monotonic() - started, state_of(first)
    before, folder, ended = hash_of(weights), tmp_path / "job", 0

    def train() -> None:
        """Begin a training, or go on; then the next one."""
        while True:
            job = Job(folder)
            job = job if job.exists else create(folder)
            job.write({**job.about, "steps": 1})  # killed before that was written
            run_module.run_job(job)
            assert job.is_done
            check_same(job, expected)
            (tmp_path / "ended").write_text("yes")
            job.remove()

    for _ in killed(train, seconds):
        job = Job(folder)
        if job.exists:
            assert not job.difference(few, str(weights), QUICK)
            epochs = [
                event["epoch"] for event in job.events() if event["kind"] == EPOCH
            ]
            assert set(epochs) <= {1, 2, 3}
            if job.is_done:
                check_same(job, expected)
        ended += (tmp_path / "ended").exists()
        (tmp_path / "ended").unlink(missing_ok=True)
        assert hash_of(weights) == before
    assert ended > 10
    job = Job(folder)
    job = job if job.exists else create(folder)
    job.write({**job.about, "steps": 1})
    run_module.run_job(job)
    check_same(job, expected)
    assert not list(tmp_path.glob(".job*"))


@forks
@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_two_processes_train_one_job(
    few: list[Corrections], weights: Path, tmp_path: Path, rounds: int
) -> None:
    folder = tmp_path / "job"

    def train() -> None:
        run_module.run_job(Job(folder))

    for _ in range(rounds):
        created = at_once(
            *[lambda: Job.create(folder, few, str(weights), QUICK, "cpu")] * 2
        )
        assert sorted(map(bool, created)) == [False, True]
        assert [one.name for one in tmp_path.iterdir() if one.is_dir()] == ["job"]
        told = at_once(train, train)
        assert "" in told and "another window or program" in "".join(told)
        job = Job(folder)
        assert job.is_done
        epochs = [event["epoch"] for event in job.events() if event["kind"] == EPOCH]
        assert epochs == [1, 2, 3]
        load_model(job.weights, "cpu")
        shutil.rmtree(folder)
