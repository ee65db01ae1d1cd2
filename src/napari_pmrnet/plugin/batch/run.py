"""Run of the dock "Segment a folder", apart from its form."""

from __future__ import annotations

from collections.abc import Callable, Generator

from napari_pmrnet.batch import BatchJob, batch_steps
from napari_pmrnet.batch.events import (
    DONE,
    FAILED,
    KEPT,
    UNCHANGED,
    BatchReport,
    Event,
)
from napari_pmrnet.plugin.widgets.status import sentences
from napari_pmrnet.plugin.widgets.torch_loading import load_torch, quiet_collector


def run_batch(
    job: BatchJob, stop: Callable[[], bool]
) -> Generator[Event, None, BatchReport]:
    """Steps of a batch for a worker thread; torch is loaded there.

    Parameters
    ----------
    job : BatchJob
    stop : callable
        Asked after every batch of tiles; once it is true the run ends.

    Yields
    ------
    Event
        See `batch_steps`.

    Returns
    -------
    BatchReport
    """
    with quiet_collector():
        load_torch()
        return (yield from batch_steps(job, stop=stop))


def report_text(report: BatchReport) -> tuple[str, str]:
    """Say what came of a batch: a sentence for the user and its tone."""
    where = f" on {report.device}" if report.device else ""
    words = {
        DONE: f"segmented{where}",
        UNCHANGED: "finished before",
        KEPT: "kept because their labels were changed",
        FAILED: "could not be segmented",
    }
    ended = report.ended
    parts = [f"{ended[status]} {words[status]}" for status in words if ended[status]]
    text = f"{'Stopped. ' if report.stopped else ''}Of {report.files} "
    text += "file: " if report.files == 1 else "files: "
    text += ", ".join(parts) or "none finished"
    if report.stopped:
        text += ". Start goes on from here"
    tone = "good"
    if ended[FAILED] or ended[KEPT] or report.stopped:
        tone = "warning"
    if ended[FAILED] == report.files:
        tone = "error"
    if report.notes and tone == "good":
        tone = "warning"
    return " ".join(filter(None, (f"{text}.", sentences(report.notes)))), tone
