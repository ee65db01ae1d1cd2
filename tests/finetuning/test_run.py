"""The process that trains: what it says when it fails, and its exit status."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_pmrnet.errors import DataError
from napari_pmrnet.finetuning import run as run_module
from napari_pmrnet.finetuning.corrections import Corrections
from napari_pmrnet.finetuning.job import FAILED, Job
from napari_pmrnet.finetuning.run import describe_error, main, run_job


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FloatingPointError("nan"), "Nothing was kept"),
        (MemoryError(), "ran out of memory.*then go on: it"),
        (RuntimeError("CUDA error: out of memory"), "ran out of memory"),
        (ValueError("odd"), "The training failed: odd.*go on"),
    ],
)
def test_an_error_is_a_sentence_with_the_way_on(error: Exception, words: str) -> None:
    assert re.search(words, describe_error(error, "go on"))


@pytest.fixture
def job(tmp_path: Path, weights: Path) -> Job:
    labels = np.zeros((40, 40), np.int32)
    labels[10:20, 10:20] = 1
    one = Corrections("a", labels * 100, labels, np.array([1]))
    return Job.create(tmp_path / "job", [one], str(weights), device="cpu")


def status(job: Job, monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> int:
    """Exit status of the process of a job that fails so, or does not."""

    def work(_: Job) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(run_module, "run_job", work)
    monkeypatch.setattr(run_module, "keep_freed_memory", lambda: True)
    monkeypatch.setattr("psutil.Process.nice", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["run", str(job.folder)])
    try:
        main()
    except SystemExit as ended:
        return ended.code
    return 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DataError("No nuclei."), "No nuclei."),
        (KeyError("x"), "The training failed: 'x'."),
    ],
)
def test_a_failure_is_the_last_event_and_the_status(
    job: Job, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    assert status(job, monkeypatch, error) == 1
    assert job.last(FAILED)["message"].startswith(said)


def test_a_job_that_ends_well_has_no_failure(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status(job, monkeypatch, None) == 0 and job.last(FAILED) is None


def test_a_model_of_objects_is_refused(
    job: Job, whole_weights: dict[str, Path]
) -> None:
    job.write({**job.about, "model": str(whole_weights["objects"])})
    with pytest.raises(DataError, match="Begin with a model of nuclei"):
        run_job(job)
