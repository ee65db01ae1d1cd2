"""Corrections of a reviewed image: its labels, and where they are known.

A review rarely goes over all nuclei. A pixel is known if it belongs to a nucleus that
was accepted or edited, or lies close around one; if its nucleus was deleted; or if the
model is certain of it. All others are unknown and take no part in the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.label_numbers import check_labels
from napari_pmrnet.io.write import replace_file
from napari_pmrnet.settings import AUTOMATIC, PERCENTILES, fixed_limits

UNKNOWN = -1
AROUND = 5
SURE_NUCLEUS = 0.9
SURE_PIXEL = 0.95
"""Certainty from which a nucleus that nobody reviewed, and background, are known."""


@dataclass(frozen=True)
class Corrections:
    """An image and what is known of its labels.

    Attributes
    ----------
    name : str
        Of the image.
    image : ndarray, shape (H, W) or (H, W, 3)
        The plane and channels that were segmented, of any type.
    labels : ndarray of int32, shape (H, W)
        0 is background, `UNKNOWN` is not known.
    reviewed : ndarray of int
        Labels that a person accepted or edited.
    limits : str
        Intensity limits that the labels were made with, as of `Settings`.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray
    reviewed: np.ndarray
    limits: str = AUTOMATIC

    def __post_init__(self) -> None:
        if self.image.shape[:2] != self.labels.shape:
            raise DataError(
                f"'{self.name}': its labels have shape {self.labels.shape}, the image "
                f"{self.image.shape[:2]}. Choose the image that the labels are of."
            )

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` file, whole or not at all."""
        replace_file(
            path,
            lambda stream: np.savez_compressed(
                stream,
                name=self.name,
                image=self.image,
                labels=self.labels,
                reviewed=self.reviewed,
                limits=self.limits,
            ),
            overwrite=False,
        )

    @classmethod
    def load(cls, path: Path) -> Corrections:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If the file is missing or holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as held:
                parts = (held["image"], held["labels"], held["reviewed"])
                limits = str(held["limits"]) if "limits" in held else AUTOMATIC
                return cls(str(held["name"]), *parts, limits)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{path}: holds no corrections ({error}). Start the training anew."
            ) from error


def corrections_of(
    name: str,
    image: np.ndarray,
    labels: np.ndarray,
    flags: pd.DataFrame,
    original: np.ndarray | None = None,
    certainty: np.ndarray | None = None,
    limits: str = AUTOMATIC,
) -> Corrections:
    """Corrections that a review makes of its image.

    Parameters
    ----------
    name : str
    image : ndarray, shape (H, W) or (H, W, 3)
    labels : ndarray of int, shape (H, W)
        As corrected.
    flags : DataFrame
        ``reviewed`` and, where it is known, ``certainty`` of every label, indexed by
        label; see `Review.flags`.
    original, certainty : ndarray, shape (H, W), optional
        See `known_labels`.
    limits : str
        Intensity limits that the labels were made with.

    Raises
    ------
    DataError
        If no nucleus was accepted or edited, the image has another shape, or there
        are labels that `check_labels` does not let pass.
    """
    check_labels(labels, f"'{name}'")
    reviewed = flags.index[flags["reviewed"].to_numpy(bool)].to_numpy(int)
    reviewed = reviewed[np.isin(reviewed, labels)]
    if not reviewed.size:
        raise DataError(
            f"'{name}': no nucleus was accepted or edited. Review some of its nuclei "
            "first."
        )
    sure = None
    if "certainty" in flags:
        certain = flags["certainty"].to_numpy(float) >= SURE_NUCLEUS
        sure = flags.index[certain].to_numpy(int)
    known = known_labels(labels, reviewed, original, certainty, sure)
    return Corrections(name, np.asarray(image), known, reviewed, limits)


def limits_of(made: Mapping[str, Any] | None) -> str:
    """Intensity limits that labels say they were made with, for images as a whole.

    Those of a region are not written down, so the automatic ones stand in for them.

    Parameters
    ----------
    made : mapping or None
        Settings, of `Settings.as_dict`.
    """
    limits = (made or {}).get("limits", AUTOMATIC)
    try:
        known = limits in (AUTOMATIC, PERCENTILES) or fixed_limits(limits) is not None
    except ValueError:
        known = False
    return str(limits) if known else AUTOMATIC


def known_labels(
    labels: np.ndarray,
    reviewed: np.ndarray,
    original: np.ndarray | None = None,
    certainty: np.ndarray | None = None,
    sure: np.ndarray | None = None,
) -> np.ndarray:
    """Labels with `UNKNOWN` where nobody knows.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        As corrected.
    reviewed : ndarray of int
        Labels that were accepted or edited.
    original : ndarray of int, shape (H, W), optional
        Labels as they were found: what was deleted since is known to be background.
    certainty : ndarray of float, shape (H, W), optional
        Of every pixel. Background with at least `SURE_PIXEL` is known.
    sure : ndarray of int, optional
        Labels that nobody looked at and the model is certain of.

    Returns
    -------
    ndarray of int32, shape (H, W)
    """
    mine = np.isin(labels, reviewed)
    trusted = mine if sure is None else mine | np.isin(labels, sure)
    doubtful = (labels > 0) & ~trusted
    known = trusted.copy()
    if original is not None:
        known |= (original > 0) & (labels == 0)
    if certainty is not None:
        known |= (labels == 0) & (certainty >= SURE_PIXEL)
    # Beside a doubtful nucleus lies its border, which is as doubtful.
    beside = np.asarray(ndimage.binary_dilation(doubtful, iterations=2), bool)
    known &= ~beside | trusted
    if mine.any():
        near = np.asarray(ndimage.distance_transform_edt(~mine)) <= AROUND
        known |= near & ~doubtful
    return np.where(known, labels, UNKNOWN).astype(np.int32)
