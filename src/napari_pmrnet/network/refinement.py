"""Progressive Refinement: untied residual steps gated by squeeze-and-excitation."""

from __future__ import annotations

from torch import Tensor, nn

from napari_pmrnet.network.blocks import DepthwiseSeparable, pointwise


class RefinementStep(nn.Module):
    """One residual step ``x + [DS, BN, SiLU, DS, BN](x) * SE(x)``.

    Shapes: (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            DepthwiseSeparable(channels, channels),
            nn.BatchNorm2d(channels),
            nn.SiLU(),
            DepthwiseSeparable(channels, channels),
            nn.BatchNorm2d(channels),
        )
        self.excitation = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            pointwise(channels, channels // 16),
            nn.SiLU(),
            pointwise(channels // 16, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) * self.excitation(x)


class ProgressiveRefinement(nn.Sequential):
    """``steps`` untied refinement steps.

    Shapes: (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__(*(RefinementStep(channels) for _ in range(steps)))
