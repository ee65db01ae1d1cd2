"""Numbers of labels: which of them are kept exactly, and counting them from 1.

Tables as long as the largest label take 16 GiB where that is 2147483647, and a number
that a type cannot hold becomes another one. So whoever takes labels from outside checks
them here, and whoever indexes by label numbers them first.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_pmrnet.errors import DataError

MIXED = 0.5
"""Share of neighbours of different labels from which on labels are none: in pictures of
grey levels most neighbours differ, in labels only those along a seam."""
LARGEST_LABEL = int(np.iinfo(np.int32).max)
"""Largest label that a review, a journal and corrections keep."""
_LARGEST_MEASURED = int(np.iinfo(np.int64).max)


def check_labels(
    labels: np.ndarray, what: str = "", largest: int = LARGEST_LABEL
) -> None:
    """Raise unless labels are whole numbers from 0 to a largest one.

    Parameters
    ----------
    labels : ndarray
    what : str
        The layer or file they are of, for the message.
    largest : int

    Raises
    ------
    DataError
        With what to do.
    """
    of = f"{what}: " if what else ""
    if labels.dtype.kind not in "iub":
        raise DataError(
            f"{of}labels must be whole numbers, not {labels.dtype}. Convert them to an "
            "integer type first."
        )
    if not labels.size:
        return
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0:
        raise DataError(
            f"{of}label {lowest} is negative. Use 0 for the background and positive "
            "numbers for nuclei."
        )
    if highest > largest:
        raise DataError(
            f"{of}label {highest} is above {largest}. Renumber the labels from 1."
        )


def as_whole(labels: np.ndarray) -> np.ndarray:
    """Labels that Fiji and others keep as floating-point numbers, as whole ones.

    Those that are none stay as they are.
    """
    if labels.dtype.kind != "f" or not np.isfinite(labels).all():
        return labels
    return labels.astype(np.int64) if (labels == np.rint(labels)).all() else labels


def looks_like_a_picture(labels: np.ndarray) -> bool:
    """Tell whether most neighbours along x have different labels."""
    left, right = labels[..., :-1], labels[..., 1:]
    inside = (left > 0) & (right > 0)
    differ = (left != right)[inside]
    return differ.size > 0 and float(np.mean(differ)) > MIXED


def check_countable(labels: np.ndarray, what: str = "") -> None:
    """Raise unless labels can be told apart: whole numbers from 0 of any size.

    Raises
    ------
    DataError
        As `check_labels` does.
    """
    check_labels(labels, what, _LARGEST_MEASURED)


def type_with_room(dtype: np.dtype, number: int) -> np.dtype:
    """Type of labels that holds a number too: the same, or int32.

    Parameters
    ----------
    dtype : dtype
        Integer type of the labels.
    number : int
        At most `LARGEST_LABEL`.

    Examples
    --------
    >>> type_with_room(np.dtype("uint8"), 255), type_with_room(np.dtype("uint8"), 256)
    (dtype('uint8'), dtype('int32'))
    """
    return dtype if number <= np.iinfo(dtype).max else np.dtype(np.int32)


def number_labels(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels numbered 0 to n in their order, and the label of each number.

    Parameters
    ----------
    labels : ndarray of int
        Of any shape; none is negative. 0 keeps its number, also where it is not there.

    Returns
    -------
    ndarray of int32, of the shape of `labels`
    ndarray of int, shape (n + 1,)
    """
    if labels.dtype == bool:
        labels = labels.view(np.uint8)
    largest = int(labels.max(initial=0))
    if largest < labels.size:
        used = np.zeros(largest + 1, bool)
        used[labels.ravel()] = used[0] = True
        number = np.cumsum(used, dtype=np.int32) - 1
        return number[labels].astype(np.int32, copy=False), np.flatnonzero(used)
    # A hash table: sorting 16 million pixels, as np.unique does, takes seconds.
    codes, names = pd.factorize(np.append(labels.ravel(), labels.dtype.type(0)))
    order = np.argsort(names)
    number = np.empty(len(names), np.int32)
    number[order] = np.arange(len(names))
    return number[codes[:-1]].reshape(labels.shape), names[order]
