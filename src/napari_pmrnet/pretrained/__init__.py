"""Weights that ship with the package, and how models are found and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_pmrnet.pretrained.library import available_models

if TYPE_CHECKING:
    from napari_pmrnet.pretrained.model import Model

__all__ = ["Model", "available_models", "load_model"]


def load_model(
    name: str | Path = "dsb18", device: str = "auto", backend: str = "auto"
) -> Model:
    """Load and verify weights; see `napari_pmrnet.pretrained.model.load_model`."""
    from napari_pmrnet._torch import import_torch

    import_torch()
    from napari_pmrnet.pretrained.model import load_model as load

    return load(name, device, backend)


def __getattr__(name: str) -> object:
    if name == "Model":
        from napari_pmrnet.pretrained.model import Model

        return Model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
