"""Kinds of labels: single nuclei, connected objects, or classes of pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import numpy as np

from napari_pmrnet.errors import ImageError

CLASS_CHANNEL = "class_"


class LabelKind(StrEnum):
    """Meaning of the labels of a model; the values are those of its card."""

    NUCLEI = "instances"
    OBJECTS = "objects"
    CLASSES = "classes"

    @property
    def nouns(self) -> tuple[str, str]:
        """Singular and plural of what is labelled."""
        return _NOUNS[self]

    @property
    def sees_whole(self) -> bool:
        """True if every image is seen whole, at the size of a tile."""
        return self is not LabelKind.NUCLEI

    def counted(self, count: int) -> str:
        """Number of nuclei, objects or classes, in words."""
        return f"{count} {self.nouns[count != 1]}"

    def refuse_tiles(self, name: str, instead: str) -> None:
        """Refuse to segment an image tile by tile where images are seen whole.

        Parameters
        ----------
        name : str
            Of the image.
        instead : str
            What the user can do, as a sentence.

        Raises
        ------
        ImageError
        """
        if self.sees_whole:
            raise ImageError(
                f"'{name}': a model of {self} sees every image whole. {instead}"
            )


_NOUNS = {
    LabelKind.NUCLEI: ("nucleus", "nuclei"),
    LabelKind.OBJECTS: ("object", "objects"),
    LabelKind.CLASSES: ("class", "classes"),
}


def whole_scale(tile: int, shape: Sequence[int]) -> float:
    """Pixels of a tile for each pixel of an image (H, W) that it holds whole."""
    return tile / max(shape)


def class_channels(count: int) -> tuple[str, ...]:
    """Output channels that separate classes: none for a single class."""
    return (
        tuple(f"{CLASS_CHANNEL}{k}" for k in range(1, count + 1)) if count > 1 else ()
    )


def class_channels_in(channels: Iterable[str]) -> tuple[str, ...]:
    """Those of some channels or maps that separate classes, class 1 first."""
    return class_channels(sum(name.startswith(CLASS_CHANNEL) for name in channels))


def classes_of(foreground: np.ndarray, maps: Mapping[str, np.ndarray]) -> np.ndarray:
    """Class of every pixel of the foreground: the one with the highest probability.

    Parameters
    ----------
    foreground : ndarray of int32 or bool, shape (H, W)
        0 is background.
    maps : mapping of ndarray, each (H, W)
        Probabilities ``class_1``, ``class_2``...; none of a single class.

    Returns
    -------
    ndarray of int32, shape (H, W)
        0 is background, k the k-th class.
    """
    names = class_channels_in(maps)
    if not names:
        return (foreground > 0).astype(np.int32)
    likeliest = np.argmax(np.stack([maps[name] for name in names]), axis=0) + 1
    return np.where(foreground > 0, likeliest, 0).astype(np.int32)


def true_classes(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Classes that `classes_of` should give, from true labels of any shape.

    Parameters
    ----------
    labels : ndarray of int
    classes : sequence of str
        Of the model card; all labels are one class where it names no more.
    """
    return labels if len(classes) > 1 else (labels > 0).astype(np.int32)
