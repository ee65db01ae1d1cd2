"""A batch in a terminal: progress, what came of every file, and how to repeat it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from napari_pmrnet.batch.events import (
    DONE,
    FAILED,
    KEPT,
    UNCHANGED,
    BatchReport,
    Event,
    FileEnded,
    FileProgress,
    FilesFound,
    FileStarted,
)
from napari_pmrnet.batch.job import BatchJob
from napari_pmrnet.batch.run import batch_steps

FAILED_STATUS, STOPPED_STATUS = 1, 130


def segment_in_terminal(
    job: BatchJob, console: Console, complain: Callable[[str], None]
) -> int:
    """Run a batch and tell of it.

    Parameters
    ----------
    job : BatchJob
    console : Console
        For the progress bar and what went well.
    complain : callable
        Prints a line of what went wrong, above the progress bar.

    Returns
    -------
    int
        Exit status: 0, 1 if a file failed, 130 if the run was interrupted.
    """
    with stop_on_interrupt() as stopped, _progress(console) as bar:
        steps = batch_steps(job, stop=stopped.is_set)
        report = _follow(steps, bar, complain)
    console.print(_totals(report, job), markup=False, highlight=False)
    for note in report.notes:
        complain(f"{note[:1].upper()}{note[1:]}.")
    if report.stopped:
        complain("Stopped. The same command goes on from here.")
    console.print(f"\nThe same in Python:\n\n{job.as_python()}", markup=False)
    if stopped.is_set():
        return STOPPED_STATUS
    return FAILED_STATUS if report.ended[FAILED] else 0


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """An event that the first Ctrl+C sets; the second one interrupts as usual.

    So does the signal by which schedulers of clusters end what takes too long.
    """
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def note(number: int, frame: Any) -> None:
        stopped.set()
        signal.signal(number, before[signal.Signals(number)])

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield stopped
    finally:
        for number in numbers:
            signal.signal(number, before[number])


def _progress(console: Console) -> Progress:
    """Bar over the files, with the file at hand beside it; gone when done."""
    description = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        MofNCompleteColumn(),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False, table_column=description),
        console=console,
        transient=True,
        expand=True,
    )


def _follow(
    steps: Generator[Event, None, BatchReport],
    bar: Progress,
    complain: Callable[[str], None],
) -> BatchReport:
    """Run the batch, showing what it tells."""
    task, names = bar.add_task("looking for images", total=None), []
    while True:
        try:
            event = next(steps)
        except StopIteration as ended:
            return ended.value
        if isinstance(event, FilesFound):
            bar.update(task, total=len(event.paths))
            names = event.names
        elif isinstance(event, FileStarted):
            bar.update(task, description=names[event.number])
        elif isinstance(event, FileProgress):
            text = f"{names[event.number]}: {event.progress.message}"
            bar.update(task, description=text)
        elif isinstance(event, FileEnded):
            bar.update(task, advance=1)
            _tell(event, bar.console, complain)


def _tell(event: FileEnded, console: Console, complain: Callable[[str], None]) -> None:
    """One line about a file that is over; none about an unchanged one."""
    row, name = event.row, str(event.path)
    name += f" [{row.scene}]" if row.scene else ""
    if event.status == FAILED:
        complain(row.error if name in row.error else f"{name}: {row.error}")
    elif event.status == KEPT:
        complain(f"{name}: {row.note}; --overwrite replaces them.")
    elif event.status == DONE:
        sure = "" if row.certainty is None else f", certainty {row.certainty:.2f}"
        note = f" ({row.note})" if row.note else ""
        count = row.kind.counted(row.nuclei or 0)
        line = f"{name}: {count}{sure}, {row.seconds:.1f} s{note}"
        console.print(line, markup=False, highlight=False)


def _totals(report: BatchReport, job: BatchJob) -> str:
    """Sum up what came of all files, and where it is."""
    where = f" on {report.device}" if report.device else ""
    words = {
        DONE: f"segmented{where}",
        UNCHANGED: "finished before",
        KEPT: "with changed labels kept",
        FAILED: "could not be segmented",
    }
    parts = [f"{report.ended[s]} {words[s]}" for s in words if report.ended[s]]
    ended = ", ".join(parts) or "nothing done"
    if job.shard is not None:
        whole = replace(job, shard=None).as_command()
        return (
            f"{report.files} files of shard {job.shard}: {ended}.\n"
            f"When all shards are through, write the tables with:\n{whole}"
        )
    tables = report.summary, report.objects, report.counts, report.sheet
    written = *tables, *report.plates
    return "\n".join([f"{report.files} files: {ended}.", *map(str, written)])
