"""The table of measurements: sorted by any column, one nucleus current."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication

from napari_pmrnet.plugin.measure.table import MeasurementsView, cell_text, plain_text

UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
TABLE = pd.DataFrame(
    {
        "area": [30.0, np.nan, 10.0, 20.0],
        "centroid_y": [1.0, 2.0, 3.0, 4.0],
        "centroid_x": [5.0, 6.0, 7.0, 8.0],
        "edited": [True, False, False, False],
    },
    index=[2, 3, 5, 9],
)


@pytest.fixture
def view(qtbot) -> MeasurementsView:
    view = MeasurementsView()
    qtbot.addWidget(view)
    view.show_table(TABLE, "um")
    return view


def labels(view: MeasurementsView) -> list[int]:
    model = view.measurements
    return [model.label(row) for row in range(model.rowCount())]


def test_rows_and_heads(view) -> None:
    model = view.measurements
    assert labels(view) == [2, 3, 5, 9]
    heads = [column.title for column in model.columns]
    assert heads[:2] == ["Label", "Area (µm²)"]
    assert model.centre(5) == (3.0, 7.0) and model.centre(4) is None


def test_missing_values_come_last_either_way(view) -> None:
    view.sortByColumn(1, UP)
    assert labels(view) == [5, 9, 2, 3]
    view.sortByColumn(1, DOWN)
    assert labels(view) == [2, 9, 5, 3]


def test_the_order_stays_for_other_measurements(view) -> None:
    view.sortByColumn(1, UP)
    view.show_table(TABLE.assign(area=[1.0, 2.0, 3.0, 4.0]), "um")
    assert labels(view) == [2, 3, 5, 9]
    assert view.measurements.row_of(9) == 3
    view.show_table(None)
    assert labels(view) == [] and view.measurements.row_of(9) is None


def test_the_current_nucleus_stays_current_and_is_told_of_once(view, qtbot) -> None:
    told = []
    view.chosen.connect(told.append)
    view.choose(9)
    assert view.chosen_row() == 3 and told == []
    view.sortByColumn(1, UP)
    assert view.measurements.label(view.chosen_row()) == 9
    with qtbot.waitSignal(view.chosen):
        view.selectRow(0)
    assert told == [5]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.True_, "yes"),
        (False, ""),
        (np.int32(7), "7"),
        (np.nan, "-"),
        (0.5, "0.5000"),
        (999.96, "1000."),
        (123456.7, "123457"),
    ],
)
def test_cells(value, text: str) -> None:
    assert cell_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.True_, "True"),
        (np.int64(7), "7"),
        (np.nan, ""),
        (np.float64(1 / 3), "0.3333333333"),
        ("positive", "positive"),
    ],
)
def test_cells_for_other_programs(value, text: str) -> None:
    assert plain_text(value) == text


def clipboard() -> list[list[str]]:
    text = QGuiApplication.clipboard().text()
    return [line.split("\t") for line in text.splitlines()]


def test_the_keyboard_copies_rows_as_a_table(view, qtbot) -> None:
    told = []
    view.copied.connect(told.append)
    view.sortByColumn(1, UP)
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    head, *rows = clipboard()
    assert head == ["Label", "Area (µm²)", "Centre y (µm)", "Centre x (µm)", "Edited"]
    assert rows == [
        ["5", "10", "3", "7", "False"],
        ["9", "20", "4", "8", "False"],
        ["2", "30", "1", "5", "True"],
        ["3", "", "2", "6", "False"],
    ]
    view.selectRow(1)
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert [row[0] for row in clipboard()[1:]] == ["9"]
    view.hide_groups({"Centre y", "Centre x", "Edited"})
    view.selectAll()
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard()[0] == ["Label", "Area (µm²)"] and len(clipboard()) == 5
    assert told == [4, 1, 4]


def click(view, qtbot, row: int, key=Qt.KeyboardModifier.NoModifier) -> None:
    place = view.visualRect(view.measurements.index(row, 0)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, key, place)


def chosen(view) -> list[int]:
    rows = sorted(index.row() for index in view.selection.selectedRows())
    return [view.measurements.label(row) for row in rows]


def test_several_rows_are_selected_by_mouse_while_a_dock_answers(view, qtbot) -> None:
    view.chosen.connect(view.choose)  # as the dock does by the layer's label
    view.show()
    click(view, qtbot, 0)
    click(view, qtbot, 2, Qt.KeyboardModifier.ControlModifier)
    assert chosen(view) == [2, 5] and view.current == 5
    click(view, qtbot, 3, Qt.KeyboardModifier.ShiftModifier)
    assert chosen(view) == [2, 5, 9] and view.current == 9
    view.choose(3)
    assert chosen(view) == [3] and view.current == 3
    view.selectAll()
    view.sortByColumn(1, DOWN)
    assert chosen(view) == [2, 9, 5, 3], "in their new order"
    view.choose(77)
    assert chosen(view) == [] and view.current is None


def test_classes_are_sorted_by_name_with_missing_ones_last(view) -> None:
    name = "class (area >= 20)"
    view.show_table(TABLE.assign(**{name: ["positive", "", "negative", "positive"]}))
    column = view.measurements.names.index(name)
    view.sortByColumn(column, UP)
    assert labels(view) == [5, 2, 9, 3]
    view.sortByColumn(column, DOWN)
    assert labels(view) == [2, 9, 5, 3]


def test_hidden_columns_stay_hidden_for_other_measurements(view) -> None:
    assert view.groups[:2] == ["Area", "Centre y"], "the label always stays"
    view.hide_groups({"Area"})
    for table in (TABLE.drop(columns="edited"), TABLE):
        view.show_table(table)
        hidden = [view.isColumnHidden(i) for i in range(len(view.measurements.names))]
        assert hidden == [name == "area" for name in view.measurements.names]


def test_several_rows_are_selected_and_told_of(view, qtbot) -> None:
    view.show()
    told = []
    view.selected.connect(lambda: told.append(set(view.labels)))
    view.select({3, 9})
    assert view.labels == {3, 9} and view.current == 3 and told == []
    assert [row.row() for row in view.selection.selectedRows()] == [1, 3]
    view.sortByColumn(1, UP)
    assert view.labels == {3, 9} and told == []
    view.show_table(TABLE.drop(index=2), "um")
    assert view.labels == {3, 9} and view.current == 3
    view.show_table(TABLE.drop(index=3), "um")
    assert view.labels == {9}
    click(view, qtbot, 0)
    assert told == [{view.measurements.label(0)}]
    view.select(())
    assert view.labels == {view.current}
    view.show_table(None)
    assert view.labels == frozenset()


def test_ten_thousand_rows_are_selected_at_once(view) -> None:
    many = pd.DataFrame({"area": np.random.default_rng(0).random(10_000)})
    view.show_table(many.set_axis(range(1, 10_001)), "um")
    view.sortByColumn(1, UP)
    half = frozenset(range(1, 10_001, 2))
    view.select(half)
    assert view.labels == half
