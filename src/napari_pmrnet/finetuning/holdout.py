"""Division of corrections into those to learn from and the hold-out for scoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from napari_pmrnet.finetuning.corrections import UNKNOWN, Corrections

SHARE = 0.2
LEAST_SIDE = 96
HOLD_OUT_IMAGES = 4
"""From so many images on, whole ones are held back; of fewer, pieces of them."""


class HoldOutPart(NamedTuple):
    """A rectangle of one of the images, and how many reviewed nuclei it holds."""

    image: int
    rows: slice
    columns: slice
    reviewed: int


@dataclass(frozen=True)
class Division:
    """Corrections to learn from, and those to score with.

    Attributes
    ----------
    learned : list of Corrections
        With `UNKNOWN` where a piece is held back.
    held_back : list of Corrections
        With `UNKNOWN` outside the pieces that are held back.
    apart : bool
        False where there was too little to hold anything back: what is scored was
        learned from, and scores tell little.
    """

    learned: list[Corrections]
    held_back: list[Corrections]
    apart: bool = True


def divide(corrections: Sequence[Corrections], seed: int = 0) -> Division:
    """Hold back pieces with about a fifth of the reviewed nuclei.

    Parameters
    ----------
    corrections : sequence of Corrections
    seed : int
        The same seed divides the same corrections alike.
    """
    rng = np.random.default_rng(seed)
    grid = 1 if len(corrections) >= HOLD_OUT_IMAGES else 2
    pieces = [
        piece
        for number, one in enumerate(corrections)
        for piece in _parts(number, one, grid)
        if piece.reviewed
    ]
    total = sum(piece.reviewed for piece in pieces)
    held: list[HoldOutPart] = []
    for index in rng.permutation(len(pieces)):
        found = sum(piece.reviewed for piece in held)
        if found >= SHARE * total or len(held) == len(pieces) - 1:
            break
        # A piece with most of the nuclei is learned from.
        if held and found + pieces[index].reviewed > 2 * SHARE * total:
            continue
        held.append(pieces[index])
    learned, scored = [], []
    for number, one in enumerate(corrections):
        back = np.zeros(one.labels.shape, bool)
        for piece in held:
            if piece.image == number:
                back[piece.rows, piece.columns] = True
        if not back.all():
            learned.append(_masked(one, back))
        if back.any():
            scored.append(_masked(one, ~back))
    learned = [one for one in learned if one.reviewed.size]
    # A nucleus that lies in all pieces is cut by each.
    if not learned or not any(one.reviewed.size for one in scored):
        return Division(list(corrections), list(corrections), apart=False)
    return Division(learned, scored)


def _parts(number: int, one: Corrections, grid: int) -> list[HoldOutPart]:
    """An image cut into `grid` by `grid` pieces, or fewer where it is small."""
    cuts = [
        np.linspace(0, n, max(1, min(grid, n // LEAST_SIDE)) + 1).astype(int)
        for n in one.labels.shape
    ]
    boxes = [
        (slice(top, bottom), slice(left, right))
        for top, bottom in zip(cuts[0], cuts[0][1:], strict=False)
        for left, right in zip(cuts[1], cuts[1][1:], strict=False)
    ]
    return [HoldOutPart(number, *box, _count(one, box)) for box in boxes]


def _count(one: Corrections, box: tuple[slice, slice]) -> int:
    """Reviewed nuclei with a pixel in a box."""
    return int(np.isin(np.unique(one.labels[box]), one.reviewed).sum())


def _masked(one: Corrections, unknown: np.ndarray) -> Corrections:
    """Corrections of which some pixels are unknown.

    A nucleus that is cut is unknown as a whole: a part of it would teach a wrong shape.
    """
    cut = np.unique(one.labels[unknown])
    cut = cut[(cut > 0) & np.isin(cut, one.labels[~unknown])]
    labels = np.where(unknown | np.isin(one.labels, cut), UNKNOWN, one.labels)
    kept = one.reviewed[np.isin(one.reviewed, labels)]
    return replace(one, labels=labels.astype(np.int32), reviewed=kept)
