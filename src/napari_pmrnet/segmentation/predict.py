"""Tiles through the network: a plain generator that yields once a tile batch."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.tiles import (
    Blend,
    Box,
    TileGrid,
    TileStore,
    fitting_side,
    is_empty,
    longest_side,
)

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

FLOWS = ("flow_y", "flow_x")

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Progress(NamedTuple):
    """Tiles done, tiles in all, and what is going on."""

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


def without_unknown(prediction: Prediction, unknown: np.ndarray | None) -> Prediction:
    """The prediction with nothing found where pixels (H, W) are not known."""
    if unknown is not None:
        for name, values in prediction.maps.items():
            if name not in FLOWS:
                values[unknown] = 0
    return prediction


def run_to_end(steps: Generator[object, None, T]) -> T:
    """Run a generator to its end and hand out what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def predict(
    model: Model,
    image: np.ndarray | Plane,
    box: Box | None = None,
    *,
    scale: float = 1.0,
    flips: bool = False,
    extra_maps: bool = False,
    store: TileStore | None = None,
) -> Generator[Progress, None, Prediction]:
    """Predict the maps of an image, or of a part of it.

    All tiles of an image have the one size that covers it with the fewest pixels, see
    `grid_for`. Their places are those of the whole image. A model that sees images
    whole has one tile, whatever the size of the image. In tiles that are empty, see
    `is_empty`, nothing is found.

    Running out of device memory halves the batch and at last goes to the CPU, and so
    does a GPU that is gone; all are noted. The tiles and their places stay the same.

    Parameters
    ----------
    model : Model
    image : Plane, or ndarray of float32, shape (3, H, W)
        An array as `prepare` gives it. Of a plane on disk what the tiles cover that
        touch the box is read, once; of one in memory as the tiles come.
    box : tuple of slice, optional
        Part that is wanted; by default the whole image.
    scale : float
        Pixels the network sees for each pixel of the image.
    flips : bool
        Mean over four flips of every tile.
    extra_maps : bool
        Also the raw PGRF map, the gates at 1/2 and 1/4 scale and ESConv's map.
    store : TileStore, optional
        Tiles that were predicted for another part; takes those that it is to keep.

    Yields
    ------
    Progress
        After every batch of tiles.

    Returns
    -------
    Prediction
        Maps of the shape of the box.
    """
    seen, grid = grid_for(model, height_and_width(image), scale, box)
    names = model.map_names(extra_maps)
    blend = Blend(grid, len(names))
    pending = grid.boxes()
    cut = _cutting(image, grid, pending)
    total, done = len(pending), 0
    batch_size = batch_for(model, seen)
    notes: list[str] = []
    store = store or TileStore()
    asked, where = model, model.runs_on if model.device.type == "cpu" else ""
    how = extra_maps, seen, flips
    beside = runs_beside(model, seen, total)
    ahead = model.at_once + 1 if beside else 1
    begun: deque[tuple[list[Box], int, Callable[[], Iterator[np.ndarray]]]] = deque()
    while pending or begun:
        while pending and len(begun) < ahead:
            boxes, unknown = _leading(pending, store, batch_size)
            tiles = cut(unknown) if unknown else None
            answer = _begin(model, tiles, scale, how, beside)
            begun.append((boxes, len(unknown), answer))
            del pending[: len(boxes)]
        boxes, tried, answer = begun.popleft()
        try:
            new = answer()
        except RuntimeError as error:
            if model.device.type == "cpu":
                raise
            if is_gone(error):
                batch_size, model = _to_cpu(model, "is gone", notes)
            elif is_out_of_memory(error):
                batch_size, model = _retreat(model, tried, notes)
            else:
                raise
            pending[:0] = boxes
            continue
        for box in boxes:
            maps = store.get(box)
            if maps is None:
                maps = next(new)
                store.add(box, maps)
            blend.add([box], [maps])
        done += len(boxes)
        yield Progress(done, total, f"tile {done} of {total} on {model.device}")
    if where and model is asked and model.runs_on != where:
        notes.append(f"{where} failed: going on with {model.backend.name}")
    maps = dict(zip(names, blend.result(), strict=True))
    return Prediction(maps, model.runs_on, tuple(notes))


def _begin(
    model: Model,
    tiles: np.ndarray | None,
    scale: float,
    how: tuple[bool, tuple[int, int], bool],
    beside: bool,
) -> Callable[[], Iterator[np.ndarray]]:
    """Begin with tiles (N, 3, h, w); what is returned waits for the maps of each.

    The network does not run for those that are empty.
    """
    if tiles is None:
        return lambda: iter(())
    empty = np.zeros(len(tiles), bool)
    if not model.card.label_kind.sees_whole:
        empty = is_empty(tiles, scale)
    shape = len(model.map_names(how[0])), *tiles.shape[2:]
    nothing = np.zeros(shape, np.float32)
    if empty.all():
        return lambda: iter([nothing] * len(tiles))
    held = tiles[~empty]
    later = partial(model.predict_tiles, held, *how)
    answer = model.begin(held, *how) if beside else later

    def maps() -> Iterator[np.ndarray]:
        found = iter(answer())
        return (nothing if is_so else next(found) for is_so in empty)

    return maps


def batch_for(model: Model, seen: tuple[int, int]) -> int:
    """Tiles of a height and width that the network sees at once."""
    return max(1, model.batch_size * model.tile**2 // (seen[0] * seen[1]))


def runs_beside(model: Model, seen: tuple[int, int], total: int) -> bool:
    """Tell whether several batches are under way at once, of so many tiles."""
    return model.at_once > 1 and total > batch_for(model, seen)


def grid_for(
    model: Model, shape: tuple[int, int], scale: float, box: Box | None = None
) -> tuple[tuple[int, int], TileGrid]:
    """Height and width of the tiles the network sees, and their places in an image.

    Parameters
    ----------
    model : Model
    shape : tuple of int
        Height and width of the image, in its pixels.
    scale : float
        Pixels the network sees for each pixel of the image.
    box : tuple of slice, optional
        Part that is wanted.
    """
    if model.card.label_kind.sees_whole:
        seen = model.tile, model.tile
    else:
        most, overlap = longest_side(model.tile), model.overlap
        height, width = (fitting_side(n * scale, most, overlap) for n in shape)
        seen = height, width
    return seen, TileGrid.seen_at(scale, shape, seen, model.overlap, box)


def height_and_width(image: np.ndarray | Plane) -> tuple[int, int]:
    """Height and width of a plane, or of an array (3, H, W)."""
    height, width = image.shape[-2:]
    return height, width


def _cutting(
    image: np.ndarray | Plane, grid: TileGrid, boxes: list[Box]
) -> Callable[[list[Box]], np.ndarray]:
    """What cuts some of these tiles out of an image."""
    if isinstance(image, Plane) and image.in_memory:

        def cut(some: list[Box]) -> np.ndarray:
            part, origin = _covered(image, some)
            return grid.cut(part, some, origin)

        return cut
    part, origin = _covered(image, boxes)
    return lambda some: grid.cut(part, some, origin)


def _covered(
    image: np.ndarray | Plane, boxes: list[Box]
) -> tuple[np.ndarray, tuple[int, int]]:
    """The part (3, h, w) of an image that tiles cover, and its first pixel."""
    if not isinstance(image, Plane):
        return image, (0, 0)
    top, left = (min(box[axis].start for box in boxes) for axis in (0, 1))
    bottom, right = (max(box[axis].stop for box in boxes) for axis in (0, 1))
    return image[:, top:bottom, left:right], (top, left)


def _leading(
    pending: list[Box], store: TileStore, most: int
) -> tuple[list[Box], list[Box]]:
    """The first boxes with at most `most` that are not in store, and those."""
    unknown: list[Box] = []
    for count, box in enumerate(pending):
        if box in store:
            continue
        if len(unknown) == most:
            return pending[:count], unknown
        unknown.append(box)
    return pending[:], unknown


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether a device said that its memory is full."""
    return "out of memory" in str(error).lower()


GONE = (
    "busy or unavailable",
    "gpu is lost",
    "invalid device ordinal",
    "no cuda-capable device",
    "uncorrectable ecc error",
    "unknown error",
    "unspecified launch failure",
)
"""What CUDA says of a GPU that was unplugged, reset, suspended or is broken."""


def is_gone(error: RuntimeError) -> bool:
    """Tell whether a device said that it serves no more."""
    return any(words in str(error).lower() for words in GONE)


def _to_cpu(model: Model, why: str, notes: list[str]) -> tuple[int, Model]:
    """The CPU in place of a device, and how many tiles it takes at once."""
    notes.append(f"{model.device} {why}: going on with the CPU")
    logger.warning(notes[-1])
    model = model.to("cpu")
    return model.batch_size, model


def _retreat(model: Model, tried: int, notes: list[str]) -> tuple[int, Model]:
    """Half the batch, or the CPU when one tile is already too much."""
    if tried == 1:
        return _to_cpu(model, "ran out of memory", notes)
    smaller = tried // 2
    notes.append(
        f"{model.device} ran out of memory: going on with {smaller} tiles at once"
    )
    logger.warning(notes[-1])
    return smaller, model
