"""OpenVINO runs the network on a processor, compiled for every size of tile.

Compiling takes half a second, so what is compiled is kept beside the conversion, with a
hash of its own. Nothing here needs torch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_pmrnet._runtime import compute_threads
from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.io.write import replace_file
from napari_pmrnet.models.backends.arrays import NumPyArrays
from napari_pmrnet.models.backends.base import Arrays, BackendError, Maps
from napari_pmrnet.models.backends.conversion import (
    FAILURES,
    converted,
    folder_for,
    is_whole,
)
from napari_pmrnet.network import check_size

if TYPE_CHECKING:
    from torch import nn

_COMPILED = ".compiled"
DIGEST = 32
"""Bytes of a SHA-256, with which a compiled model begins."""
STREAMS = 2
"""Tiles that are under way at once, each on its share of the processor."""
MOST_PIXELS = 1_000_000
"""Pixels of tiles that memory is kept for; a million of them take a gigabyte."""
MOST_SHAPES = 16
"""Tile sizes that are kept compiled, at about 50 MB each."""
MOST_FILES = 32
"""Tile sizes that are kept compiled on disk, at 4 MB each."""


@cache
def _core() -> Any:
    """OpenVINO in this process."""
    return import_module("openvino").Core()


def multiplies_bfloat16() -> bool:
    """True if the processor multiplies bfloat16 in one instruction.

    Without, it is ten times slower than float32.
    """
    # BF16 alone is also said of AVX2 that converts bfloat16 and does not multiply it.
    # WINOGRAD is said of AVX-512.
    can = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return {"BF16", "WINOGRAD"} <= set(can)


class OpenVINOBackend:
    """The inference form of PMRNet in OpenVINO.

    A tile runs on all threads that PyTorch may use, or beside others on a share of
    them, which wastes less of each; the maps are equal to the last bit. May be called
    by several threads.

    Parameters
    ----------
    network : callable
        Asked for a whole PMRNet on the CPU if there is no conversion of it.
    channels : int
        Output channels of the network.
    weights_hash : str
        SHA-256 of the weights. Empty keeps nothing on disk.
    dtype : str
        What it computes in: ``float32`` or ``bfloat16``.
    """

    survives_fork = False

    def __init__(
        self,
        network: Callable[[], nn.Module],
        channels: int,
        weights_hash: str = "",
        dtype: str = "float32",
    ) -> None:
        self.name = "OpenVINO" if dtype == "float32" else f"OpenVINO ({dtype})"
        self.dtype = dtype
        self.arrays: Arrays = NumPyArrays()
        self._core = _core()
        threads = compute_threads()
        # Pinned threads would compete with the window's for the same cores.
        self._options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if dtype == "bfloat16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,
        }
        self.at_once = min(STREAMS, threads)
        self._compiled: OrderedDict[tuple[int, int, int], _Compiled] = OrderedDict()
        self._lock = Lock()
        self._network, self._converted = network, None
        self._folder = folder_for(weights_hash, channels) if weights_hash else None
        if self._folder is None or not is_whole(self._folder):
            self._model()

    def begin(self, tiles: np.ndarray, beside: bool = False) -> Callable[[], Maps]:
        """See `Backend`."""
        height, width = tiles.shape[-2:]
        check_size(height, width)
        with _told():
            compiled = self._compiled_for(height, width, self.at_once if beside else 1)
            requests = [compiled.request() for _ in tiles]
            for request, tile in zip(requests, tiles, strict=True):
                request.start_async([np.ascontiguousarray(tile[None])])

        def maps() -> Maps:
            with _told():
                outputs = [_answer(request) for request in requests]
            compiled.idle.extend(requests)
            return Maps(*(np.concatenate(part) for part in zip(*outputs, strict=True)))

        return maps

    def prepare(self, height: int, width: int, beside: bool = False) -> None:
        """See `Backend`."""
        check_size(height, width)
        with _told():
            self._compiled_for(height, width, self.at_once if beside else 1)

    def _model(self) -> Any:
        """The model to compile, read or made when first needed."""
        if self._converted is None:
            self._converted, self._folder = converted(
                self._core, self._network, self._folder
            )
        return self._converted

    def _compiled_for(self, height: int, width: int, streams: int) -> _Compiled:
        """Model for tiles of one size, compiled when first needed.

        Of those used before, memory beyond `MOST_PIXELS` is given back.
        """
        key = height, width, streams
        with self._lock:
            if key not in self._compiled:
                model = self._kept(*key) or self._compile(*key)
                self._compiled[key] = _Compiled.of(model, streams)
            self._compiled.move_to_end(key)
            if len(self._compiled) > MOST_SHAPES:
                self._compiled.popitem(last=False)
            held = 0
            for (h, w, n), compiled in reversed(self._compiled.items()):
                held += h * w * n
                if held > MOST_PIXELS and (h, w, n) != key:
                    with suppress(RuntimeError):  # it is at work for another thread
                        compiled.model.release_memory()
            return self._compiled[key]

    def _compile(self, height: int, width: int, streams: int) -> Any:
        """Compile for tiles of one size, and keep that for the next start."""
        model = self._model().clone()
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


class _Compiled(NamedTuple):
    """A model for tiles of one size, and requests that wait to be used again.

    A request that is made while others run waits for one of them first.
    """

    model: Any
    idle: list[Any]

    @classmethod
    def of(cls, model: Any, streams: int) -> _Compiled:
        """With a request for every stream and one that queues up, if there are some."""
        count = streams + 1 if streams > 1 else 1
        return cls(model, [model.create_infer_request() for _ in range(count)])

    def request(self) -> Any:
        """A request that no other caller holds."""
        try:
            return self.idle.pop()
        except IndexError:
            return self.model.create_infer_request()


@contextmanager
def _told() -> Iterator[None]:
    """Turn what OpenVINO raises into an error that another backend can follow."""
    try:
        yield
    except FAILURES as error:
        raise BackendError(f"OpenVINO cannot run the network ({error}).") from error


def _answer(request: Any) -> list[np.ndarray]:
    """Copies of all outputs for one tile, once they are there."""
    request.wait()
    return [np.array(tensor.data) for tensor in request.output_tensors]


def _keep_compiled(path: Path, content: bytes) -> None:
    """Write a compiled model beside the converted one, and remove the oldest ones."""
    content = sha256(content).digest() + content
    replace_file(path, content, True)
    others = sorted(path.parent.glob(f"*{_COMPILED}"), key=lambda p: p.stat().st_mtime)
    for old in others[:-MOST_FILES]:
        old.unlink(missing_ok=True)
