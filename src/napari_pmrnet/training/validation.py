"""The score that chooses the epoch: Dice at 256 x 256, at the right scale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_pmrnet.evaluation.semantic import (
    mean_dice,
    protocol_image,
    protocol_labels,
    protocol_pair,
)
from napari_pmrnet.models.label_kind import class_channels_in, classes_of
from napari_pmrnet.segmentation.diameter import SMALL, typical_diameter, working_scale

LARGEST = 384
BATCH_ON_GPU = 16
Pairs = list[tuple[Tensor, np.ndarray]]


def validation_pair(image: np.ndarray, labels: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """A `protocol_pair` whose image was enlarged or shrunk to the working scale.

    The scale comes from the true nuclei, so that a wrong estimate of it, which is no
    part of the network, does not move the score. What would be larger than `LARGEST`
    is enlarged to that only, for speed.

    Parameters
    ----------
    image : ndarray, shape (H, W) or (H, W, 3)
    labels : ndarray of int, shape (H, W)

    Returns
    -------
    Tensor, shape (3, S, S)
        float32 in [0, 1]; S is a multiple of 32, at most `LARGEST`.
    ndarray of bool, shape (256, 256)
        Foreground.
    """
    small, mask = protocol_pair(image, labels)
    shrunk = np.sqrt(mask.size / labels.size)
    scale = working_scale((typical_diameter(labels) or SMALL) * shrunk)
    size = 32 * round(min(len(mask) * scale, LARGEST) / 32)
    resized = F.interpolate(small[None], (size, size), mode="bilinear", antialias=True)
    return resized[0], mask


def whole_validation_pair(
    image: np.ndarray, labels: np.ndarray, side: int
) -> tuple[Tensor, np.ndarray]:
    """A `protocol_pair` at the size of the network's window, with the labels.

    Returns
    -------
    Tensor, shape (3, side, side)
        float32 in [0, 1].
    ndarray of int32, shape (256, 256)
        Labels, which of several classes are their numbers.
    """
    small = protocol_image(image)
    size = (side, side)
    resized = F.interpolate(small[None], size, mode="bilinear", antialias=True)
    return resized[0], protocol_labels(labels)


@torch.inference_mode()
def validation_dice(
    network: nn.Module, pairs: Pairs, channels: Sequence[str] = ("probability",)
) -> float:
    """Mean over pairs of the Dice of the foreground, or of several classes.

    Parameters
    ----------
    network : Module
    pairs : list
    channels : sequence of str
        Of the network. The foreground is where the first is above one half; channels
        of classes divide it as `classes_of` does.
    """
    device = next(network.parameters()).device
    classes = class_channels_in(channels)
    read = [0, *map(channels.index, classes)]
    scores = []
    for images, truths in _batches(pairs, 1 if device.type == "cpu" else BATCH_ON_GPU):
        batch = images.to(device, memory_format=torch.channels_last)
        wanted = torch.sigmoid(network(batch).logits[:, read].float())
        size = truths[0].shape
        small = F.interpolate(wanted, size, mode="bilinear", antialias=True)
        for (probability, *rest), truth in zip(
            small.cpu().numpy(), truths, strict=True
        ):
            named = dict(zip(classes, rest, strict=True))
            found = classes_of(probability > 0.5, named)
            scores.append(mean_dice(found, truth, len(classes)))
    return float(np.mean(scores))


def _batches(pairs: Pairs, most: int) -> Iterator[tuple[Tensor, list[np.ndarray]]]:
    """Pairs of one size together, at most so many: (B, 3, S, S) and the truths."""
    waiting: dict[tuple, Pairs] = defaultdict(list)
    for pair in pairs:
        alike = waiting[(pair[0].shape, pair[1].shape)]
        alike.append(pair)
        if len(alike) == most:
            yield _stacked(alike)
            alike.clear()
    yield from (_stacked(alike) for alike in waiting.values() if alike)


def _stacked(pairs: Pairs) -> tuple[Tensor, list[np.ndarray]]:
    """A batch of images of one size, and their truths."""
    images, truths = zip(*pairs, strict=True)
    return torch.stack(images), list(truths)
