"""Colours of labels under which nuclei that touch are never alike.

napari colours a label by its number, so that neighbours may get one colour. Here every
number has an entry of its own in the colour cycle, chosen on the graph of neighbours.
An array is looked up in whatever its length, the dictionary of a `DirectLabelColormap`
is slow for thousands of labels; and numbers that are painted later have an entry too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from colorsys import hsv_to_rgb
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap

from napari_pmrnet.proofreading.boxes import grown

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_pmrnet.segmentation.tiles import Box

NAME = "neighbours apart"
NAPARIS = "label_colormap"
"""Name of the colours that napari gives to labels by itself."""

REACH = 3
"""Pixels: labels with a gap of two pixels touch on most screens."""
LARGEST = 67_108_864
"""Pixels of the largest labels whose neighbours are looked for."""
ENTRIES = (254, 1022, 4094, 16382, 65534)
"""Lengths of the cycle: what napari keeps in a byte, and in two at the most."""
ROOM = 1.25
"""Entries for a label in use, so that new ones have theirs."""
MANY = 100
"""Labels of an edit from which on all are looked at."""

PALETTE = (
    *("#66ccee", "#ee7733", "#228833", "#dd66dd", "#999933", "#5544dd"),
    *("#ffaabb", "#008080", "#cc1133", "#aaaaff", "#775522", "#00dd66"),
)
"""Any two differ by 20 at least (CIEDE2000); none is like the yellow of the outline."""


def _shades(count: int = 255) -> np.ndarray:
    """Colours (count, 4): the palette, then others for a label with many neighbours."""
    own = [[int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)] for text in PALETTE]
    more = [hsv_to_rgb(0.618 * n % 1, 0.45, 0.98) for n in range(count - len(own))]
    return np.column_stack([own + [list(c) for c in more], np.ones(count)]).astype("f4")


SHADES = _shades()


def neighbours(labels: np.ndarray) -> np.ndarray:
    """Labels that touch, or nearly do, in a plane.

    Parameters
    ----------
    labels : ndarray of int, shape (..., H, W)

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Every pair once, the smaller number first.
    """
    height, width = labels.shape[-2:]
    *plane, ys, xs = np.nonzero(_rims(labels))
    names = labels[(*plane, ys, xs)].astype(np.int64)
    keys = []
    for dy, dx in _steps(REACH):
        inside = (ys + dy < height) & (xs + dx >= 0) & (xs + dx < width)
        at = (*(axis[inside] for axis in plane), ys[inside] + dy, xs[inside] + dx)
        other, own = labels[at].astype(np.int64), names[inside]
        differ = (other != own) & (other > 0)
        low, high = np.minimum(own, other)[differ], np.maximum(own, other)[differ]
        keys.append(np.unique((low << 32) | high))
    found = np.unique(np.concatenate(keys))
    return np.column_stack([found >> 32, found & 0xFFFFFFFF])


def apart(labels: Any) -> CyclicLabelColormap | None:
    """Colours under which no neighbours among labels are alike.

    Parameters
    ----------
    labels : array of int, shape (..., H, W)

    Returns
    -------
    CyclicLabelColormap or None
        None for labels that are not in memory, or too many to look at.
    """
    if not isinstance(labels, np.ndarray) or labels.size > LARGEST:
        return None
    highest = int(labels.max(initial=0)) * ROOM
    count = next((n for n in ENTRIES if n >= highest), ENTRIES[-1])
    # Seven and twelve have no common factor: numbers in a row get different colours.
    shades = 7 * np.arange(count + 1) % len(PALETTE)
    table = dict(enumerate(shades.tolist()))
    _settle(table, _entries(neighbours(labels), count))
    return _colormap(SHADES[list(table.values())])


def mended(
    colormap: CyclicLabelColormap,
    labels: np.ndarray,
    touched: Collection[int],
    boxes: Sequence[Box],
) -> CyclicLabelColormap | None:
    """Colours after an edit: those of other labels stay.

    Parameters
    ----------
    colormap : CyclicLabelColormap
        Of `apart`.
    labels : ndarray of int, shape (H, W)
    touched : collection of int
        Labels that were changed.
    boxes : sequence of tuple of slice
        Where they lie now.

    Returns
    -------
    CyclicLabelColormap or None
        None if nothing has to be changed.
    """
    count = len(colormap.colors) - 1
    grows = max(touched, default=0) > count and count < ENTRIES[-1]
    if grows or len(boxes) > MANY:
        return apart(labels)
    parts = [neighbours(labels[grown(box, REACH, labels.shape)]) for box in boxes]
    pairs = np.unique(np.concatenate([np.zeros((0, 2), int), *parts]), axis=0)
    pairs = _entries(pairs[np.isin(pairs, list(touched)).any(axis=1)], count)
    entries = np.unique(pairs)
    table = dict(zip(entries.tolist(), _indices(colormap, entries), strict=True))
    before = dict(table)
    _settle(table, pairs, {(label - 1) % count + 1 for label in touched})
    changed = [entry for entry in table if table[entry] != before[entry]]
    if not changed:
        return None
    colours = np.array(colormap.colors)
    colours[changed] = SHADES[[table[entry] for entry in changed]]
    return _colormap(colours)


def wear(layer: Labels, colormap: CyclicLabelColormap | None) -> None:
    """Give a layer such colours, unless the user has chosen others for it."""
    chosen = layer.colormap.name not in (NAME, NAPARIS)
    if colormap is None or chosen:
        return
    if not np.array_equal(layer.colormap.colors, colormap.colors):
        layer.colormap = colormap


def _colormap(colours: np.ndarray) -> CyclicLabelColormap:
    colours[0] = 0
    return CyclicLabelColormap(colors=colours, name=NAME, display_name=NAME)


def _indices(colormap: CyclicLabelColormap, entries: np.ndarray) -> list[int]:
    """Which of `SHADES` some entries have."""
    differ = np.abs(np.asarray(colormap.colors)[entries, None] - SHADES).sum(axis=-1)
    return differ.argmin(axis=1).tolist()


def _entries(pairs: np.ndarray, count: int) -> np.ndarray:
    """Pairs of labels as pairs of entries of a cycle, without those of one entry."""
    entries = (pairs - 1) % count + 1
    return entries[entries[:, 0] != entries[:, 1]]


def _settle(
    table: dict[int, int], pairs: np.ndarray, free: Collection[int] | None = None
) -> None:
    """Change colours until no two neighbours have one: greedy, by falling degree.

    Parameters
    ----------
    table : dict
        Index of the colour of every entry; changed in place.
    pairs : ndarray of int, shape (n, 2)
        Entries that are neighbours.
    free : collection of int, optional
        Those that may be changed; by default all.
    """
    around: dict[int, set[int]] = defaultdict(set)
    for one, other in pairs.tolist():
        around[one].add(other)
        around[other].add(one)
    order = [entry for entry in around if free is None or entry in free]
    settled = around.keys() - set(order)
    for entry in sorted(order, key=lambda entry: -len(around[entry])):
        taken = {table[other] for other in around[entry] & settled}
        if table[entry] in taken:
            turn = ((table[entry] + n) % len(PALETTE) for n in range(len(PALETTE)))
            others = range(len(PALETTE), len(SHADES))
            choices = (shade for some in (turn, others) for shade in some)
            chosen = (shade for shade in choices if shade not in taken)
            table[entry] = next(chosen, table[entry])
        settled.add(entry)


def _rims(labels: np.ndarray) -> np.ndarray:
    """Pixels of labels that lie beside another number, as bool."""
    rims = np.zeros(labels.shape, bool)
    for ahead, behind in (
        ((..., slice(1, None)), (..., slice(None, -1))),
        ((..., slice(1, None), slice(None)), (..., slice(None, -1), slice(None))),
    ):
        differ = labels[ahead] != labels[behind]
        rims[ahead] |= differ
        rims[behind] |= differ
    return rims & (labels > 0)


def _steps(reach: int) -> list[tuple[int, int]]:
    """Steps (y, x) within a reach that lead down, or to the right."""
    return [
        (dy, dx)
        for dy in range(reach + 1)
        for dx in range(-reach, reach + 1)
        if (dy, dx) > (0, 0) and dy**2 + dx**2 <= reach**2
    ]
