"""Numbers of the nuclei of a stack, one plane after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_pmrnet.io.space import TIME
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.segmentation.linking import Links
from napari_pmrnet.segmentation.tracking import Tracks


class StackNumbers:
    """Gives the labels of every plane their numbers in the stack.

    Parameters
    ----------
    axes : sequence of str
        Of the stack.
    link : str or None
        Axis through which nuclei keep their number.
    kind : LabelKind
        Numbers of classes stay as they are.

    Attributes
    ----------
    count : int
        Largest number given so far to nuclei that are not linked.
    """

    def __init__(self, axes: Sequence[str], link: str | None, kind: LabelKind) -> None:
        self._along = None if link is None else list(axes).index(link)
        self._links: Links | Tracks | None = None
        if link is not None:
            self._links = Tracks() if link.lower() in TIME else Links()
        self._kind = kind
        self.count = 0

    def of(self, place: tuple[int, ...], labels: np.ndarray) -> np.ndarray:
        """Number the labels of a plane.

        Parameters
        ----------
        place : tuple of int
            Of the plane in the stack.
        labels : ndarray of int, shape (H, W)
            Numbered 1 to n.

        Returns
        -------
        ndarray of int32, shape (n + 1,)
            The number in the stack of every label.
        """
        if self._links is not None and self._along is not None:
            series = place[: self._along] + place[self._along + 1 :]
            return self._links.numbers(labels, series)
        numbers = np.arange(labels.max(initial=0) + 1, dtype=np.int32)
        if self._kind is LabelKind.CLASSES:
            return numbers
        numbers[1:] += self.count
        self.count += len(numbers) - 1
        return numbers

    def skip(self, place: tuple[int, ...], shape: tuple[int, ...]) -> None:
        """Pass a plane without nuclei, of a height and a width."""
        if self._links is not None:
            self.of(place, np.zeros(shape, np.int32))
