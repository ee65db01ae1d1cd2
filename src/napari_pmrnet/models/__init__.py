"""Weights that ship with the package, and how models are found and loaded."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from napari_pmrnet.models.card import card_path
from napari_pmrnet.models.library import available_models, find_weights
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models.model import Model

__all__ = ["Model", "available_models", "load_model", "shared_model"]

_lock = Lock()
_last: dict[tuple[Any, ...], Model] = {}


def load_model(
    name: str | Path = Settings.model, device: str = "auto", backend: str = "auto"
) -> Model:
    """Load and verify weights; see `napari_pmrnet.models.model.load_model`."""
    from napari_pmrnet.models.model import load_model as load

    return load(name, device, backend)


def shared_model(name: str | Path = Settings.model, device: str = "auto") -> Model:
    """The model of the last call if it is asked for again, else as `load_model`.

    Loading and compiling takes a second, which whoever segments one image after the
    other should not wait for every time. Weights or a card that changed on disk are
    loaded anew, and so is in a forked process a model that does not survive the fork.
    One model is kept.

    Parameters
    ----------
    name, device
        As for `load_model`.

    Raises
    ------
    WeightsError
        As `load_model`.
    """
    path = find_weights(name)
    files = (path, card_path(path))
    stamps = [
        (s.st_mtime_ns, s.st_size) for s in (f.stat() for f in files if f.exists())
    ]
    key = (path, device, *stamps)
    with _lock:
        if key not in _last or not _last[key].survives:
            _last.clear()
            _last[key] = load_model(name, device)
        return _last[key]


def __getattr__(name: str) -> object:
    if name == "Model":
        from napari_pmrnet.models.model import Model

        return Model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
