"""The engine: files in, labels, tables and contact sheet out, as a plain generator."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pmrnet.batch.cluster.files import on_cluster
from napari_pmrnet.batch.contact_sheet import as_html
from napari_pmrnet.batch.counts import counts_csv
from napari_pmrnet.batch.events import (
    COUNTS,
    DONE,
    FAILED,
    KEPT,
    OBJECTS,
    SHEET,
    SUMMARY,
    UNCHANGED,
    BatchReport,
    Event,
    FileEnded,
    FilesFound,
    FileStarted,
)
from napari_pmrnet.batch.inputs import Source, find_sources
from napari_pmrnet.batch.job import BatchJob
from napari_pmrnet.batch.label_plates import write_label_plates
from napari_pmrnet.batch.local import Ended, InProcess, Workers
from napari_pmrnet.batch.lock import RunLock
from napari_pmrnet.batch.objects import counted, write_joined
from napari_pmrnet.batch.run_log import FOLDER, Entry, Record, file_key, made_from
from napari_pmrnet.batch.shard import Shard
from napari_pmrnet.batch.summary import Row, as_csv
from napari_pmrnet.batch.task import Outcome, Task
from napari_pmrnet.errors import ClusterError, DataError
from napari_pmrnet.io.ome_zarr import import_ome_zarr
from napari_pmrnet.io.permit import Inputs, Permit, check_folder
from napari_pmrnet.io.write import disk_is_full, replace_file
from napari_pmrnet.models.card import read_card
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

KEPT_NOTE = "labels were changed since the run that made them, and kept"
SUMMARY_SECONDS = 20.0


def segment_files(
    inputs: Iterable[str | Path] | str | Path,
    output: str | Path,
    settings: Settings | None = None,
    *,
    recursive: bool = False,
    overwrite: bool = False,
    strict: bool = False,
    link: str | None = None,
    model: Model | None = None,
    scheduler: str | None = None,
    mask_unreadable: bool = False,
    workers: int = 1,
    keep_maps: bool = False,
    classes: Iterable[str] = (),
    shard: str | None = None,
    scene: str | None = None,
    plate_labels: bool = False,
) -> BatchReport:
    """Segment files and folders and write labels, tables and a contact sheet.

    Parameters
    ----------
    inputs : iterable of str or Path
        Files, folders and patterns; a single one may stand alone.
    output : str or Path
        Folder of the results; see `batch_steps`.
    settings : Settings, optional
        By default with the thresholds that were tuned for the model.
    recursive, overwrite, strict, link, mask_unreadable, keep_maps, scene, plate_labels
        See `BatchJob`.
    model : Model, optional
        By default the model and device that the settings name.
    scheduler : str, optional
        Address of a cluster's scheduler, see `BatchJob`.
    workers : int
        Processes of this computer, see `BatchJob`. With more than one, a script needs
        ``if __name__ == "__main__":`` around its call, for each process imports it.
    classes : iterable of str
        See `BatchJob`.
    shard : str, optional
        Such as ``"3/8"``: the third of eight parts alone, see `BatchJob`.

    Returns
    -------
    BatchReport

    Raises
    ------
    DataError
        If an input holds no image or the output cannot be written to. Files that
        cannot be segmented are told in their row.
    ClusterError
        If the cluster cannot be used or is lost.
    """
    if settings is None:
        settings = Settings.for_card(read_card(find_weights(Settings().model)))
    several = [inputs] if isinstance(inputs, str | Path) else inputs
    names = tuple(map(str, several))
    job = BatchJob(
        names,
        Path(output),
        settings,
        recursive,
        overwrite,
        strict,
        scheduler=scheduler,
        link=link,
        mask_unreadable=mask_unreadable,
        workers=workers,
        keep_maps=keep_maps,
        classes=tuple(classes),
        shard=None if shard is None else Shard.parse(shard),
        scene=scene,
        plate_labels=plate_labels,
    )
    return run_to_end(batch_steps(job, model))


def batch_steps(
    job: BatchJob,
    model: Model | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, BatchReport]:
    """Segment the files of a job, one after the other or on a cluster.

    Every file gets labels, written whole or not at all, and a line in the record
    of the output folder. A file that the record knows as finished, with these settings
    and weights, is not segmented again. ``summary.csv``, ``objects.csv``,
    ``counts.csv`` and ``contact_sheet.html`` tell of all that the folder holds; they
    are written at the end, and when the run is stopped or the generator closed, but not
    of a shard.

    Parameters
    ----------
    job : BatchJob
    model : Model, optional
        By default loaded for the first file that needs it.
    stop : callable
        Asked after every batch of windows, on a cluster several times a second; once
        it is true the run ends.

    Yields
    ------
    FilesFound, FileStarted, FileProgress, FileEnded
        Of a cluster's files as they begin and end, in no order.

    Returns
    -------
    BatchReport

    Raises
    ------
    DataError
        If an input holds no image, the output cannot be written to or another run
        writes there.
    WeightsError
        If the model is missing or altered.
    ClusterError
        If the cluster cannot be used or is lost.
    """
    return (yield from _Batch(job, model, stop).steps())


class _Batch:
    """A run of a job: it decides what is to be done, and writes down what came of it.

    The work itself is done by `Workers`.
    """

    def __init__(
        self, job: BatchJob, model: Model | None, stop: Callable[[], bool]
    ) -> None:
        self.job, self.model, self.stop = job, model, stop
        if job.plate_labels:
            import_ome_zarr(job.output)
        card = read_card(find_weights(job.settings.model))
        self.weights_hash = (model.card if model else card).sha256
        self.found = find_sources(
            job.inputs, job.output, job.recursive, job.settings.channel, job.scene
        )
        self.sources = job.shard.of(self.found) if job.shard else self.found
        self.inputs = Inputs(source.path for source in self.found)
        check_folder(job.output / FOLDER)
        self.record: Record
        self.lock: RunLock
        self.workers: Workers
        self.report = BatchReport(job.output, len(self.sources))
        self._given: dict[int, tuple[Entry, dict[str, Any] | None]] = {}
        self._rows_of_run: dict[int, Row] = {}
        self._devices: set[str] = set()
        self._written = time.monotonic()

    def steps(self) -> Generator[Event, None, BatchReport]:
        """All files, then the overview of the folder."""
        names = [Row.of(source.image, str).name for source in self.sources]
        yield FilesFound([source.path for source in self.sources], names)
        self.lock = RunLock(self.job.output, self.job.shard)
        with self.lock:
            self.record = Record(self.job.output, self.job.shard)
            self.record.sweep()
            with self._workers() as self.workers:
                try:
                    yield from self._files()
                except BaseException:
                    with suppress(DataError):
                        self._write_overview()
                    raise
            self.record.sweep()
            self._write_overview()
            self._write_plates()
        self.report.rows = [row for _, row in sorted(self._rows_of_run.items())]
        return self.report

    def _workers(self) -> AbstractContextManager[Workers]:
        """Workers: this process, others of this computer, or the job's cluster."""
        if self.job.scheduler is None and self.job.workers == 1:
            return closing(InProcess(self.model))
        if self.model is not None:
            raise ClusterError(
                "Workers load their model themselves. Name it in the settings instead."
            )
        images = [source.path for source in self.sources]
        return on_cluster(self.job, self.weights_hash, self.lock, images)

    def _files(self) -> Generator[Event, None, None]:
        """Give out the files that need it, and end those that do not."""
        if self.job.shard is not None:
            self._choose_names(self.job.shard)
        for number, source in enumerate(self.sources):
            while self.workers.is_full:
                if self._is_over():
                    return
                yield from self._follow()
            if self._is_over():
                return
            permit = self._permit(source)
            entry = self.record.claim(source, permit)
            ended = self._look(number, source, entry, permit)
            if ended is not None:
                yield FileStarted(number, source.path)
                yield self._ended(number, *ended)
                continue
            task = Task(
                number,
                source.path,
                self.job.output / entry.row.labels,
                Row.of(source.image, self.record.name, entry.row.labels),
                self.job.settings,
                self.weights_hash,
                self._given[number][1],
                self.job.link,
                # All inputs are many to send to a worker; names were chosen for them.
                replace(permit, inputs=Inputs([source.path])).with_known(
                    entry.labels_hash
                ),
                masked=self.job.mask_unreadable,
                maps=self.record.maps(entry.row.key),
                keep_maps=self.job.keep_maps,
            )
            self.workers.submit(task)
        while self.workers.is_busy:
            if self._is_over():
                return
            yield from self._follow()

    def _choose_names(self, shard: Shard) -> None:
        """Name the labels of all files, those of other shards too.

        A name depends on those of all files before. All are chosen at once: the labels
        of other shards are looked into where they are there already.
        """
        own = set(shard.of(range(len(self.found))))
        for place, source in enumerate(self.found):
            self.record.claim(source, self._permit(source), place in own)

    def _permit(self, source: Source) -> Permit:
        """What the labels of a file may replace."""
        return Permit(self.job.overwrite, self.inputs, source.place.absolute())

    def _is_over(self) -> bool:
        """Tell whether to end before all is done."""
        self.lock.check()
        if self.stop() or (self.job.strict and self.report.ended[FAILED]):
            self.report.stopped = True
        return self.report.stopped

    def _look(
        self, number: int, source: Source, entry: Entry, permit: Permit
    ) -> tuple[str, Row] | None:
        """Outcome of a file that needs no work; None if it does."""
        key = None
        with suppress(OSError):  # a file that is not there is reported when it is read
            key = file_key(
                source.path,
                self.job.settings,
                self.weights_hash,
                self.job.link,
                self.job.mask_unreadable,
            )
            # Runs of earlier versions measured nothing.
            measured = self.record.nuclei(entry.row.key).is_file()
            finished = self.record.is_finished(entry, key)
            if not self.job.overwrite and finished and measured:
                return UNCHANGED, entry.row
            if self.record.is_kept(entry, permit):
                return KEPT, replace(entry.row, note=KEPT_NOTE, error="")
        self._given[number] = entry, key
        return None

    def _follow(self) -> Generator[Event, None, None]:
        """Pass on what the workers tell, and write down what came of files."""
        for told in self.workers.step():
            if isinstance(told, Ended):
                status, row = self._write_down(told.number, told.outcome)
                self._summarise_now_and_then()
                yield self._ended(told.number, status, row)
            else:
                path = self.sources[told.number].path
                yield told._replace(path=path)

    def _write_down(self, number: int, outcome: Outcome) -> tuple[str, Row]:
        """Put what came of a file into the record."""
        entry, key = self._given.pop(number)
        row = outcome.row
        if outcome.ends_run:
            raise DataError(row.error)
        if not row.error:
            try:
                replace_file(self.record.thumbnail(row.key), outcome.picture, True)
                replace_file(self.record.nuclei(row.key), outcome.nuclei, True)
            except DataError as error:
                if disk_is_full(error):
                    raise
                reason = " ".join(str(error).split())
                row = entry.row.named_like(Row(row.file, row.labels, error=reason))
        if row.error:
            known = outcome.labels_hash or entry.labels_hash
            self.record.add(Entry(row, None, known))
            return FAILED, replace(row, labels="")
        self._devices.add(outcome.device)
        self.report.device = self.workers.where(sorted(self._devices))
        self.record.add(Entry(row, key, outcome.labels_hash))
        return DONE, row

    def _ended(self, number: int, status: str, row: Row) -> FileEnded:
        """Count a file that is over."""
        self.report.ended[status] += 1
        self._rows_of_run[number] = row
        return FileEnded(number, self.sources[number].path, status, row)

    def _summarise_now_and_then(self) -> None:
        """Keep the table near to what is done, for a run that is killed."""
        due = time.monotonic() - self._written > SUMMARY_SECONDS
        if due and self.job.shard is None:
            try:
                self._write_summary(self._rows())
            except DataError as error:  # open in another program, perhaps
                if disk_is_full(error):
                    raise
            self._written = time.monotonic()

    def _write_summary(self, rows: list[Row]) -> None:
        """Write the table of the folder."""
        self.report.summary = self.record.write_overview(SUMMARY, as_csv(rows))

    def _write_overview(self) -> None:
        """Write the tables and the contact sheet of the folder; of a shard none."""
        if self.job.shard is not None:
            return
        rows = self._rows()
        self._write_summary(rows)
        made = [(row, self.record.nuclei(row.key)) for row in rows if not row.error]
        classes = self.job.told_apart
        content = partial(write_joined, parts=made, classes=classes)
        self.report.objects = self.record.write_overview(OBJECTS, content)
        counts = counted(made, classes)
        self.report.counts = self.record.write_overview(
            COUNTS, counts_csv(counts.table())
        )
        self.report.notes = counts.notes()
        about = {
            "Model": f"{Path(self.job.settings.model).stem}, SHA-256 "
            f"{self.weights_hash[:12]}",
            "Last command": self.job.as_command(),
        }
        table, folder = self.report.summary.name, self.job.output.absolute()
        page = as_html(rows, self.record.thumbnail, about, table, folder)
        self.report.sheet = self.record.write_overview(SHEET, page)

    def _write_plates(self) -> None:
        """Write the labels of plates as plates, at the end of a run that asks so."""
        job = self.job
        if job.plate_labels and job.shard is None and not self.report.stopped:
            written = write_label_plates(self.record, self._rows())
            self.report.plates = written.paths
            self.report.notes = [*self.report.notes, *written.notes]

    def _rows(self) -> list[Row]:
        """Rows of all that the folder holds."""
        job = self.job
        masked = job.mask_unreadable
        made = made_from(job.settings, self.weights_hash, job.link, masked)
        present = {
            Row.of(source.image, self.record.name).key for source in self.sources
        }
        return self.record.rows(present, made)
