"""Work on maps, done on the GPU that the network ran on where that is possible."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_pmrnet._runtime import import_torch
from napari_pmrnet.segmentation.predict import is_gone, is_out_of_memory

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

CAPABLE = ("cuda",)
"""Kinds of GPU that compute in double precision, which Apple's do not."""

T = TypeVar("T")
logger = logging.getLogger(__name__)


def on_device(model: Model | None, work: Callable[..., T], *arguments: Any) -> T:
    """Call `work` with its arrays on the GPU of a model; as they are if it has none.

    Where the GPU has no memory left, or is gone, `work` is done without it.

    Parameters
    ----------
    model : Model or None
        None: `work` is done on the CPU.
    work : callable
        Takes arrays of NumPy or torch, see `arrays.library`, and returns no tensors.
    *arguments
        Arrays and mappings of them are moved, all others handed on.
    """
    if model is None or model.device.type not in CAPABLE:
        return work(*arguments)
    try:
        return work(*(_moved(one, model.device) for one in arguments))
    except RuntimeError as error:
        if not (is_gone(error) or is_out_of_memory(error)):
            raise
        logger.info("labels are made without %s: %s", model.device, error)
        return work(*arguments)


def _moved(argument: Any, device: Any) -> Any:
    """An argument of `on_device`, there."""
    if isinstance(argument, np.ndarray):
        return import_torch().tensor(argument, device=device)
    if isinstance(argument, Mapping) and all(
        isinstance(one, np.ndarray) for one in argument.values()
    ):
        return {name: _moved(one, device) for name, one in argument.items()}
    return argument
