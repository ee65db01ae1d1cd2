"""Bright debris of several kinds, laid over images."""

from __future__ import annotations

import numpy as np
from lib.robustness import Case, Change
from scipy import ndimage

KINDS = ("hot pixels", "specks", "blobs", "fibres", "clump", "scale bar")
SATURATED = 65535
BLUR = 1.0


def with_debris(kind: str, share: float, times: float | None) -> Change:
    """Debris of a kind over a share of the pixels, in 16 bit.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    share : float
        Of the pixels, before blur.
    times : float or None
        Brightness, in that of the nuclei above the background; None: saturated.
    """

    def change(image: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Case:
        pixels = image.astype(np.float64)
        grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
        dark = np.median(grey[labels == 0])
        nuclei = np.median(grey[labels > 0]) - dark if labels.any() else 0.0
        level = SATURATED if times is None else dark + times * nuclei
        opaque = _debris(kind, labels.shape, share, rng)
        opaque = opaque.reshape(*labels.shape, *[1] * (pixels.ndim - 2))
        laid = np.maximum(pixels, pixels * (1 - opaque) + level * opaque)
        return np.clip(laid.round(), 0, SATURATED).astype(np.uint16), labels

    return change


def _debris(
    kind: str, shape: tuple[int, ...], share: float, rng: np.random.Generator
) -> np.ndarray:
    """How opaque debris is at every pixel, from 0 to 1."""
    height, width = shape
    wanted = max(1, round(share * height * width))
    debris = np.zeros(shape)
    if kind == "hot pixels":
        debris.ravel()[rng.choice(debris.size, wanted, replace=False)] = 1
        return debris
    if kind == "scale bar":
        thick = max(2, round((wanted / 8) ** 0.5))
        debris[-10 - thick : -10, 5 : 5 + round(wanted / thick)] = 1
        return debris
    while debris.sum() < wanted:
        left = wanted - debris.sum()
        if kind == "fibres":
            _add_fibre(debris, left, rng)
            continue
        radius = {
            "specks": rng.uniform(1, 2.5),
            "blobs": min(rng.uniform(3, 8), 1 + (left / np.pi) ** 0.5),
            "clump": (left / np.pi) ** 0.5,
        }[kind]
        middle = rng.uniform((0, 0), shape)
        y, x = np.ogrid[:height, :width]
        debris[np.hypot(y - middle[0], x - middle[1]) <= radius] = 1
    return ndimage.gaussian_filter(debris, BLUR)


def _add_fibre(debris: np.ndarray, left: float, rng: np.random.Generator) -> None:
    """Draw a fibre three pixels wide that bends as it goes."""
    place, angle = rng.uniform((0, 0), debris.shape), rng.uniform(0, 2 * np.pi)
    for _ in range(int(min(left / 3 + 1, rng.uniform(40, 160)))):
        y, x = np.round(place).astype(int)
        debris[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = 1
        place = place + (np.sin(angle), np.cos(angle))
        angle += rng.normal(0, 0.08)
        if not ((place >= 0) & (place < debris.shape)).all():
            return
