"""OpenVINO runs the network on a processor, compiled for every size of tile.

Converting takes seconds, compiling half of one, so both are kept on disk under the hash
of the weights, with hashes of their own.
"""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections import OrderedDict
from collections.abc import Callable
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
from napari_pmrnet.errors import DataError, PMRNetError
from napari_pmrnet.io.alone import alone
from napari_pmrnet.io.settle import settle_file
from napari_pmrnet.io.write import replace_file
from napari_pmrnet.models.backends.eager import Maps
from napari_pmrnet.models.card_checks import IN_CHANNELS
from napari_pmrnet.network import STRIDE
from napari_pmrnet.network.inference import inference_form
from napari_pmrnet.network.pmrnet import check_size

_FILE, _WEIGHTS, _SUM, _COMPILED = "network.xml", "network.bin", "sha256", ".compiled"
DIGEST = 32
"""Bytes of a SHA-256, with which a compiled model begins."""
STREAMS = 2
"""Tiles that are under way at once, each on its share of the processor."""
SECONDS = 120.0
"""Longest time to wait for another process that converts the same weights."""
MOST_PIXELS = 1_000_000
"""Pixels of tiles that memory is kept for; a million of them take a gigabyte."""
MOST_SHAPES = 16
"""Tile sizes that are kept compiled, at about 50 MB each."""
MOST_FILES = 32
"""Tile sizes that are kept compiled on disk, at 4 MB each."""

logger = logging.getLogger(__name__)


class OpenVINOBackend:
    """The inference form of PMRNet in OpenVINO.

    A tile runs on all threads that PyTorch may use, or beside others on a share of
    them, which wastes less of each; the maps are equal to the last bit. May be called
    by several threads.

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
        self._converted, self._folder = _converted(self._core, network, weights_hash)
        # Pinned threads would compete with the window's for the same cores.
        self._options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "ENABLE_CPU_PINNING": False,
        }
        self.at_once = min(STREAMS, torch.get_num_threads())
        self._compiled: OrderedDict[tuple[int, int, int], Any] = OrderedDict()
        self._lock = Lock()

    def begin(self, tiles: Tensor, beside: bool = False) -> Callable[[], Maps]:
        """See `Backend`."""
        check_size(tiles)
        height, width = tiles.shape[-2:]
        compiled = self._compiled_for(height, width, self.at_once if beside else 1)
        requests = [compiled.create_infer_request() for _ in tiles]
        for request, tile in zip(requests, tiles.split(1), strict=True):
            request.start_async([tile.contiguous().numpy()])

        def maps() -> Maps:
            outputs = [_answer(request) for request in requests]
            parts = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
            return Maps(*map(torch.from_numpy, parts))

        return maps

    def _compiled_for(self, height: int, width: int, streams: int) -> Any:
        """Model for tiles of one size, compiled when first needed.

        Of those used before, memory beyond `MOST_PIXELS` is given back.
        """
        key = height, width, streams
        with self._lock:
            if key not in self._compiled:
                self._compiled[key] = self._kept(*key) or self._compile(*key)
            self._compiled.move_to_end(key)
            if len(self._compiled) > MOST_SHAPES:
                self._compiled.popitem(last=False)
            held = 0
            for (h, w, n), compiled in reversed(self._compiled.items()):
                held += h * w * n
                if held > MOST_PIXELS and (h, w, n) != key:
                    with suppress(RuntimeError):  # it is at work for another thread
                        compiled.release_memory()
            return self._compiled[key]

    def _compile(self, height: int, width: int, streams: int) -> Any:
        """Compile for tiles of one size, and keep that for the next start."""
        model = self._converted.clone()
        model.reshape([1, model.input(0).partial_shape[1], height, width])
        options = {**self._options, "NUM_STREAMS": streams}
        compiled = self._core.compile_model(model, "CPU", options)
        if self._folder is not None:
            path = self._path(height, width, streams)
            with suppress(PMRNetError, OSError, RuntimeError):  # compiled again then
                _keep_compiled(path, compiled.export_model().getvalue())
        return compiled

    def _kept(self, height: int, width: int, streams: int) -> Any:
        """What `_compile` kept; None if there is nothing, or nothing of use."""
        if self._folder is None:
            return None
        path = self._path(height, width, streams)
        with suppress(OSError, RuntimeError, TypeError):
            content = path.read_bytes()
            digest, content = content[:DIGEST], content[DIGEST:]
            if digest == sha256(content).digest():
                options = {**self._options, "NUM_STREAMS": streams}
                return self._core.import_model(content, "CPU", options)
        return None

    def _path(self, *key: int) -> Path:
        """File of what is compiled for tiles of a size."""
        threads = self._options["INFERENCE_NUM_THREADS"]
        precision = self._options["INFERENCE_PRECISION_HINT"]
        name = "-".join(map(str, (*key, threads, precision)))
        return (self._folder or Path()) / f"{name}{_COMPILED}"


def _answer(request: Any) -> list[np.ndarray]:
    """Copies of all outputs for one tile, once they are there."""
    request.wait()
    return [np.array(tensor.data) for tensor in request.output_tensors]


class _Flat(nn.Module):
    """A network whose output is one flat tuple."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tiles: Tensor) -> tuple[Tensor, ...]:
        logits, certainty, gates = self.network(tiles, maps=True)
        return (logits, certainty, *gates)


def _converted(
    core: Any, network: nn.Module, weights_hash: str | None
) -> tuple[Any, Path | None]:
    """The network as an OpenVINO model, and the folder that it is kept in, if any."""
    if not weights_hash:
        return convert(network), None
    cache = platformdirs.user_cache_path("napari-pmrnet", appauthor=False)
    folder = cache / "openvino" / _key(weights_hash)
    with suppress(OSError, RuntimeError):
        return _read(core, folder), folder
    model: Any = None
    try:
        with alone(folder, f"{folder}: another process converts it", SECONDS):
            with suppress(OSError, RuntimeError):  # another process has, meanwhile
                return _read(core, folder), folder
            logger.debug("converting: %s holds no model", folder)
            model = convert(network)
            _keep(model, folder)
            # Read back, for it differs in the last digit and the next start reads it.
            return _read(core, folder), folder
    except (DataError, OSError, RuntimeError) as error:
        logger.warning(
            "OpenVINO's model cannot be kept, so every start takes seconds more: %s",
            error,
        )
        return convert(network) if model is None else model, None


def _read(core: Any, folder: Path) -> Any:
    """The model that `_keep` wrote.

    Raises
    ------
    OSError, RuntimeError
        If there is none, or it is not as it was written.
    """
    if not _is_whole(folder):
        raise RuntimeError(f"{folder} is damaged")
    return core.read_model(folder / _FILE)


def _is_whole(folder: Path) -> bool:
    """Tell whether a converted model is as it was written.

    Raises
    ------
    OSError
        If there is none.
    """
    return (folder / _SUM).read_bytes() == _sum(folder)


def _sum(folder: Path) -> bytes:
    """SHA-256 of a converted model, network and weights."""
    digest = sha256()
    for name in (_FILE, _WEIGHTS):
        digest.update((folder / name).read_bytes())
    return digest.digest()


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
        (part / _SUM).write_bytes(_sum(part))
        for file in part.iterdir():
            with file.open("rb+") as stream:
                settle_file(stream)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _keep_compiled(path: Path, content: bytes) -> None:
    """Write a compiled model beside the converted one, and remove the oldest ones."""
    content = sha256(content).digest() + content
    replace_file(path, content, True)
    others = sorted(path.parent.glob(f"*{_COMPILED}"), key=lambda p: p.stat().st_mtime)
    for old in others[:-MOST_FILES]:
        old.unlink(missing_ok=True)
