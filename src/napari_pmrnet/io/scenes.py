"""Several images in one file: what they are called, and the one that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import TypeVar

from napari_pmrnet.errors import DataError

Item = TypeVar("Item")


def chosen(items: Sequence[Item], scene: int | None, path: Path) -> list[Item]:
    """Those images of a file that are asked for.

    Parameters
    ----------
    items : sequence
        One an image of the file.
    scene : int or None
        Number of the one that is wanted, from 0; None for all.
    path : Path

    Raises
    ------
    DataError
        If there are fewer.
    """
    if scene is None:
        return list(items)
    if scene >= len(items):
        raise DataError(
            f"{path}: has no image of number {scene}, it holds {len(items)}. It was "
            "changed since it was listed."
        )
    return [items[scene]]


def series_names(names: Sequence[str], stem: str) -> list[str]:
    """Names of layers: that of the file, with number and name of each of several."""
    if len(names) == 1:
        return [stem]
    return [f"{stem} {i}: {name}".rstrip(": ") for i, name in enumerate(names, start=1)]


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names of which no two are alike, whatever the case of letters.

    One without a name of its own is called by its number, from 0, and a name that comes
    again gets it; a single one stays as it is.

    Examples
    --------
    >>> distinct_names(["Cells", "", "cells"])
    ['Cells', '1', 'cells (2)']
    """
    named = [" ".join(name.split()) for name in names]
    if len(named) < 2:
        return named
    taken: set[str] = set()
    for number, name in enumerate(named):
        numbered = f"{name} ({number})" if name else str(number)
        further = (f"{numbered} {again}" for again in count(2))
        tries = chain([name] if name else [], [numbered], further)
        named[number] = next(one for one in tries if one.casefold() not in taken)
        taken.add(named[number].casefold())
    return named
