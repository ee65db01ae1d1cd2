"""Eager PyTorch runs the network on any device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from napari_pmrnet.models.backends.base import Arrays, Device, Maps
from napari_pmrnet.network import PMRNetOutput
from napari_pmrnet.network.inference import inference_form


class TorchArrays:
    """See `Arrays`; in channels_last memory format.

    Parameters
    ----------
    device : Device
    """

    def __init__(self, device: Device) -> None:
        self.device = device

    def put(self, tiles: Any) -> Tensor:
        """See `Arrays`; to a GPU from pinned memory."""
        there = torch.as_tensor(tiles)
        if self.device.type == "cuda" and there.device.type == "cpu":
            pinned = there.to(torch.float32).pin_memory()
            there = pinned.to(self.device, non_blocking=True)
        return there.to(self.device, torch.float32, memory_format=torch.channels_last)

    def get(self, planes: Tensor) -> np.ndarray:
        """See `Arrays`; from a GPU into pinned memory, which is many times as fast."""
        if planes.device.type != "cuda":
            return planes.cpu().numpy()
        host = torch.empty(planes.shape, dtype=planes.dtype, pin_memory=True)
        host.copy_(planes, non_blocking=True)
        torch.cuda.current_stream(planes.device).synchronize()
        return host.numpy()

    def resize(self, planes: Tensor, size: Sequence[int]) -> Tensor:
        if planes.shape[-2:] == torch.Size(size):
            return planes
        return torch.nn.functional.interpolate(
            planes, tuple(size), mode="bilinear", align_corners=False, antialias=True
        )

    def flip(
        self, planes: Tensor, axes: Sequence[int], negated: Sequence[int]
    ) -> Tensor:
        flipped = planes.flip(tuple(axes))
        if negated:
            flipped[:, list(negated)] *= -1
        return flipped

    def sigmoid(self, planes: Tensor, but: Sequence[int]) -> Tensor:
        if not but:
            return torch.sigmoid(planes)
        keep = [channel in but for channel in range(planes.shape[1])]
        kept = torch.tensor(keep, device=planes.device)[:, None, None]
        return torch.where(kept, planes, torch.sigmoid(planes))

    def join(self, planes: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(planes), dim=1)


class TorchBackend:
    """The inference form of a network in eager PyTorch.

    Parameters
    ----------
    network : Module
        On its device.
    device : Device
    dtype : str
        What it computes in, by torch's name.
    """

    title: ClassVar[str] = "PyTorch"
    at_once = 1
    survives_fork = True

    def __init__(
        self, network: nn.Module, device: Device, dtype: str = "float32"
    ) -> None:
        self.dtype = dtype
        self.arrays: Arrays = TorchArrays(device)
        self._type: torch.dtype = getattr(torch, dtype)
        self._network = inference_form(network).to(self._type)
        self.name = self.title if dtype == "float32" else f"{self.title} ({dtype})"

    def begin(self, tiles: Tensor, beside: bool = False) -> Callable[[], Maps]:
        """See `Backend`; tiles go through the network when their maps are asked for."""
        return partial(self, tiles)

    def prepare(self, height: int, width: int, beside: bool = False) -> None:
        """See `Backend`; there is nothing to do."""

    @torch.inference_mode()
    def __call__(self, tiles: Tensor) -> Maps:
        return in_float32(self._network(tiles.to(self._type), maps=True))


def in_float32(out: PMRNetOutput, copy: bool = False) -> Maps:
    """All maps of a whole network in float32; copies of them, if need be."""
    maps = (out.logits, out.certainty, *(out.gates or ()))
    return Maps(*(one.to(torch.float32, copy=copy) for one in maps if one is not None))
