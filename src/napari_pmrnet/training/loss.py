"""The loss: foreground as published, one term for every instance channel, the gate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_pmrnet.models.label_kind import class_channels_in
from napari_pmrnet.network import PMRNetOutput
from napari_pmrnet.training.targets import CHANNELS

SMOOTH = 1.0
"""Added above and below the fraction of Dice: no nuclei and none found is no loss."""


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term; the foreground term is the published loss.

    ``touching`` is what pixels close to another nucleus count more: cross-entropy,
    distance and flows there, where a mistake merges two nuclei.
    """

    foreground: float = 1.0
    border: float = 0.5
    distance: float = 2.0
    flows: float = 0.5
    classes: float = 1.0
    gate: float = 0.2
    touching: float = 0.0


def bce_dice(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """``0.5 * BCE + 0.5 * Dice`` of one channel, Dice over the whole batch.

    Shapes: (B, 1, H, W), (B, 1, H, W) -> (). With `weight` (B, 1, H, W) the mean of the
    cross-entropy is weighted, and Dice of the pixels that are above 0 there.
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    probability = torch.sigmoid(logits)
    if weight is not None:
        known = (weight > 0).to(target.dtype)
        probability, target = probability * known, target * known
    return 0.5 * _mean(cross_entropy, weight) + 0.5 * dice(probability, target)


def dice(probability: Tensor, target: Tensor) -> Tensor:
    """Soft Dice loss ``1 - (2 * TP + 1) / (2 * TP + FP + FN + 1)``, mean of channels.

    Each channel's sums run over the whole batch. From F. Milletari et al., "V-Net",
    3DV 2016, as MONAI computes it (``monai.losses.DiceLoss`` with ``batch=True``,
    ``smooth_nr=1`` and ``smooth_dr=1``, Apache-2.0), operation by operation, so that
    weights come out the same to the last bit.

    Parameters
    ----------
    probability, target : Tensor, shape (B, C, H, W)
        In [0, 1].

    Returns
    -------
    Tensor, shape ()
    """
    everywhere = (0, 2, 3)
    both = torch.sum(probability * target, dim=everywhere)
    false = 0.5 * (torch.sum(probability, dim=everywhere) - both)
    missed = 0.5 * (torch.sum(target, dim=everywhere) - both)
    return torch.mean(1 - (2 * both + SMOOTH) / (2 * (both + false + missed) + SMOOTH))


def total_loss(
    output: PMRNetOutput, target: Tensor, channels: tuple[str, ...], w: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted sum of the terms, and each unweighted term for the log.

    Parameters
    ----------
    output : PMRNetOutput
        With maps where the network has boundary gates.
    target : Tensor, shape (B, 5 + classes, H, W), or one channel more
        As `targets.assemble` gives it. The last one weighs the pixels: those at 0 are
        unknown and do not count.
    channels : tuple of str
        Names of the logits' channels, in order.
    w : LossWeights
    """
    logits = dict(zip(channels, output.logits.float().split(1, dim=1), strict=True))
    foreground, border, distance = target[:, :1], target[:, 1:2], target[:, 2:3]
    named = class_channels_in(channels)
    first, last = len(CHANNELS), len(CHANNELS) + len(named)
    weight = target[:, last:] if target.shape[1] > last else None
    known = None if weight is None else (weight > 0).to(target.dtype)
    inside = foreground if weight is None else foreground * weight
    terms = {
        "foreground": (
            w.foreground,
            bce_dice(logits["probability"], foreground, weight),
        )
    }
    if "border" in logits:
        terms["border"] = (w.border, bce_dice(logits["border"], border, weight))
    if "distance" in logits:
        error = (torch.sigmoid(logits["distance"]) - distance).abs()
        terms["distance"] = (w.distance, _mean(error, known) + _mean(error, inside))
    if "flow_y" in logits:
        flow = torch.cat([logits["flow_y"], logits["flow_x"]], dim=1)
        error = ((flow - target[:, 3:5]) ** 2).sum(dim=1, keepdim=True)
        terms["flows"] = (w.flows, _mean(error, inside))
    if named:
        each = zip(named, target[:, first:last].split(1, dim=1), strict=True)
        parts = [bce_dice(logits[name], truth, weight) for name, truth in each]
        terms["classes"] = (w.classes, sum(parts[1:], parts[0]) / len(parts))
    if output.gates is not None and output.gates.full is not None:
        gate = output.gates.full.float().clamp(1e-4, 1 - 1e-4)
        error = F.binary_cross_entropy(gate, border, reduction="none")
        terms["gate"] = (w.gate, _mean(error, known))
    weighted = [weight * term for weight, term in terms.values()]
    loss = sum(weighted[1:], weighted[0])
    return loss, {name: term.detach() for name, (_, term) in terms.items()}


def _mean(error: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of the error, or of it where the mask is 1."""
    if mask is None:
        return error.mean()
    return (error * mask).sum() / mask.sum().clamp(min=1)
