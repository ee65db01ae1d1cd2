"""Pseudo-Global Receptive Field: explicit heat steps with learned diffusivity."""

from __future__ import annotations

from torch import Tensor, nn

from napari_pmrnet.network.blocks import ECB, pointwise

SOURCE_STRENGTH = 0.1


def heat_step(
    u: Tensor, smoothed: Tensor, diffusivity: Tensor | float, step: int = 0
) -> Tensor:
    """One explicit step ``u + D * (smoothed - u) * 0.5**step``.

    With ``smoothed`` the mean of the four neighbours this is the classical 5-point
    scheme of the heat equation. For D in [0, 1] the result is a convex mix of ``u``
    and ``smoothed``.

    Parameters
    ----------
    u, smoothed : Tensor, shape (B, C, H, W)
        The field and its local average.
    diffusivity : Tensor, shape (B, C, H, W), or float
        D, in [0, 1].
    step : int
        Index k of the step; later steps are weaker by 0.5**k.
    """
    return u + (diffusivity * 0.5**step) * (smoothed - u)


class Diffusivity(nn.Module):
    """Diffusivity D in (0, 1) from the local variance of every channel.

    Shapes: (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean = nn.AvgPool2d(3, stride=1, padding=1)
        self.gate = nn.Sequential(
            pointwise(channels, channels // 8),
            nn.SiLU(),
            pointwise(channels // 8, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.gate(self.mean((x - self.mean(x)) ** 2))


class PGRF(nn.Module):
    """``steps`` heat-equation steps with a global source, and a residual.

    ``u_{k+1} = u_k + D * (ECB_k(u_k) - u_k) * 0.5**k + 0.1 * g``; the output is
    ``u_K + x``.

    Shapes: (B, C, H, W) -> (B, C, H, W) and the diffusivity D (B, C, H, W).
    """

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__()
        self.smoothers = nn.ModuleList(ECB(channels, channels) for _ in range(steps))
        self.diffusivity = Diffusivity(channels)
        self.source = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            pointwise(channels, channels // 4),
            nn.SiLU(),
            pointwise(channels // 4, channels),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        diffusivity = self.diffusivity(x)
        source = SOURCE_STRENGTH * self.source(x)
        u = x
        for step, smooth in enumerate(self.smoothers):
            u = heat_step(u, smooth(u), diffusivity, step) + source
        return u + x, diffusivity
