"""Edits of labels, each a pure function: labels in, the pixels to change out.

Nothing here writes into the labels, so that a viewer can preview an edit, apply it as
one step of its own undo history, and a journal can keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from skimage.draw import line as line_pixels
from skimage.segmentation import watershed

from napari_pmrnet.errors import EditError
from napari_pmrnet.io.label_numbers import LARGEST_LABEL, type_with_room
from napari_pmrnet.proofreading.boxes import box_around, grown
from napari_pmrnet.segmentation.flow_labels import components
from napari_pmrnet.segmentation.tiles import Box, box_of

Point = tuple[float, float]

SEED_RADIUS = 1.5
SPREAD = 0.02


class Edit(NamedTuple):
    """Pixels to change.

    Attributes
    ----------
    ys, xs : ndarray of int, shape (n,)
        Only pixels whose label really changes.
    values : ndarray of int32, shape (n,)
        Their new labels.
    """

    ys: np.ndarray
    xs: np.ndarray
    values: np.ndarray

    @property
    def box(self) -> Box:
        """Smallest box that holds all pixels; the edit must have some."""
        return box_of(
            slice(int(axis.min()), int(axis.max()) + 1) for axis in (self.ys, self.xs)
        )

    def applied_to(self, labels: np.ndarray) -> np.ndarray:
        """A copy of the labels with the edit, of a wider type if it needs one."""
        highest = int(self.values.max(initial=0))
        edited = labels.astype(type_with_room(labels.dtype, highest))
        edited[self.ys, self.xs] = self.values
        return edited


def split(
    labels: np.ndarray,
    label: int,
    clicks: Sequence[Point],
    gate: np.ndarray | None = None,
    *,
    within: Box | None = None,
    next_label: int | None = None,
) -> Edit:
    """Split a nucleus into one part a click.

    A watershed (Meyer 1991, as in scikit-image) floods the boundary gate from the
    clicks, inside the nucleus. Where the gate is flat the nearest click wins.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    label : int
        The nucleus.
    clicks : sequence of (y, x)
        Two or more places, in pixels; one outside the nucleus counts for the pixel of
        it that lies nearest.
    gate : ndarray of float32, shape (H, W), optional
        Boundary gate, in [0, 1]. Without it only the distance to the clicks counts.
    within : tuple of slice, optional
        A box known to hold the nucleus.
    next_label : int, optional
        First number for the new parts; by default above all that are in use. The
        largest part keeps its label.

    Returns
    -------
    Edit

    Raises
    ------
    EditError
        If there is no such nucleus, or the clicks do not fall on two of its pixels.
    """
    box = box_around(labels, label, within)
    mask = labels[box] == label
    origin = np.array([s.start for s in box])
    seeds = _seeds(mask, [np.subtract(click, origin) for click in clicks])
    if seeds.max() < 2:
        raise EditError(
            f"nucleus {label} needs two clicks at different places to be split."
        )
    elevation = _flat_distance(seeds)
    if gate is not None:
        elevation = elevation + gate[box]
    parts = watershed(elevation, seeds, mask=mask)
    return take_parts(labels, label, box, parts, next_label)


def split_along(
    labels: np.ndarray,
    label: int,
    path: Sequence[Point],
    *,
    within: Box | None = None,
    next_label: int | None = None,
) -> Edit:
    """Cut a nucleus along a drawn line.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    label : int
        The nucleus.
    path : sequence of (y, x)
        Corners of the line, in pixels.
    within : tuple of slice, optional
        A box known to hold the nucleus.
    next_label : int, optional
        As for `split`.

    Returns
    -------
    Edit
        The pixels under the line go to the part they are nearest to.

    Raises
    ------
    EditError
        If there is no such nucleus, or the line does not cut it in two.
    """
    box = box_around(labels, label, within)
    mask = labels[box] == label
    origin = np.array([s.start for s in box])
    cut = np.zeros(mask.shape, bool)
    cut[path_pixels(np.rint(path) - origin, mask.shape)] = True
    parts, count = components(mask & ~cut)
    _, whole = components(mask)
    if count <= whole:
        raise EditError(
            f"the line does not cut nucleus {label} in two. Draw it from one side of "
            "the nucleus to the other."
        )
    parts = watershed(np.zeros(mask.shape), parts, mask=mask, connectivity=2)
    return take_parts(labels, label, box, parts, next_label)


def take_parts(
    labels: np.ndarray,
    label: int,
    box: Box,
    parts: np.ndarray,
    next_label: int | None = None,
) -> Edit:
    """Divide a nucleus into given parts.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    label : int
        The nucleus.
    box : tuple of slice
        A box that holds it.
    parts : ndarray of int, of the shape of `box`
        Any numbers; what lies outside the nucleus or is 0 keeps its label.
    next_label : int, optional
        As for `split`: the largest part keeps the label.
    """
    if next_label is None:
        next_label = int(labels.max()) + 1
    parts = np.where(labels[box] == label, parts, 0)
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    kept = int(np.argmax(areas))
    numbers = np.zeros(len(areas), np.int32)
    others = [n for n in np.flatnonzero(areas) if n != kept]
    numbers[others] = as_values(next_label + np.arange(len(others)))
    ys, xs = np.nonzero(numbers[parts])
    values = numbers[parts[ys, xs]]
    return Edit(ys + box[0].start, xs + box[1].start, values)


def path_pixels(
    path: Sequence[Point] | np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (ys, xs) of an image under a line with the corners (y, x) of `path`."""
    corners = np.rint(np.asarray(path, float)).astype(int)
    pieces = [
        line_pixels(*start, *end)
        for start, end in zip(corners[:-1], corners[1:], strict=True)
    ]
    ys, xs = np.concatenate([corners[:1].T, *pieces], axis=1)
    inside = (ys >= 0) & (xs >= 0) & (ys < shape[0]) & (xs < shape[1])
    return ys[inside], xs[inside]


def labels_under(labels: np.ndarray, path: Sequence[Point]) -> list[int]:
    """Labels under a drawn line, in the order in which it meets them."""
    met = labels[path_pixels(path, labels.shape)]
    return [int(name) for name in dict.fromkeys(met.tolist()) if name]


def merge(
    labels: np.ndarray, into: int, others: Iterable[int], within: Box | None = None
) -> Edit:
    """Make several nuclei one.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    into : int
        The label that stays.
    others : iterable of int
        Labels that become `into`.
    within : tuple of slice, optional
        A box known to hold them all.

    Raises
    ------
    EditError
        If one of them does not exist, or there is nothing to merge.
    """
    box_around(labels, into, within)
    others = [other for other in dict.fromkeys(others) if other != into]
    if not others:
        raise EditError("one nucleus alone cannot be merged. Choose a second one.")
    for other in others:
        box_around(labels, other, within)
    return recolour(labels, dict.fromkeys(others, into), within)


def delete(labels: np.ndarray, which: Iterable[int], within: Box | None = None) -> Edit:
    """Delete nuclei: those of `which` that exist.

    Raises
    ------
    EditError
        If none of them exists.
    """
    edit = recolour(labels, dict.fromkeys(which, 0), within)
    if not len(edit.values):
        raise EditError("there is no nucleus to delete.")
    return edit


def difference(before: np.ndarray, after: np.ndarray) -> Edit:
    """The edit that makes one label image of another of the same shape."""
    ys, xs = np.nonzero(before != after)
    return Edit(ys, xs, as_values(after[ys, xs]))


def joined(parts: Sequence[Edit]) -> Edit:
    """One edit of several that change different pixels.

    Raises
    ------
    EditError
        If there is none.
    """
    if not parts:
        raise EditError("there is no nucleus to change.")
    return Edit(*(np.concatenate(axis) for axis in zip(*parts, strict=True)))


def recolour(
    labels: np.ndarray, numbers: dict[int, int], within: Box | None = None
) -> Edit:
    """Give labels other numbers, wherever they are.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    numbers : dict
        New number of each label that gets one.
    within : tuple of slice, optional
        A box known to hold them all.
    """
    part = labels if within is None else labels[within]
    old = np.array(sorted(numbers), np.int64)
    new = as_values(np.array([numbers[n] for n in old.tolist()], np.int64))
    ys, xs = np.nonzero(np.isin(part, old[old != new]))
    values = new[np.searchsorted(old, part[ys, xs])]
    if within is not None:
        ys, xs = ys + within[0].start, xs + within[1].start
    return Edit(ys, xs, values)


def snap(
    labels: np.ndarray,
    label: int,
    gate: np.ndarray,
    reach: int = 5,
    *,
    within: Box | None = None,
) -> Edit:
    """Move the rim of a nucleus to the ridge of the boundary gate next to it.

    A watershed floods the gate from what is surely inside, deeper than `reach`, and
    from what is surely outside, further than `reach`; they meet on the ridge.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    label : int
        The nucleus, roughly painted.
    gate : ndarray of float32, shape (H, W)
        Boundary gate, in [0, 1].
    reach : int
        How far the rim may move, in pixels.
    within : tuple of slice, optional
        A box known to hold the nucleus.

    Returns
    -------
    Edit
        Other nuclei keep their pixels. Empty where the rim is on the ridge already.

    Raises
    ------
    EditError
        If there is no such nucleus.
    """
    box = grown(box_around(labels, label, within), reach + 2, labels.shape)
    part = labels[box]
    mask = part == label
    # An image border is no rim: the nucleus may go on behind it.
    depth = _depth(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1]
    height = _depth(~mask)
    core = depth > min(reach, 0.6 * depth.max())
    seeds = np.where(core, 1, 0)
    seeds[(height > reach) | ((part > 0) & ~mask)] = 2
    drift = np.where(mask, depth, height)
    elevation = gate[box] - SPREAD * drift
    snapped = _filled(watershed(elevation, seeds) == 1)
    return _mask_edit(labels, label, box, _largest(snapped))


def fill_holes(labels: np.ndarray, label: int, within: Box | None = None) -> Edit:
    """Fill the holes of a nucleus that hold no other nucleus.

    Raises
    ------
    EditError
        If there is no such nucleus.
    """
    box = box_around(labels, label, within)
    return _mask_edit(labels, label, box, _filled(labels[box] == label))


def smooth(
    labels: np.ndarray, label: int, radius: float = 2.0, within: Box | None = None
) -> Edit:
    """Smooth the rim of a nucleus and drop what hangs on it by a thread.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    label : int
    radius : float
        Standard deviation of the Gaussian that blurs the outline, in pixels.
    within : tuple of slice, optional
        A box known to hold the nucleus.

    Raises
    ------
    EditError
        If there is no such nucleus, or it is too small to be smoothed at this radius.
    """
    margin = int(np.ceil(2 * radius))
    box = grown(box_around(labels, label, within), margin, labels.shape)
    mask = (labels[box] == label).astype(np.float32)
    soft = ndimage.gaussian_filter(mask, radius, mode="nearest") > 0.5
    if not soft.any():
        raise EditError(f"nucleus {label} is too small to be smoothed by {radius} px.")
    return _mask_edit(labels, label, box, _largest(soft))


def add(labels: np.ndarray, outline: np.ndarray, origin: Point, value: int) -> Edit:
    """Add a proposed nucleus where nothing is labelled.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    outline : ndarray of bool, shape (h, w)
        Its pixels.
    origin : (y, x)
        Place of the first pixel of `outline`.
    value : int
        Its label.

    Raises
    ------
    EditError
        If every pixel of it belongs to another nucleus.
    """
    ys, xs = np.nonzero(outline)
    ys, xs = ys + int(origin[0]), xs + int(origin[1])
    free = labels[ys, xs] == 0
    if not free.any():
        raise EditError("other nuclei cover the whole place.")
    ys, xs = ys[free], xs[free]
    return Edit(ys, xs, as_values(np.full(len(ys), value)))


def as_values(labels: np.ndarray) -> np.ndarray:
    """Labels as the values of an edit, int32.

    Raises
    ------
    EditError
        If one is above `LARGEST_LABEL`.
    """
    highest = int(labels.max(initial=0))
    if highest > LARGEST_LABEL:
        raise EditError(
            f"label {highest} would be needed, and {LARGEST_LABEL} is the largest that "
            "is kept. Number the nuclei 1 to n first."
        )
    return labels.astype(np.int32)


def _seeds(mask: np.ndarray, clicks: Sequence[np.ndarray]) -> np.ndarray:
    """A small disc a click, numbered from 1, on the nearest pixels of the mask."""
    ys, xs = np.nonzero(mask)
    at: list[int] = []
    for y, x in clicks:
        nearest = int(np.argmin((ys - y) ** 2 + (xs - x) ** 2))
        if nearest not in at:
            at.append(nearest)
    distances = np.stack([np.hypot(ys - ys[i], xs - xs[i]) for i in at])
    owner = np.argmin(distances, axis=0)
    close = distances.min(axis=0) <= SEED_RADIUS
    seeds = np.zeros(mask.shape, np.int32)
    seeds[ys[close], xs[close]] = owner[close] + 1
    return seeds


def _flat_distance(seeds: np.ndarray) -> np.ndarray:
    """A slope away from the seeds, much flatter than the ridges of a gate."""
    return SPREAD * _depth(seeds == 0)


def _depth(mask: np.ndarray) -> np.ndarray:
    """Distance of every pixel of a mask to what is outside it, in pixels."""
    return np.asarray(ndimage.distance_transform_edt(mask))


def _filled(mask: np.ndarray) -> np.ndarray:
    """A mask without holes."""
    return np.asarray(ndimage.binary_fill_holes(mask))


def _mask_edit(labels: np.ndarray, label: int, box: Box, mask: np.ndarray) -> Edit:
    """Give a nucleus the pixels of a mask (of `box`) that no other nucleus has."""
    part = labels[box]
    wanted = np.where(mask & (part == 0), label, part)
    wanted[(part == label) & ~mask] = 0
    ys, xs = np.nonzero(wanted != part)
    values = as_values(wanted[ys, xs])
    return Edit(ys + box[0].start, xs + box[1].start, values)


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a mask."""
    parts, count = components(mask)
    if not count:
        return mask
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    return parts == int(np.argmax(areas))
