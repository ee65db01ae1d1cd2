"""Parts shared by the readers of published data sets: one class a layout on disk."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from napari_pmrnet.datasets.pixels import (
    FORMATS,
    greatest_value,
    image_size,
    read_image,
    require_shape,
    unite,
)
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format

_MOST_SUBFOLDERS = 40
_NEARLY_ALL = 0.98


@dataclass(frozen=True)
class Item:
    """One image of a data set.

    Attributes
    ----------
    image_id : str
    image : Path
    masks : tuple of Path
        Pictures of its truth; none where that is kept otherwise, or nothing is there.
    split : str
        Official subset, ``train``, ``val`` or ``test``; empty if there is none.
    group : str
        Images of one group are neighbours and belong on one side of a split.
    columns : mapping of str
        What else is known of it.
    """

    image_id: str
    image: Path
    masks: tuple[Path, ...] = ()
    split: str = ""
    group: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


class Reader(ABC):
    """A published data set in the layout in which it is published.

    Opening it lists the files and reads no pixels.

    Parameters
    ----------
    folder : str or Path
        The folder of the data set, or one above it.

    Attributes
    ----------
    root : Path
        The folder in which the layout was found.
    items : list of Item
        Images with a truth.
    problems : list of str
        One line for everything that cannot be used.

    Raises
    ------
    DataError
        If the folder has another layout.
    """

    name: ClassVar[str]
    """Name on the command line."""
    title: ClassVar[str]
    """Name as published."""
    layout: ClassVar[str]
    """The layout in one line."""
    split_rule: ClassVar[str]
    """Origin of the split, and what a group is."""
    published: ClassVar[int]
    """Number of images with a truth, as published."""
    instances: ClassVar[bool] = False
    """True if every object has a label of its own; else all are united as label 1."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        root = self.locate(self.folder)
        if root is None:
            raise DataError(
                f"{self.folder}: not the layout of {self.title}: {self.layout}."
            )
        self.root = root
        self.problems: list[str] = []
        self.items = list(self._once(self._list()))

    @classmethod
    def locate(cls, folder: str | Path) -> Path | None:
        """The folder of this layout at or up to two levels below a folder.

        Parameters
        ----------
        folder : str or Path

        Returns
        -------
        Path or None
            None if there is none.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise DataError(f"{folder}: there is no such folder.")
        return next((root for root in _descend(folder) if cls.fits(root)), None)

    @classmethod
    @abstractmethod
    def fits(cls, root: Path) -> bool:
        """Tell whether a folder itself has this layout."""

    @abstractmethod
    def _list(self) -> Iterator[Item]:
        """Every image with a truth, in a fixed order; faults go to `problems`."""

    def load(self, item: Item) -> tuple[np.ndarray, np.ndarray]:
        """Read an image and its labels.

        Parameters
        ----------
        item : Item
            One of `items`.

        Returns
        -------
        image : numpy.ndarray
            uint8, (H, W) if its colours are all grey, else (H, W, 3).
        labels : numpy.ndarray
            int32 (H, W): 0 and 1, or with `instances` 0, 1..n.

        Raises
        ------
        DataError
            If a file cannot be read, or the two do not fit together.
        """
        image = read_image(item.image)
        return image, self.labels(item, image.shape[:2])

    def labels(self, item: Item, shape: tuple[int, int]) -> np.ndarray:
        """Labels of an image of (H, W) pixels, int32; see `load`."""
        return unite(item.masks, shape)

    def check_sizes(self, item: Item) -> None:
        """Read the headers of the files of an image and compare their sizes.

        Raises
        ------
        DataError
            If a header cannot be read, or a mask is of another size than its image.
        """
        size = image_size(item.image)
        for mask in item.masks:
            require_shape(mask, image_size(mask), size)

    def doubts(self, item: Item, labels: np.ndarray) -> list[str]:
        """List what looks wrong with labels that can be read.

        Parameters
        ----------
        item : Item
        labels : ndarray of int, shape (H, W)

        Returns
        -------
        list of str
            One line each.
        """
        where = item.masks[0] if item.masks else item.image
        if not labels.any():
            return [f"{where}: empty mask, nothing is marked{_greatest(item)}."]
        if (labels > 0).mean() > _NEARLY_ALL:
            return [f"{where}: marks nearly all of the image. Is it inverted?"]
        return []

    def remarks(self) -> list[str]:
        """List what looks wrong with the data set as a whole, one line each."""
        return []

    def pictures(self, folder: Path | None, pattern: str = ".*") -> dict[str, Path]:
        """Pictures of a folder whose name without ending is of a pattern.

        Parameters
        ----------
        folder : Path or None
            None holds none.
        pattern : str
            Regular expression for the whole name; its first group, or all of it, is
            the key.

        Returns
        -------
        dict of str to Path
            In the order of numbers, then of names.
        """
        found: dict[str, Path] = {}
        for path in visible(folder) if folder else ():
            match = re.fullmatch(pattern, path.stem)
            if match is None or Format.of(path) not in FORMATS:
                continue
            key = match[1] if match.re.groups else match[0]
            if key in found:
                self.problems.append(f"{path}: there is {found[key].name} too.")
            else:
                found[key] = path
        return {key: found[key] for key in sorted(found, key=by_number)}

    def pairs(
        self, images: Mapping[str, Path], masks: Mapping[str, Path]
    ) -> Iterator[tuple[str, Path, Path]]:
        """Image and mask of one key; those alone are added to `problems`.

        Yields
        ------
        tuple of str, Path, Path
            In the order of `images`.
        """
        for key, image in images.items():
            if key in masks:
                yield key, image, masks[key]
            else:
                self.problems.append(f"{image}: image without a mask. It is not used.")
        for key, mask in masks.items():
            if key not in images:
                self.problems.append(f"{mask}: mask without an image. It is not used.")

    def _once(self, items: Iterator[Item]) -> Iterator[Item]:
        """Every identifier once, and in a group of its own if it has no other."""
        seen: dict[str, Path] = {}
        for item in items:
            if item.image_id in seen:
                self.problems.append(
                    f"{item.image}: {seen[item.image_id]} has the same name. It is "
                    "not used."
                )
                continue
            seen[item.image_id] = item.image
            yield item if item.group else replace(item, group=item.image_id)


def by_number(name: str) -> tuple[tuple[int, int, str], ...]:
    """Key that sorts names by the value of the numbers in them: 9 before 10."""
    parts = filter(None, re.split(r"([0-9]+)", name))
    return tuple((0, int(p), p) if p[0] in "0123456789" else (1, 0, p) for p in parts)


def visible(folder: Path) -> list[Path]:
    """Contents of a folder by name, without what systems and archives hide in it."""
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith((".", "__MACOSX", "Thumbs.db"))
    )


def subfolder(root: Path, *names: str) -> Path | None:
    """The subfolder of one of these names, in whatever case; None if there is none."""
    wanted = {name.casefold() for name in names}
    for path in visible(root):
        if path.name.casefold() in wanted and path.is_dir():
            return path
    return None


def holds(folder: Path | None, pattern: str) -> bool:
    """Tell whether a folder holds a file whose whole name is of a pattern."""
    return folder is not None and any(
        re.fullmatch(pattern, path.name, re.IGNORECASE) for path in visible(folder)
    )


def _descend(folder: Path) -> Iterator[Path]:
    """A folder and the two levels below it, where they are not many."""
    level = [folder]
    for _ in range(3):
        yield from level
        below = [p for parent in level for p in visible(parent) if p.is_dir()]
        if len(below) > _MOST_SUBFOLDERS:
            return
        level = below


def _greatest(item: Item) -> str:
    """Words on the grey values of a mask in which nothing reaches half of white."""
    greatest = max(map(greatest_value, item.masks), default=0)
    return f"; its greatest value is {greatest:g} of 255" if greatest else ""
