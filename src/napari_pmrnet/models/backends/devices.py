"""Devices that the network can run on, and what keeps it from running on a GPU."""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_pmrnet._runtime import import_torch
from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.models.backends.base import Device

if TYPE_CHECKING:
    from torch import nn

    Network = TypeVar("Network", bound=nn.Module)

CUDA_INDEX = "https://download.pytorch.org/whl/cu128"


def channels_last(network: Network, device: str) -> Network:
    """Move a network to a device, with its weights in the order that kernels like."""
    order = import_torch().channels_last
    # torch's stub of Module.to does not know memory_format.
    return network.to(device, memory_format=order)  # pyright: ignore[reportCallIssue]


def choose_device(name: str = "auto") -> Device:
    """The device for a name; torch is asked only where there may be a GPU.

    Parameters
    ----------
    name : str
        ``auto`` takes the first CUDA GPU, then Apple's GPU, then the CPU.

    Returns
    -------
    Device

    Raises
    ------
    PMRNetError
        If the device is not there; names those that are.
    """
    if name == "cpu" or (name == "auto" and not _may_have_gpu()):
        return Device("cpu")
    present = _present()
    if name == "auto":
        return Device(present[0][0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in (value for value, _ in present):
        raise PMRNetError(
            f"There is no device '{name}' here. Choose one of: auto, "
            f"{', '.join(value for value, _ in present)}."
        )
    return Device(wanted)


def _may_have_gpu() -> bool:
    """Tell whether torch may find a GPU, without importing it."""
    if "torch" in sys.modules:
        return True
    try:
        if version("torch").endswith("+cpu"):
            return False
    except PackageNotFoundError:
        return True
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return _has_driver()


def _has_driver() -> bool:
    """Tell whether there is a driver of NVIDIA's, or of AMD's on Linux."""
    if Path("/dev/kfd").exists():
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def available_devices() -> list[tuple[str, str]]:
    """Values and readable names of the devices, ``auto`` first."""
    present = _present()
    return [("auto", f"Automatic: {present[0][1]}"), *present]


def _present() -> list[tuple[str, str]]:
    """The devices torch can use, fastest first."""
    torch = import_torch()
    devices = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            name = torch.cuda.get_device_name(index)
            devices.append((f"cuda:{index}", f"{name} (cuda:{index})"))
    if torch.backends.mps.is_available():
        devices.append(("mps", "Apple GPU (mps)"))
    devices.append(("cpu", "CPU"))
    return devices


def has_fast_bfloat16(kind: str) -> bool:
    """True if a kind of device computes in bfloat16 faster than in float32.

    A CPU without instructions for it is ten times slower that way.

    Parameters
    ----------
    kind : str
        Type of a torch device: ``cpu``, ``cuda`` or ``mps``.
    """
    torch = import_torch()
    if kind == "cuda":
        return torch.cuda.is_bf16_supported()
    return (
        kind == "cpu"
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and _has_bfloat16_instructions()
    )


def _has_bfloat16_instructions() -> bool:
    """True if the processor multiplies bfloat16 in one instruction."""
    cpu = import_torch().cpu
    if hasattr(cpu, "get_capabilities"):
        return bool(cpu.get_capabilities().get("avx512_bf16"))
    # Older versions of torch say it in no public place.
    ask = getattr(import_torch().ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return ask is not None and bool(ask())


def device_advice() -> str | None:
    """Advice on a GPU that this torch cannot use, or None."""
    torch = import_torch()
    if torch.cuda.is_available() or torch.version.cuda or torch.version.hip:
        return None
    gpu = _nvidia_gpu()
    if gpu is None:
        return None
    pip = f"{sys.executable} -m pip"
    return (
        f"{gpu} is present, but this PyTorch was built for the CPU only. To use it, "
        f"run '{pip} uninstall --yes torch' and then '{pip} install torch --index-url "
        f"{CUDA_INDEX}', and start napari again."
    )


def _nvidia_gpu() -> str | None:
    """Name of the first NVIDIA GPU its driver reports."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    try:
        answer = subprocess.run(
            [tool, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().splitlines()[0] if answer.stdout.strip() else None
