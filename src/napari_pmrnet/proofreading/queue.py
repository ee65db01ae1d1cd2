"""The queue of a review: which places are listed, in which order, and which is next."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from napari_pmrnet.proofreading.place import ACCEPTED, AXIS, MISSED, NUCLEUS, Place
from napari_pmrnet.segmentation.objects import DOUBT_LIMIT

ALL, DOUBTFUL, OPEN, EDITED = "all", "doubtful", "open", "edited"
LISTS = {
    ALL: "All places",
    DOUBTFUL: "Only doubtful",
    OPEN: "Not reviewed yet",
    EDITED: "Edited",
    MISSED: "Possibly missed",
    "suggested": "Merges and splits",
}


def is_open(places: pd.DataFrame) -> np.ndarray:
    """Places that still want a look, neither edited nor given a status, as bool."""
    return ~places["edited"].to_numpy(bool) & places["status"].eq("").to_numpy()


def progress(places: pd.DataFrame) -> str:
    """Progress in words, such as ``"41 of 312 reviewed, 9 edited"``.

    Of a nucleus with a number on several planes each counts.

    Parameters
    ----------
    places : DataFrame
        Of `Review.places`.
    """
    nuclei = places.loc[places["kind"] == NUCLEUS]
    edited = nuclei["edited"].astype(bool)
    reviewed = edited | nuclei["status"].eq(ACCEPTED)
    return f"{reviewed.sum()} of {len(nuclei)} reviewed, {edited.sum()} edited"


def axes_of(places: pd.DataFrame) -> list[str]:
    """Columns with the plane that places are on; none of a plain image."""
    return [str(name) for name in places if str(name).startswith(AXIS.format(""))]


def listed(
    places: pd.DataFrame,
    which: str = ALL,
    doubt: float = 1 - DOUBT_LIMIT,
    column: str = "doubt",
    ascending: bool = False,
) -> pd.DataFrame:
    """Some of the places, in some order.

    Parameters
    ----------
    places : DataFrame
        Of `Review.places`, which come by falling doubt.
    which : str
        One of `LISTS`.
    doubt : float
        Least doubt of a place that is listed as doubtful.
    column : str
        Column to sort by, or ``plane``; missing values come last.
    ascending : bool

    Returns
    -------
    DataFrame
        With a plain index.
    """
    kind = places["kind"]
    chosen = {
        ALL: kind.notna(),
        DOUBTFUL: places["doubt"] >= doubt,
        OPEN: is_open(places),
        EDITED: places["edited"].astype(bool),
        MISSED: kind == MISSED,
        "suggested": ~kind.isin([NUCLEUS, MISSED]),
    }[which]
    if column == "doubt" and not ascending:
        return places.loc[chosen].reset_index(drop=True)
    keys = {"kind": ["kind", "number"], "plane": axes_of(places)}.get(column, [column])
    return places.loc[chosen].sort_values(
        keys, ascending=ascending, ignore_index=True, kind="stable"
    )


def row_of(places: pd.DataFrame, place: Place | None) -> int | None:
    """Row of a place in a list; None if it is not listed."""
    if place is None or not len(places):
        return None
    same = (places["kind"] == place[0]) & (places["number"] == place[1])
    for axis, step in zip(axes_of(places), place[2:], strict=True):
        same &= places[axis] == step
    found = np.flatnonzero(same)
    return int(found[0]) if len(found) else None


def next_row(places: pd.DataFrame, row: int, way: int) -> int | None:
    """The nearest row after (`way` 1) or before (-1) a row that still wants a look.

    Parameters
    ----------
    places : DataFrame
        Of `listed`.
    row : int
        Where one is; -1 before the first.
    way : int

    Returns
    -------
    int or None
        None if there is none on that side.
    """
    rows = np.flatnonzero(is_open(places))
    side = rows[rows > row] if way > 0 else rows[rows < row][::-1]
    return int(side[0]) if len(side) else None


@dataclass
class Walk:
    """Where one is in a queue, whatever else is looked at in between.

    Attributes
    ----------
    place : Place or None
        Place that the queue led to last; None before the first.
    row : int
        Its row then, where the queue goes on once the place is gone.
    met : set of Place
        All places that the queue led to.
    """

    place: Place | None = None
    row: int = -1
    met: set[Place] = field(default_factory=set)

    def reach(self, place: Place, row: int) -> None:
        """Note that the queue has come to a place in a row."""
        self.place, self.row = place, row
        self.met.add(place)

    def onward(self, places: pd.DataFrame, way: int, again: bool = False) -> int | None:
        """Row of the next place that wants a look; at the end it is the first one.

        Parameters
        ----------
        places : DataFrame
            Of `listed`.
        way : int
            1 for the next place, -1 for the one before.
        again : bool
            Whether the place where one is comes first, if it still wants a look.

        Returns
        -------
        int or None
            None if there is none: in the whole list, or before this place.
        """
        row = row_of(places, self.place)
        gone = row is None
        row = self.row if row is None else row
        if again or (gone and way > 0):
            row -= way
        new = next_row(places, row, way)
        return next_row(places, -1, 1) if new is None and way > 0 else new
