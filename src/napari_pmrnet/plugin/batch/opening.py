"""Work of opening and saving images of a folder, which goes on beside the window."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from napari.layers import Layer

from napari_pmrnet.batch.events import FAILED
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.batch.worklist import ChangedError, Opened, Worklist, maps_of
from napari_pmrnet.errors import DataError, PMRNetError
from napari_pmrnet.plugin.batch.table import LISTED, FileState
from napari_pmrnet.plugin.reader import read_layers
from napari_pmrnet.plugin.widgets.torch_loading import load_torch, quiet_collector
from napari_pmrnet.proofreading.origin import Origin

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pmrnet.proofreading.review import Place
    from napari_pmrnet.segmentation.predict import Progress

logger = logging.getLogger(__name__)

PLUGIN = "napari-pmrnet"
UNAWAITED = "Its certainty was not waited for."


class Ready(NamedTuple):
    """Labels that were read, the origin they have, and why no more is known of it."""

    worklist: Worklist
    opened: Opened
    origin: Origin
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
    with quiet_collector():
        worklist = Worklist(output)
        opened = worklist.open(row)
        bare = Origin(opened.found, {}, None)
        try:
            load_torch()
            steps = maps_of(opened, device)
            while True:
                if hurried():
                    steps.close()
                    return Ready(worklist, opened, bare, UNAWAITED)
                yield next(steps)
        except StopIteration as ended:
            return Ready(worklist, opened, ended.value)
        except PMRNetError as error:
            return Ready(worklist, opened, bare, str(error))
        except Exception as error:  # labels are opened whatever the network does
            logger.exception("the maps of %s failed", opened.image)
            why = f"Its certainty could not be made ({error or type(error).__name__})."
            return Ready(worklist, opened, bare, why)


def open_layers(viewer: ViewerModel, path: Path) -> list[Any]:
    """Open a file by the plugin's own reader, a folder too.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    if not path.is_dir():
        return list(viewer.open(str(path), plugin=PLUGIN))
    return [viewer.add_layer(Layer.create(*layer)) for layer in read_layers(path)]
