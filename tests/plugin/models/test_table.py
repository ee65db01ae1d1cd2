"""The table of the library, and the card of the model chosen."""

import pytest
from qtpy.QtCore import Qt

from napari_pmrnet.models.card import new_card
from napari_pmrnet.models.card_text import Entry
from napari_pmrnet.plugin.models.table import ModelsTable, details_html

CARD = new_card(
    ("probability",), sha256="ab" * 32, date="2026-11-25", val={"Dice": 0.875}
)
SHIPPED = Entry("nuclei", True, CARD)
MINE = Entry("<mine>", False, CARD.updated(parent="ab" * 32, data={"images": 7}))
FAULTY = Entry("odd", False, fault="odd.json: is not <JSON>.")


@pytest.fixture
def table(qtbot) -> ModelsTable:
    table = ModelsTable()
    qtbot.addWidget(table)
    return table


def row(table: ModelsTable, number: int, role=Qt.ItemDataRole.DisplayRole) -> list:
    model = table.models
    columns = range(model.columnCount())
    return [model.data(model.index(number, column), role) for column in columns]


def test_a_row_a_model_with_what_its_card_says(table: ModelsTable) -> None:
    table.show_entries([SHIPPED, MINE, FAULTY], "")
    assert row(table, 0) == ["nuclei", "", "2026-11-25", "", "Dice 0.88"]
    assert row(table, 1) == ["<mine>", "nuclei", "2026-11-25", "7", "Dice 0.88"]
    assert row(table, 2) == ["odd", "", "", "", "faulty"]
    assert table.entries == [SHIPPED, MINE, FAULTY]


def test_what_a_card_says_is_no_html(table: ModelsTable) -> None:
    table.show_entries([MINE, FAULTY], "")
    tips = row(table, 0, Qt.ItemDataRole.ToolTipRole)
    assert tips[0] == "<span>&lt;mine&gt;</span>"
    assert "is not &lt;JSON&gt;" in row(table, 1, Qt.ItemDataRole.ToolTipRole)[3]
    assert "<b>&lt;" not in details_html(SHIPPED, [SHIPPED])
    assert "&lt;mine&gt; (yours)" in details_html(MINE, [SHIPPED, MINE])
    assert "is not &lt;JSON&gt;" in details_html(FAULTY, [])


def test_the_model_asked_for_is_chosen_or_else_the_first(table, qtbot) -> None:
    assert table.entry is None
    with qtbot.waitSignal(table.chosen):
        table.show_entries([SHIPPED, MINE], "<mine>")
    assert table.entry == MINE
    table.show_entries([SHIPPED, MINE], "gone")
    assert table.entry == SHIPPED
    table.show_entries([], "nuclei")
    assert table.entry is None


def test_details_name_where_a_model_comes_from() -> None:
    assert details_html(None, []) == ""
    assert "nuclei (comes with the package)" in details_html(SHIPPED, [SHIPPED])
    parent = details_html(MINE, [SHIPPED, MINE])
    assert "<b>Parent</b></td><td>nuclei</td>" in parent
    assert "(not here)" in details_html(MINE, [])
