"""The score that chooses the epoch: Dice at 256 x 256, at the right scale."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_pmrnet.evaluation.semantic import dice, protocol_pair
from napari_pmrnet.segmentation.scale import (
    SMALL,
    typical_diameter,
    working_scale,
)

LARGEST = 384
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


@torch.inference_mode()
def validation_dice(network: nn.Module, pairs: Pairs) -> float:
    """Mean over pairs of the Dice of the first channel above one half."""
    device = next(network.parameters()).device
    scores = []
    for image, mask in pairs:
        batch = image[None].to(device, memory_format=torch.channels_last)
        probability = torch.sigmoid(network(batch).logits[:, :1].float())
        small = F.interpolate(probability, mask.shape, mode="bilinear", antialias=True)
        scores.append(dice(small[0, 0].cpu().numpy() > 0.5, mask))
    return float(np.mean(scores))
