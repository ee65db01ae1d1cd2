"""OpenVINO runs the network on a processor: one compiled model for a tile size.

Converting takes seconds, compiling half of one, so what was converted is kept on disk
under the hash of the weights.
"""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections import OrderedDict
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from typing import Any

import numpy as np
import platformdirs
import torch
from torch import Tensor, nn

from napari_pmrnet import network as network_package
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.alone import alone
from napari_pmrnet.io.settle import settle_file
from napari_pmrnet.models.backends.eager import Maps
from napari_pmrnet.models.card_checks import IN_CHANNELS
from napari_pmrnet.network import STRIDE
from napari_pmrnet.network.inference import inference_form
from napari_pmrnet.network.pmrnet import check_size

_FILE = "network.xml"
MOST_PIXELS = 1_000_000
SECONDS = 120.0
"""Longest time to wait for another process that converts the same weights."""

logger = logging.getLogger(__name__)


class OpenVINOBackend:
    """The inference form of PMRNet in OpenVINO.

    Tiles go through one by one, each on all threads that PyTorch may use. Calls from
    several threads wait for each other.

    Parameters
    ----------
    network : Module
        A whole PMRNet on the CPU.
    weights_hash : str or None
        SHA-256 of the weights. None keeps nothing on disk.
    bfloat16 : bool
        Compute in bfloat16 rather than float32.
    """

    def __init__(
        self,
        network: nn.Module,
        weights_hash: str | None = None,
        bfloat16: bool = False,
    ) -> None:
        self.name = "OpenVINO (bfloat16)" if bfloat16 else "OpenVINO"
        self.dtype = torch.bfloat16 if bfloat16 else torch.float32
        self._core = import_module("openvino").Core()
        self._converted = _converted(self._core, network, weights_hash)
        # Pinned threads would compete with the window's for the same cores.
        self._options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "ENABLE_CPU_PINNING": False,
        }
        self._requests: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._lock = Lock()

    def __call__(self, tiles: Tensor) -> Maps:
        check_size(tiles)
        with self._lock:
            request = self._request(*tiles.shape[-2:])
            outputs = [_infer(request, tile) for tile in tiles.split(1)]
        maps = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
        return Maps(*map(torch.from_numpy, maps))

    def _request(self, height: int, width: int) -> Any:
        """Request that runs tiles of one size, made when first needed.

        Each holds memory of its own, about a gigabyte for a million pixels, so those
        used last are kept up to `MOST_PIXELS`.
        """
        if (height, width) in self._requests:
            self._requests.move_to_end((height, width))
        else:
            held = sum(h * w for h, w in self._requests)
            while self._requests and held + height * width > MOST_PIXELS:
                (h, w), _ = self._requests.popitem(last=False)
                held -= h * w
            model = self._converted.clone()
            model.reshape([1, model.input(0).partial_shape[1], height, width])
            compiled = self._core.compile_model(model, "CPU", self._options)
            self._requests[height, width] = compiled.create_infer_request()
        return self._requests[height, width]


def _infer(request: Any, tile: Tensor) -> list[np.ndarray]:
    """Copies of all outputs for one tile (1, 3, h, w)."""
    request.infer([tile.contiguous().numpy()])
    return [np.array(tensor.data) for tensor in request.output_tensors]


class _Flat(nn.Module):
    """A network whose output is one flat tuple."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tiles: Tensor) -> tuple[Tensor, ...]:
        logits, certainty, gates = self.network(tiles, maps=True)
        return (logits, certainty, *gates)


def _converted(core: Any, network: nn.Module, weights_hash: str | None) -> Any:
    """The network as an OpenVINO model, from disk where it is kept."""
    if not weights_hash:
        return convert(network)
    cache = platformdirs.user_cache_path("napari-pmrnet", appauthor=False)
    folder = cache / "openvino" / _key(weights_hash)
    with suppress(RuntimeError):
        return core.read_model(folder / _FILE)
    model: Any = None
    try:
        with alone(folder, f"{folder}: another process converts it", SECONDS):
            with suppress(RuntimeError):  # another process has, in the meantime
                return core.read_model(folder / _FILE)
            logger.debug("converting: %s holds no model", folder)
            model = convert(network)
            _keep(model, folder)
            # Read back, for it differs in the last digit and the next start reads it.
            return core.read_model(folder / _FILE)
    except (DataError, OSError, RuntimeError) as error:
        logger.debug("the converted model was not kept: %s", error)
        return convert(network) if model is None else model


def convert(network: nn.Module) -> Any:
    """Convert the inference form of a network.

    Returns
    -------
    openvino.Model
        (1, C, h, w) -> logits, certainty and the four gates.
    """
    # openvino.convert_model does the same, but reports its use over the network. The
    # decoder is in no public interface: should a version lack it, make_backend falls
    # back to PyTorch and says so.
    frontends = import_module("openvino.frontend")
    decoders = import_module("openvino.frontend.pytorch.ts_decoder")
    example = torch.zeros(1, IN_CHANNELS, 8 * STRIDE, 8 * STRIDE)
    with warnings.catch_warnings(), torch.no_grad():
        # Tracing is deprecated in favour of torch.export, which takes longer to load
        # and to run; check_size is constant.
        warnings.simplefilter("ignore")
        flat = _Flat(inference_form(network))
        decoder = decoders.TorchScriptPythonDecoder(
            torch.jit.trace(flat, example, check_trace=False)
        )
        frontend = frontends.FrontEndManager().load_by_framework("pytorch")
        source = frontend.load(decoder)
        model = frontend.convert(source)
    model.reshape([1, IN_CHANNELS, -1, -1])
    return model


def _key(weights_hash: str) -> str:
    """Name for a conversion: of the weights, the code that made it and OpenVINO."""
    version = import_module("openvino").__version__
    digest = sha256(f"{weights_hash} {version}".encode())
    for path in sorted(Path(network_package.__path__[0]).glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def _keep(model: Any, folder: Path) -> None:
    """Write a converted model into a folder of its own, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f"{folder.name}*"):  # damaged, or of a killed one
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
    part = Path(mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    try:
        import_module("openvino").save_model(
            model, part / _FILE, compress_to_fp16=False
        )
        for file in part.iterdir():
            with file.open("rb+") as stream:
                settle_file(stream)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
