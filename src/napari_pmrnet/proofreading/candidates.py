"""Outlines that a nucleus at a click could have.

Some come from what the network saw there below its thresholds, some from the gate, some
from the image alone: where one kind fails another often does not. Each is a connected
part of the unlabelled pixels around the click, so that none touches another nucleus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import polygon
from skimage.morphology import disk
from skimage.segmentation import watershed

from napari_pmrnet.proofreading.boxes import grown
from napari_pmrnet.segmentation.flow_labels import components, label_nuclei
from napari_pmrnet.segmentation.tiles import Box, block_mean, box_of
from napari_pmrnet.settings import Settings

Mask = NDArray[np.bool_]

LARGEST = 60
"""Pixels across from which on a nucleus is looked at in coarser pixels."""
WIDEST = 1.2
"""Largest distance of an outline from the click, in diameters."""
SIZES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4)
"""Sizes that are tried, in diameters of a typical nucleus: missed ones are small."""
DRAGGED_SIZES = (0.85, 1.0, 1.2)
SMALLEST = 5.0
"""Pixels across of the smallest size that is tried."""
LEAST_AREA = 5
HAND = 2.0
"""Pixels by which a click may miss."""
LEVELS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
SHADES = (0.25, 0.4, 0.55)
DARK = 0.3
"""Quantile of what lies around a nucleus that is taken for its ground."""
SAMPLED, FEW = 256, 20
"""Pixels a side that are looked at for whether nuclei are bright; too few of them."""
CORE, BOUND = 0.15, 0.8
"""Radii, in diameters, of what is surely inside and from which on all is outside."""
OPENING = 0.08
"""Radius of what is too thin to be of a nucleus, in diameters."""
ARC, STEP = 1.5, 0.5
"""Pixels between the rays on which a ring lies, and along them."""
PULL, BEND = 0.3, 0.05


@dataclass(frozen=True)
class View:
    """The surroundings of a click, in pixels of `step` x `step` of the image.

    Attributes
    ----------
    box : tuple of slice
        Where they lie in the image.
    step : int
    click : (y, x)
        In pixels of the view, in which the arrays and `across` are too.
    across : float
        Diameter of a typical nucleus, or of this one.
    dragged : bool
        Whether the user said how large this one is.
    free : ndarray of bool, shape (h, w)
        Pixels without a label.
    image : ndarray of float32, shape (h, w), or None
        Smoothed, with nuclei brighter than what is around; of the free pixels the mean
        is 0 and the standard deviation 1.
    probability, gate : ndarray of float32, shape (h, w), or None
    flows : ndarray of float32, shape (2, h, w), or None
    """

    box: Box
    step: int
    click: tuple[float, float]
    across: float
    dragged: bool
    free: Mask
    image: np.ndarray | None = None
    probability: np.ndarray | None = None
    gate: np.ndarray | None = None
    flows: np.ndarray | None = None

    @classmethod
    def around(
        cls,
        labels: np.ndarray,
        click: tuple[float, float],
        across: float,
        maps: Mapping[str, np.ndarray],
        flows: np.ndarray | None,
        image: np.ndarray | None,
        dragged: bool = False,
    ) -> View:
        """The surroundings of a click on an unlabelled pixel; see `outline_at`."""
        reach = int(np.ceil(WIDEST * across)) + 5
        middle = [round(place) for place in click]
        pixel = box_of(slice(at, at + 1) for at in middle)
        box = grown(pixel, reach, labels.shape)
        step = max(1, int(2 * across // LARGEST))
        free = _reduced(np.asarray(labels[box]) == 0, step) >= 0.5
        at = tuple((m - s.start) // step for m, s in zip(middle, box, strict=True))
        free[at] = True
        probability = gate = None
        if "probability" in maps and "boundary" in maps:
            probability = _cut(maps["probability"], box, step)
            gate = _cut(maps["boundary"], box, step)
        y, x = (
            (place - s.start + 0.5) / step - 0.5
            for place, s in zip(click, box, strict=True)
        )
        shown = None
        if image is not None:
            shown = _standardised(_cut(image, box, step), free, across / step)
        if shown is not None and not _are_bright(labels, image, bool(shown[at] > 0)):
            shown = -shown
        return cls(
            box,
            step,
            (y, x),
            across / step,
            dragged,
            free,
            shown,
            probability,
            gate,
            _cut(flows, box, step),
        )

    @property
    def sizes(self) -> tuple[float, ...]:
        """Sizes that are tried, in diameters."""
        if self.dragged:
            return DRAGGED_SIZES
        large = tuple(size for size in SIZES if size * self.across >= SMALLEST)
        return large or SIZES[-1:]

    @property
    def at(self) -> tuple[int, int]:
        """Pixel of the click."""
        y, x = (round(place) for place in self.click)
        height, width = self.free.shape
        return min(max(y, 0), height - 1), min(max(x, 0), width - 1)

    @cached_property
    def far(self) -> np.ndarray:
        """Distance of every pixel from the click, in diameters."""
        ys, xs = np.ogrid[: self.free.shape[0], : self.free.shape[1]]
        return np.hypot(ys - self.click[0], xs - self.click[1]) / self.across

    @cached_property
    def room(self) -> Mask:
        """Pixels that an outline may hold."""
        return self.free & (self.far <= WIDEST)

    @cached_property
    def slopes(self) -> np.ndarray | None:
        """Gradient of the image, (2, h, w)."""
        return None if self.image is None else np.array(np.gradient(self.image))

    @cached_property
    def steep(self) -> np.ndarray:
        """Length of the gradient."""
        return np.hypot(*(np.zeros((2, 1, 1)) if self.slopes is None else self.slopes))

    def shades(self, size: float) -> tuple[float, float]:
        """Brightness at the click, and around a nucleus of a size."""
        if self.image is None:
            return 0.0, 0.0
        around = self.free & (self.far > 0.6 * size) & (self.far < 1.2 * size)
        if self.probability is not None:
            faint = around & (self.probability < 0.3)
            around = faint if faint.any() else around
        around = around if around.any() else self.free
        near = self.room & (self.far * self.across <= HAND)
        here = self.image[near].max(initial=self.image[self.at])
        return float(here), float(np.quantile(self.image[around], DARK))

    def tidied(self, mask: Mask, size: float) -> Mask | None:
        """The part of a mask that an outline may be; None without one at the click."""
        part = connected(mask & self.room, self.at)
        if part is None:
            return None
        radius = round(OPENING * size * self.across)
        if radius:
            opened = np.asarray(ndimage.binary_opening(part, disk(radius)), bool)
            part = connected(opened, self.at) if opened[self.at] else part
        filled = np.asarray(ndimage.binary_fill_holes(part), bool) & self.room
        part = connected(filled, self.at)
        return part if part is not None and part.sum() >= LEAST_AREA else None

    def enlarged(self, mask: Mask, shape: tuple[int, ...]) -> Mask:
        """A mask in pixels of the image, of the shape of the box."""
        if self.step == 1:
            return mask
        large = mask.repeat(self.step, axis=0).repeat(self.step, axis=1)
        large = large[: shape[0], : shape[1]].astype(np.float32)
        return ndimage.gaussian_filter(large, self.step / 2) > 0.5


def connected(mask: Mask, at: tuple[int, int]) -> Mask | None:
    """The connected part of a mask that holds a pixel; None if it does not."""
    parts, _ = components(mask)
    return parts == parts[at] if parts[at] else None


def candidates(view: View, proposal: Mask | None = None) -> dict[str, Mask]:
    """Outlines that a nucleus could have, each once, by where they come from.

    Parameters
    ----------
    view : View
    proposal : ndarray of bool, of the shape of the view's box, optional
        That of a missed nucleus.
    """
    found: dict[str, Mask] = {}
    known: set[bytes] = set()
    if proposal is not None:
        mask = _reduced(proposal, view.step) >= 0.5
        part = connected(mask & view.free, view.at)
        if part is not None:
            found["proposal"] = part
    for name, mask, size in _drawn(view):
        tidy = view.tidied(mask, size)
        if tidy is not None and (key := np.packbits(tidy).tobytes()) not in known:
            known.add(key)
            found[name] = tidy
    return found


def _drawn(view: View) -> Iterator[tuple[str, Mask, float]]:
    """Outlines as they come, not yet tidied, and of which size they are at least."""
    smallest = view.sizes[0]
    if view.probability is not None and view.gate is not None:
        for name, mask in _levels(view, view.probability):
            yield name, mask, smallest
    for size in view.sizes:
        yield f"disc {size:.2f}", view.far <= size / 2, size
        if view.gate is not None:
            yield f"gate {size:.2f}", _flooded(view, view.gate, size), size
        if view.image is not None:
            yield f"slope {size:.2f}", _flooded(view, view.steep, size), size
            here, beyond = view.shades(size)
            for share in SHADES:
                level = beyond + share * (here - beyond)
                mask = (view.image > level) & (view.far <= size)
                yield f"shade {share} {size:.2f}", mask, size
        for name, mask in _rings(view, size):
            yield f"{name} {size:.2f}", mask, size


def _levels(view: View, probability: np.ndarray) -> Iterator[tuple[str, Mask]]:
    """What lies above lower thresholds, as a whole and by where the flows lead."""
    for level in LEVELS:
        yield f"above {level}", probability > level
        if view.flows is not None:
            settings = Settings(
                probability_threshold=level, seed_threshold=0.1, min_area=1
            )
            basins = label_nuclei(
                np.where(view.free, probability, 0), view.flows, settings, view.across
            )
            if basins[view.at]:
                yield f"basin {level}", basins == basins[view.at]


def _flooded(view: View, ridge: np.ndarray, size: float) -> Mask:
    """Watershed of ridges from the click and from afar."""
    seeds = np.where((view.far > BOUND * size) | ~view.free, 2, 0)
    seeds[view.free & (view.far <= CORE * size)] = 1
    seeds[view.at] = 1
    return watershed(ridge, seeds) == 1


def _rings(view: View, size: float) -> Iterator[tuple[str, Mask]]:
    """Closed lines around the click along the steepest rims, by dynamic programming.

    As for the optimal closed boundary in polar coordinates (Sun and Pallottino, Pattern
    Recognition 36, 2003, 407-417), with a pull towards the expected size.
    """
    around = view.across * size / 2
    count = max(24, round(2 * np.pi * around / ARC))
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)[:, None]
    radii = np.arange(1, min(2.5 * around, WIDEST * view.across) + 1, STEP)
    ways = np.array(
        [
            view.click[0] + np.sin(angles) * radii,
            view.click[1] + np.cos(angles) * radii,
        ]
    )

    def along(values: np.ndarray) -> np.ndarray:
        return ndimage.map_coordinates(
            np.asarray(values, np.float32), ways, order=1, mode="nearest"
        )

    free = ndimage.map_coordinates(
        view.free.astype(np.float32), ways, order=1, cval=0.0
    )
    blocked = np.cumsum(free < 0.5, axis=1)
    rims: dict[str, np.ndarray] = {}
    if view.probability is not None and view.gate is not None:
        rims["network"] = _unit(-np.gradient(along(view.probability), axis=1)) + _unit(
            along(view.gate)
        )
    if view.image is not None:
        rims["image"] = _unit(-np.gradient(along(view.image), axis=1))
    if len(rims) == 2:
        rims["both"] = rims["network"] / 2 + rims["image"]
    for name, rim in rims.items():
        rim = np.where(blocked == 1, rim.max(), rim)
        cost = PULL * np.log(radii / around) ** 2 - rim + 1e3 * (blocked > 1)
        ring = radii[_closed_path(cost)]
        ys = view.click[0] + np.sin(angles[:, 0]) * ring
        xs = view.click[1] + np.cos(angles[:, 0]) * ring
        mask = np.zeros(view.free.shape, bool)
        mask[polygon(ys, xs, mask.shape)] = True
        yield f"ring {name}", mask


def _closed_path(cost: np.ndarray) -> np.ndarray:
    """Column of every row on the cheapest path down and round again to its start.

    Neighbouring rows differ by a column at most. The rows are gone through three times,
    and the second round is taken, whose ends meet.
    """
    rounds = np.tile(cost, (3, 1))
    total, came = rounds.copy(), np.zeros(rounds.shape, np.int8)
    wall = np.full(1, np.inf)
    for row in range(1, len(rounds)):
        before = total[row - 1]
        ways = np.stack(
            [
                np.concatenate([wall, before[:-1]]) + BEND,
                before,
                np.concatenate([before[1:], wall]) + BEND,
            ]
        )
        best = ways.argmin(axis=0)
        came[row] = best - 1
        total[row] += ways.min(axis=0)
    path = np.empty(len(rounds), int)
    path[-1] = total[-1].argmin()
    for row in range(len(rounds) - 1, 0, -1):
        path[row - 1] = path[row] + came[row, path[row]]
    return path[len(cost) : 2 * len(cost)]


def _are_bright(labels: np.ndarray, image: np.ndarray | None, here: bool) -> bool:
    """Tell whether nuclei are brighter than the ground, as labels show.

    `here` tells it of the click, for where there are too few of them.
    """
    step = max(1, min(labels.shape) // SAMPLED)
    inside = np.asarray(labels[::step, ::step]) > 0
    values = np.asarray(image)[::step, ::step]
    if inside.sum() < FEW or inside.all():
        return here
    return bool(np.nanmedian(values[inside]) > np.nanmedian(values[~inside]))


def _unit(values: np.ndarray) -> np.ndarray:
    """Values above 0, the largest of them 1."""
    values = np.maximum(values, 0)
    return values / max(float(values.max()), 1e-6)


def _cut(values: np.ndarray | None, box: Box, step: int) -> np.ndarray | None:
    """The part of an image (..., H, W) in a box, in pixels of a view; None of None."""
    if values is None:
        return None
    part = np.asarray(values[(..., *box)], np.float32)
    return _reduced(part, step)


def _reduced(values: np.ndarray, step: int) -> np.ndarray:
    """Means (..., h, w) of blocks of pixels; those that are cut are filled up."""
    if step == 1:
        return values
    height, width = values.shape[-2:]
    lead = [(0, 0)] * (values.ndim - 2)
    edge = [*lead, (0, -height % step), (0, -width % step)]
    return block_mean(np.pad(np.asarray(values, np.float32), edge, "edge"), step)


def _standardised(
    image: np.ndarray | None, free: Mask, across: float
) -> np.ndarray | None:
    """An image smoothed and scaled by its free pixels; None if it shows nothing."""
    if image is None:
        return None
    known = np.isfinite(image)
    if not known.all():
        image = np.where(known, image, np.median(image[known]) if known.any() else 0)
    smooth = ndimage.gaussian_filter(image, max(0.7, across / 25))
    spread = float(smooth[free].std())
    if spread <= 1e-6 * max(float(np.abs(smooth).max()), 1e-30):
        return None
    return (smooth - smooth[free].mean()) / spread
