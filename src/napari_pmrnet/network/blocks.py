"""Building blocks shared by every module of the network.

Every convolution is an ``nn.Conv2d`` module, so that layer-wise counters such as
thop see the whole arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn


def pointwise(in_channels: int, out_channels: int, bias: bool = False) -> nn.Conv2d:
    """1x1 convolution."""
    return nn.Conv2d(in_channels, out_channels, 1, bias=bias)


def depthwise(channels: int) -> nn.Conv2d:
    """3x3 convolution of every channel with a kernel of its own."""
    return nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)


class DepthwiseSeparable(nn.Sequential):
    """Depthwise 3x3, then pointwise 1x1, nothing between.

    Shapes: (B, in_channels, H, W) -> (B, out_channels, H, W).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(depthwise(in_channels), pointwise(in_channels, out_channels))


class ECB(nn.Sequential):
    """Efficient convolution block: depthwise separable convolution, BatchNorm, SiLU.

    Shapes: (B, in_channels, H, W) -> (B, out_channels, H, W).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            DepthwiseSeparable(in_channels, out_channels),
            nn.BatchNorm2d(out_channels),
            nn.SiLU(),
        )


def layers(chain: Iterable[nn.Module]) -> list[Any]:
    """Layers of a chain or a list; torch's types do not say which kind is where."""
    return list(chain)


def learned_scalar(value: float) -> nn.Parameter:
    """Scalar parameter, shape ()."""
    return nn.Parameter(torch.tensor(float(value)))
