"""A packed data set: ``images/<id>.png``, ``labels/<id>.tif`` and a split table.

Training and evaluation read this layout. Everything that could end a long run, such as
an image without labels, is found when the data set is opened, not hours later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.pictures import read_picture
from napari_pmrnet.io.tiff import read_tiff_array


class PackedDataset:
    """Images and instance labels of one subset of a packed folder.

    Parameters
    ----------
    folder : str or Path
        Folder that holds ``images`` and ``labels``.
    split_file : str or Path, optional
        CSV table with a column ``image_id`` and one or more split columns. Looked for
        as given, then within `folder`. By default ``split.csv`` of the folder.
    column : str
        The split column to use.
    subset : str or None
        Value of that column to keep, e.g. ``"train"``; None keeps every row.
    strict : bool
        Read every file at once and compare shapes, rather than at each `load`, and
        refuse images that the table does not list.

    Attributes
    ----------
    ids : list of str
        Identifiers, in the order of the table.
    table : pandas.DataFrame
        Rows of the table that were kept, indexed by ``image_id``.

    Raises
    ------
    DataError
        If the folder, the table or a file named by it is missing or malformed.
    """

    def __init__(
        self,
        folder: str | Path,
        split_file: str | Path | None = None,
        column: str = "split",
        subset: str | None = "train",
        strict: bool = False,
    ) -> None:
        self.folder = Path(folder)
        if not (self.folder / "images").is_dir():
            raise DataError(
                f"{self.folder}: has no folder 'images'. Name a folder that holds "
                "images/<id>.png and labels/<id>.tif."
            )
        self.split_file = self._find_table(split_file)
        whole = _read_table(self.split_file)
        self.table = _keep_subset(whole, self.split_file, column, subset)
        self.ids: list[str] = list(self.table.index)
        self._require_files()
        if strict:
            self._refuse_unlisted(whole)
            for image_id in self.ids:
                self.load(image_id)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        for image_id in self.ids:
            yield image_id, *self.load(image_id)

    def image_path(self, image_id: str) -> Path:
        """Path of the image of `image_id`."""
        return self.folder / "images" / f"{image_id}.png"

    def labels_path(self, image_id: str) -> Path:
        """Path of the labels of `image_id`."""
        return self.folder / "labels" / f"{image_id}.tif"

    def load(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Read one image and its labels.

        Parameters
        ----------
        image_id : str
            One of `ids`.

        Returns
        -------
        image : numpy.ndarray
            uint8, (H, W) grey or (H, W, 3) colour; an alpha channel is dropped.
        labels : numpy.ndarray
            int32 (H, W), 0 is background.

        Raises
        ------
        DataError
            If a file cannot be read, or the two do not fit together.
        """
        image = read_picture(self.image_path(image_id))
        if image.dtype != np.uint8:
            raise DataError(
                f"{self.image_path(image_id)}: has pixels of type {image.dtype}. "
                "Convert it to 8 bits."
            )
        image = image[..., :3] if image.ndim == 3 else image
        labels = _checked_labels(self.labels_path(image_id))
        if labels.shape != image.shape[:2]:
            raise DataError(
                f"{self.labels_path(image_id)}: has shape {labels.shape}, its image "
                f"{image.shape[:2]}. Replace it by labels drawn on that image."
            )
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

    def _require_files(self) -> None:
        """Refuse an identifier without its image or its labels."""
        for image_id in self.ids:
            for path in (self.image_path(image_id), self.labels_path(image_id)):
                if not path.is_file():
                    raise DataError(
                        f"{path}: missing, though {self.split_file} lists it. Add the "
                        "file, or remove the row."
                    )

    def _refuse_unlisted(self, whole: pd.DataFrame) -> None:
        """Refuse images of which the table knows nothing."""
        for path in sorted((self.folder / "images").glob("*.png")):
            if path.stem not in whole.index:
                raise DataError(
                    f"{path}: not listed in {self.split_file}. Add a row for it, or "
                    "move the image away."
                )


def _read_table(path: Path) -> pd.DataFrame:
    """The whole split table, indexed by image_id."""
    try:
        table = pd.read_csv(path, dtype={"image_id": str})
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a CSV table ({error}).") from error
    if "image_id" not in table.columns:
        raise DataError(f"{path}: has no column image_id. Add it, one row an image.")
    if table["image_id"].isna().any():
        raise DataError(f"{path}: has a row without image_id. Fill it or remove it.")
    table = table.set_index("image_id")
    if table.index.has_duplicates:
        twice = table.index[table.index.duplicated()][0]
        raise DataError(f"{path}: lists {twice} twice. Remove one of the rows.")
    return table


def _keep_subset(
    table: pd.DataFrame, path: Path, column: str, subset: str | None
) -> pd.DataFrame:
    """Rows of the table that belong to the subset."""
    if subset is None:
        return table
    if column not in table.columns:
        raise DataError(
            f"{path}: has no column {column}. It has: {', '.join(table.columns)}."
        )
    kept = table[table[column].astype(str) == subset]
    if kept.empty:
        values = sorted(table[column].dropna().astype(str).unique())
        raise DataError(
            f"{path}: column {column} has no row '{subset}'. "
            f"It has: {', '.join(values)}."
        )
    return kept


def _checked_labels(path: Path) -> np.ndarray:
    """Instance labels of a TIFF file as int32 (H, W)."""
    labels = read_tiff_array(path)
    if labels.dtype.kind not in "iu" or labels.ndim != 2:
        raise DataError(
            f"{path}: labels must be one plane of whole numbers, not {labels.dtype} "
            f"of shape {labels.shape}."
        )
    if labels.size and (labels.min() < 0 or labels.max() > np.iinfo(np.int32).max):
        raise DataError(
            f"{path}: labels must lie between 0 and 2147483647. Renumber them from 1."
        )
    return labels.astype(np.int32)
