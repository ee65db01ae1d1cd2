"""A folder of the 2018 Data Science Bowl: one image, and one mask file a nucleus.

The layout is ``stage1_train/<id>/images/<id>.png`` and ``masks/*.png`` (BBBC038).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.pictures import read_picture


def is_stage1_folder(path: str | Path) -> bool:
    """Whether a path is a folder of the layout of this module.

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
    image = _grey_if_grey(read_picture(_only_image(path)))
    mask_paths = sorted((path / "masks").glob("*.png"))
    if not mask_paths:
        raise DataError(f"{path / 'masks'}: holds no PNG masks. Copy them again.")
    labels = np.zeros(image.shape[:2], np.int32)
    count = 0
    for mask_path in mask_paths:
        mask = _read_mask(mask_path, labels.shape) & (labels == 0)
        if mask.any():
            count += 1
            labels[mask] = count
    return image, labels


def _only_image(path: Path) -> Path:
    """The one image of the folder."""
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
    return mask > 0


def _grey_if_grey(image: np.ndarray) -> np.ndarray:
    """The image without alpha, and as one channel if its colours are all equal."""
    if image.ndim == 2:
        return image
    image = image[..., :3]
    if (image == image[..., :1]).all():
        return np.ascontiguousarray(image[..., 0])
    return np.ascontiguousarray(image)
