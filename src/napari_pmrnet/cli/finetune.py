"""The command ``napari-pmrnet finetune``: train on corrections in a terminal."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_pmrnet.cli.shared import say
from napari_pmrnet.errors import DataError, PMRNetError
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.finetuning.job import Job


def finetune(
    images: Annotated[
        list[Path],
        typer.Argument(help="Images that were reviewed.", metavar="IMAGE"),
    ],
    output: Annotated[Path, typer.Option(help="Weights to write (.safetensors).")],
    review: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of a saved review; can be given several times."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Folder with corrected labels, <image>.tif or <image>_labels.tif."
        ),
    ] = None,
    start_from: Annotated[
        str, typer.Option(help="Model to begin with.", metavar="MODEL")
    ] = Settings.model,
    minutes: Annotated[
        float,
        typer.Option(
            help="Time for the steps of training, half a minute at least; where they "
            "get slower, they end after half as long again. Preparing images and "
            "scoring them before and after come on top.",
            min=0.05,
        ),
    ] = 1.5,
    only_these: Annotated[
        bool,
        typer.Option(
            "--only-these",
            help="Learn more, and forget more: for images like these and no others.",
        ),
    ] = False,
    channel: Annotated[
        int | None, typer.Option(help="Channel of multi-channel images.", min=0)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Fine-tune a model on corrected images.

    By default the journal that the dock Review nuclei leaves beside an image is read.

    Started again after a kill, the command goes on from its last epoch.
    """
    from napari_pmrnet.finetuning.job import (
        AFTER,
        BEFORE,
        KEPT,
        KEPT_FOR_THESE,
        NOTE,
        Job,
        TuneSettings,
    )
    from napari_pmrnet.finetuning.run import describe_error, run_job
    from napari_pmrnet.finetuning.sources import corrections_of_files
    from napari_pmrnet.models.library import check_weights_name

    check_weights_name(output)
    folder = output.with_suffix(".training")
    found = corrections_of_files(images, review or (), labels, channel)
    say(f"{len(found)} image{'s' if len(found) > 1 else ''} with corrections")
    keep = KEPT_FOR_THESE if only_these else KEPT
    settings = TuneSettings(minutes=minutes, keep=keep)
    job = Job(folder)
    if job.exists:
        if what := job.difference(found, start_from, settings):
            raise DataError(
                f"{folder}: holds a training with other {what}. Name another output, "
                "or remove that folder to begin anew."
            )
        say(f"{folder}: going on with the training that was begun there.")
        _refuse_taken(output, job)
        job.write({**job.about, "device": device})
    else:
        _refuse_taken(output)
        job = Job.create(folder, found, start_from, settings, device)
    try:
        if not job.is_done:
            run_job(job)
    except (ArithmeticError, MemoryError, OSError, RuntimeError) as error:
        raise PMRNetError(describe_error(error, "give the command again")) from error
    if note := job.last(NOTE):
        say(note["message"])
    before, after = ((job.last(kind) or {})["scores"] for kind in (BEFORE, AFTER))
    for name in before:
        say(f"{name}: {before[name]:.3f} before, {after[name]:.3f} after")
    _hand_out(job, output)
    say(str(output))


def _refuse_taken(output: Path, job: Job | None = None) -> None:
    """Refuse an output where something lies that the training has not put there."""
    from napari_pmrnet.io.permit import hash_of
    from napari_pmrnet.models.card import card_path

    ours = set()
    if job is not None and job.is_done:
        ours = {hash_of(job.weights), hash_of(card_path(job.weights))}
    for path in (output, card_path(output)):
        if path.exists() and hash_of(path) not in ours:
            raise DataError(
                f"{path}: is there already. Name another output, or move it away."
            )


def _hand_out(job: Job, output: Path) -> None:
    """Put the weights of a training and their card in their place, and end it.

    What has come to lie there meanwhile stays; so does the training, which the same
    command hands out later.
    """
    from napari_pmrnet.io.permit import Permit
    from napari_pmrnet.models.card import read_verified, write_model

    content, card = read_verified(job.weights)
    # Killed between the two, the command finds one of them there.
    known = (sha256(part).hexdigest() for part in (content, card.to_json()))
    try:
        _refuse_taken(output, job)
        write_model(
            output, content, card, Permit(known=frozenset(known), offered=False)
        )
    except DataError as error:
        raise DataError(
            f"{error} The training is done and kept: the same command writes its "
            "weights when the place is free. Under another name it would begin anew."
        ) from error
    job.remove()
