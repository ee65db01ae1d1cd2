"""Instance targets: what each output channel of the network is taught.

The targets that need a whole nucleus (inner distance, flows) are computed once an image
and warped with it; the border follows from the warped labels.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

CHANNELS = ("probability", "border", "distance", "flow_y", "flow_x")
REACH = 3
"""Pixels, as the network sees them, within which another nucleus is close."""

_NEIGHBOURS = ((1, 0), (-1, 0), (0, 1), (0, -1))


def inner_distance(labels: np.ndarray) -> np.ndarray:
    """Distance to the rim of each nucleus, divided by its largest value.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        0 is background.

    Returns
    -------
    ndarray of float32, shape (H, W)
        In [0, 1]; 1 in the middle of every nucleus, 0 in the background.
    """
    distance = np.zeros(labels.shape, np.float32)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        inside = np.pad(labels[box] == label, 1)
        depth = np.asarray(ndimage.distance_transform_edt(inside))[1:-1, 1:-1]
        distance[box] += (depth / depth.max()).astype(np.float32)
    return distance


def gradient_flows(labels: np.ndarray) -> np.ndarray:
    """Unit vectors that lead every pixel of a nucleus to its centre.

    The gradient of heat diffused from the centre and held at zero outside the nucleus
    (Stringer et al., "Cellpose", Nature Methods 18, 2021, 100-106), all nuclei of the
    image at once.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)

    Returns
    -------
    ndarray of float32, shape (2, H, W)
        y and x component; zero in the background.
    """
    padded = np.pad(labels, 1)
    heat = np.zeros(padded.shape, np.float64)
    boxes = [
        (label, box)
        for label, box in enumerate(ndimage.find_objects(padded), start=1)
        if box is not None
    ]
    if not boxes:
        return np.zeros((2, *labels.shape), np.float32)
    sources = np.array([_medoid(padded, label, box) for label, box in boxes])
    extent = max(sum(s.stop - s.start for s in box) for _, box in boxes)
    inside = padded > 0
    rows, columns = np.nonzero(inside)
    same = [
        padded[rows, columns] == padded[rows + dy, columns + dx]
        for dy, dx in _NEIGHBOURS
    ]
    for _ in range(2 * extent):
        heat[sources[:, 0], sources[:, 1]] += 1
        total = heat[rows, columns].copy()
        for (dy, dx), mask in zip(_NEIGHBOURS, same, strict=True):
            total += heat[rows + dy, columns + dx] * mask
        heat[rows, columns] = total / (1 + len(_NEIGHBOURS))
    heat = np.log1p(heat)
    flow = np.zeros((2, *padded.shape), np.float32)
    for axis, (forward, backward) in enumerate(((0, 1), (2, 3))):
        dy, dx = _NEIGHBOURS[forward]
        ahead = heat[rows + dy, columns + dx] * same[forward]
        behind = heat[rows - dy, columns - dx] * same[backward]
        flow[axis, rows, columns] = ahead - behind
    flow /= np.linalg.norm(flow, axis=0) + 1e-20
    return flow[:, 1:-1, 1:-1]


def _medoid(labels: np.ndarray, label: int, box: tuple[slice, ...]) -> tuple[int, int]:
    """Pixel of a nucleus nearest to its centroid."""
    ys, xs = np.nonzero(labels[box] == label)
    nearest = np.argmin((ys - ys.mean()) ** 2 + (xs - xs.mean()) ** 2)
    return box[0].start + int(ys[nearest]), box[1].start + int(xs[nearest])


def borders(labels: Tensor) -> Tensor:
    """Pixels whose 3x3 neighbourhood holds two different labels.

    Shapes: (B, 1, H, W) float labels -> (B, 1, H, W) of 0 and 1: a line two pixels wide
    along every outline and between touching nuclei.
    """
    padded = F.pad(labels, (1, 1, 1, 1), mode="replicate")
    highest = F.max_pool2d(padded, 3, stride=1)
    lowest = -F.max_pool2d(-padded, 3, stride=1)
    return (highest != lowest).to(labels.dtype)


def close_to_another(labels: Tensor, reach: int = REACH) -> Tensor:
    """Pixels with another nucleus than their own at most `reach` pixels away.

    Of the ground those with two different ones. Unknown labels, below 0, are ground.

    Shapes: (B, 1, H, W) float labels -> (B, 1, H, W) of 0 and 1.
    """
    side = 2 * reach + 1
    nuclei = labels.clamp(min=0)
    highest = F.max_pool2d(nuclei, side, 1, reach)
    none = torch.full_like(nuclei, -torch.inf)
    lowest = -F.max_pool2d(torch.where(nuclei > 0, -nuclei, none), side, 1, reach)
    return ((highest > 0) & (highest != lowest)).to(labels.dtype)


def assemble(
    labels: Tensor,
    distance: Tensor,
    flows: Tensor,
    classes: int = 0,
    touching: float = 0.0,
) -> Tensor:
    """Target of every channel of `CHANNELS`, and what each pixel counts.

    Shapes: (B, 1, H, W), (B, 1, H, W), (B, 2, H, W) -> (B, 5 + classes, H, W). With
    classes, the k-th channel after the first five is 1 where the label is k. There is a
    last channel where not all pixels count alike: 0 where labels are below 0, unknown;
    else 1, and `touching` more where another nucleus is close.
    """
    known = labels >= 0
    weight = known.float()
    if touching:
        weight = weight * (1 + touching * close_to_another(labels))
    labels = labels.clamp(min=0)
    parts = [(labels > 0).float(), borders(labels), distance, flows]
    parts += [(labels == k).float() for k in range(1, classes + 1)]
    if touching or not known.all():
        parts.append(weight)
    return torch.cat(parts, dim=1)
