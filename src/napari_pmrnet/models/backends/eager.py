"""Eager PyTorch runs the network on any device."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from napari_pmrnet.network import Gates, PMRNetOutput
from napari_pmrnet.network.inference import inference_form


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

    def __init__(self, network: nn.Module, dtype: torch.dtype = torch.float32) -> None:
        self.dtype = dtype
        self._network = inference_form(network).to(self.dtype)
        self.name = self.title
        if self.dtype != torch.float32:
            self.name += f" ({str(self.dtype).removeprefix('torch.')})"

    def __call__(self, tiles: Tensor) -> PMRNetOutput:
        return in_float32(self._network(tiles.to(self.dtype), maps=True))


def in_float32(out: PMRNetOutput, copy: bool = False) -> PMRNetOutput:
    """All maps in float32; copies of them, if need be."""

    def cast(values: Tensor) -> Tensor:
        return values.to(torch.float32, copy=copy)

    gates = Gates(*map(cast, out.gates))
    return PMRNetOutput(cast(out.logits), cast(out.certainty), gates)
