"""The process that trains on corrections, with low priority: one job, from its folder.

python -m napari_pmrnet.finetuning.run FOLDER
"""

from __future__ import annotations

import hashlib
import logging
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import psutil

from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet._software import misfit
from napari_pmrnet.errors import DataError, PMRNetError
from napari_pmrnet.finetuning.corrections import Corrections
from napari_pmrnet.finetuning.holdout import Division, divide
from napari_pmrnet.finetuning.job import (
    AFTER,
    BEFORE,
    DONE,
    EPOCH,
    FAILED,
    NOTE,
    STARTED,
    Job,
    JobTakenError,
)
from napari_pmrnet.io.write import disk_is_full
from napari_pmrnet.models.card import ModelCard

logger = logging.getLogger(__name__)

TAKEN, FULL = 3, 4
"""Exit codes of the process."""
FULL_DISK = (
    "The disk is full. Make room, then {}: the training goes on from its last epoch."
)
_BROKE = (
    "The training became unstable in epoch {} (its loss is not a number); these are "
    "the best weights before that."
)
_LATE = (
    "Time ran out after {} of {} epochs: {:g} minutes are too few on this computer, or "
    "it was busy. These weights learned less than they could; allow more."
)


def run_job(job: Job) -> None:
    """Train, score before and after, and write the weights; one process at a time.

    Parameters
    ----------
    job : Job
        New, or one that was interrupted.

    Raises
    ------
    JobTakenError
        If another process trains it.
    PMRNetError
        If there is nothing to learn from, or model or folder are damaged, or the model
        is another than the one it was begun with.
    FloatingPointError
        If the loss is not finite in the first epoch; later, the best weights so far are
        kept.
    """
    with job.taken():
        _train(job)


def _train(job: Job) -> None:
    """Steps of `run_job`."""
    from napari_pmrnet.finetuning.finetune import (
        EPOCHS,
        crop_source,
        steps_for,
        tune,
        tuned_model,
    )
    from napari_pmrnet.finetuning.score import score
    from napari_pmrnet.models import load_model

    about, settings = job.about, job.settings
    model = load_model(about["model"], about["device"])
    if model.card.label_kind.sees_whole:
        raise DataError(
            f"'{model.name}' is a model of {model.card.label_kind}; corrections "
            "are of nuclei. Begin with a model of nuclei."
        )
    begun_with = about.setdefault("weights_hash", model.card.sha256)
    if begun_with != model.card.sha256:
        raise DataError(
            f"The model '{model.name}' has changed since this training was begun. "
            "Start it anew."
        )
    corrections = job.corrections()
    division = divide(corrections, settings.seed)
    job.say(STARTED, **_counts(division))
    before = job.last(BEFORE)
    if before is None:
        job.say(BEFORE, scores=score(model, division.held_back))
        before = job.last(BEFORE) or {}
    source = crop_source(division.learned, settings)
    if "steps" not in about:
        about["steps"] = steps_for(model, source, settings)
        job.write(about)

    def report(epoch: Any) -> None:
        job.say(
            EPOCH,
            epoch=epoch.epoch,
            epochs=epoch.epochs,
            loss=_training_loss(epoch.losses),
            held_back=None if epoch.val_dice is None else -epoch.val_dice,
            seconds_left=epoch.seconds_left,
        )

    tuned = tune(
        model,
        source,
        division.held_back if division.apart else (),
        settings,
        job.checkpoint,
        report,
        about["steps"],
    )
    after = score(tuned_model(model, tuned.state), division.held_back)
    _save(job, model.card, tuned.state, corrections, before["scores"], after)
    # Last, since a job that is killed before that goes on with its epochs.
    if tuned.broke_at is not None:
        job.say(NOTE, message=_BROKE.format(tuned.broke_at))
    if tuned.late_at is not None:
        job.say(NOTE, message=_LATE.format(tuned.late_at, EPOCHS, settings.minutes))
    job.say(AFTER, scores=after)
    job.say(DONE)


def _counts(division: Division) -> dict[str, Any]:
    """Numbers of nuclei that are learned from and held back."""
    return {
        "learned": sum(one.reviewed.size for one in division.learned),
        "held_back": sum(one.reviewed.size for one in division.held_back),
        "apart": division.apart,
    }


def _training_loss(losses: dict[str, float]) -> float:
    """The weighted sum of the terms."""
    from napari_pmrnet.training.loss import LossWeights

    weights = asdict(LossWeights())
    return sum(weights[name] * value for name, value in losses.items())


def _save(
    job: Job,
    card: ModelCard,
    state: dict[str, Any],
    corrections: list[Corrections],
    before: dict[str, float],
    after: dict[str, float],
) -> None:
    """Write weights and a card that says where they come from."""
    from napari_pmrnet.models.weights import save_model

    digest = hashlib.sha256()
    for one in corrections:
        digest.update(one.image.tobytes() + one.labels.tobytes())
    own = ("val", "name", "sha256")
    inherited = {k: v for k, v in card.document.items() if k not in own}
    tuned = {
        **inherited,
        "parent": card.sha256,
        "data": {
            "name": "corrections",
            "sha256": digest.hexdigest(),
            "images": len(corrections),
            "names": [one.name for one in corrections],
            "reviewed": sum(one.reviewed.size for one in corrections),
        },
        "training": {**asdict(job.settings), "steps": job.about["steps"]},
        "scores": {"before": before, "after": after},
        "date": f"{date.today():%Y-%m-%d}",
    }
    save_model(job.weights, state, ModelCard(tuned), overwrite=True)


def main() -> None:
    """Run the job of a folder; what goes wrong is the last event of its log.

    Exits with `TAKEN` if another process trains it, which alone writes the log then,
    with `FULL` if the disk is full, so that the log cannot tell of it, and with 1 if
    anything else went wrong.
    """
    job = Job(Path(sys.argv[1]))
    keep_freed_memory()
    low = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", 10)
    psutil.Process().nice(low)
    try:
        run_job(job)
    except JobTakenError as error:
        raise SystemExit(TAKEN) from error
    except PMRNetError as error:
        _fail(job, error, str(error))
    except Exception as error:
        logger.exception("training on corrections failed")
        _fail(job, error, describe_error(error))


def _fail(job: Job, error: Exception, message: str) -> NoReturn:
    """End the process; a full disk takes no message."""
    try:
        job.say(FAILED, message=message)
    except OSError as second:
        raise SystemExit(FULL if disk_is_full(second) else 1) from error
    raise SystemExit(FULL if disk_is_full(error) else 1) from error


def describe_error(error: Exception, again: str = "choose Continue") -> str:
    """Tell the user what went wrong, and what to do.

    Parameters
    ----------
    error : Exception
        Of `run_job`.
    again : str
        How the user starts the job once more.
    """
    if isinstance(error, FloatingPointError):
        return (
            "The training became unstable (its loss is not a number). Nothing was "
            "kept. Check the corrected labels, then start it anew."
        )
    if disk_is_full(error):
        return FULL_DISK.format(again)
    if isinstance(error, MemoryError) or "out of memory" in str(error):
        return (
            "The training ran out of memory. Close other images and programs, then "
            f"{again}: it goes on from its last epoch."
        )
    unfit = misfit(error, "Training")
    if unfit is not None:
        return str(unfit)
    return f"The training failed: {error}. To go on from its last epoch, {again}."


if __name__ == "__main__":
    main()
