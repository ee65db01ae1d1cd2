"""One label a nucleus, from foreground probability and flows to the centres.

Maps may be of NumPy or of torch, see `arrays`; connected parts are found by SciPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_pmrnet.segmentation.arrays import beside, blurred, host, library
from napari_pmrnet.segmentation.tiles import Box
from napari_pmrnet.settings import Settings

STEPS = 10
DOUBLINGS = 6
SINK_DENSITY = 10.0
SINK_DENSITY_SHARE = 0.4
SMALLEST_AREA = 20
SMALLEST_SHARE = 0.05
NEAR = 6
_EIGHT = np.ones((3, 3), bool)


def label_nuclei(
    probability: Any,
    flows: Any,
    settings: Settings,
    diameter: float | None = None,
) -> np.ndarray:
    """Separate touching nuclei.

    Every pixel of the foreground follows the flows (Stringer et al., "Cellpose", Nature
    Methods 18, 2021, 100-106); pixels that gather at one place are one nucleus. Only
    ten steps of one pixel are taken; then each pixel's way is continued by that of the
    pixel it has reached, which doubles its length each time.

    Parameters
    ----------
    probability : array of float32, shape (H, W)
        Foreground probability, in [0, 1].
    flows : array of float32, shape (2, H, W), or None
        y and x component of unit vectors towards the centre. None, of a network without
        them, gives the connected parts of the foreground.
    settings : Settings
        Thresholds, smallest area in pixels, and whether cut nuclei are dropped.
    diameter : float, optional
        Of a typical nucleus, in pixels: how many of them are a crowd, and the smallest
        area where that is open.

    Returns
    -------
    ndarray of int32, shape (H, W)
        0 is background, nuclei are numbered from 1.
    """
    foreground = probability > settings.probability_threshold
    if flows is None:
        labels, _ = components(host(foreground))
    else:
        least = settings.seed_threshold * least_sink_density(diameter)
        labels = _cluster_by_sink(foreground, flows, least)
    limit = smallest_area(settings, diameter)
    labels = host(drop_small(labels, limit))
    labels = _fill_gaps(labels, host(foreground), limit)
    if settings.exclude_border:
        whole = np.append(False, ~at_edge(labels))
        labels = drop_small(np.where(whole[labels], labels, 0), 0)
    return labels


def _cluster_by_sink(foreground: Any, flows: Any, least: float) -> Any:
    """Label pixels by the place their way ends at; without `least` of them there, 0."""
    xp, (height, width) = library(foreground), foreground.shape
    pixels = xp.where(foreground.ravel())[0]
    end = pixels[_follow(foreground, flows, pixels)]
    ends = xp.bincount(end, minlength=height * width)
    sink_density = xp.asarray(ends, dtype=xp.float32).reshape(foreground.shape)
    crowds = host(blurred(sink_density) > least)
    seeds = beside(components(crowds, _EIGHT)[0], foreground)
    # Grown after they are told apart: two crowds may lie two pixels from each other.
    seeds = xp.where(seeds == 0, highest_near(seeds), seeds)
    labels = xp.zeros_like(seeds).ravel()
    labels[pixels] = seeds.ravel()[end]
    return labels.reshape(foreground.shape)


def _follow(foreground: Any, flows: Any, pixels: Any) -> Any:
    """Index into `pixels` of where each of them ends."""
    xp, (height, width) = library(foreground), foreground.shape
    places = pixels // width, pixels % width
    ways = [xp.asarray(axis, dtype=xp.float32) for axis in places]
    steps = [(flow * foreground).ravel() for flow in flows]
    at, rounded = pixels, xp.empty_like(ways[0])
    for _ in range(STEPS):
        places = []
        for way, step, most in zip(ways, steps, (height - 1, width - 1), strict=True):
            way += step[at]
            xp.clip(way, 0, most, out=way)
            places.append(xp.asarray(xp.round(way, out=rounded), dtype=pixels.dtype))
        at = places[0] * width
        at += places[1]
    own = xp.arange(len(pixels), dtype=xp.int32, device=pixels.device)
    numbers = xp.full((height * width,), -1, dtype=xp.int32, device=pixels.device)
    numbers[pixels] = own
    reached = numbers[at]
    reached = xp.where(reached < 0, own, reached)
    for _ in range(DOUBLINGS):
        reached = reached[reached]
    return reached


def _fill_gaps(
    labels: np.ndarray, foreground: NDArray[np.bool_], limit: int
) -> np.ndarray:
    """Give pieces of foreground that gathered nowhere to the nucleus they touch.

    Only pieces of fewer than `limit` pixels: larger ones are no gap in a nucleus.
    """
    lost = foreground & (labels == 0)
    if not lost.any() or not labels.any():
        return labels
    pieces, count = components(lost, _EIGHT)
    places = np.flatnonzero(lost)  # few of all pixels
    owner = pieces.ravel()[places]
    touching = np.zeros(count + 1, bool)
    touching[owner[highest_near(labels).ravel()[places] > 0]] = True
    gaps = touching & (np.bincount(owner, minlength=count + 1) < limit)
    filled = labels.copy()
    boxes = ndimage.find_objects(pieces)
    for piece in np.flatnonzero(gaps):
        box = boxes[piece - 1]
        inside = pieces[box] == piece
        filled[box][inside] = _nearest(labels, box, inside)
    return filled


def components(
    mask: NDArray[np.bool_], neighbours: NDArray | None = None
) -> tuple[NDArray[np.int32], int]:
    """Connected parts of a mask, numbered from 1, and how many there are."""
    # scipy's types leave open what comes back: a pair, unless it is given an array.
    pair: Any = ndimage.label(mask, neighbours)
    return pair


def _nearest(labels: np.ndarray, box: Box, inside: np.ndarray) -> np.ndarray:
    """Labels nearest to the pixels `inside` a box, looking no further than need be."""
    margin = NEAR
    while True:
        around = tuple(slice(max(0, s.start - margin), s.stop + margin) for s in box)
        place = tuple(
            slice(s.start - a.start, s.stop - a.start)
            for s, a in zip(box, around, strict=True)
        )
        seen = labels[around]
        # scipy's types leave open what comes back: both, with indices.
        both: Any = ndimage.distance_transform_edt(seen == 0, return_indices=True)
        distance, nearest = both
        # Any nearer label, or one as near, lies within the margin then.
        if seen.any() and distance[place][inside].max() < margin:
            return seen[tuple(axis[place][inside] for axis in nearest)]
        margin *= 2


def smallest_area(settings: Settings, diameter: float | None) -> int:
    """Area below which a label is dropped, in pixels.

    Parameters
    ----------
    settings : Settings
    diameter : float or None
        Of a typical nucleus, in pixels.

    Returns
    -------
    int
        ``min_area``; where that is open `SMALLEST_SHARE` of a typical nucleus, and
        `SMALLEST_AREA` where its size is not known.
    """
    if settings.min_area is not None:
        return settings.min_area
    if diameter is None:
        return SMALLEST_AREA
    return round(SMALLEST_SHARE * np.pi / 4 * diameter**2)


def least_sink_density(diameter: float | None) -> float:
    """Pixels that must end at one place to be a nucleus, at a seed threshold of 1.

    They are counted through a Gaussian of one pixel, whose peak is 1 / (2 pi): a
    nucleus all of whose pixels end at one place has diameter^2 / 8 there.

    Parameters
    ----------
    diameter : float or None
        Of a typical nucleus, in pixels.

    Returns
    -------
    float
        `SINK_DENSITY`, but no more than `SINK_DENSITY_SHARE` of what a typical
        nucleus can have.
    """
    return (
        SINK_DENSITY
        if diameter is None
        else min(SINK_DENSITY, SINK_DENSITY_SHARE * diameter**2 / 8)
    )


def at_edge(
    labels: np.ndarray,
    origin: tuple[int, int] = (0, 0),
    shape: tuple[int, int] | None = None,
) -> NDArray[np.bool_]:
    """Tell which labels touch the edge of an image, with any of their pieces.

    Parameters
    ----------
    labels : ndarray of int, shape (h, w)
        Numbered 1 to n; of a part of the image.
    origin : tuple of int
        Row and column of their first pixel in the image.
    shape : tuple of int, optional
        Height and width of the image; by default those of `labels`.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    touches = np.zeros(int(labels.max(initial=0)) + 1, bool)
    whole = labels.shape if shape is None else shape
    for axis, (first, length) in enumerate(zip(origin, whole, strict=True)):
        lines = np.moveaxis(labels, axis, 0)
        if first == 0:
            touches[lines[0]] = True
        if first + len(lines) == length:
            touches[lines[-1]] = True
    return touches[1:]


def numbered(labels: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Labels numbered from 1 in an order.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    order : ndarray of int
        All labels that are there, each once.

    Returns
    -------
    ndarray of int, shape (H, W)
        The labels themselves where they are numbered so already.
    """
    if np.array_equal(order, np.arange(1, len(order) + 1)):
        return labels
    numbers = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    numbers[order] = np.arange(1, len(order) + 1)
    return numbers[labels]


def drop_small(labels: Any, min_area: int) -> Any:
    """Drop labels of fewer than `min_area` pixels and number the rest from 1.

    Parameters
    ----------
    labels : array of int, shape (H, W)
    min_area : int
        Pixels.

    Returns
    -------
    array of int32, shape (H, W)
    """
    xp = library(labels)
    keep = xp.bincount(labels.ravel()) >= max(min_area, 1)
    keep[0] = False
    numbers = xp.where(keep, xp.cumsum(keep, 0), 0)
    return xp.asarray(numbers, dtype=xp.int32)[labels]


def highest_near(labels: Any) -> Any:
    """Largest value in the 3 x 3 neighbourhood of every pixel.

    Equal to ``scipy.ndimage.maximum_filter(labels, 3)`` and several times faster.

    Parameters
    ----------
    labels : array, shape (H, W)

    Returns
    -------
    array of the same type and shape
    """
    xp, highest = library(labels), labels
    for axis in (0, 1):
        before = highest
        highest = xp.asarray(before, copy=True)
        for here, there in _shifts(axis):
            xp.maximum(highest[here], before[there], out=highest[here])
    return highest


def rims(labels: Any) -> Any:
    """Labelled pixels with a 4-neighbour of another label or of none.

    Equal to ``skimage.segmentation.find_boundaries(labels, mode="inner")``.

    Parameters
    ----------
    labels : array of int, shape (H, W)

    Returns
    -------
    array of bool, shape (H, W)
    """
    xp = library(labels)
    rim = xp.zeros_like(labels, dtype=xp.bool)
    for axis in (0, 1):
        for here, there in _shifts(axis):
            rim[here] |= labels[here] != labels[there]
    return rim & (labels != 0)


def _shifts(axis: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Slices of pixels that have a neighbour before, then after, and of those."""
    first, last = slice(None, -1), slice(1, None)
    whole = (slice(None),) * axis
    yield (*whole, last), (*whole, first)
    yield (*whole, first), (*whole, last)
