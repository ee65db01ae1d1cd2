"""Fusion of decoder and skip, gated by a boundary map read from the skip."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_pmrnet.network.blocks import ECB, pointwise


class PlainFusion(nn.Module):
    """Fusion without a gate: what remains when the boundary gate is switched off.

    Shapes: (B, C, H, W), (B, C, H, W) -> (B, C, H, W) and None for the gate.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.joint = ECB(2 * channels, channels)

    def forward(self, decoded: Tensor, skip: Tensor) -> tuple[Tensor, None]:
        return self.joint(torch.cat([decoded, skip], dim=1)), None


class BoundaryFusion(nn.Module):
    """Near a boundary take the skip alone, elsewhere decoder and skip together.

    Shapes: (B, C, H, W), (B, C, H, W) -> (B, C, H, W) and the gate (B, 1, H, W) in
    (0, 1).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            pointwise(channels, channels // 8),
            nn.BatchNorm2d(channels // 8),
            nn.SiLU(),
            nn.Conv2d(channels // 8, 1, 3, padding=1, bias=False),
            nn.Sigmoid(),
        )
        self.joint = ECB(2 * channels, channels)
        self.detail = ECB(channels, channels)

    def forward(self, decoded: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        gate = self.gate(skip)
        joint = self.joint(torch.cat([decoded, skip], dim=1))
        return torch.lerp(joint, self.detail(skip), gate), gate
