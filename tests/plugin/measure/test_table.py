"""The table of measurements: sorted by any column, one nucleus current."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_pmrnet.plugin.measure.table import MeasurementsView, cell_text

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
