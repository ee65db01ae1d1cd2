"""A stand-in for a model of which only the card counts."""

from types import SimpleNamespace
from typing import Any

from napari_pmrnet.models.backends.base import Device
from napari_pmrnet.models.card import ModelCard


def on_cpu(card: ModelCard) -> Any:
    """A model with a card, on the CPU."""
    return SimpleNamespace(card=card, device=Device("cpu"))
