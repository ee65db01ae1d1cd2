"""What speaks for an outline of a nucleus: its shape, the image, the network's maps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from napari_pmrnet.proofreading.candidates import Mask, View

FEATURES = (
    "agreement",
    "company",
    "size",
    "size_squared",
    "size_dragged",
    "offset",
    "ragged",
    "filled",
    "contrast",
    "edge",
    "along",
    "evenness",
    "gate",
    "inside",
    "fall",
    "flow",
    "confined",
)


def described(view: View, masks: Mapping[str, Mask]) -> np.ndarray:
    """What speaks for each outline: (n, len(FEATURES)); unknown is 0.

    The columns are the mean IoU with the other outlines and with the five most like it;
    logarithm of the area over that of a typical nucleus, its square, and that of a size
    that was given; distance of the click from the centroid, in radii; square of the rim
    over the area, of a disc 0; share of the ellipse of equal second moments that it
    fills, less 1; difference of brightness to the pixels around over the spread there
    and within; slope of the image across the rim, in standard deviations of the free
    pixels a pixel, and as a share of all slope there; spread within; gate on the rim
    above that inside; mean probability inside, and how far it falls outside; how well
    the flows lead to the centroid; share of the pixels around that are labelled or
    beyond the image.
    """
    stack = np.array([mask.ravel() for mask in masks.values()], np.float32)
    areas = stack.sum(axis=1)
    shared = stack @ stack.T
    iou = shared / (areas[:, None] + areas[None] - shared)
    np.fill_diagonal(iou, 0)
    others = max(len(areas) - 1, 1)
    agreement = iou.sum(axis=1) / others
    company = np.sort(iou, axis=1)[:, -5:].mean(axis=1)
    rows = [
        [alike, near, *_measured(view, mask)]
        for alike, near, mask in zip(agreement, company, masks.values(), strict=True)
    ]
    return np.array(rows)


def _measured(view: View, mask: Mask) -> list[float]:
    """Columns of `described` but the first two."""
    area = mask.sum()
    size = float(np.log(area / (np.pi / 4 * view.across**2)))
    ys, xs = np.nonzero(mask)
    dy, dx = ys - ys.mean(), xs - xs.mean()
    away = np.hypot(ys.mean() - view.click[0], xs.mean() - view.click[1])
    # A pixel is a square, not a point: 1/12 is its own second moment.
    yy, xx, yx = dy @ dy / area + 1 / 12, dx @ dx / area + 1 / 12, dy @ dx / area
    spread = yy * xx - yx**2
    filled = float(area / (4 * np.pi * np.sqrt(max(spread, 1e-6)))) - 1
    padded = np.pad(mask, 2)
    core = np.asarray(ndimage.binary_erosion(padded), bool)[2:-2, 2:-2]
    wide = np.asarray(ndimage.binary_dilation(padded, iterations=2), bool)
    ring = wide[2:-2, 2:-2] & ~mask
    near = np.asarray(ndimage.binary_dilation(mask), bool) & ~mask
    rim = mask & ~core
    open_ring, band = ring & view.free, rim | near
    confined = 1 - float(open_ring.sum() / max((wide & ~padded).sum(), 1))
    ragged = float(rim.sum() ** 2 / (4 * np.pi * area)) - 1
    seen = [0.0, 0.0, 0.0]
    if view.probability is not None and view.gate is not None:
        inside = float(view.probability[mask].mean())
        seen = [
            _mean(view.gate, band) - _mean(view.gate, core),
            inside,
            inside - _mean(view.probability, open_ring),
        ]
    flow = 0.0
    if view.flows is not None:
        towards = -(view.flows[0][mask] * dy + view.flows[1][mask] * dx)
        flow = float((towards / (np.hypot(dy, dx) + 0.5)).mean())
    offset = float(away / np.sqrt(area / np.pi))
    shape = [size, size**2, size**2 * view.dragged, offset, ragged, filled]
    return [*shape, *_brightness(view, mask, open_ring), *seen, flow, confined]


def _brightness(view: View, mask: Mask, ring: Mask) -> list[float]:
    """Columns of `described` of the image; `ring` is of free pixels around."""
    if view.image is None or view.slopes is None:
        return [0.0, 0.0, 0.0, 0.0]
    within, without = view.image[mask], view.image[ring]
    outside = _mean(view.image, ring)
    noise = float(within.std()) + (float(without.std()) if len(without) else 0.0)
    ways = np.array(np.gradient(ndimage.gaussian_filter(mask.astype(float), 0.7)))
    ways *= view.free
    across = float((ways * view.slopes).sum())
    lengths = np.hypot(*ways)
    return [
        (float(within.mean()) - outside) / (noise + 0.1),
        across / max(float(lengths.sum()), 1e-6),
        across / max(float((lengths * view.steep).sum()), 1e-6),
        float(within.std()),
    ]


def _mean(values: np.ndarray, where: Mask) -> float:
    """Mean of some pixels; 0 where there are none."""
    return float(values[where].mean()) if where.any() else 0.0
