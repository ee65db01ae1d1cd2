"""The command and the Python that are shown do the same as the batch."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st
from typer.testing import CliRunner

from napari_pmrnet.batch import BatchJob
from napari_pmrnet.batch.shard import Shard
from napari_pmrnet.cli import app as app_module
from napari_pmrnet.cli import batch_progress
from napari_pmrnet.models.card import new_card
from napari_pmrnet.segmentation import Settings

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1
)
SETTINGS = st.builds(
    Settings,
    device=st.sampled_from(["auto", "cpu", "cuda:1"]),
    channel=st.none() | st.integers(0, 9),
    diameter=st.none() | st.floats(2, 1000),
    probability_threshold=st.floats(0.05, 0.95),
    seed_threshold=st.just(0.5) | st.floats(0.05, 0.95),
    min_area=st.none() | st.integers(0, 100_000),
    flips=st.booleans(),
    exclude_border=st.booleans(),
)
JOBS = st.builds(
    BatchJob,
    inputs=st.lists(WORDS, min_size=1, max_size=3).map(tuple),
    output=WORDS.filter(lambda word: not word.startswith("-")).map(Path),
    settings=SETTINGS,
    recursive=st.booleans(),
    overwrite=st.booleans(),
    strict=st.booleans(),
    link=st.sampled_from([None, "t", "z"]),
    mask_unreadable=st.booleans(),
    keep_maps=st.booleans(),
    scheduler=st.none() | st.just("tcp://10.0.0.5:8786"),
) | st.builds(
    BatchJob,
    inputs=st.just(("plate",)),
    output=st.just(Path("labels")),
    workers=st.integers(1, 64),
    classes=st.lists(
        st.sampled_from(["GFP+/GFP-:intensity GFP>=120", "-a b:area [um^2]>=-1.5"])
    ).map(tuple),
    shard=st.none() | st.just(Shard(3, 8)),
)
EXAMPLE = BatchJob(
    ("it's here/*.tif", "-dash.png"),
    Path("out put"),
    Settings(device="cpu", exclude_border=True, min_area=0, diameter=12.5),
    recursive=True,
    link="t",
    scheduler="tcp://10.0.0.5:8786",
    classes=("a/b:area [um^2]>=5",),
)


def parsed(words: list[str], monkeypatch: pytest.MonkeyPatch) -> BatchJob:
    """The job that the command line makes of words."""
    jobs = []
    monkeypatch.setattr(
        batch_progress, "segment_in_terminal", lambda job, *_: jobs.append(job) or 0
    )
    result = CliRunner().invoke(app_module.app, words)
    assert result.exit_code == 0, result.output
    return jobs[0]


@options(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(job=JOBS)
def test_the_copied_command_means_the_same(job, monkeypatch):
    words = job.as_arguments()
    assert shlex.split(shlex.join(words)) == words
    assert parsed(words[1:], monkeypatch) == job


def test_thresholds_of_a_model_card_are_spelled_where_they_differ(
    tmp_path, monkeypatch
):
    weights = tmp_path / "own.safetensors"
    weights.touch()
    thresholds = {"probability_threshold": 0.4}
    card = new_card(("probability",), thresholds=thresholds, sha256="0" * 64)
    weights.with_suffix(".json").write_bytes(card.to_json())
    for threshold in (0.4, 0.65):
        settings = Settings(model=str(weights), probability_threshold=threshold)
        job = BatchJob(("a",), Path("o"), settings)
        assert ("--probability-threshold" in job.as_arguments()) == (threshold == 0.65)
        assert parsed(job.as_arguments()[1:], monkeypatch) == job


def test_the_command_is_quoted_for_the_shell(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert "'out put'" in EXAMPLE.as_command()
    assert "'it'\"'\"'s here/*.tif'" in EXAMPLE.as_command()
    monkeypatch.setattr(sys, "platform", "win32")
    assert '"out put"' in EXAMPLE.as_command()


CHECK = """
import sys
from napari_pmrnet.batch import run
run.batch_steps = lambda job, model: iter([print(job.as_arguments())])
"""


def test_the_printed_python_runs_and_asks_for_the_same():
    done = subprocess.run(
        [sys.executable, "-c", CHECK + EXAMPLE.as_python()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == repr(EXAMPLE.as_arguments())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"workers": 0}, "at least 1"),
        ({"workers": 2, "scheduler": "tcp://a"}, "own"),
        ({"classes": ("a",)}, "'a' is no class of nuclei"),
    ],
)
def test_what_cannot_be_is_refused(asked: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        BatchJob(("plate",), Path("labels"), **asked)
