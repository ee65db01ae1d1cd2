"""A published data set, read as it is, with a split that keeps neighbours together."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from napari_pmrnet.datasets.base import OpenedDataset, collected, shrink
from napari_pmrnet.datasets.splits import SPLIT_SEED, completed_split, grouped_split
from napari_pmrnet.datasets.table import (
    drop_modality,
    keep_subset,
    read_split_table,
)
from napari_pmrnet.errors import DataError
from napari_pmrnet.research.readers.layout import Reader

DECODED = 300
"""Up to so many images are decoded when they are opened, not only their headers."""


def split_table(reader: Reader) -> pd.DataFrame:
    """The images of a reader and their splits.

    Parameters
    ----------
    reader : Reader

    Returns
    -------
    DataFrame
        Indexed by ``image_id``. ``split`` is the official split, whose ``val`` is taken
        out of ``train`` by group where it has none; without an official split it is
        ``grouped``: 80 % train, 10 % val, 10 % test by group, seeded. ``official`` is
        there if there is one, beside ``group`` and what else the reader knows.
    """
    groups = {item.image_id: item.group for item in reader.items}
    official = {item.image_id: item.split for item in reader.items}
    grouped = grouped_split(groups)
    completed = completed_split(official, groups)
    columns: dict[str, dict[str, str]] = {"split": completed or grouped}
    if completed:
        columns["official"] = official
    columns |= {"grouped": grouped, "group": groups}
    table = pd.DataFrame(columns, index=list(groups), dtype=object)
    more = pd.DataFrame([dict(item.columns) for item in reader.items], table.index)
    table = pd.concat([table, more], axis=1).rename_axis("image_id")
    return table.mask(table == "")


def where_split(reader: Reader) -> str:
    """Describe the split of `split_table` in a few words."""
    table = split_table(reader)
    if "official" not in table:
        return f"grouped split (seed {SPLIT_SEED})"
    if "val" in set(table["official"]):
        return "official split"
    return f"official split, val out of train by group (seed {SPLIT_SEED})"


class NativeDataset(OpenedDataset):
    """One or more subsets of a published data set.

    Opening it compares the sizes of image and masks in their headers; a small one is
    decoded. Images that cannot be used are left out, each with one line.

    Parameters
    ----------
    reader : Reader
    split_file : str or Path, optional
        CSV table with a column ``image_id`` and one or more split columns. By default
        the `split_table` of the reader.
    column : str
        The split column to use.
    subset : str, tuple of str or None
        Value or values of that column to keep; None keeps every row.
    strict : bool
        Refuse a data set with a problem.
    without : str, optional
        Value of the column ``modality`` whose rows are not used.
    max_side : int, optional
        Images with a longer side, in pixels, are shrunk to it, their labels with them.

    Attributes
    ----------
    reader : Reader

    Raises
    ------
    DataError
        If the table is missing or malformed, if no usable row is left, or, when strict,
        if there is a problem.
    """

    published = True

    def __init__(
        self,
        reader: Reader,
        split_file: str | Path | None = None,
        column: str = "split",
        subset: str | tuple[str, ...] | None = "train",
        strict: bool = False,
        without: str | None = None,
        max_side: int | None = None,
    ) -> None:
        self.reader, self.folder, self.column = reader, reader.folder, column
        self.max_side, self.instances = max_side, reader.instances
        self.left_out = without
        self._items = {item.image_id: item for item in reader.items}
        faults = list(reader.problems)
        if not self._items:
            raise DataError("\n".join([f"{self.folder}: nothing usable.", *faults]))
        whole = split_table(reader)
        self.split_name = f"{reader.title}, {where_split(reader)}"
        self.source = str(self.folder)
        if split_file is not None:
            self.source, self.split_name = str(split_file), Path(split_file).name
            whole = self._join(read_split_table(Path(split_file)), whole, faults)
        if max_side is not None:
            self.split_name += f", at most {max_side} pixels a side"
        self.table = keep_subset(whole, self.source, column, subset)
        if without is not None:
            self.table = drop_modality(self.table, whole, self.source, without)
        faulty = [image_id for image_id in self.ids if self._faults(image_id, faults)]
        self._settle(faults, faulty, strict)

    def load(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Read one image and its labels, shrunk to `max_side`; see `Reader.load`."""
        image, labels = self.reader.load(self._items[image_id])
        if self.max_side is None or max(labels.shape) <= self.max_side:
            return image, labels
        return shrink(image, labels, self.max_side)

    def data_hash(self) -> str:
        """SHA-256 (hexadecimal) of the sorted identifiers, image files and labels."""
        digest = hashlib.sha256()
        for image_id in sorted(self.ids):
            digest.update(image_id.encode())
            image = self._items[image_id].image.read_bytes()
            _, labels = self.load(image_id)
            for part in (image, repr(labels.shape).encode(), labels.tobytes()):
                digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()

    def _faults(self, image_id: str, faults: list[str]) -> bool:
        """Tell whether an image cannot be used; why is added to `faults`."""
        before = len(faults)
        with collected(faults):
            if len(self.table) <= DECODED:
                self.load(image_id)
            else:
                self.reader.check_sizes(self._items[image_id])
        return len(faults) > before

    def _join(
        self, given: pd.DataFrame, known: pd.DataFrame, faults: list[str]
    ) -> pd.DataFrame:
        """The rows given that name an image, with what else is known of it."""
        for image_id in given.index.difference(known.index):
            faults.append(
                f"{image_id}: listed in {self.source}, but there is no such image, or "
                "it has no mask. The row is not used."
            )
        left = known.index.difference(given.index)
        if len(left):
            faults.append(
                f"{self.source}: does not list {len(left)} images, such as {left[0]}. "
                "They are not used."
            )
        used = given[given.index.isin(known.index)]
        more = known.columns.difference(
            [*given.columns, "split", "official", "grouped"]
        )
        return used.join(known[more])
