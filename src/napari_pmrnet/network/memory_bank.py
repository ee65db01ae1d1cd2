"""Lightweight Memory Bank: attention of every pixel over a few learned prototypes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_pmrnet.network.blocks import learned_scalar, pointwise


class MemoryBank(nn.Module):
    """Residual read from ``n_prototypes`` prototypes by cosine attention.

    Shapes: (B, C, H, W) -> (B, C, H, W).

    Parameters
    ----------
    channels : int
        Channels C of the feature and length of a prototype.
    n_prototypes : int
        Number N of prototypes.
    sharpness : float
        Factor on the cosine before the softmax.
    """

    def __init__(
        self, channels: int, n_prototypes: int, sharpness: float = 10.0
    ) -> None:
        super().__init__()
        self.key_channels = max(channels // 4, 16)
        self.sharpness = sharpness
        self.prototypes = nn.Parameter(torch.randn(n_prototypes, channels))
        self.query = pointwise(channels, self.key_channels)
        self.project = pointwise(channels, channels)
        self.alpha = learned_scalar(0.1)

    def forward(self, x: Tensor) -> Tensor:
        query = F.normalize(self.query(x), dim=1)
        keys = F.normalize(self.prototypes[:, : self.key_channels], dim=1)
        cosine = torch.einsum("brhw,nr->bnhw", query, keys.to(query.dtype))
        attention = torch.softmax(self.sharpness * cosine, dim=1)
        read = torch.einsum(
            "bnhw,nc->bchw", attention, self.prototypes.to(attention.dtype)
        )
        return x + self.alpha * self.project(read)
