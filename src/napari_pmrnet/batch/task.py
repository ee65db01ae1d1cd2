"""One file of a batch: what is to be done with it, the doing, and what came of it.

The same steps run in this process or, as a task, on a worker of a cluster. They write
the label TIFF, and maps that are to be kept; record, thumbnails, tables and contact
sheet are written by the one process that leads the batch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pmrnet._software import misfit
from napari_pmrnet.batch.cluster.blocks import RowsOnCluster
from napari_pmrnet.batch.cluster.workers import Demands, complaint, turn, worker_model
from napari_pmrnet.batch.kept_maps import KeptMaps, network_key
from napari_pmrnet.batch.objects import measuring
from napari_pmrnet.batch.run_log import cannot_write, size_of
from napari_pmrnet.batch.summary import Row, scene_key
from napari_pmrnet.batch.thumbnail import thumbnail
from napari_pmrnet.errors import (
    ClusterError,
    DataError,
    PMRNetError,
    TooLargeError,
    WeightsError,
)
from napari_pmrnet.io.formats import MICROSCOPE, Format
from napari_pmrnet.io.images import (
    ImageData,
    loaded,
    open_image,
    read_image,
    scene_names,
)
from napari_pmrnet.io.label_plate import is_label_plate
from napari_pmrnet.io.label_zarr import is_label_zarr
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.ome_zarr import is_inside_zarr
from napari_pmrnet.io.permit import Permit, hash_of
from napari_pmrnet.io.provenance import Provenance, software
from napari_pmrnet.io.units import PIXEL
from napari_pmrnet.io.write import disk_is_full
from napari_pmrnet.proofreading.journal import fingerprint
from napari_pmrnet.segmentation.label_store import LabelStore
from napari_pmrnet.segmentation.objects import DOUBT_LIMIT
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.segment_stack import segment_planes
from napari_pmrnet.segmentation.stack import Stack
from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

TELL_SECONDS = 1.0
LARGE_FILE = 4_000_000
"""Bytes below which a file is read without asking how large its image is."""

logger = logging.getLogger(__name__)
_checked: set[Demands] = set()


@dataclass(frozen=True)
class Task:
    """An image to segment.

    Attributes
    ----------
    number : int
        Of the image in the batch, from 0.
    path, target : Path
        The file of the image, and its labels: a TIFF, or in its place a Zarr with the
        same stem.
    row : Row
        Names of both as the record has them, and which image of the file it is.
    settings : Settings
    weights_hash : str
        SHA-256 of the weights.
    key : dict or None
        `file_key` of the image, so that a large one goes on where it stopped.
    link : str or None
        As of `BatchJob`.
    permit : Permit
        What may be replaced at the target.
    masked : bool
        Whether chunks that cannot be read are masked; see `read_image`.
    maps : Path or None
        Where maps of the file are kept, without what tells planes apart.
    keep_maps : bool
        Whether maps are kept that are not there.
    """

    number: int
    path: Path
    target: Path
    row: Row
    settings: Settings
    weights_hash: str
    key: dict[str, Any] | None = None
    link: str | None = None
    permit: Permit = Permit()
    masked: bool = False
    maps: Path | None = None
    keep_maps: bool = False

    @property
    def provenance(self) -> Provenance:
        """Settings, weights and image that the labels will have been made from."""
        settings = self.settings.as_dict()
        name = self.path.name
        return Provenance(settings, self.weights_hash, name, software=software())

    @property
    def place(self) -> Path:
        """Path of the image that no other one has."""
        return Path(scene_key(str(self.path), self.row.scene_number))


@dataclass(frozen=True)
class Outcome:
    """Outcome of a file.

    Attributes
    ----------
    row : Row
        With `Row.error` if it has no labels.
    labels_hash : str
        `hash_of` the labels.
    picture : bytes
        The thumbnail, JPEG.
    nuclei : bytes
        What `measuring` gives.
    device : str
        Where the network ran.
    ends_run : bool
        Whether every other file would fail in the same way.
    """

    row: Row
    labels_hash: str = ""
    picture: bytes = b""
    nuclei: bytes = b""
    device: str = ""
    ends_run: bool = False


def file_steps(
    task: Task, model: Model, rows: RowsOnCluster | None = None
) -> Generator[Progress, None, Outcome]:
    """Segment a file and write its labels, whole or not at all.

    Parameters
    ----------
    task : Task
    model : Model
    rows : RowsOnCluster, optional
        Hands out the blocks of large images; by default they are made here.

    Yields
    ------
    Progress
        After every batch of windows; closed there, nothing is written.

    Returns
    -------
    Outcome
        Also of a file that cannot be segmented. What is not foreseen is raised.
    """
    started = time.perf_counter()
    try:
        image, notes = _image(task)
        stack = Stack.of(image)
        on_disk = stack.is_large
        kind = Format.ZARR if on_disk else Format.TIFF
        target = task.target.with_suffix(kind.ending)
        _make_room(target)
        task.permit.check(target)
        store = _store(target, task, image, rows) if on_disk else None
        found = yield from segment_planes(
            stack,
            task.settings,
            model,
            task.row.name,
            link=task.link,
            store=store,
            keeper=_keeper(task, model),
        )
        nuclei = yield from measuring(stack, found, image.space, task.row.name)
        if store is None:
            seen = _print_of(stack, task.settings.channel)
            made = replace(
                task.provenance,
                image=_called(task, image),
                fingerprint=seen,
                diameter=found.diameter,
            )
            write_labels(
                target,
                found.labels,
                image.space,
                made,
                overwrite=task.permit,
                image=task.place,
            )
        picture = b"" if found.shown is None else thumbnail(*found.shown)
        digest = hash_of(target)
    except (PMRNetError, MemoryError) as error:
        return failed(task, error)
    seconds = time.perf_counter() - started
    labels = Path(task.row.labels).with_name(target.name).as_posix()
    names = replace(task.row, labels=labels, kind=model.card.label_kind)
    row = _row(names, image, stack, found, [*notes, *found.notes], seconds)
    return Outcome(row, digest, picture, nuclei, model.runs_on)


def segment_file(
    task: Task, demands: Demands, tell: Callable[[Progress], None] = lambda _: None
) -> Outcome | None:
    """Segment a file in a worker process of a cluster.

    The network is loaded once a process, and runs in one thread of it at a time.

    Parameters
    ----------
    task : Task
        With absolute paths.
    demands : Demands
        What is looked at once in a process: it may have joined after the start.
    tell : callable
        Told when the file's turn has come, and about every second of its progress.

    Returns
    -------
    Outcome or None
        None if it was given up because the run that wants it has ended.
    """
    with turn():
        tell(Progress(0, 0, "reading"))
        if demands not in _checked:
            why = complaint(demands)
            if why:
                return failed(task, ClusterError(f"A worker {why}"), ends_run=True)
            _checked.add(demands)
        try:
            model = worker_model(
                demands.model, task.settings.device, demands.weights_hash
            )
        except (WeightsError, ClusterError) as error:
            return failed(task, error, ends_run=True)
        scene = task.row.scene_number or 0
        rows = RowsOnCluster(task.path, task.settings, demands, task.masked, scene)
        steps, due = file_steps(task, model, rows), 0.0
        while True:
            try:
                progress = next(steps)
            except StopIteration as ended:
                return ended.value
            if time.monotonic() < due:
                continue
            due = time.monotonic() + TELL_SECONDS
            if not demands.is_current():
                steps.close()
                return None
            tell(progress)


def failed(task: Task, error: BaseException, ends_run: bool = False) -> Outcome:
    """The outcome of a file that has no labels."""
    row = replace(task.row, error=_reason(error))
    full = isinstance(error, DataError) and disk_is_full(error)
    return Outcome(row, ends_run=ends_run or full)


def _reason(error: BaseException) -> str:
    """Say in a sentence or two why a file has no labels."""
    if isinstance(error, PMRNetError):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return "Too large for the memory of this computer. Segment parts of it."
    logger.info("a file failed", exc_info=error)
    unfit = misfit(error, "Segmenting it")
    if unfit is not None:
        return str(unfit)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _image(task: Task) -> tuple[ImageData, list[str]]:
    """The image of a task, and what is to be said of it."""
    path, scene = task.path, task.row.scene_number or 0
    if is_label_zarr(path) or any(map(is_label_plate, (path, *path.parents))):
        raise _no_image(path)
    try:
        (image,) = _read(path, scene, task.masked)
    except DataError as error:
        names = scene_names(path) if scene else []
        if scene < len(names) or not scene:
            raise
        raise DataError(
            f"{path}: has no scene '{task.row.scene}'. It holds "
            f"{', '.join(filter(None, names)) or 'one without a name'}: name one of "
            "them (--scene), or leave it out to segment all."
        ) from error
    if image.is_labels:
        raise _no_image(path)
    return image, list(image.notes)


def _called(task: Task, image: ImageData) -> str:
    """Name of an image: of its file or, where that holds several, as layers have it."""
    several = task.row.scene_number is not None or is_inside_zarr(task.path)
    return image.name if several else task.path.name


def _no_image(path: Path) -> DataError:
    """The error to raise for labels of ours."""
    return DataError(
        f"{path}: holds labels of napari-pmrnet, not an image. Name the image."
    )


def _read(path: Path, scene: int, masked: bool) -> list[ImageData]:
    """An image of a file: a lazy one if it is too large to be read."""
    if Format.of(path) in MICROSCOPE:
        (image,) = open_image(path, scene=scene)
        return [image if Stack.of(image).is_large else loaded(image, path)]
    if size_of(path) > LARGE_FILE:
        with suppress(DataError):  # said again when the file is read
            images = open_image(path, masked=masked, scene=scene)
            if Stack.of(images[0]).is_large:
                return images
    try:
        return read_image(path, masked=masked, scene=scene)
    except TooLargeError:
        return open_image(path, masked=masked, scene=scene)


def _store(
    target: Path, task: Task, image: ImageData, rows: RowsOnCluster | None
) -> LabelStore:
    """Store of labels that are too large for memory."""
    return LabelStore(
        target,
        image.space,
        identity=task.key,
        fill=None if rows is None else rows.at,
        overwrite=task.permit,
        image=task.place,
    )


def _keeper(task: Task, model: Model) -> KeptMaps | None:
    """Maps of a file that are kept; None where they cannot be known again."""
    if task.maps is None or task.key is None:
        return None
    key = network_key(task.key)
    return KeptMaps(task.maps, key, task.settings, model, task.keep_maps)


def _print_of(stack: Stack, channel: int | None) -> str:
    """Fingerprint of what was segmented of an image: of the channel, if it has some."""
    if not isinstance(stack.data, np.ndarray):
        return stack.print_of_middle(channel)
    if stack.channel_axis is None:
        return fingerprint(stack.data)
    first = stack.plane((0,) * (len(stack.shape) - 2), channel)
    return fingerprint(np.take(stack.data, first.channel or 0, stack.channel_axis))


def _make_room(target: Path) -> None:
    """Make the folder of a label TIFF."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target.parent, error) from error


def _row(
    names: Row,
    image: ImageData,
    stack: Stack,
    found: StackSegmentation,
    notes: list[str],
    seconds: float,
) -> Row:
    """The row of a file that was segmented."""
    certainties, space = found.objects["certainty"].to_numpy(float), image.space
    known, (height, width) = space.unit != PIXEL, space.pixel_size
    some = len(certainties) > 0
    return replace(
        names,
        nuclei=len(certainties),
        certainty=round(float(np.mean(certainties)), 4) if some else None,
        doubtful=round(float(np.mean(certainties < DOUBT_LIMIT)), 4) if some else None,
        seconds=round(seconds, 3),
        pixel_height=height if known else None,
        pixel_width=width if known else None,
        unit=space.unit if known else "",
        planes=stack.count,
        note="; ".join(notes),
    )
