"""Renormalization-Group Downsampling: fold fine structure in, then halve the grid."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_pmrnet.network.blocks import depthwise, learned_scalar, pointwise


class FlowStep(nn.Module):
    """The flow equation ``x + alpha * (beta(x) + gamma(x) * x)``.

    With h a depthwise 3x3 of x, beta = tanh(BN(1x1(h))) is the coupling and
    gamma = sigmoid(a * h + b) each field's own rescaling. A per-channel gamma keeps
    the equation inside the published budget of parameters.

    Shapes: (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.local = depthwise(channels)
        self.coupling = nn.Sequential(
            pointwise(channels, channels), nn.BatchNorm2d(channels), nn.Tanh()
        )
        self.rescale = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.alpha = learned_scalar(0.1)

    def forward(self, x: Tensor) -> Tensor:
        local = self.local(x)
        gamma = torch.sigmoid(self.rescale * local + self.shift)
        return x + self.alpha * (self.coupling(local) + gamma * x)


class RGDS(nn.Module):
    """Downsampling by two after one renormalization-group flow step.

    Shapes: (B, in_channels, H, W) -> (B, out_channels, H / 2, W / 2).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.flow = FlowStep(in_channels)
        self.low = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.SiLU(),
        )
        self.high = nn.Sequential(
            nn.AvgPool2d(2),
            pointwise(in_channels, out_channels),
            nn.BatchNorm2d(out_channels),
        )
        self.mix = learned_scalar(0.3)

    def forward(self, x: Tensor) -> Tensor:
        enhanced = self.flow(x)
        return self.low(enhanced) + self.mix * self.high(enhanced)
