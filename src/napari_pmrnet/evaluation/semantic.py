"""Semantic scores at 256 x 256, the assumed protocol of the paper."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_pmrnet.segmentation.intensity import intensity_limits, normalise

PROTOCOL_SIZE = 256


def protocol_pair(image: np.ndarray, labels: np.ndarray) -> tuple[Tensor, np.ndarray]:
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
    scaled = torch.from_numpy(normalise(image, intensity_limits(image)))
    planes = scaled[None] if scaled.ndim == 2 else scaled.permute(2, 0, 1)
    size = (PROTOCOL_SIZE, PROTOCOL_SIZE)
    resized = F.interpolate(planes[None], size, mode="bilinear", antialias=True)[0]
    mask = torch.from_numpy((labels > 0).astype(np.float32))[None, None]
    mask = F.interpolate(mask, size, mode="nearest-exact")[0, 0]
    return resized.expand(3, -1, -1).contiguous(), mask.numpy() > 0


def dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Dice coefficient of two boolean masks; 1 where both are empty."""
    total = int(prediction.sum()) + int(truth.sum())
    return 1.0 if total == 0 else 2 * int((prediction & truth).sum()) / total


@torch.inference_mode()
def protocol_dice(
    network: nn.Module, pairs: list[tuple[Tensor, np.ndarray]], threshold: float = 0.5
) -> np.ndarray:
    """Dice of every pair of `protocol_pair`, of the network's first channel.

    Returns
    -------
    ndarray of float, shape (len(pairs),)
    """
    device = next(network.parameters()).device
    scores = []
    for image, mask in pairs:
        batch = image[None].to(device, memory_format=torch.channels_last)
        probability = torch.sigmoid(network(batch).logits[0, 0].float())
        scores.append(dice(probability.cpu().numpy() > threshold, mask))
    return np.array(scores)
