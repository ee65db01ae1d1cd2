"""Blocks of a large image on a cluster: one task a row of blocks.

The task of a file hands out the rows and waits; the workers put the blocks where all
see them, beside the labels. A worker that dies loses the block it was at.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pmrnet.batch.cluster.workers import (
    Demands,
    turn,
    turn_given_up,
    worker_model,
)
from napari_pmrnet.errors import ClusterError
from napari_pmrnet.io.images import open_image
from napari_pmrnet.segmentation.block_files import BlockFiles
from napari_pmrnet.segmentation.blocks import BlockGrid, BlockNuclei, label_row
from napari_pmrnet.segmentation.large_plane import Fill
from napari_pmrnet.segmentation.plane import Plane, PlaneStats
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.stack import Stack
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

RETRIES = 2
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class RowsOnCluster:
    """Hands out the rows of a plane from within the task of its file.

    Attributes
    ----------
    path : Path
        Of the image.
    settings : Settings
    demands : Demands
        Of the run.
    masked : bool
        As of `Task`.
    scene : int
        Number of the image in its file.
    """

    path: Path
    settings: Settings
    demands: Demands
    masked: bool = False
    scene: int = 0

    def at(self, place: tuple[int, ...]) -> Fill:
        """The `Fill` of the plane at a place of a stack."""

        def fill(
            files: BlockFiles,
            plane: Plane,
            model: Model,
            settings: Settings,
            stats: PlaneStats,
            grid: BlockGrid,
        ) -> Generator[Progress, None, None]:
            rows = sorted({row for row, _ in files.missing(grid)})
            tasks = [
                RowTask(self, place, files.folder, files.job, stats, grid, row)
                for row in rows
            ]
            yield from self._run(tasks, grid.rows)
            if files.missing(grid) and self.demands.is_current():
                raise ClusterError(
                    f"{self.path}: blocks are missing that workers said were done. "
                    "Does every computer see the output folder at once? Run again."
                )

        return fill

    def _run(self, tasks: list[RowTask], total: int) -> Generator[Progress, None, None]:
        """Give the rows to the cluster and wait for them."""
        from distributed import as_completed, worker_client

        done = total - len(tasks)
        with turn_given_up(), worker_client() as client:
            futures = [
                client.submit(label_row_task, task, retries=RETRIES, pure=False)
                for task in tasks
            ]
            try:
                for future in as_completed(futures):
                    future.result()
                    done += 1
                    yield Progress(done, total, f"row {done} of {total} of its blocks")
            finally:
                client.cancel(futures)


@dataclass(frozen=True)
class RowTask:
    """A row of blocks of a plane; see `label_row_task`."""

    rows: RowsOnCluster
    place: tuple[int, ...]
    folder: Path
    job: Mapping[str, Any]
    stats: PlaneStats
    grid: BlockGrid
    row: int

    @cached_property
    def plane(self) -> Plane:
        """The plane, opened here, with what was measured of it."""
        rows, path = self.rows, self.rows.path
        channel = rows.settings.channel
        (image,) = open_image(path, masked=rows.masked, scene=rows.scene)
        plane = Stack.of(image).plane(self.place, channel, path.name)
        plane.limits, plane.smoothing = self.stats.limits, self.stats.smoothing
        return plane


def label_row_task(task: RowTask) -> None:
    """Make the blocks of a row that are not there, on a worker.

    Ends early, without an error, when the run that wants them has ended.
    """
    settings, demands = task.rows.settings, task.rows.demands
    with turn():
        model = worker_model(settings.model, settings.device, demands.weights_hash)
        files = BlockFiles(task.folder, task.job)
        columns = [
            column for row, column in files.missing(task.grid) if row == task.row
        ]
        looked = time.monotonic()
        steps = label_row(
            task.plane, model, settings, task.stats, task.grid, task.row, columns
        )
        for step in steps:
            if isinstance(step, BlockNuclei):
                files.save(step)
            elif time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                if not demands.is_current():
                    return
