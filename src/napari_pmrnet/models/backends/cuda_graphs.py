"""CUDA graphs: all kernels of the network sent to a GPU at once, not one by one.

PMRNet has hundreds of small kernels; with few tiles at once, starting them takes
longer than running them.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

import torch
from torch import Tensor, nn

from napari_pmrnet.models.backends.base import Device, Maps
from napari_pmrnet.models.backends.eager import TorchBackend, in_float32
from napari_pmrnet.network import PMRNetOutput

MOST_GRAPHS = 4
WARM_UPS = 3

logger = logging.getLogger(__name__)


class Recorded(NamedTuple):
    """A graph, and the memory it reads from and writes to."""

    graph: torch.cuda.CUDAGraph
    tiles: Tensor
    output: PMRNetOutput


class CUDAGraphsBackend(TorchBackend):
    """The inference form of a network, recorded once for every shape of tiles.

    A shape is recorded when it comes for the second time: the last batch of an image
    is often of a shape of its own. `MOST_GRAPHS` are kept, those used last; what is
    forgotten counts as new. Calls from several threads wait for each other. A network
    that cannot be recorded runs as in `TorchBackend`.

    Parameters
    ----------
    network : Module
        On its GPU.
    device : Device
    dtype : str
        What it computes in, by torch's name.
    """

    title = "CUDA graphs"

    def __init__(
        self, network: nn.Module, device: Device, dtype: str = "float32"
    ) -> None:
        super().__init__(network, device, dtype)
        self._device = device
        self._lock = Lock()
        self._seen: set[torch.Size] = set()
        self._recorded: OrderedDict[torch.Size, Recorded] = OrderedDict()
        self._works = True

    @torch.inference_mode()
    def __call__(self, tiles: Tensor) -> Maps:
        with self._lock:
            recorded = self._for(tiles)
            if recorded is None:
                return super().__call__(tiles)
            recorded.tiles.copy_(tiles)
            recorded.graph.replay()
            return in_float32(recorded.output, copy=True)

    def _for(self, tiles: Tensor) -> Recorded | None:
        """The recording for tiles of this shape, made if it is time for it."""
        shape = tiles.shape
        if shape in self._recorded:
            self._recorded.move_to_end(shape)
            return self._recorded[shape]
        if not self._works or shape not in self._seen:
            self._seen.add(shape)
            return None
        try:
            self._recorded[shape] = self._record(tiles)
        except RuntimeError as error:
            if "out of memory" in str(error).lower():
                raise
            logger.warning("the network cannot be recorded for the GPU: %s", error)
            self._works = False
            return None
        if len(self._recorded) > MOST_GRAPHS:
            forgotten, _ = self._recorded.popitem(last=False)
            self._seen.remove(forgotten)
        return self._recorded[shape]

    def _record(self, tiles: Tensor) -> Recorded:
        """Run the network on memory that stays where it is, and record that."""
        held = tiles.to(self._type, copy=True)
        with torch.cuda.device(self._device):
            beside = torch.cuda.Stream()
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                for _ in range(WARM_UPS):
                    self._network(held, maps=True)
            torch.cuda.current_stream().wait_stream(beside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                output = self._network(held, maps=True)
        return Recorded(graph, held, output)
