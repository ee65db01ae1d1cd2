"""Interface of a data set for training and evaluation, whatever its layout on disk."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from PIL import Image

from napari_pmrnet.datasets.table import (
    column_of,
)
from napari_pmrnet.errors import DataError

logger = logging.getLogger(__name__)


class OpenedDataset(ABC):
    """Images and labels of one or more subsets, checked when they were opened.

    Attributes
    ----------
    folder : Path
    table : pandas.DataFrame
        The usable rows, indexed by ``image_id``.
    column : str
        The split column in use.
    source : str
        Where the split comes from, for messages: a path, or what was done.
    split_name : str
        The same in short, for reports.
    problems : tuple of str
        One line for everything that was found wrong.
    instances : bool
        Whether labels tell objects or classes apart; else all are united as label 1.
    published : bool
        Whether it is read in the layout in which it was published.
    left_out : str or None
        Modality of which no image is used.
    """

    folder: Path
    table: pd.DataFrame
    column: str
    source: str
    split_name: str
    problems: tuple[str, ...] = ()
    instances: bool = True
    published: bool = False
    left_out: str | None = None

    @property
    def name(self) -> str:
        """What the data set is called in cards and reports: its folder's name."""
        return self.folder.resolve().name

    @property
    def ids(self) -> list[str]:
        return list(self.table.index)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        for image_id in self.ids:
            yield image_id, *self.load(image_id)

    def only(self, subset: str) -> Self:
        """One of the subsets opened, without checking its files again.

        Parameters
        ----------
        subset : str
            Value of the split column.

        Returns
        -------
        OpenedDataset
            Of the same class. Its `problems` are those of the whole.

        Raises
        ------
        DataError
            If no usable row of that subset is left.
        """
        values = column_of(self.table, self.source, self.column).astype(str)
        part = self.of_rows(self.table.index[values == subset])
        if part.table.empty:
            raise DataError(
                f"{self.source}: no row with {self.column} = {subset} is left that "
                "can be used. Mend its files, or choose other rows."
            )
        return part

    def of_rows(self, ids: Iterable[str]) -> Self:
        """Some of the images, in this order, without checking their files again."""
        part = copy(self)
        part.table = self.table.loc[list(ids)]
        return part

    @abstractmethod
    def load(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Read one image and its labels.

        Parameters
        ----------
        image_id : str
            One of `ids`.

        Returns
        -------
        image : numpy.ndarray
            uint8 or uint16, (H, W) grey or (H, W, 3) colour.
        labels : numpy.ndarray
            int32 (H, W), 0 is background.

        Raises
        ------
        DataError
            If a file cannot be read, or the two do not fit together.
        """

    @abstractmethod
    def data_hash(self) -> str:
        """SHA-256 (hexadecimal) of the sorted identifiers and what they name."""

    def _settle(
        self,
        faults: Sequence[str],
        faulty: Sequence[str],
        strict: bool,
        notes: Sequence[str] = (),
    ) -> None:
        """Leave out the rows at fault, and log the problems or refuse.

        `notes` are problems that strict allows.
        """
        rows = len(self.table)
        self.problems = (*faults, *notes)
        self.table = self.table.drop(index=list(faulty))
        if self.table.empty:
            self._refuse("no usable image is left. Mend them.")
        if strict and faults:
            self._refuse("strict allows none. Mend them, or leave strict off.")
        for line in self.problems:
            logger.warning(line)
        if self.problems:
            logger.warning(
                f"{count(len(self.problems), 'problem')}; {len(faulty)} of {rows} "
                f"images {'is' if len(faulty) == 1 else 'are'} left out."
            )

    def _refuse(self, reason: str) -> None:
        """Raise an error that holds every problem."""
        number = count(len(self.problems), "problem")
        first = f"{self.folder}: {number}; {reason}"
        raise DataError("\n".join([first, *self.problems]))


def count(number: int, what: str) -> str:
    """A number of things in words, such as "1 problem" or "3 problems"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


@contextmanager
def collected(faults: list[str]) -> Iterator[None]:
    """Turn a `DataError` of the block into a line of `faults`."""
    try:
        yield
    except DataError as error:
        faults.append(str(error))


def shrink(
    image: np.ndarray, labels: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Resize an image and its labels so that the longer side has `side` pixels.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W) or (H, W, 3)
        Resized bilinearly, with antialiasing.
    labels : ndarray of int32, shape (H, W)
        Resized to the nearest pixel.
    side : int

    Returns
    -------
    tuple of ndarray
        Image and labels of the same types.
    """
    factor = side / max(labels.shape)
    height, width = (max(1, round(factor * length)) for length in labels.shape)
    small = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    nearest = Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST)
    return np.array(small), np.array(nearest, dtype=np.int32)
