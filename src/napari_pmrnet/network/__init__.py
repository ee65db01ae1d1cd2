"""The network of the paper, torch only: one module of the paper a file.

torch is imported with the first name that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pmrnet.network.size import STRIDE, check_size

if TYPE_CHECKING:
    from napari_pmrnet.network.pmrnet import Gates, PMRNet, PMRNetOutput

__all__ = ["STRIDE", "Gates", "PMRNet", "PMRNetOutput", "check_size"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from napari_pmrnet.network import pmrnet

        return getattr(pmrnet, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
