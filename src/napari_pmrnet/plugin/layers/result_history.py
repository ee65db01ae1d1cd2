"""The runs behind the labels of a layer, which napari's undo goes back and forth in.

napari tells no one what it undoes. So a few of the pixels that a run has changed tell
whether the labels on show may be those before or after it, and a checksum if they are.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation

if TYPE_CHECKING:
    from napari_pmrnet.segmentation import Segmentation
    from napari_pmrnet.segmentation.stack_segmentation import Labelled

Indices = tuple[np.ndarray, ...]

MARKS = 64
"""Pixels that are looked at."""

KEPT_BYTES = 1_000_000_000
"""Bytes of maps of earlier runs that are kept for undo, beside those of the last."""


@dataclass(frozen=True)
class Run:
    """What a layer was filled with.

    Attributes
    ----------
    found : Segmentation or StackSegmentation
        All that is on show, without corrections.
    part : Segmentation, optional
        What the run itself found, if it was of a region only.
    under : Segmentation, optional
        What was on show before, of which the part took a place.
    above : int
        Largest number in use then.
    """

    found: Labelled
    part: Segmentation | None = None
    under: Segmentation | None = None
    above: int = 0

    @classmethod
    def of_part(cls, part: Segmentation, under: Segmentation, above: int) -> Run:
        """The run of a region of what is on show."""
        return cls(under.renewed(part, above), part, under, above)

    def relabelled(self, found: Labelled) -> Run:
        """The same run with other labels of its maps."""
        if self.under is None or isinstance(found, StackSegmentation):
            return Run(found)
        return Run.of_part(found, self.under, self.above)

    @property
    def size(self) -> int:
        """Bytes of its maps."""
        flows = getattr(self.found, "flows", None)
        arrays = [*self.found.maps.values(), *([] if flows is None else [flows])]
        return sum(array.nbytes for array in arrays)


def checksum(labels: np.ndarray) -> int:
    """CRC-32 of labels."""
    return zlib.crc32(np.ascontiguousarray(labels).data)


class _State(NamedTuple):
    """Labels at some pixels, and the checksum of all."""

    labels: np.ndarray
    checksum: int

    @classmethod
    def of(cls, labels: np.ndarray, where: Indices) -> _State:
        return cls(labels[where], checksum(labels))

    def is_that_of(self, labels: np.ndarray, where: Indices) -> bool:
        """Tell whether it is the state of labels."""
        if (labels[where] != self.labels).any():
            return False
        return checksum(labels) == self.checksum


class _Step(NamedTuple):
    """Some of the pixels that a run changed, and the labels before and after it."""

    where: Indices
    before: _State
    after: _State


class History:
    """Runs whose labels took one another's place, each as a step of undo.

    Parameters
    ----------
    run : Run
        The first.
    """

    def __init__(self, run: Run) -> None:
        self.begin(run)

    def begin(self, run: Run) -> None:
        """Forget all runs but one, behind which undo does not go."""
        self._runs, self._steps, self._at = [run], list[_Step](), 0

    @property
    def run(self) -> Run:
        """The run whose labels are on show."""
        return self._runs[self._at]

    def add(
        self, run: Run, where: Indices, before: np.ndarray, after: np.ndarray
    ) -> None:
        """Note a run that changed the labels of the one on show.

        Parameters
        ----------
        run : Run
        where : tuple of ndarray of int, each (n,)
            Indices of the pixels it changed.
        before, after : ndarray of int
            The labels, corrections included.
        """
        del self._runs[self._at + 1 :], self._steps[self._at :]
        count = len(where[0])
        if not count:
            self._runs[-1] = run
            return
        some = np.linspace(0, count - 1, min(count, MARKS)).astype(int)
        at = tuple(axis[some] for axis in where)
        self._runs.append(run)
        self._steps.append(_Step(at, _State.of(before, at), _State.of(after, at)))
        while len(self._runs) > 2 and sum(r.size for r in self._runs[:-1]) > KEPT_BYTES:
            del self._runs[0], self._steps[0]
        self._at = len(self._steps)

    def follow(self, labels: np.ndarray) -> bool:
        """Find the run that labels are of after an undo or redo.

        Returns
        -------
        bool
            Whether it is another one than before.
        """
        for turn in (-1, 1):
            at = self._at + min(turn, 0)
            if not 0 <= at < len(self._steps):
                continue
            step = self._steps[at]
            state = step.before if turn < 0 else step.after
            if state.is_that_of(labels, step.where):
                self._at += turn
                return True
        return False
