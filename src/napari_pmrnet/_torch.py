"""The one place that imports torch, so that a broken installation gets one answer."""

from __future__ import annotations

from types import ModuleType

from napari_pmrnet._software import misfit
from napari_pmrnet.errors import SoftwareError


def import_torch() -> ModuleType:
    """Import torch.

    Raises
    ------
    SoftwareError
        If torch is missing or its libraries cannot be loaded, with the remedy.
    """
    try:
        import torch
    except ImportError as error:
        told = misfit(error, "The network", "torch")
        if told is None:
            raise
        raise told from error
    except OSError as error:
        # On Windows, torch >= 2.9 imported after Qt can find the wrong runtime DLLs.
        raise SoftwareError(
            f"PyTorch could not load its libraries ({error}). On Windows install the "
            "Microsoft Visual C++ Redistributable and start napari again; if it stays, "
            "run 'pip install --force-reinstall torch' in napari's environment."
        ) from error
    return torch
