"""A field of bright discs, and corrections of it."""

from __future__ import annotations

import numpy as np
import pytest
from quick_training import quick_epochs

from napari_pmrnet.finetuning.corrections import Corrections

__all__ = ["corrected", "discs", "quick_epochs"]


def discs(
    seed: int = 0, side: int = 96, step: int = 24
) -> tuple[np.ndarray, np.ndarray]:
    """Image (side, side) uint8 with a grid of discs, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((side, side), np.int32)
    y, x = np.mgrid[:side, :side]
    centres = range(step // 2, side, step)
    for number, (cy, cx) in enumerate(((a, b) for a in centres for b in centres), 1):
        labels[np.hypot(y - cy, x - cx) < rng.uniform(5, 9)] = number
    image = np.where(labels > 0, 170, 40) + rng.normal(0, 8, labels.shape)
    return image.clip(0, 255).astype(np.uint8), labels


@pytest.fixture
def corrected() -> list[Corrections]:
    """Two images, all of whose nuclei were reviewed."""
    found = []
    for seed in (0, 1):
        image, labels = discs(seed, 192)
        found.append(Corrections(f"{seed}", image, labels, np.unique(labels)[1:]))
    return found
