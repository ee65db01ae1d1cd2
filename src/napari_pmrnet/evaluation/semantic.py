"""Semantic scores at 256 x 256, the assumed protocol of the paper."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from napari_pmrnet.segmentation.normalise import intensity_limits, normalise

PROTOCOL_SIZE = 256
Mask = NDArray[np.bool_]


def protocol_pair(image: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Mask]:
    """Image and mask resized to 256 x 256 before the network.

    Parameters
    ----------
    image : ndarray, shape (H, W) or (H, W, 3)
    labels : ndarray of int, shape (H, W)

    Returns
    -------
    Tensor, shape (3, 256, 256)
        float32 in [0, 1], resized bilinearly with antialiasing.
    ndarray of bool, shape (256, 256)
        Foreground, resized to the nearest pixel.
    """
    return protocol_image(image), protocol_labels(labels) > 0


def protocol_image(image: np.ndarray) -> Tensor:
    """The image of a `protocol_pair` alone."""
    scaled = torch.from_numpy(normalise(image, intensity_limits(image)))
    planes = scaled[None] if scaled.ndim == 2 else scaled.permute(2, 0, 1)
    size = (PROTOCOL_SIZE, PROTOCOL_SIZE)
    resized = F.interpolate(planes[None], size, mode="bilinear", antialias=True)[0]
    return resized.expand(3, -1, -1).contiguous()


def protocol_labels(labels: np.ndarray) -> np.ndarray:
    """Labels (H, W) resized to 256 x 256, to the nearest pixel; int32."""
    # float64 holds every label exactly.
    planes = torch.from_numpy(labels.astype(np.float64))[None, None]
    size = (PROTOCOL_SIZE, PROTOCOL_SIZE)
    resized = F.interpolate(planes, size, mode="nearest-exact")[0, 0]
    return resized.numpy().astype(np.int32)


def dice(prediction: Mask, truth: Mask) -> float:
    """Dice coefficient of two boolean masks; 1 where both are empty."""
    total = int(prediction.sum()) + int(truth.sum())
    return 1.0 if total == 0 else 2 * int((prediction & truth).sum()) / total


def mean_dice(found: np.ndarray, truth: np.ndarray, classes: int = 1) -> float:
    """Mean of the Dice of all classes that are there, 1 if none is.

    Parameters
    ----------
    found, truth : ndarray of int or bool, shape (H, W)
        Numbers of classes, 0 is background; of one class any number.
    classes : int
    """
    if classes < 2:
        return dice(found > 0, truth > 0)
    pairs = [(found == k, truth == k) for k in range(1, classes + 1)]
    scores = [dice(a, b) for a, b in pairs if a.any() or b.any()]
    return float(np.mean(scores)) if scores else 1.0


def semantic_scores(prediction: Mask, truth: Mask) -> dict[str, float]:
    """The eight scores of the paper for one image.

    Parameters
    ----------
    prediction, truth : ndarray of bool, shape (H, W)

    Returns
    -------
    dict
        ``IoU``, ``Dice``; ``HD95`` and ``ASD`` in pixels; sensitivity ``SE``, precision
        ``PC``, specificity ``SP`` and accuracy ``ACC``. Ratios of nothing to nothing
        are 1. Distances are 0 where both masks are empty and the diagonal of the image
        where one is.
    """
    hits = int((prediction & truth).sum())
    false_hits = int(prediction.sum()) - hits
    misses = int(truth.sum()) - hits
    rest = truth.size - hits - false_hits - misses
    hd95, asd = surface_distances(prediction, truth)
    return {
        "IoU": _ratio(hits, hits + false_hits + misses),
        "Dice": dice(prediction, truth),
        "HD95": hd95,
        "ASD": asd,
        "SE": _ratio(hits, hits + misses),
        "PC": _ratio(hits, hits + false_hits),
        "SP": _ratio(rest, rest + false_hits),
        "ACC": (hits + rest) / truth.size,
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def surface_distances(prediction: Mask, truth: Mask) -> tuple[float, float]:
    """HD95 as ``medpy.metric.binary.hd95``, ASD as ``assd`` of medpy up to 0.4.

    From 0.5 on, medpy's ``assd`` weighs the two directions by the lengths of the rims.

    Parameters
    ----------
    prediction, truth : ndarray of bool, shape (H, W)

    Returns
    -------
    tuple of float
        95th percentile of the distances from either mask's rim to the other's, all
        pooled; mean of the two directions' mean distances. In pixels.
    """
    if not prediction.any() or not truth.any():
        same = prediction.any() == truth.any()
        distance = 0.0 if same else float(np.hypot(*truth.shape))
        return distance, distance
    there, back = _to_rim(prediction, truth), _to_rim(truth, prediction)
    hd95 = np.percentile(np.concatenate([there, back]), 95)
    return float(hd95), float((there.mean() + back.mean()) / 2)


def _to_rim(start: Mask, goal: Mask) -> np.ndarray:
    """Distance of every pixel on the rim of `start` to the rim of `goal`."""
    return np.asarray(ndimage.distance_transform_edt(~_rim(goal)))[_rim(start)]


def _rim(mask: Mask) -> Mask:
    """Pixels of a mask with a 4-neighbour outside it, or outside the image."""
    return mask & ~ndimage.binary_erosion(mask)
