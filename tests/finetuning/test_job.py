"""A training on corrections: it learns, resumes after a kill, says what is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from typer.testing import CliRunner

from napari_pmrnet.cli.app import app
from napari_pmrnet.errors import DataError, PMRNetError
from napari_pmrnet.finetuning import finetune, running_time
from napari_pmrnet.finetuning import run as run_module
from napari_pmrnet.finetuning.corrections import UNKNOWN, Corrections
from napari_pmrnet.finetuning.finetune import crop_source, mixed, steps_for
from napari_pmrnet.finetuning.job import (
    AFTER,
    BEFORE,
    EPOCH,
    FAILED,
    KEPT_FOR_THESE,
    NOTE,
    Job,
    JobTakenError,
    TuneSettings,
)
from napari_pmrnet.finetuning.sources import corrections_of_files
from napari_pmrnet.models import load_model
from napari_pmrnet.models.library import RENAMED
from napari_pmrnet.proofreading.journal import Journal, fingerprint
from napari_pmrnet.training import trainer

from ..conftest import DISK_BYTES

QUICK = TuneSettings(minutes=0.001, crop_size=48, replay=0.0, keep=0.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three epochs of three steps, with time for all, however busy the computer."""
    monkeypatch.setattr(finetune, "EPOCHS", 3)
    monkeypatch.setattr(finetune, "LEAST_SECONDS", 3600.0)


@pytest.fixture
def job(corrected, weights: Path, tmp_path: Path, quick) -> Job:
    return Job.create(tmp_path / "job", corrected, str(weights), QUICK, "cpu")


def test_a_job_leaves_weights_scores_and_a_card(job: Job, weights: Path) -> None:
    run_module.run_job(job)
    assert job.is_done
    model = load_model(job.weights, "cpu")
    parent = load_model(weights, "cpu")
    assert model.card.parent == parent.card.sha256
    assert model.card.data["names"] == ["0", "1"]
    assert model.card.scores["after"] == job.last(AFTER)["scores"]
    assert set(job.last(BEFORE)["scores"]) == {"AP0.5", "AP0.75", "Dice"}
    epochs = [event for event in job.events() if event["kind"] == EPOCH]
    assert [event["epoch"] for event in epochs] == [1, 2, 3]
    assert all(event["held_back"] > 0 for event in epochs)


def test_frozen_statistics_stay_and_the_rest_learns(job: Job, weights: Path) -> None:
    run_module.run_job(job)
    before = load_model(weights, "cpu").network.state_dict()
    after = load_model(job.weights, "cpu").network.state_dict()
    for name, value in before.items():
        same = torch.equal(value, after[name])
        if "running" in name:
            assert same, name
    assert not torch.equal(before["stem.0.0.weight"], after["stem.0.0.weight"])


@pytest.mark.slow
def test_a_killed_job_goes_on_to_the_same_weights(
    corrected, weights: Path, tmp_path: Path, quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Job.create(tmp_path / "whole", corrected, str(weights), QUICK, "cpu")
    run_module.run_job(whole)
    cut = Job.create(tmp_path / "cut", corrected, str(weights), QUICK, "cpu")
    say = Job.say

    def say_and_die(self: Job, kind: str, **values: object) -> None:
        say(self, kind, **values)
        if kind == EPOCH and values["epoch"] == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Job, "say", say_and_die)
    with pytest.raises(KeyboardInterrupt):
        run_module.run_job(cut)
    monkeypatch.setattr(Job, "say", say)
    run_module.run_job(cut)
    done = [event["epoch"] for event in cut.events() if event["kind"] == EPOCH]
    assert done == [1, 2, 3]
    one, other = (
        load_model(j.weights, "cpu").network.state_dict() for j in (whole, cut)
    )
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, msg=name)


def test_a_loss_that_is_not_a_number_is_said(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = torch.tensor(float("nan"), requires_grad=True)
    monkeypatch.setattr(
        "napari_pmrnet.training.trainer.total_loss", lambda *_: (nothing, {})
    )
    monkeypatch.setattr(sys, "argv", ["worker", str(job.folder)])
    # A worker takes back its own priority; here that would be the tests'.
    monkeypatch.setattr(run_module.psutil, "Process", MagicMock())
    with pytest.raises(SystemExit):
        run_module.main()
    assert "became unstable" in job.last(FAILED)["message"]
    assert not job.is_done


def test_the_best_weights_before_a_loss_that_is_no_number_are_kept(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = trainer.Trainer._step

    def break_in_the_third_epoch(self, images, target, number):
        if self.epoch == 2:
            raise FloatingPointError("the loss is nan")
        return step(self, images, target, number)

    monkeypatch.setattr(trainer.Trainer, "_step", break_in_the_third_epoch)
    run_module.run_job(job)
    assert job.is_done
    assert "unstable in epoch 3" in job.last(NOTE)["message"]
    held_back = [e["held_back"] for e in job.events() if e["kind"] == EPOCH]
    assert len(held_back) == 2
    best = torch.load(job.checkpoint, weights_only=True)["best_state"]
    kept = load_model(job.weights, "cpu").network.state_dict()
    for name, value in best.items():
        assert torch.equal(kept[name], value), name


def test_the_command_says_what_went_wrong(
    labelled: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: Job) -> None:
        raise RuntimeError("DefaultCPUAllocator: out of memory")

    monkeypatch.setattr(run_module, "run_job", run)
    done = labelled.finetune("0.png")
    assert isinstance(done.exception, PMRNetError)
    assert "ran out of memory" in str(done.exception)
    assert "give the command again" in str(done.exception)


def test_running_out_of_memory_is_said() -> None:
    for error in (MemoryError(), RuntimeError("CUDA out of memory. Tried to")):
        assert "out of memory" in run_module.describe_error(error)
    assert "broke" in run_module.describe_error(RuntimeError("it broke"))


def test_a_job_goes_on_under_the_new_name_of_its_model(
    tmp_path: Path, corrected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RENAMED, "cells 1.0", "nuclei")
    job = Job.create(tmp_path / "job", corrected, "cells 1.0", QUICK)
    assert not job.difference(job.corrections(), "nuclei", QUICK)
    assert "model to begin with" in job.difference(job.corrections(), "mine", QUICK)


def test_a_line_that_is_not_whole_is_not_read(tmp_path: Path, corrected) -> None:
    job = Job.create(tmp_path / "job", corrected, "nuclei", QUICK)
    job.say(EPOCH, epoch=1)
    with (job.folder / "log.jsonl").open("a") as stream:
        stream.write('{"kind": "epo')
    assert [event["epoch"] for event in job.events()] == [1]


def test_a_folder_in_use_and_nothing_to_learn_are_refused(
    tmp_path: Path, corrected
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is not empty"):
        Job.create(tmp_path, corrected, "nuclei")
    with pytest.raises(DataError, match="no corrections"):
        Job.create(tmp_path / "new", [], "nuclei")
    with pytest.raises(DataError, match="holds no training"):
        _ = Job(tmp_path).about
    with pytest.raises(DataError, match="Review more"):
        crop_source([], QUICK)


def test_steps_follow_from_the_time_allowed(corrected, model) -> None:
    source = crop_source(corrected, QUICK)
    few, many = (
        steps_for(model, source, TuneSettings(minutes=m, crop_size=48))
        for m in (0.001, 10_000)
    )
    assert few == finetune.LEAST_STEPS and many == finetune.MOST_STEPS


def test_no_epoch_is_begun_once_the_time_is_over(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even the least steps can take many times as long as the user has."""
    monkeypatch.setattr(finetune, "LEAST_SECONDS", 0.0)
    run_module.run_job(job)
    said = job.last(NOTE)
    assert said and "after 1 of 3 epochs" in said["message"]
    assert [e["epoch"] for e in job.events() if e["kind"] == EPOCH] == [1]
    assert job.is_done


@pytest.fixture
def light(job: Job, quick_epochs: None, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job that takes no time itself."""
    scores = dict.fromkeys(("AP0.5", "AP0.75", "Dice"), 0.5)
    monkeypatch.setattr("napari_pmrnet.finetuning.score.score", lambda *_: scores)
    job.write({**job.about, "steps": 1})
    return job


def test_a_pause_takes_no_time(light: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dock suspends the process, perhaps for hours; nothing is late then."""
    paused, say, clock = 0.0, Job.say, time.monotonic

    def say_and_pause(self: Job, kind: str, **values: object) -> None:
        nonlocal paused
        paused += 7200.0 if kind == EPOCH else 0.0
        say(self, kind, **values)

    monkeypatch.setattr(Job, "say", say_and_pause)
    monkeypatch.setattr(time, "monotonic", lambda: clock() + paused)
    monkeypatch.setattr(running_time, "monotonic", lambda: clock() + paused)
    run_module.run_job(light)
    assert [e["epoch"] for e in light.events() if e["kind"] == EPOCH] == [1, 2, 3]
    assert light.last(NOTE) is None


def test_a_late_job_that_was_killed_and_goes_on_says_nothing_of_that(
    light: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    light.say(BEFORE, scores={"AP0.5": 0.5})
    with monkeypatch.context() as late:
        late.setattr(finetune, "OVER", 0.0)
        late.setattr("napari_pmrnet.finetuning.score.score", killed)
        with pytest.raises(KeyboardInterrupt):
            run_module.run_job(light)
    run_module.run_job(light)
    assert [e["epoch"] for e in light.events() if e["kind"] == EPOCH] == [1, 2, 3]
    assert light.is_done and light.last(NOTE) is None


def test_generated_nuclei_are_replayed(corrected) -> None:
    plain = crop_source(corrected, QUICK)
    replayed = crop_source(corrected, TuneSettings(replay=0.25))
    assert len(plain.samples) == 2 < len(replayed.samples)
    assert replayed.weights[2:].sum() == pytest.approx(0.25)
    assert replayed.weights.sum() == pytest.approx(1)


def test_mixed_weights_lie_between() -> None:
    before, after = {"w": torch.zeros(2), "n": torch.tensor(3)}, {}
    after = {"w": torch.ones(2), "n": torch.tensor(7)}
    got = mixed(before, after, 0.25)
    assert got["w"].tolist() == [0.75, 0.75] and got["n"] == 7


def test_the_worker_starts_as_a_process_and_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(
        json.dumps({"model": "nowhere", "device": "cpu", "settings": {}})
    )
    done = subprocess.run(
        [sys.executable, "-m", "napari_pmrnet.finetuning.run", str(tmp_path)],
        check=False,
        capture_output=True,
    )
    assert done.returncode == 1
    assert "no model 'nowhere'" in Job(tmp_path).last(FAILED)["message"]


@dataclass
class Labelled:
    """A folder of images and their labels, and the command that learns from them."""

    folder: Path
    weights: Path

    @property
    def output(self) -> Path:
        return self.folder / "mine.safetensors"

    def finetune(self, *images: str, more: Sequence[str] = ()) -> Any:
        options = {
            "--labels": self.folder,
            "--output": self.output,
            "--start-from": self.weights,
            "--minutes": 0.05,
            "--device": "cpu",
        }
        text = [self.folder / name for name in images]
        text += [part for pair in options.items() for part in pair]
        return CliRunner().invoke(app, ["finetune", *map(str, text), *more])


@pytest.fixture
def labelled(corrected, weights: Path, tmp_path: Path, quick) -> Labelled:
    for one in corrected:
        Image.fromarray(one.image).save(tmp_path / f"{one.name}.png")
        tifffile.imwrite(tmp_path / f"{one.name}_labels.tif", one.labels.astype("u2"))
    return Labelled(tmp_path, weights)


def test_the_command_learns_from_labels(labelled: Labelled) -> None:
    done = labelled.finetune("0.png", "1.png", more=["--only-these"])
    assert done.exit_code == 0, done.output
    assert "AP0.5:" in done.output
    card = load_model(labelled.output, "cpu").card
    assert card.data["reviewed"] == 128
    assert card.training["keep"] == KEPT_FOR_THESE
    assert not labelled.output.with_suffix(".training").exists()
    again = labelled.finetune("0.png", "1.png")
    assert "is there already" in str(again.exception)
    assert load_model(labelled.output, "cpu").card.sha256 == card.sha256


def test_weights_that_came_during_the_training_stay(
    labelled: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the training are kept, and handed out when the place is free."""
    run_job, runs, mine = run_module.run_job, [], b"of another program"

    def run_beside_another(job: Job) -> None:
        runs.append(job)
        run_job(job)
        labelled.output.write_bytes(mine)

    monkeypatch.setattr(run_module, "run_job", run_beside_another)
    for _ in range(2):
        refused = labelled.finetune("0.png", "1.png")
        assert isinstance(refused.exception, DataError), refused.output
        assert f"{labelled.output}: is there already" in str(refused.exception)
        assert labelled.output.read_bytes() == mine
        assert not labelled.output.with_suffix(".json").exists()
    labelled.output.unlink()
    done = labelled.finetune("0.png", "1.png")
    assert done.exit_code == 0, done.output
    assert len(runs) == 1 and "AP0.5:" in done.output
    assert load_model(labelled.output, "cpu").card.data["reviewed"] == 128
    assert not labelled.output.with_suffix(".training").exists()


def test_a_command_that_was_killed_between_card_and_weights_goes_on(
    labelled: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Job, "remove", die)
        labelled.finetune("0.png", "1.png")
    weights = labelled.output.read_bytes()
    labelled.output.unlink()
    done = labelled.finetune("0.png", "1.png")
    assert done.exit_code == 0, done.output
    assert labelled.output.read_bytes() == weights


@pytest.mark.slow
def test_the_command_goes_on_with_what_it_is_asked_for_and_nothing_else(
    labelled: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job, seen = run_module.run_job, []

    def die(job: Job) -> None:
        seen.append(job)
        raise RuntimeError("killed")

    monkeypatch.setattr(run_module, "run_job", die)
    labelled.finetune("0.png")
    asked = {"images": ("1.png",), "settings": ("0.png", "--only-these")}
    for what, (image, *more) in asked.items():
        refused = labelled.finetune(image, more=more)
        assert isinstance(refused.exception, DataError), refused.output
        assert f"training with other {what}" in str(refused.exception)
    assert len(seen) == 1
    monkeypatch.setattr(run_module, "run_job", run_job)
    done = labelled.finetune("0.png")
    assert "going on with the training" in done.output, done.exception
    assert load_model(labelled.output, "cpu").card.data["names"] == ["0.png"]


def test_a_model_that_changed_meanwhile_is_refused(job: Job, weights: Path) -> None:
    job.write({**job.about, "weights_hash": "0" * 64})
    with pytest.raises(DataError, match="has changed since"):
        run_module.run_job(job)


def test_one_process_at_a_time_trains_a_job(job: Job, tmp_path: Path) -> None:
    hold = (
        "import sys; from pathlib import Path\n"
        "from napari_pmrnet.finetuning.job import Job\n"
        "with Job(Path(sys.argv[1])).taken(): print('held', flush=True); input()"
    )
    arguments = [sys.executable, "-c", hold, str(job.folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        assert job.is_taken
        for refused in (lambda: run_module.run_job(job), job.remove):
            with pytest.raises(JobTakenError, match="another window or program"):
                refused()
        before = list(job.events())
        worker = [sys.executable, "-m", "napari_pmrnet.finetuning.run", job.folder]
        assert subprocess.run(worker, check=False).returncode == run_module.TAKEN
        assert list(job.events()) == before
        holder.kill()
    assert not job.is_taken
    job.remove()
    assert not job.folder.exists()


def test_a_job_that_could_not_be_written_leaves_nothing(
    tmp_path: Path, corrected, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DataError("no room")

    monkeypatch.setattr(Job, "write", full)
    with pytest.raises(DataError, match="no room"):
        Job.create(tmp_path / "job", corrected, "nuclei", QUICK)
    assert not (tmp_path / "job").exists()


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 8192, DISK_BYTES])
def test_a_full_disk_is_said_by_the_exit_code(job: Job, room: int, disk: Path) -> None:
    there = Job(disk / "job")
    shutil.copytree(job.folder, there.folder)
    with (disk / "filler").open("wb", buffering=0) as filler:
        free = shutil.disk_usage(disk).free
        filler.write(bytes(max(0, free - room)))
    worker = [sys.executable, "-m", "napari_pmrnet.finetuning.run", str(there.folder)]
    done = subprocess.run(worker, check=False, capture_output=True)
    assert done.returncode == run_module.FULL, done.stderr
    assert not list(there.folder.glob("*.part"))
    bigger = f"remount,size={100 * DISK_BYTES}"
    subprocess.run(["mount", "-o", bigger, str(disk)], check=True)
    run_module.run_job(there)
    assert there.is_done


def test_the_journal_beside_an_image_is_read(corrected, tmp_path: Path) -> None:
    one = corrected[0]
    path = tmp_path / "cells.png"
    Image.fromarray(one.image).save(path)
    with pytest.raises(DataError, match=r"cells\.png: there is no review"):
        corrections_of_files([path])
    journal = Journal(
        path.with_name("cells.png.pmrnet-review"),
        one.labels,
        fingerprint(one.image),
        {},
    )
    journal.told(("nucleus", 3), "accepted")
    journal.close()
    (found,) = corrections_of_files([path])
    assert found.reviewed.tolist() == [3]
    assert set(np.unique(found.labels)) == {UNKNOWN, 0, 3}
    assert isinstance(found, Corrections)
