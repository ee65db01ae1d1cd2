"""The 2018 Data Science Bowl: a folder an image, and one mask a nucleus.

The layout is ``stage1_train/<id>/images/<id>.png`` and ``masks/*.png`` (BBBC038); the
masks may also be given as run lengths, in a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from napari_pmrnet.datasets.layout import Item, Reader, visible
from napari_pmrnet.datasets.pixels import grey_if_grey, read_image
from napari_pmrnet.datasets.rle import labels_of_runs, read_runs
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.pictures import read_picture

PARTS = {
    "stage1_train": ("train", "stage1_train_labels.csv"),
    "stage1_test": ("test", "stage1_solution.csv"),
}


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
    image = grey_if_grey(read_picture(_only_image(path)))
    mask_paths = _mask_files(path)
    if not mask_paths:
        raise DataError(f"{path / 'masks'}: holds no PNG masks. Copy them again.")
    return image, _stack(mask_paths, image.shape[:2])


class DSB18(Reader):
    """Stage 1: 670 images with masks and, with its solution, 65 test images.

    Masks are files, or else rows of ``stage1_train_labels.csv``; those of the test
    images are rows of ``stage1_solution.csv``.
    """

    name = "dsb18"
    title = "2018 Data Science Bowl"
    layout = (
        "stage1_train/<id>/images/<id>.png + masks/*.png, or stage1_train_labels.csv"
    )
    split_rule = (
        "stage1_test as test if stage1_solution.csv is there, else none; every image "
        "is a group, for the layout does not say which are tiles of one mosaic"
    )
    published = 670
    instances = True

    @classmethod
    def fits(cls, root: Path) -> bool:
        return any(_cases(folder) for folder in (root, *(root / p for p in PARTS)))

    def _list(self) -> Iterator[Item]:
        self._runs: dict[str, list[str]] = {}
        if _cases(self.root):
            name = self.root.name if self.root.name in PARTS else "stage1_train"
            yield from self._part(self.root, *PARTS[name], self.root.parent)
            return
        for name, (split, table) in PARTS.items():
            yield from self._part(self.root / name, split, table, self.root)

    def _part(
        self, folder: Path, split: str, table: str, beside: Path
    ) -> Iterator[Item]:
        """Images of a part that have masks in files or in a table."""
        runs: dict[str, list[str]] = {}
        for path in (folder / table, beside / table):
            if path.is_file():
                runs = read_runs(path)
                break
        without = []
        for case in _cases(folder):
            masks = _mask_files(case)
            try:
                image = _only_image(case)
            except DataError as error:
                self.problems.append(str(error))
                continue
            if masks or case.name in runs:
                if not masks:
                    self._runs[case.name] = runs[case.name]
                yield Item(case.name, image, tuple(masks), split)
            else:
                without.append(case)
        if without:
            self.problems.append(
                f"{folder}: {len(without)} images have no masks, neither files nor "
                f"rows of {table}, such as {without[0].name}. They are not used."
            )

    def load(self, item: Item) -> tuple[np.ndarray, np.ndarray]:
        """Read an image and its nuclei; see `read_stage1_folder`."""
        if item.image_id not in self._runs:
            return read_stage1_folder(item.image.parents[1])
        image = read_image(item.image)
        runs = self._runs[item.image_id]
        return image, labels_of_runs(runs, image.shape[:2], str(item.image))


def _cases(folder: Path) -> list[Path]:
    """Folders of one image each."""
    if not folder.is_dir():
        return []
    return [case for case in visible(folder) if any((case / "images").glob("*.png"))]


def _mask_files(case: Path) -> list[Path]:
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
