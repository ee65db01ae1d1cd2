"""Windows through the network: a plain generator that yields once a window batch."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from napari_pmrnet.segmentation.windows import Blend, Box, WindowGrid

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model

FLOWS = ("flow_y", "flow_x")

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Progress(NamedTuple):
    """Windows done, windows in all, and what is going on."""

    done: int
    total: int
    message: str


class Prediction(NamedTuple):
    """Maps by name, each float32 (H, W), the device used and what to tell the user."""

    maps: dict[str, np.ndarray]
    device: str
    notes: tuple[str, ...]


def take_flows(maps: dict[str, np.ndarray]) -> np.ndarray | None:
    """Take the flows (2, H, W) out of predicted maps; None if there are none."""
    flows = [maps.pop(name) for name in FLOWS if name in maps]
    return np.stack(flows) if flows else None


def run_to_end(steps: Generator[Progress, None, T]) -> T:
    """Run a generator to its end and hand out what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def predict(
    model: Model,
    image: np.ndarray,
    *,
    scale: float = 1.0,
    flips: bool = False,
    box: Box | None = None,
    extra_maps: bool = False,
) -> Generator[Progress, None, Prediction]:
    """Predict the maps of an image.

    A window always has the same size for the network; `scale` changes how much of the
    image it shows.

    Running out of device memory halves the batch and at last goes to the CPU; both are
    noted. The windows and their places stay the same.

    Parameters
    ----------
    model : Model
    image : ndarray of float32, shape (3, H, W)
        As `prepare` gives it.
    scale : float
        Pixels the network sees for each pixel of the image.
    flips : bool
        Mean over four flips of every window.
    box : tuple of slice, optional
        Predict only the windows that touch this part; the rest of the maps is zero.
    extra_maps : bool
        Also the raw PGRF map, the gates at 1/2 and 1/4 scale and ESConv's map.

    Yields
    ------
    Progress
        After every batch of windows.

    Returns
    -------
    Prediction
    """
    window, overlap = (round(n / scale) for n in (model.window, model.overlap))
    grid = WindowGrid(image.shape[1:], window, overlap, box)
    names = model.map_names(extra_maps)
    blend = Blend(grid, len(names))
    pending = grid.boxes()
    total, done, batch_size = len(pending), 0, model.batch_size
    notes: list[str] = []
    while pending:
        boxes = pending[:batch_size]
        try:
            maps = model.predict_windows(
                grid.cut(image, boxes), extra_maps, model.window, flips
            )
        except RuntimeError as error:
            if not _out_of_memory(error) or model.device.type == "cpu":
                raise
            batch_size, model = _retreat(model, len(boxes), notes)
            continue
        blend.add(boxes, maps)
        del pending[: len(boxes)]
        done += len(boxes)
        yield Progress(done, total, f"window {done} of {total} on {model.device}")
    maps = dict(zip(names, blend.result(), strict=True))
    return Prediction(maps, model.runs_on, tuple(notes))


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether a device said that its memory is full."""
    return "out of memory" in str(error).lower()


def _retreat(model: Model, tried: int, notes: list[str]) -> tuple[int, Model]:
    """Half the batch, or the CPU when one window is already too much."""
    if tried > 1:
        smaller = tried // 2
        notes.append(
            f"{model.device} ran out of memory: going on with {smaller} windows at once"
        )
    else:
        notes.append(f"{model.device} ran out of memory: going on with the CPU")
        model = model.to("cpu")
        smaller = model.batch_size
    logger.warning(notes[-1])
    return smaller, model
