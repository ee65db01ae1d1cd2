"""The engine: files in, labels, table and contact sheet out, as a plain generator."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

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
from napari_pmrnet.batch.inputs import Source, find_sources
from napari_pmrnet.batch.job import BatchJob
from napari_pmrnet.batch.record import Entry, Record, file_key, hash_of
from napari_pmrnet.batch.rows import DOUBTFUL, Row, write_summary
from napari_pmrnet.batch.sheet import write_sheet
from napari_pmrnet.batch.thumbnail import thumbnail
from napari_pmrnet.errors import DataError, PMRNetError
from napari_pmrnet.io.atomic import disk_is_full, replace_file
from napari_pmrnet.io.images import ImageData, read_image
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.units import PIXEL
from napari_pmrnet.pretrained.library import find_weights, read_card
from napari_pmrnet.segmentation.planes import (
    Stack,
    StackSegmentation,
    segment_planes,
)
from napari_pmrnet.segmentation.predict import Progress, run_to_end
from napari_pmrnet.segmentation.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model

logger = logging.getLogger(__name__)

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
) -> BatchReport:
    """Segment files and folders and write labels, a table and a contact sheet.

    Parameters
    ----------
    inputs : iterable of str or Path
        Files, folders and patterns; a single one may stand alone.
    output : str or Path
        Folder of the results; see `batch_steps`.
    settings : Settings, optional
        By default with the thresholds that were tuned for the model.
    recursive, overwrite, strict, link
        See `BatchJob`.
    model : Model, optional
        By default the model and device that the settings name.

    Returns
    -------
    BatchReport

    Raises
    ------
    DataError
        If an input holds no image or the output cannot be written to. Files that
        cannot be segmented are told in their row.
    """
    if settings is None:
        settings = Settings.for_card(read_card(find_weights(Settings().model)))
    several = [inputs] if isinstance(inputs, str | Path) else inputs
    names = tuple(map(str, several))
    job = BatchJob(names, Path(output), settings, recursive, overwrite, strict, link)
    return run_to_end(batch_steps(job, model))


def batch_steps(
    job: BatchJob,
    model: Model | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, BatchReport]:
    """Segment the files of a job, one after the other.

    Every file gets a label TIFF, written whole or not at all, and a line in the record
    of the output folder. A file that the record knows as finished, with these settings
    and weights, is not segmented again. ``summary.csv`` and ``contact_sheet.html``
    tell of all that the folder holds; they are written at the end, and when the run is
    stopped or the generator closed.

    Parameters
    ----------
    job : BatchJob
    model : Model, optional
        By default loaded for the first file that needs it.
    stop : callable
        Asked after every batch of windows; once it is true the run ends.

    Yields
    ------
    FilesFound, FileStarted, FileProgress, FileEnded

    Returns
    -------
    BatchReport

    Raises
    ------
    DataError
        If an input holds no image or the output cannot be written to.
    WeightsError
        If the model is missing or altered.
    """
    return (yield from _Batch(job, model, stop).steps())


class _Batch:
    """A run of a job."""

    def __init__(
        self, job: BatchJob, model: Model | None, stop: Callable[[], bool]
    ) -> None:
        self.job, self.model, self.stop = job, model, stop
        card = read_card(find_weights(job.settings.model))
        self.weights_hash = str((model.card if model else card).get("sha256"))
        self.sources = find_sources(job.inputs, job.output, job.recursive)
        self.inputs = {source.path.resolve() for source in self.sources}
        self.record = Record(job.output)
        self.report = BatchReport(job.output, len(self.sources))
        self._written = time.monotonic()

    def steps(self) -> Generator[Event, None, BatchReport]:
        """All files, then the overview of the folder."""
        yield FilesFound([source.path for source in self.sources])
        try:
            for number, source in enumerate(self.sources):
                if self.stop() or (self.job.strict and self.report.ended[FAILED]):
                    self.report.stopped = True
                    break
                yield FileStarted(number, source.path)
                ended = yield from self._file(number, source)
                if ended is None:
                    self.report.stopped = True
                    break
                status, row = ended
                self.report.ended[status] += 1
                self.report.rows.append(row)
                self._summarise_now_and_then()
                yield FileEnded(number, source.path, status, row)
        except BaseException:
            with suppress(DataError):
                self._write_overview()
            raise
        self._write_overview()
        return self.report

    def _file(
        self, number: int, source: Source
    ) -> Generator[Event, None, tuple[str, Row] | None]:
        """Segment a file if need be; what came of it, None if the run was stopped."""
        entry = self.record.claim(source, self.inputs, self.job.overwrite)
        key = None
        with suppress(OSError):  # a file that is not there is reported when it is read
            key = file_key(
                source.path, self.job.settings, self.weights_hash, self.job.link
            )
            if not self.job.overwrite:
                if self.record.is_finished(entry, key):
                    return UNCHANGED, entry.row
                if self.record.is_changed(entry):
                    return KEPT, replace(entry.row, note=KEPT_NOTE, error="")
        if self.model is None:
            yield from self._load_model(number, source.path)
        try:
            row = yield from self._segment(number, source.path, entry.row.labels)
        except Exception as error:
            if isinstance(error, DataError) and disk_is_full(error):
                raise
            row = Row(entry.row.file, entry.row.labels, error=_reason(error))
        if row is None:
            return None
        if row.error:
            self.record.add(Entry(row, None, entry.labels_hash))
            return FAILED, replace(row, labels="")
        digest = hash_of(self.job.output / row.labels)
        self.record.add(Entry(row, key, digest))
        return DONE, row

    def _load_model(self, number: int, path: Path) -> Generator[Event, None, None]:
        """Load the network."""
        yield FileProgress(number, path, Progress(0, 0, "loading the network"))
        from napari_pmrnet.pretrained import load_model

        self.model = load_model(self.job.settings.model, self.job.settings.device)

    def _segment(
        self, number: int, path: Path, labels: str
    ) -> Generator[Event, None, Row | None]:
        """Segment a file and write its labels and thumbnail."""
        started = time.perf_counter()
        image, notes = _only_image(path)
        stack = Stack(image.data, image.axes, image.channel_axis, image.rgb)
        job = self.job
        steps = segment_planes(
            stack, job.settings, self.model, path.name, link=job.link
        )
        while True:
            try:
                progress = next(steps)
            except StopIteration as ended:
                found: StackSegmentation = ended.value
                break
            yield FileProgress(number, path, progress)
            if self.stop():
                steps.close()
                return None
        write_labels(
            self.record.make_room(labels),
            found.labels,
            axes=image.axes,
            scale=image.scale,
            units=image.units,
            settings=self.job.settings,
            weights_hash=self.weights_hash,
        )
        file = self.record.name(path)
        picture = thumbnail(*found.shown)
        replace_file(self.record.thumbnail(file), lambda stream: stream.write(picture))
        self.report.device = self.model.runs_on
        seconds = time.perf_counter() - started
        return _row(file, labels, image, found, [*notes, *found.notes], seconds)

    def _summarise_now_and_then(self) -> None:
        """Keep the table near to what is done, for a run that is killed."""
        if time.monotonic() - self._written > SUMMARY_SECONDS:
            write_summary(self.report.summary, self._rows())
            self._written = time.monotonic()

    def _write_overview(self) -> None:
        """Write the table and the contact sheet of the folder."""
        rows = self._rows()
        write_summary(self.report.summary, rows)
        write_sheet(
            self.report.sheet,
            rows,
            self.record.thumbnail,
            {
                "Model": f"{Path(self.job.settings.model).stem}, SHA-256 "
                f"{self.weights_hash[:12]}",
                "Last command": self.job.as_command(),
            },
        )

    def _rows(self) -> list[Row]:
        """Rows of all that the folder holds."""
        return self.record.rows({self.record.name(s.path) for s in self.sources})


def _reason(error: Exception) -> str:
    """Why a file has no labels, in a sentence or two."""
    if isinstance(error, PMRNetError):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return "Too large for the memory of this computer. Segment parts of it."
    logger.info("a file failed", exc_info=error)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _only_image(path: Path) -> tuple[ImageData, list[str]]:
    """The first image of a file, and what is to be said of the others."""
    first, *others = read_image(path)
    if first.is_labels:
        raise DataError(
            f"{path}: holds labels of napari-pmrnet, not an image. Name the image."
        )
    if not others:
        return first, []
    return first, [f"{len(others) + 1} images in the file, only the first segmented"]


def _row(
    file: str,
    labels: str,
    image: ImageData,
    found: StackSegmentation,
    notes: list[str],
    seconds: float,
) -> Row:
    """The row of a file that was segmented."""
    certainties, known = found.objects["certainty"], image.units[-1] != PIXEL
    some = len(certainties) > 0
    return Row(
        file,
        labels,
        nuclei=len(certainties),
        certainty=round(float(certainties.mean()), 4) if some else None,
        doubtful=round(float((certainties < DOUBTFUL).mean()), 4) if some else None,
        seconds=round(seconds, 3),
        pixel_height=image.scale[-2] if known else None,
        pixel_width=image.scale[-1] if known else None,
        unit=image.units[-1] if known else "",
        planes=int(found.labels[..., 0, 0].size),
        note="; ".join(notes),
    )
