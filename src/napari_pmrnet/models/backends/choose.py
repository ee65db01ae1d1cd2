"""Choice of a backend: PyTorch anywhere, OpenVINO on CPUs, CUDA graphs on GPUs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Protocol

import torch
from torch import Tensor, nn

from napari_pmrnet._runtime import started_before_fork
from napari_pmrnet._software import misfit, require
from napari_pmrnet.errors import PMRNetError, SoftwareError
from napari_pmrnet.models.backends.devices import has_fast_bfloat16
from napari_pmrnet.models.backends.eager import Maps, TorchBackend
from napari_pmrnet.network import PMRNet

BACKENDS = ("auto", "pytorch", "openvino", "cuda_graphs")
TENSOR_CORES = (7, 0)
HALF_PRECISION = "PMRNET_HALF_PRECISION"
AFTER_FORK = (
    "{} does not work in a process that was forked from one that has used it. Start "
    "the processes with multiprocessing.get_context('spawn')."
)

logger = logging.getLogger(__name__)


class Backend(Protocol):
    """The network, ready to run on one device; may be called by several threads.

    ``name`` is what the user is shown, ``dtype`` what it computes in, ``at_once`` how
    many calls are best under way at once.
    """

    name: str
    dtype: torch.dtype
    at_once: int

    def begin(self, tiles: Tensor, beside: bool = False) -> Callable[[], Maps]:
        """Begin with tiles; what is returned waits for their maps, in float32.

        Parameters
        ----------
        tiles : Tensor of float32, shape (N, 3, h, w)
            On the device; h and w are multiples of 8.
        beside : bool
            Whether `at_once` calls are to be under way, which share the processor.
        """
        ...


def fast_dtype(device: torch.device, backend: str) -> torch.dtype:
    """The type that a backend computes in on a device.

    float16 in PyTorch on a GPU with tensor cores, which keeps three digits more than
    bfloat16. bfloat16 in OpenVINO on a processor with instructions for it, where
    PyTorch gains next to nothing by it. float32 elsewhere, and everywhere if the
    environment sets `HALF_PRECISION` to 0.

    Parameters
    ----------
    device : torch.device
    backend : str
        ``pytorch``, ``cuda_graphs`` or ``openvino``.
    """
    if os.environ.get(HALF_PRECISION) == "0":
        return torch.float32
    if device.type == "cuda" and backend != "openvino":
        capable = torch.cuda.get_device_capability(device) >= TENSOR_CORES
        return torch.float16 if capable else torch.float32
    if backend == "openvino" and has_fast_bfloat16("cpu"):
        return torch.bfloat16
    return torch.float32


def make_backend(
    network: nn.Module, device: torch.device, wanted: str, weights_hash: str | None
) -> Backend:
    """The fastest backend there is for a network on a device.

    Parameters
    ----------
    network : Module
    device : torch.device
        Where `network` is.
    wanted : str
        ``auto``: for a whole PMRNet OpenVINO on a CPU where it is installed and CUDA
        graphs on an NVIDIA GPU, else PyTorch. ``pytorch``, ``openvino`` or
        ``cuda_graphs`` for that alone.
    weights_hash : str or None
        SHA-256 of the weights, under which a conversion is kept for the next start.

    Raises
    ------
    PMRNetError
        If a backend is asked for by name and cannot run this network here.
    """
    if wanted not in BACKENDS:
        raise PMRNetError(
            f"there is no backend '{wanted}'. Choose one of: {', '.join(BACKENDS)}."
        )
    whole = isinstance(network, PMRNet)
    nvidia = device.type == "cuda" and torch.version.cuda is not None
    if wanted == "cuda_graphs" or (wanted == "auto" and whole and nvidia):
        return _cuda_graphs(network, device)
    fits = whole and device.type == "cpu"
    if wanted == "openvino" and not fits:
        raise PMRNetError(f"OpenVINO runs a whole PMRNet on the CPU, not on {device}.")
    there = has_openvino() and not started_before_fork("openvino")
    if wanted == "pytorch" or not fits or (wanted == "auto" and not there):
        return TorchBackend(network, fast_dtype(device, "pytorch"))
    if started_before_fork("openvino"):
        raise PMRNetError(AFTER_FORK.format("OpenVINO"))
    try:
        require("openvino", "The backend")
        from napari_pmrnet.models.backends.openvino import OpenVINOBackend

        bfloat16 = fast_dtype(device, "openvino") == torch.bfloat16
        return OpenVINOBackend(network, weights_hash, bfloat16)
    except (
        ImportError,
        AttributeError,
        OSError,
        RuntimeError,
        TypeError,
        SoftwareError,
    ) as error:
        told = misfit(error, "The backend", "openvino", extra="openvino") or (
            PMRNetError(f"OpenVINO cannot run the network ({error}).")
        )
        if wanted == "openvino":
            raise told from error
        logger.warning("OpenVINO cannot be used, PyTorch runs instead: %s", told)
        return TorchBackend(network, fast_dtype(device, "pytorch"))


def _cuda_graphs(network: nn.Module, device: torch.device) -> Backend:
    """The network recorded as CUDA graphs."""
    if device.type != "cuda":
        raise PMRNetError(f"CUDA graphs run on an NVIDIA GPU, not on {device}.")
    from napari_pmrnet.models.backends.cuda_graphs import CUDAGraphsBackend

    return CUDAGraphsBackend(network, device, fast_dtype(device, "cuda_graphs"))


def has_openvino() -> bool:
    """True if OpenVINO is installed."""
    return find_spec("openvino") is not None
