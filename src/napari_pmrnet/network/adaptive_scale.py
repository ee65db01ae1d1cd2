"""Adaptive Scale selector: three rotation-pooled branches mixed pixel by pixel."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from napari_pmrnet.network.blocks import depthwise, layers, pointwise


class _Maximum(torch.autograd.Function):
    """``torch.maximum`` whose backward keeps one boolean mask.

    The built-in backward also halves ties, which costs five passes over the tensor: a
    quarter of a training step on a CPU. Here a tie goes to the first argument.
    """

    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a >= b)
        return torch.maximum(a, b)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor]:
        (first,) = ctx.saved_tensors
        to_first = grad * first
        return to_first, grad - to_first


def maximum(a: Tensor, b: Tensor) -> Tensor:
    """Elementwise maximum with a backward cheap enough to train on a CPU."""
    return _Maximum.apply(a, b) if torch.is_grad_enabled() else torch.maximum(a, b)


class RotationBranch(nn.Module):
    """Largest of four depthwise responses per channel, then BatchNorm.

    The kernels start as the four 90-degree rotations of one small random kernel and
    are free afterwards. Four separate depthwise convolutions folded by
    the maximum keep every tensor at C channels.

    Shapes: (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.responses = nn.ModuleList(depthwise(channels) for _ in range(4))
        self.norm = nn.BatchNorm2d(channels)

    def init_physics(self) -> None:
        """Set the kernel bank to the rotations of one 0.1 * randn kernel."""
        responses = layers(self.responses)
        kernel = 0.1 * torch.randn_like(responses[0].weight)
        with torch.no_grad():
            for turns, conv in enumerate(responses):
                conv.weight.copy_(torch.rot90(kernel, turns, dims=(2, 3)))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(reduce(maximum, (conv(x) for conv in self.responses)))


class AdaptiveScale(nn.Module):
    """Per-pixel softmax mixture of three rotation branches, with a residual.

    Shapes: (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(RotationBranch(channels) for _ in range(3))
        self.selector = nn.Sequential(
            pointwise(channels, channels // 8),
            nn.BatchNorm2d(channels // 8),
            nn.SiLU(),
            pointwise(channels // 8, 3),
            nn.Softmax(dim=1),
        )
        self.project = nn.Sequential(
            pointwise(channels, channels), nn.BatchNorm2d(channels)
        )
        self.activation = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        weights = self.selector(x).split(1, dim=1)
        mixed = sum(
            weight * branch(x)
            for weight, branch in zip(weights, self.branches, strict=True)
        )
        return self.activation(self.project(mixed) + x)
