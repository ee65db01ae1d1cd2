"""One image of the 2018 Data Science Bowl: a folder with one mask a nucleus.

The layout is ``stage1_train/<id>/images/<id>.png`` and ``masks/*.png`` (BBBC038).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_pmrnet.datasets.pixels import grey_if_grey
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.pictures import read_picture


def is_stage1_folder(path: str | Path) -> bool:
    """Tell whether a path is a folder of the layout of this module.

    Parameters
    ----------
    path : str or Path
        Any path, existing or not.

    Returns
    -------
    bool
        True if it has an ``images`` folder with a PNG and a ``masks`` folder.
    """
    path = Path(path)
    return (path / "masks").is_dir() and any((path / "images").glob("*.png"))


def read_stage1_folder(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the image of a folder and the labels that its masks make.

    Parameters
    ----------
    path : str or Path
        Folder ``stage1_train/<id>``.

    Returns
    -------
    image : numpy.ndarray
        uint8, (H, W) if its colours are all grey, else (H, W, 3).
    labels : numpy.ndarray
        int32 (H, W): 0 is background, nuclei are numbered from 1 in the order of the
        mask files. Where masks overlap the first one counts; empty masks are left out.

    Raises
    ------
    DataError
        If the folder is of another layout, or a file is unreadable or of another shape.
    """
    path = Path(path)
    image = grey_if_grey(read_picture(only_image(path)))
    mask_paths = mask_files(path)
    if not mask_paths:
        raise DataError(f"{path / 'masks'}: holds no PNG masks. Copy them again.")
    return image, _stack(mask_paths, image.shape[:2])


def mask_files(case: Path) -> list[Path]:
    """Mask files of a folder ``stage1_train/<id>``, by name."""
    return sorted((case / "masks").glob("*.png"))


def _stack(masks: Sequence[Path], shape: tuple[int, int]) -> np.ndarray:
    """Masks as labels numbered from 1; where they overlap the first one counts."""
    labels = np.zeros(shape, np.int32)
    number = 0
    for path in masks:
        mask = _read_mask(path, shape) & (labels == 0)
        if mask.any():
            number += 1
            labels[mask] = number
    return labels


def only_image(path: Path) -> Path:
    """The one image of a folder ``stage1_train/<id>``."""
    images = sorted((path / "images").glob("*.png"))
    if len(images) != 1:
        raise DataError(
            f"{path / 'images'}: must hold one PNG image, not {len(images)}. Choose a "
            "folder like stage1_train/<id>."
        )
    return images[0]


def _read_mask(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A mask file as a boolean array (H, W)."""
    mask = read_picture(path)
    if mask.ndim == 3:
        mask = mask[..., :3].any(axis=2)
    if mask.shape != shape:
        raise DataError(
            f"{path}: has shape {mask.shape}, its image {shape}. Copy it again."
        )
    return np.asarray(mask > 0)
