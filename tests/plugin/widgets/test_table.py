"""A model and a view that show rows of any kind under columns of their own."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_pmrnet.plugin.widgets.table import (
    RIGHT,
    SORT_ROLE,
    Column,
    TableModel,
    TableView,
)

ROLE = Qt.ItemDataRole
ROWS = [("a", 3.0), ("b", 1.0), ("c", 1.0)]


@pytest.fixture
def model(qapp) -> TableModel:
    name = Column(
        "Name",
        lambda row: row[0],
        meaning="Its name",
        tooltip=lambda row: f"all of {row[0]}",
        tone=lambda row: "good" if row[1] > 2 else "bad",
    )
    size = Column("Size", lambda row: row[1], "{:.2f} px".format, alignment=RIGHT)
    model = TableModel([name, size])
    model.show(ROWS)
    return model


def test_columns_say_what_cells_and_heads_show(model) -> None:
    assert (model.rowCount(), model.columnCount()) == (3, 2)
    first, size = model.index(0, 0), model.index(0, 1)
    assert (first.data(), size.data()) == ("a", "3.00 px")
    assert first.data(ROLE.ToolTipRole) == "all of a"
    assert size.data(ROLE.ToolTipRole) is None
    # Bindings hand flags out as numbers or as one of their own classes.
    assert type(RIGHT)(size.data(ROLE.TextAlignmentRole)) == RIGHT
    across = Qt.Orientation.Horizontal
    assert model.headerData(0, across) == "Name"
    assert model.headerData(0, across, ROLE.ToolTipRole) == "<span>Its name</span>"
    assert model.headerData(1, across, ROLE.ToolTipRole) is None
    assert model.headerData(0, Qt.Orientation.Vertical) is None
    model.entitle(1, "Length")
    assert model.headerData(1, across) == "Length"


def test_tones_colour_the_rows(model) -> None:
    assert model.index(0, 0).data(ROLE.ForegroundRole) is None
    model.set_tones({"good": "#00ff00"})
    assert model.index(0, 0).data(ROLE.ForegroundRole).name() == "#00ff00"
    assert model.index(1, 0).data(ROLE.ForegroundRole) is None
    assert model.index(0, 1).data(ROLE.ForegroundRole) is None


def test_equal_rows_sort_in_their_order(model) -> None:
    keys = [model.data(model.index(row, 1), SORT_ROLE) for row in range(3)]
    assert sorted(keys) == [keys[1], keys[2], keys[0]]


def test_one_row_is_replaced(model) -> None:
    changed = []
    model.dataChanged.connect(lambda first, last: changed.append((first, last)))
    model.replace(1, ("d", 9.0))
    assert [model.index(row, 0).data() for row in range(3)] == ["a", "d", "c"]
    ((first, last),) = changed
    assert (first.row(), last.row(), last.column()) == (1, 1, 1)
    assert ROWS[1] == ("b", 1.0)


def test_the_view_tells_of_the_users_choices_only(model, qtbot) -> None:
    view = TableView(model)
    qtbot.addWidget(view)
    chosen: list[int] = []
    view.row_chosen.connect(chosen.append)
    view.choose_row(2)
    assert view.chosen_row() == 2 and not chosen
    view.selectRow(1)
    assert chosen == [1]
    view.choose_row(None)
    assert view.chosen_row() is None and chosen == [1]
