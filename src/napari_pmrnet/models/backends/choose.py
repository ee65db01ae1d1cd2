"""Choice of a backend: PyTorch anywhere, OpenVINO on CPUs, CUDA graphs on GPUs.

torch is imported where a backend needs it, or a conversion for OpenVINO is to be made.
"""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from napari_pmrnet._runtime import import_torch, started_before_fork
from napari_pmrnet._software import misfit, require
from napari_pmrnet.errors import PMRNetError, SoftwareError
from napari_pmrnet.models.backends.base import Backend, Device
from napari_pmrnet.models.backends.conversion import FAILURES, is_kept

if TYPE_CHECKING:
    from napari_pmrnet.models.model import Model

BACKENDS = ("auto", "pytorch", "openvino", "cuda_graphs")
TENSOR_CORES = (7, 0)
HALF_PRECISION = "PMRNET_HALF_PRECISION"
AFTER_FORK = (
    "{} does not work in a process that was forked from one that has used it. Start "
    "the processes with multiprocessing.get_context('spawn')."
)

logger = logging.getLogger(__name__)


def fast_dtype(device: Device, backend: str) -> str:
    """The type that a backend computes in on a device, by torch's name.

    float16 in PyTorch on a GPU with tensor cores, which keeps three digits more than
    bfloat16. bfloat16 in OpenVINO on a processor with instructions for it, where
    PyTorch gains next to nothing by it. float32 elsewhere, and everywhere if the
    environment sets `HALF_PRECISION` to 0.

    Parameters
    ----------
    device : Device
    backend : str
        ``pytorch``, ``cuda_graphs`` or ``openvino``.
    """
    if os.environ.get(HALF_PRECISION) == "0":
        return "float32"
    if backend == "openvino":
        from napari_pmrnet.models.backends.openvino import multiplies_bfloat16

        return "bfloat16" if multiplies_bfloat16() else "float32"
    if device.type == "cuda":
        capability = import_torch().cuda.get_device_capability(device)
        return "float16" if capability >= TENSOR_CORES else "float32"
    return "float32"


def make_backend(model: Model) -> Backend:
    """The fastest backend there is for a model on its device.

    Its `wanted_backend` is ``auto``: for a whole PMRNet OpenVINO on a CPU where it is
    installed and CUDA graphs on an NVIDIA GPU, else PyTorch. Or ``pytorch``,
    ``openvino`` or ``cuda_graphs`` for that alone.

    Raises
    ------
    PMRNetError
        If a backend is asked for by name and cannot run this network here.
    """
    wanted, device = model.wanted_backend, model.device
    if wanted not in BACKENDS:
        raise PMRNetError(
            f"there is no backend '{wanted}'. Choose one of: {', '.join(BACKENDS)}."
        )
    if wanted == "cuda_graphs" or (wanted == "auto" and _fits_cuda_graphs(model)):
        return _cuda_graphs(model)
    fits = device.type == "cpu" and model.is_whole
    if wanted == "openvino" and not fits:
        raise PMRNetError(f"OpenVINO runs a whole PMRNet on the CPU, not on {device}.")
    if not _takes_openvino(wanted, device) or not fits:
        return pytorch(model)
    if started_before_fork("openvino"):
        raise PMRNetError(AFTER_FORK.format("OpenVINO"))
    try:
        require("openvino", "The backend")
        from napari_pmrnet.models.backends.openvino import OpenVINOBackend

        return OpenVINOBackend(
            model.make_network,
            len(model.channels),
            model.card.sha256,
            fast_dtype(device, "openvino"),
        )
    except (ImportError, SoftwareError, *FAILURES) as error:
        told = misfit(error, "The backend", "openvino", extra="openvino") or (
            PMRNetError(f"OpenVINO cannot run the network ({error}).")
        )
        if wanted == "openvino":
            raise told from error
        return instead(model, told)


def needs_network(model: Model) -> bool:
    """Tell whether the backend of a model will be made from its network.

    Not if OpenVINO has kept a conversion: that proves that these weights once made a
    network of so many channels.
    """
    takes = has_openvino() and _takes_openvino(model.wanted_backend, model.device)
    return not (takes and is_kept(model.card.sha256, len(model.channels)))


def pytorch(model: Model) -> Backend:
    """The network in PyTorch."""
    network = model.network
    from napari_pmrnet.models.backends.eager import TorchBackend

    return TorchBackend(network, model.device, fast_dtype(model.device, "pytorch"))


def instead(model: Model, error: PMRNetError) -> Backend:
    """PyTorch in place of an OpenVINO that failed, which is said."""
    logger.warning("OpenVINO cannot be used, PyTorch runs instead: %s", error)
    return pytorch(model)


def _takes_openvino(wanted: str, device: Device) -> bool:
    """Tell whether OpenVINO is what a whole PMRNet runs in."""
    there = has_openvino() and not started_before_fork("openvino")
    on_cpu = device.type == "cpu"
    return on_cpu and (wanted == "openvino" or (wanted == "auto" and there))


def _fits_cuda_graphs(model: Model) -> bool:
    """Tell whether a model is a whole PMRNet on an NVIDIA GPU."""
    on_cuda = model.device.type == "cuda"
    return on_cuda and import_torch().version.cuda is not None and model.is_whole


def _cuda_graphs(model: Model) -> Backend:
    """The network recorded as CUDA graphs."""
    if model.device.type != "cuda":
        raise PMRNetError(f"CUDA graphs run on an NVIDIA GPU, not on {model.device}.")
    network = model.network
    from napari_pmrnet.models.backends.cuda_graphs import CUDAGraphsBackend

    dtype = fast_dtype(model.device, "cuda_graphs")
    return CUDAGraphsBackend(network, model.device, dtype)


def has_openvino() -> bool:
    """True if OpenVINO is installed."""
    return find_spec("openvino") is not None
