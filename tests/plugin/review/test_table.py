"""The table of places: their titles, their order, and the current one."""

import numpy as np
import pandas as pd
import pytest
from legible import head_with_arrow, settle
from qtpy.QtCore import Qt

from napari_pmrnet.plugin.review.table import PlacesView, place_title

UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
PLACES = pd.DataFrame(
    [
        ("nucleus", 4, 0.9, 30.0, np.nan, True, "", False),
        ("merge", 1, 0.7, np.nan, np.nan, False, "dismissed", False),
        ("nucleus", 3, np.nan, 12345.6, 7.25, False, "", True),
    ],
    columns=[
        *("kind", "number", "doubt", "area"),
        *("intensity", "at_border", "status", "edited"),
    ],
)


@pytest.fixture
def view(qtbot) -> PlacesView:
    view = PlacesView(lambda place: (5, 6), lambda plane: "")
    qtbot.addWidget(view)
    return view


def row(view: PlacesView, number: int) -> list[str]:
    model = view.places_model
    return [model.data(model.index(number, c)) for c in range(model.columnCount())]


def test_a_row_a_place(view) -> None:
    assert view.places_model.rowCount() == 0
    assert view.show_places(PLACES, None) is None
    assert row(view, 0) == ["nucleus 4", "0.10", "30", "-", "cut", "", ""]
    assert row(view, 1) == ["one? 5 + 6", "0.30", "-", "-", "", "dismissed", ""]
    assert row(view, 2) == ["nucleus 3", "-", "1.235e+04", "7.25", "", "edited", ""]


def test_titles() -> None:
    assert place_title(("missed", 2), ()) == "missed? #2"
    assert place_title(("split", 1), (8,)) == "two? 8"


def test_the_current_place_stays_and_is_not_told_of(view, qtbot) -> None:
    told = []
    view.chosen.connect(told.append)
    assert view.show_places(PLACES, ("nucleus", 3)) == 2
    assert view.show_places(PLACES.iloc[[2, 0]], ("nucleus", 3)) == 0
    assert view.choose(("nucleus", 4)) == 1 and view.choose(("merge", 1)) is None
    assert told == []
    with qtbot.waitSignal(view.chosen):
        view.selectRow(0)
    assert told == [("nucleus", 3)]


def test_certainty_rises_as_doubt_falls(view, qtbot) -> None:
    assert view.order() == ("doubt", False)
    with qtbot.waitSignal(view.sorting) as told:
        view.heads.setSortIndicator(1, DOWN)
    assert told.args == ["doubt", True]
    with qtbot.waitSignal(view.sorting) as told:
        view.heads.setSortIndicator(2, UP)
    assert told.args == ["area", True]


@pytest.mark.parametrize("size", [9, 18])
@pytest.mark.parametrize("several", [False, True])
def test_a_head_has_room_for_its_title_and_the_arrow(view, size, several) -> None:
    """Also that of the column which is hidden until there are several planes."""
    view.setStyleSheet(f"QTableView, QHeaderView {{ font-size: {size}pt; }}")
    view.show()
    view.show_planes(several)
    settle()
    heads = view.heads
    shown = [n for n in range(heads.count()) if not heads.isSectionHidden(n)]
    room = {n: heads.sectionSize(n) for n in shown}
    for section in shown:
        heads.setSortIndicator(section, DOWN)
        assert room[section] >= head_with_arrow(heads, section)
