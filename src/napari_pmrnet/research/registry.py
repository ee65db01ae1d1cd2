"""Every layout by name, and one way to open a data set of any of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_pmrnet.datasets.base import OpenedDataset
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.datasets.joined import JoinedDataset
from napari_pmrnet.errors import DataError
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.research.published import NativeDataset
from napari_pmrnet.research.readers.busi import BUSI
from napari_pmrnet.research.readers.ddti import DDTI
from napari_pmrnet.research.readers.dsb18 import DSB18
from napari_pmrnet.research.readers.glas import GlaS
from napari_pmrnet.research.readers.layout import Reader
from napari_pmrnet.research.readers.polyps import CVCClinicDB, KvasirSEG
from napari_pmrnet.research.readers.skin import ISIC2017, ISIC2018, PH2
from napari_pmrnet.research.readers.thyroid import TG3K, TN3K

READERS: dict[str, type[Reader]] = {
    reader.name: reader
    for reader in (
        DSB18,
        CVCClinicDB,
        KvasirSEG,
        ISIC2017,
        ISIC2018,
        PH2,
        GlaS,
        BUSI,
        TN3K,
        TG3K,
        DDTI,
    )
}


def reader_class(name: str) -> type[Reader]:
    """The reader of a data set.

    Parameters
    ----------
    name : str
        One of `READERS`; case and punctuation do not matter.

    Returns
    -------
    type of Reader

    Raises
    ------
    DataError
        If there is no such reader.
    """
    known = {_plain(key): reader for key, reader in READERS.items()}
    reader = known.get(_plain(name))
    if reader is None:
        raise DataError(
            f"'{name}' is no data set with a reader. There are: {', '.join(READERS)}."
        )
    return reader


def labels_of(name: str | None) -> LabelKind:
    """Kind of the labels of a data set.

    Parameters
    ----------
    name : str or None
        See `reader_class`; None is the packed layout, whose labels are instances.
    """
    apart = name is None or reader_class(name).instances
    return LabelKind.NUCLEI if apart else LabelKind.OBJECTS


def recognised(folder: str | Path) -> list[str]:
    """Names of the layouts that a folder may have.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    list of str
    """
    return [name for name, reader in READERS.items() if reader.locate(folder)]


def open_reader(name: str, folder: str | Path) -> Reader:
    """List a data set.

    Parameters
    ----------
    name : str
        See `reader_class`.
    folder : str or Path

    Returns
    -------
    Reader

    Raises
    ------
    DataError
        If there is no such reader or folder, or the folder has another layout: which
        was expected, and which others would fit.
    """
    reader = reader_class(name)
    if reader.locate(folder) is not None:
        return reader(folder)
    message = f"{folder}: not the layout of {reader.title}. Expected: {reader.layout}."
    if others := recognised(folder):
        message += f" It looks like {' or '.join(others)}: use that name."
    elif all((Path(folder) / part).is_dir() for part in ("images", "labels")):
        message += (
            " It looks like the packed layout, which 'train' and 'evaluate' read "
            "without the name of a published data set."
        )
    else:
        message += " No other reader knows it either: is it the right folder?"
    raise DataError(message)


def open_dataset(
    name: str | None,
    folder: str | Path,
    split_file: str | Path | None = None,
    column: str = "split",
    subset: str | tuple[str, ...] | None = "train",
    strict: bool = False,
    without: str | None = None,
    max_side: int | None = None,
) -> OpenedDataset:
    """Open a data set for training or evaluation.

    Parameters
    ----------
    name : str or None
        See `reader_class`; None is the packed layout, see `PackedDataset`.
    folder : str or Path
    split_file, column, subset, strict, without
        As for `PackedDataset` and `NativeDataset`.
    max_side : int, optional
        As for `NativeDataset`; images of the packed layout are not shrunk.

    Returns
    -------
    OpenedDataset

    Raises
    ------
    DataError
        If the folder has another layout, or nothing of it can be used.
    """
    if name is None and max_side is not None:
        raise DataError("Only published data sets are shrunk: give --dataset too.")
    if name is None:
        return PackedDataset(folder, split_file, column, subset, strict, without)
    reader = open_reader(name, folder)
    return NativeDataset(reader, split_file, column, subset, strict, without, max_side)


def open_datasets(
    name: str | None,
    folders: Sequence[str | Path],
    weights: Sequence[float] = (),
    without: str | None = None,
    **how: Any,
) -> OpenedDataset:
    """Open one data set, or several as one.

    Parameters
    ----------
    name
        As for `open_dataset`.
    folders : sequence of str or Path
    weights, without
        As for `JoinedDataset`; of one data set without weights as for `open_dataset`.
    how
        The rest that `open_dataset` takes, by name.

    Returns
    -------
    OpenedDataset

    Raises
    ------
    DataError
        As `open_dataset` and `JoinedDataset` do.
    """
    if len(folders) == 1 and not weights:
        return open_dataset(name, folders[0], without=without, **how)
    parts = [open_dataset(name, folder, **how) for folder in folders]
    return JoinedDataset(parts, weights, without)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
