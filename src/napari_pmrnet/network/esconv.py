"""Enhanced Symplectic Convolution: one bounded Hamiltonian step per pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_pmrnet.network.blocks import (
    DepthwiseSeparable,
    depthwise,
    learned_scalar,
    pointwise,
)

SOBEL_X = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 4


class SymplecticStep(nn.Module):
    """Coupled update of position q and momentum p.

    ``[q'; p'] = [q; p] + eps * tanh(BN(Conv1x1([p; -q])))``: no element moves by
    more than ``|eps|``.

    Shapes: (B, C, H, W), (B, C, H, W) -> (B, 2C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coupling = nn.Sequential(
            pointwise(2 * channels, 2 * channels), nn.BatchNorm2d(2 * channels)
        )
        self.eps = learned_scalar(0.1)

    def forward(self, q: Tensor, p: Tensor) -> Tensor:
        force = self.coupling(torch.cat([p, -q], dim=1))
        return torch.cat([q, p], dim=1) + self.eps * torch.tanh(force)


class ESConv(nn.Module):
    """Symplectic convolution with a boundary map of its own.

    The feature is the position of a Hamiltonian system, its gradient magnitude
    gives the momentum.

    Shapes: (B, C, H, W) -> (B, C, H, W) and the boundary map (B, 1, H, W) in (0, 1).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            DepthwiseSeparable(channels, channels), nn.BatchNorm2d(channels), nn.GELU()
        )
        self.gradient_x = depthwise(channels)
        self.gradient_y = depthwise(channels)
        self.momentum = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.GELU(),
            depthwise(channels),
            nn.BatchNorm2d(channels),
        )
        self.step = SymplecticStep(channels)
        self.boundary = nn.Sequential(
            pointwise(2 * channels, channels // 2),
            nn.BatchNorm2d(channels // 2),
            nn.GELU(),
            pointwise(channels // 2, 1, bias=True),
            nn.Sigmoid(),
        )
        self.boundary_features = nn.Sequential(
            DepthwiseSeparable(2 * channels, channels),
            nn.BatchNorm2d(channels),
            nn.GELU(),
        )
        self.fuse = nn.Sequential(
            pointwise(2 * channels, channels), nn.BatchNorm2d(channels), nn.GELU()
        )
        self.beta = learned_scalar(0.1)

    def init_physics(self) -> None:
        """Set the gradient kernels to Sobel / 4."""
        with torch.no_grad():
            self.gradient_x.weight.copy_(SOBEL_X.expand_as(self.gradient_x.weight))
            self.gradient_y.weight.copy_(SOBEL_X.T.expand_as(self.gradient_y.weight))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        magnitude = (self.gradient_x(x).abs() + self.gradient_y(x).abs()) * 2**-0.5
        state = self.step(x, self.momentum(magnitude))
        boundary = self.boundary(state)
        features = self.boundary_features(state) * (1 + boundary)
        out = self.fuse(torch.cat([self.main(x), features], dim=1)) + self.beta * x
        return out, boundary
