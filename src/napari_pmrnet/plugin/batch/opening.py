"""Work of opening and saving images of a folder, which goes on beside the window."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_pmrnet.batch.events import FAILED
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.batch.worklist import ChangedError, Opened, Worklist, maps_of
from napari_pmrnet.errors import DataError
from napari_pmrnet.plugin.batch.table import LISTED, FileState
from napari_pmrnet.plugin.widgets.maps import Origins, origins_or_why
from napari_pmrnet.proofreading.origin import stacked

if TYPE_CHECKING:
    from napari_pmrnet.proofreading.place import Place
    from napari_pmrnet.segmentation.predict import Progress


class Ready(NamedTuple):
    """Labels that were read, their maps and origins, and why no more is known."""

    worklist: Worklist
    opened: Opened
    maps: dict[str, np.ndarray]
    origins: Origins
    why: str = ""


class Unsaved(NamedTuple):
    """Labels that were not saved, and why; whether another program was at them."""

    reason: str
    changed: bool


def listed_files(output: Path) -> list[FileState]:
    """Images that an output folder has labels of, and how far each was reviewed."""
    worklist = Worklist(output)
    return [
        FileState(
            worklist.image(row),
            FAILED if row.error else LISTED,
            row,
            None if row.error else worklist.state(row),
            row.name,
        )
        for row in worklist.rows()
    ]


def keep(
    worklist: Worklist,
    opened: Opened,
    labels: np.ndarray,
    statuses: dict[Place, str],
    done: bool,
) -> Opened | Unsaved:
    """Save labels; runs in a worker thread."""
    try:
        return worklist.save(opened, labels, statuses, done)
    except DataError as error:
        return Unsaved(str(error), isinstance(error, ChangedError))


def opening_steps(
    output: Path, row: Row, device: str, hurried: Callable[[], bool]
) -> Generator[Progress, None, Ready]:
    """Read labels and make their maps; runs in a worker thread.

    Parameters
    ----------
    output : Path
        Folder of the results.
    row : Row
    device : str
        Where the network runs.
    hurried : callable
        Whether to go on without maps.

    Yields
    ------
    Progress

    Returns
    -------
    Ready
    """
    worklist = Worklist(output)
    opened = worklist.open(row)
    make = partial(maps_of, opened, device=device)
    known, why = yield from origins_or_why(opened.found, make, hurried)
    return Ready(worklist, opened, *stacked(known), why)
