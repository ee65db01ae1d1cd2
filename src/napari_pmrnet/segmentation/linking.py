"""One number for a nucleus from plane to plane, by how far its outlines overlap.

That is for planes that lie above each other; through time see `tracking`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.label_numbers import check_countable, number_labels

LEAST_IOU = 0.25
"""IoU of a disc with itself half a diameter away; the default of Cellpose, too."""


def link_by_overlap(
    labels: np.ndarray,
    minimum: float = LEAST_IOU,
    axes: Sequence[str] = ("t", "y", "x"),
    along: str = "t",
) -> np.ndarray:
    """Give a nucleus the same number in all frames in which it is seen.

    Nuclei of consecutive frames are matched one to one, the pair with the greatest IoU
    first (as `group_matching_labels` of StarDist and `stitch3D` of Cellpose do, see
    Schmidt et al., MICCAI 2018, and Stringer et al., Nature Methods 18, 2021, 100-106).
    IoU rather than the share of the smaller nucleus that overlaps: a fragment, or a
    daughter of a division, lies wholly within the nucleus before it, and still is
    another one. Of two pairs with the same IoU the one that starts higher in the image
    goes first. A nucleus that is missing in one frame is a new one in the next.

    Parameters
    ----------
    labels : ndarray of int, shape (..., H, W)
        0 is background. Numbers need to be unique in a plane only.
    minimum : float
        Least IoU, above 0 and at most 1.
    axes : sequence of str
        Names of all axes; y and x are the last two.
    along : str
        Axis of the frames, such as ``"t"`` or ``"z"``. At every place of the other
        axes the frames are linked for themselves.

    Returns
    -------
    ndarray of int32, shape (..., H, W)
        Numbered from 1 in order of appearance, frame by frame and from the top of the
        image to its bottom; no number stands for two nuclei.

    Raises
    ------
    ImageError
        If there is no such axis, or the minimum is out of bounds.
    DataError
        If labels are no whole numbers from 0.
    """
    labels = np.asarray(labels)
    check_countable(labels)
    if len(axes) != labels.ndim or along not in axes[:-2]:
        raise ImageError(
            f"labels of shape {labels.shape} with the axes {', '.join(axes)} cannot "
            f"be linked along '{along}'. Name every axis, y and x last."
        )
    links = Links(minimum)
    at = list(axes).index(along)
    linked = np.zeros(labels.shape, np.int32)
    for place in np.ndindex(*labels.shape[:-2]):
        frame, _ = number_labels(labels[place])
        series = place[:at] + place[at + 1 :]
        linked[place] = links.numbers(frame, series)[frame]
    return linked


class Links:
    """Carries numbers from frame to frame, one frame of a series after the other.

    Parameters
    ----------
    minimum : float
        Least IoU of a nucleus with the one before it, above 0 and at most 1.

    Raises
    ------
    ImageError
        If it is out of bounds.
    """

    def __init__(self, minimum: float = LEAST_IOU) -> None:
        if not 0 < minimum <= 1:
            raise ImageError(
                f"the least IoU of linked nuclei is {minimum}; it must lie above 0 and "
                "be at most 1."
            )
        self._minimum = minimum
        self._count = 0
        self._last: dict[Hashable, tuple[np.ndarray, np.ndarray]] = {}

    def numbers(self, frame: np.ndarray, series: Hashable = ()) -> np.ndarray:
        """Numbers for the labels of the next frame.

        Parameters
        ----------
        frame : ndarray of int, shape (H, W)
            Numbered 1 to n. Kept until the next frame of the series, and not to be
            changed.
        series : hashable
            Which of several series this is a frame of; they share their numbers.

        Returns
        -------
        ndarray of int32, shape (highest label + 1,)
            The number of every label; 0 for labels that are not in the frame.
        """
        present, first = np.unique(frame, return_index=True)
        first = first[present > 0]
        present = present[present > 0]
        numbers = np.zeros(int(frame.max(initial=0)) + 1, np.int32)
        before = self._last.get(series)
        if before is not None:
            old, new = matches(before[0], frame, self._minimum)
            numbers[new] = before[1][old]
        given = numbers[present]
        self._count = number_new(given, first, self._count)
        numbers[present] = given
        self._last[series] = frame, numbers
        return numbers


def number_new(given: np.ndarray, first: np.ndarray, count: int) -> int:
    """Number the nuclei of a frame that have no number yet, from the top.

    Parameters
    ----------
    given : ndarray of int, shape (n,)
        Numbers; those that are 0 are filled in.
    first : ndarray of int, shape (n,)
        Where each nucleus begins in the frame.
    count : int
        Numbers that are in use.

    Returns
    -------
    int
        Numbers that are in use then.
    """
    fresh = np.argsort(first)
    fresh = fresh[given[fresh] == 0]
    given[fresh] = np.arange(count + 1, count + 1 + len(fresh))
    return count + len(fresh)


def matches(
    before: np.ndarray, after: np.ndarray, minimum: float
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of two frames that are one nucleus: pairs by falling IoU, one to one.

    Parameters
    ----------
    before, after : ndarray of int, shape (H, W)
    minimum : float
        Least IoU.

    Returns
    -------
    ndarray of int, shape (n,)
        Labels of the first frame.
    ndarray of int, shape (n,)
        Their partners in the second.
    """
    old, new, iou, first = _overlaps(before, after)
    keep = iou >= minimum
    old, new, iou, first = old[keep], new[keep], iou[keep], first[keep]
    taken_old, taken_new, pairs = set(), set(), []
    for i in np.lexsort((first, -iou)):
        if old[i] not in taken_old and new[i] not in taken_new:
            taken_old.add(old[i])
            taken_new.add(new[i])
            pairs.append(i)
    return old[pairs], new[pairs]


def _overlaps(
    before: np.ndarray, after: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of labels that share pixels: IoU, and the first pixel they share."""
    both = np.flatnonzero((before > 0) & (after > 0))
    columns = int(after.max(initial=0)) + 1
    code = before.ravel()[both].astype(np.int64) * columns + after.ravel()[both]
    pairs, first, shared = np.unique(code, return_index=True, return_counts=True)
    old, new = np.divmod(pairs, columns)
    areas = [np.bincount(frame.ravel()) for frame in (before, after)]
    union = areas[0][old] + areas[1][new] - shared
    return old, new, shared / union, both[first]
