"""napari-pmrnet: nuclei segmented with PMRNet, proofread and exported in napari.

Importing the package imports neither torch nor napari.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

# PyTorch's threads spin while they wait for each other; beside another program that
# makes them several times as slow. Read when torch is loaded; the user's own stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

try:
    __version__ = version("napari-pmrnet")
except PackageNotFoundError:
    __version__ = "0+unknown"

_PUBLIC = {
    "Segmentation": ".segmentation",
    "Settings": ".settings",
    "load_model": ".models",
    "segment": ".segmentation",
    "segment_steps": ".segmentation",
}
__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
