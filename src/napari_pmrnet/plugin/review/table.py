"""The table of places, the least certain first, over the arrays of a data frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import Qt

from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.table import RIGHT, Column, TableModel, TableView
from napari_pmrnet.proofreading.answers import capital
from napari_pmrnet.proofreading.place import MISSED, NUCLEUS, Place, Plane
from napari_pmrnet.proofreading.queue import axes_of, row_of
from napari_pmrnet.proofreading.suggestions import MERGE

NAMES = ("kind", "doubt", "area", "intensity", "at_border", "status", "plane")
_LONGEST = ("nucleus 888", "0.88", "88888", "888.8", "cut", "accepted", "t 88")
"""What cells have room for, beside their heads; a place that is longer is a tooltip."""
_PADDING = 12
_PLANE, _EDGE = NAMES.index("plane"), NAMES.index("at_border")


def place_title(place: Place, labels: tuple[int, ...]) -> str:
    """A place in words, such as ``"one? 3 + 4"``."""
    kind, number, *_ = place
    if kind == NUCLEUS:
        return f"nucleus {number}"
    if kind == MISSED:
        return f"missed? #{number}"
    names = " + ".join(map(str, labels))
    return f"one? {names}" if kind == MERGE else f"two? {names}"


class PlacesModel(TableModel):
    """Places as rows.

    Parameters
    ----------
    labels_at : callable
        Labels of a place, for its title.
    title_of : callable
        A plane in words.
    """

    def __init__(
        self,
        labels_at: Callable[[Place], tuple[int, ...]],
        title_of: Callable[[Plane], str],
    ) -> None:
        super().__init__()
        self._labels_at, self._title_of = labels_at, title_of
        self.set_places(pd.DataFrame(columns=["number", "edited", *NAMES]))

    def set_places(self, places: pd.DataFrame) -> None:
        """Show other places."""
        self.places = places
        self._cells = {name: places[name].to_numpy() for name in places}
        self._axes = [self._cells[name] for name in axes_of(places)]
        self.show(range(len(places)), self._columns())

    def place(self, row: int) -> Place:
        """The place of a row."""
        kind, number = self._cells["kind"][row], int(self._cells["number"][row])
        return kind, number, *(int(steps[row]) for steps in self._axes)

    def described(self, row: int) -> str:
        """A row in a sentence, such as ``"Nucleus 3, certainty 0.42."``."""
        certain = _number(1 - self._cells["doubt"][row], ".2f")
        known = "" if certain == "-" else f", certainty {certain}"
        plane = self._plane(row)
        where = f" at {plane}" if plane else ""
        return f"{capital(self._title(row))}{where}{known}."

    def _columns(self) -> tuple[Column[int], ...]:
        """Columns over the arrays of the places, in the order of `NAMES`."""
        value = {name: self._cells[name].__getitem__ for name in NAMES[:-2]}
        return (
            Column(
                "Place",
                self._title,
                meaning="A nucleus, or what may have to be done",
                tooltip=self._title,
            ),
            Column(
                "Certain",
                value["doubt"],
                lambda doubt: _number(1 - doubt, ".2f"),
                "How likely it is that nothing is to be done here",
                alignment=RIGHT,
            ),
            Column("Area", value["area"], _number, "Area in pixels", alignment=RIGHT),
            Column(
                "Mean",
                value["intensity"],
                _number,
                "Mean intensity of the image",
                alignment=RIGHT,
            ),
            Column(
                "Edge",
                value["at_border"],
                lambda cut: "cut" if cut else "",
                "Whether the border of the image cuts it",
            ),
            Column("Status", self._status, meaning="What was done here"),
            Column("Plane", self._plane, meaning="Plane of the stack or movie"),
        )

    def _plane(self, row: int) -> str:
        return self._title_of(self.place(row)[2:])

    def _title(self, row: int) -> str:
        place = self.place(row)
        return place_title(place, self._labels_at(place))

    def _status(self, row: int) -> str:
        edited = "edited" if self._cells["edited"][row] else ""
        return self._cells["status"][row] or edited


def _number(value: float, digits: str = ".4g") -> str:
    return "-" if np.isnan(value) else f"{value:{digits}}"


class PlacesView(TableView):
    """Shows places; one is current.

    Parameters
    ----------
    labels_at : callable
        Labels of a place, for its title.
    title_of : callable
        A plane in words.
    """

    chosen = Signal(object)
    sorting = Signal(str, bool)

    def __init__(
        self,
        labels_at: Callable[[Place], tuple[int, ...]],
        title_of: Callable[[Plane], str],
    ) -> None:
        self.places_model = PlacesModel(labels_at, title_of)
        super().__init__(self.places_model)
        self.setAccessibleName("Places to look at")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.heads.setStretchLastSection(True)
        self.heads.setSortIndicatorShown(True)
        doubt = NAMES.index("doubt")
        self.heads.setSortIndicator(doubt, Qt.SortOrder.AscendingOrder)
        self.heads.sortIndicatorChanged.connect(self._on_sorting)
        self.heads.moveSection(_PLANE, 1)
        self.show_planes(False)
        self.row_chosen.connect(
            lambda row: self.chosen.emit(self.places_model.place(row))
        )

    def show_planes(self, several: bool) -> None:
        """Say of places on which plane they are, instead of whether they are cut."""
        self.setColumnHidden(_PLANE, not several)
        self.setColumnHidden(_EDGE, several)

    def fit(self) -> None:
        """Make columns as wide as their heads and what they hold at most."""
        super().fit()
        cell = self.fontMetrics().horizontalAdvance
        columns = self.places_model.columns
        for section, (column, longest) in enumerate(
            zip(columns, _LONGEST, strict=True)
        ):
            width = max(cell(longest) + _PADDING, self.head_width(column.title))
            self.setColumnWidth(section, width)

    def order(self) -> tuple[str, bool]:
        """Column that is sorted by, and whether upwards in the data."""
        name = NAMES[self.heads.sortIndicatorSection()]
        up = self.heads.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder
        # The column shows certainty, which is one less doubt.
        return name, up != (name == "doubt")

    def show_places(self, places: pd.DataFrame, current: Place | None) -> int | None:
        """List places and make one current without telling; gives its row."""
        self.places_model.set_places(places)
        row = row_of(places, current)
        if row is not None:
            self.choose_row(row, scroll=False)
        return row

    def choose(self, place: Place | None) -> int | None:
        """Make a place current without telling; gives its row, None if not listed."""
        row = row_of(self.places_model.places, place)
        self.choose_row(row)
        return row

    def _on_sorting(self, section: int, order: Any) -> None:
        self.sorting.emit(*self.order())
