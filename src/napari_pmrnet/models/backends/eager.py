"""Eager PyTorch runs the network on any device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from napari_pmrnet.network import PMRNetOutput
from napari_pmrnet.network.inference import inference_form


class Maps(NamedTuple):
    """All that a network tells of N tiles, in float32.

    ``logits`` is (N, C, h, w), ``certainty`` the raw PGRF map, ``full``, ``half`` and
    ``quarter`` the boundary gates at that scale and ``esconv`` the boundary map of the
    symplectic convolution, each (N, 1, h, w) or smaller.
    """

    logits: Tensor
    certainty: Tensor
    full: Tensor
    half: Tensor
    quarter: Tensor
    esconv: Tensor


class TorchBackend:
    """The inference form of a network in eager PyTorch.

    Parameters
    ----------
    network : Module
        On its device.
    dtype : torch.dtype
        What it computes in.
    """

    title: ClassVar[str] = "PyTorch"
    at_once = 1

    def __init__(self, network: nn.Module, dtype: torch.dtype = torch.float32) -> None:
        self.dtype = dtype
        self._network = inference_form(network).to(self.dtype)
        self.name = self.title
        if self.dtype != torch.float32:
            self.name += f" ({str(self.dtype).removeprefix('torch.')})"

    def begin(self, tiles: Tensor, beside: bool = False) -> Callable[[], Maps]:
        """See `Backend`; tiles go through the network when their maps are asked for."""
        return partial(self, tiles)

    def __call__(self, tiles: Tensor) -> Maps:
        return in_float32(self._network(tiles.to(self.dtype), maps=True))


def in_float32(out: PMRNetOutput, copy: bool = False) -> Maps:
    """All maps of a whole network in float32; copies of them, if need be."""
    maps = (out.logits, out.certainty, *(out.gates or ()))
    return Maps(*(one.to(torch.float32, copy=copy) for one in maps if one is not None))
