"""Masks as run lengths, as the 2018 Data Science Bowl writes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from napari_pmrnet.errors import DataError


def read_runs(path: Path) -> dict[str, list[str]]:
    """The masks of every image of a table.

    Parameters
    ----------
    path : Path
        CSV file with the columns ``ImageId`` and ``EncodedPixels``, one row a nucleus.

    Returns
    -------
    dict of str to list of str
        Images without a nucleus have an empty list.

    Raises
    ------
    DataError
        If it is no such table.
    """
    try:
        table = pd.read_csv(path, dtype=str)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a CSV table ({error}).") from error
    for name in ("ImageId", "EncodedPixels"):
        if name not in table.columns:
            raise DataError(f"{path}: has no column {name}.")
    runs: dict[str, list[str]] = {}
    for image_id, text in zip(table["ImageId"], table["EncodedPixels"], strict=True):
        masks = runs.setdefault(str(image_id), [])
        if isinstance(text, str) and text.strip():
            masks.append(text)
    return runs


def labels_of_runs(
    masks: Iterable[str], shape: tuple[int, int], name: str
) -> np.ndarray:
    """Labels of masks given as run lengths.

    Parameters
    ----------
    masks : iterable of str
        For every nucleus "start length start length ...": pixels are counted from 1,
        down the first column, then down the next.
    shape : tuple of int
        (H, W) of the image.
    name : str
        Image or file, for error messages.

    Returns
    -------
    numpy.ndarray
        int32 (H, W), numbered from 1 in the order of the masks. Where masks overlap the
        first one counts.

    Raises
    ------
    DataError
        If a mask is no such text or leaves the image.
    """
    pixels = np.zeros(shape[0] * shape[1], np.int32)
    number = 0
    for text in masks:
        mask = np.zeros(pixels.size, bool)
        for start, length in _pairs(text, pixels.size, name):
            mask[start - 1 : start - 1 + length] = True
        mask &= pixels == 0
        if mask.any():
            number += 1
            pixels[mask] = number
    return np.ascontiguousarray(pixels.reshape(shape[::-1]).T)


def _pairs(text: str, size: int, name: str) -> list[tuple[int, int]]:
    """Starts and lengths that lie within an image."""
    try:
        numbers = [int(word) for word in text.split()]
    except ValueError:
        numbers = [0]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    inside = all(s >= 1 and n >= 1 and s + n - 1 <= size for s, n in pairs)
    if len(numbers) % 2 or not inside:
        raise DataError(
            f"{name}: the run lengths '{text[:30]}' are no pairs of start and length "
            f"within {size} pixels. Is the table of these images?"
        )
    return pairs
