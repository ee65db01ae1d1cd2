"""A packed data set: ``images/<id>.png``, ``labels/<id>.tif`` and a split table.

Training and evaluation read this layout. Everything that could end a long run, such as
an image without labels, is found when the data set is opened, not hours later: each
fault is one line, and the run goes on without that image or, if strict, does not start.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from napari_pmrnet.datasets.base import OpenedDataset, collected
from napari_pmrnet.datasets.table import (
    drop_modality,
    keep_subset,
    read_split_table,
    unknown_subsets,
)
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.label_numbers import check_labels
from napari_pmrnet.io.pictures import open_picture, read_picture
from napari_pmrnet.io.tiff import read_tiff_array


class PackedDataset(OpenedDataset):
    """Images and instance labels of one or more subsets of a packed folder.

    Opening it checks every row and logs one warning a problem. Rows whose image or
    labels cannot be used are left out; labels without a nucleus, and files that the
    table does not list, are only named.

    Parameters
    ----------
    folder : str or Path
        Folder that holds ``images`` and ``labels``.
    split_file : str or Path, optional
        CSV table with a column ``image_id`` and one or more split columns. Looked for
        as given, then within `folder`. By default ``split.csv`` of the folder.
    column : str
        The split column to use.
    subset : str, tuple of str or None
        Value or values of that column to keep, e.g. ``"train"``; None keeps every row.
    strict : bool
        Refuse a data set with a problem other than labels without a nucleus.
    without : str, optional
        Value of the column ``modality`` whose rows are not used.

    Attributes
    ----------
    ids : list of str
        Identifiers of the usable rows, in the order of the table.
    table : pandas.DataFrame
        Usable rows of the table, indexed by ``image_id``.
    problems : tuple of str
        One line for everything that was found wrong.

    Raises
    ------
    DataError
        If the folder or the table is missing or malformed, if no usable row is left,
        or, when strict, if there is a problem.
    """

    def __init__(
        self,
        folder: str | Path,
        split_file: str | Path | None = None,
        column: str = "split",
        subset: str | tuple[str, ...] | None = "train",
        strict: bool = False,
        without: str | None = None,
    ) -> None:
        self.folder = Path(folder)
        for name in ("images", "labels"):
            if not (self.folder / name).is_dir():
                raise DataError(
                    f"{self.folder}: has no folder '{name}'. Name a folder that holds "
                    "images/<id>.png and labels/<id>.tif."
                )
        self.split_file = self._find_table(split_file)
        self.source, self.split_name = str(self.split_file), self.split_file.name
        self.column, self.left_out = column, without
        whole = read_split_table(self.split_file)
        self.table = keep_subset(whole, self.source, column, subset)
        if without is not None:
            self.table = drop_modality(self.table, whole, self.source, without)
        unknown = unknown_subsets(whole, self.source, column, subset)
        self._check(whole.index, strict, unknown)

    def image_path(self, image_id: str) -> Path:
        """Path of the image of `image_id`."""
        return self.folder / "images" / f"{image_id}.png"

    def labels_path(self, image_id: str) -> Path:
        """Path of the labels of `image_id`."""
        return self.folder / "labels" / f"{image_id}.tif"

    def load(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Read one image, without alpha, and its labels; see `OpenedDataset.load`."""
        image = _checked_image(self.image_path(image_id))
        labels = _checked_labels(self.labels_path(image_id))
        _require_same_shape(self.labels_path(image_id), labels.shape, image.shape[:2])
        return image, labels

    def data_hash(self) -> str:
        """SHA-256 (hexadecimal) of the sorted identifiers and their files' bytes."""
        digest = hashlib.sha256()
        for image_id in sorted(self.ids):
            digest.update(image_id.encode())
            for path in (self.image_path(image_id), self.labels_path(image_id)):
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _find_table(self, split_file: str | Path | None) -> Path:
        """The split table: as given, or within the folder."""
        wanted = Path(split_file or "split.csv")
        candidates = [self.folder / wanted]
        if split_file is not None:
            candidates.insert(0, wanted)
        for candidate in candidates:
            if candidate.is_file():
                return candidate
        raise DataError(
            f"{candidates[0]}: there is no such split table. Give a CSV file with "
            "the columns image_id and split."
        )

    def _check(self, listed: pd.Index, strict: bool, unknown: list[str]) -> None:
        """Find every problem, leave out the rows at fault, and log or refuse.

        `unknown` are lines on rows of no subset.
        """
        faulty: list[str] = []
        faults = list(unknown)
        empty: list[str] = []
        for image_id in self.ids:
            found, nuclei = self._check_row(image_id)
            if found:
                faulty.append(image_id)
                faults += found
            elif not nuclei:
                empty.append(
                    f"{self.labels_path(image_id)}: empty mask, no nucleus is labelled."
                    " It is used as an image without nuclei."
                )
        faults += self._unlisted(listed)
        self._settle(faults, faulty, strict, notes=empty)

    def _check_row(self, image_id: str) -> tuple[list[str], bool]:
        """Lines on what forbids the use of a row; whether it has a nucleus."""
        image, labels = self.image_path(image_id), self.labels_path(image_id)
        missing = self._missing(image_id)
        if missing is not None:
            return [missing], False
        faults: list[str] = []
        with collected(faults):
            size = _image_size(image)
        with collected(faults):
            instances = _checked_labels(labels)
        if faults:
            return faults, False
        with collected(faults):
            _require_same_shape(labels, instances.shape, size)
        return faults, bool(instances.any())

    def _missing(self, image_id: str) -> str | None:
        """Line on the files of a row that do not exist; None if both do."""
        image, labels = self.image_path(image_id), self.labels_path(image_id)
        match image.is_file(), labels.is_file():
            case False, False:
                return (
                    f"{image_id}: listed in {self.split_file}, but there is no such "
                    f"image. Add {image} and {labels}, or remove the row."
                )
            case False, True:
                what = f"{labels}: labels without an image. Add {image}"
            case True, False:
                what = f"{image}: image without labels. Add {labels}"
            case _:
                return None
        return f"{what}, or remove the row."

    def _unlisted(self, listed: pd.Index) -> list[str]:
        """One line for each identifier of which the table knows nothing."""
        images = {path.stem for path in (self.folder / "images").glob("*.png")}
        labels = {path.stem for path in (self.folder / "labels").glob("*.tif")}
        lines = []
        for image_id in sorted((images | labels) - set(listed)):
            if image_id in images:
                what = f"{self.image_path(image_id)}: image"
            else:
                what = f"{self.labels_path(image_id)}: labels without an image,"
            lines.append(
                f"{what} not listed in {self.split_file}. It is not used: add a row "
                "for it, or move it away."
            )
        return lines


def _checked_image(path: Path) -> np.ndarray:
    """Pixels of a picture of 8 or 16 bits, without alpha."""
    image = read_picture(path)
    return image[..., :3] if image.ndim == 3 else image


def _image_size(path: Path) -> tuple[int, ...]:
    """(H, W) of a picture, decoding only one that does not look sound."""
    with suppress(DataError), open_picture(path) as picture:
        width, height = picture.size
        sound = not picture.mode.startswith(("I", "F"))
        picture.verify()
        if sound:
            return height, width
    return _checked_image(path).shape[:2]


def _checked_labels(path: Path) -> np.ndarray:
    """Instance labels of a TIFF file as int32 (H, W)."""
    labels = read_tiff_array(path)
    if labels.ndim != 2:
        raise DataError(
            f"{path}: labels must be one plane, not an array of shape {labels.shape}."
        )
    check_labels(labels, str(path))
    return labels.astype(np.int32)


def _require_same_shape(
    path: Path, labels: tuple[int, ...], image: tuple[int, ...]
) -> None:
    """Refuse labels of another shape than their image."""
    if labels != image:
        raise DataError(
            f"{path}: has shape {labels}, its image {image}. Replace it by labels "
            "drawn on that image."
        )
