"""The loss: foreground as published, one term for every instance channel, the gate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from monai.losses import DiceLoss
from torch import Tensor
from torch.nn import functional as F

from napari_pmrnet.network import PMRNetOutput

_DICE = DiceLoss(sigmoid=True, batch=True, smooth_nr=1.0, smooth_dr=1.0)


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term; the foreground term is the published loss."""

    foreground: float = 1.0
    border: float = 0.5
    distance: float = 2.0
    flows: float = 0.5
    gate: float = 0.2


def bce_dice(logits: Tensor, target: Tensor) -> Tensor:
    """``0.5 * BCE + 0.5 * Dice`` of one channel, Dice over the whole batch.

    Shapes: (B, 1, H, W), (B, 1, H, W) -> ().
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target)
    return 0.5 * cross_entropy + 0.5 * _DICE(logits, target)


def total_loss(
    output: PMRNetOutput, target: Tensor, channels: tuple[str, ...], w: LossWeights
) -> tuple[Tensor, dict[str, float]]:
    """Weighted sum of the terms, and each unweighted term for the log.

    Parameters
    ----------
    output : PMRNetOutput
        With maps where the network has boundary gates.
    target : Tensor, shape (B, 5, H, W)
        As `targets.assemble` gives it.
    channels : tuple of str
        Names of the logits' channels, in order.
    w : LossWeights
    """
    logits = dict(zip(channels, output.logits.float().split(1, dim=1), strict=True))
    foreground, border, distance = target[:, :1], target[:, 1:2], target[:, 2:3]
    terms = {"foreground": (w.foreground, bce_dice(logits["probability"], foreground))}
    if "border" in logits:
        terms["border"] = (w.border, bce_dice(logits["border"], border))
    if "distance" in logits:
        error = (torch.sigmoid(logits["distance"]) - distance).abs()
        terms["distance"] = (w.distance, error.mean() + _inside(error, foreground))
    if "flow_y" in logits:
        flow = torch.cat([logits["flow_y"], logits["flow_x"]], dim=1)
        error = ((flow - target[:, 3:5]) ** 2).sum(dim=1, keepdim=True)
        terms["flows"] = (w.flows, _inside(error, foreground))
    if output.gates is not None and output.gates.full is not None:
        gate = output.gates.full.float().clamp(1e-4, 1 - 1e-4)
        terms["gate"] = (w.gate, F.binary_cross_entropy(gate, border))
    loss = sum(weight * term for weight, term in terms.values())
    return loss, {name: float(term.detach()) for name, (_, term) in terms.items()}


def _inside(error: Tensor, mask: Tensor) -> Tensor:
    """Mean of the error where the mask is 1."""
    return (error * mask).sum() / mask.sum().clamp(min=1)
