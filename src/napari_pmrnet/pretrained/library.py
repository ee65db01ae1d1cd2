"""Which models there are, without importing torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_pmrnet.errors import WeightsError

SHIPPED = Path(__file__).parent
SUFFIX = ".safetensors"


def available_models() -> list[str]:
    """Names of the shipped models, sorted."""
    return sorted(path.stem for path in SHIPPED.glob(f"*{SUFFIX}"))


def find_weights(name: str | Path) -> Path:
    """Path of the weights of a shipped model or of a file.

    Raises
    ------
    WeightsError
        If there is no such model or file, or it is not a safetensors file.
    """
    text = str(name)
    if not text.endswith(SUFFIX):
        if text in available_models():
            return SHIPPED / f"{text}{SUFFIX}"
        raise WeightsError(
            f"There is no model '{text}'. Shipped models: "
            f"{', '.join(available_models()) or 'none'}; or give the path of a "
            f"{SUFFIX} file. Other formats can run code when loaded and are refused."
        )
    path = Path(text).expanduser()
    if not path.is_file():
        raise WeightsError(f"{path} does not exist. Choose another model file.")
    return path


def card_path(weights: Path) -> Path:
    """Path of the card of a weights file."""
    return weights.with_suffix(".json")


def read_card(weights: Path) -> dict[str, Any]:
    """Read the model card of a weights file.

    Raises
    ------
    WeightsError
        If it is missing, unreadable or not a card.
    """
    path = card_path(weights)
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(
            f"{weights} has no model card: {path.name} is missing. Copy it from where "
            "the weights came."
        ) from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(card, dict) or "window" not in card:
        raise WeightsError(f"{path} is not a model card: it names no window size.")
    return card
