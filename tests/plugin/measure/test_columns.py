"""The button that chooses columns."""

import pytest

from napari_pmrnet.plugin.measure.columns import ColumnButton


@pytest.fixture
def button(qtbot) -> ColumnButton:
    button = ColumnButton()
    qtbot.addWidget(button)
    return button


def test_what_is_not_ticked_is_told(button) -> None:
    told = []
    button.chosen.connect(told.append)
    button.offer(["Area", "Feret", "Class"], {"Feret"})
    assert not told, "offering is no choice of the user"
    button.boxes["Area"].click()
    button.boxes["Feret"].click()
    assert told == [{"Area", "Feret"}, {"Area"}]


def test_the_list_is_made_anew_for_other_columns_only(button) -> None:
    assert not button.boxes
    button.offer(["Area", "Feret"], set())
    box = button.boxes["Area"]
    button.offer(["Area", "Feret"], {"Area"})
    assert button.boxes["Area"] is box and not box.isChecked()
    button.offer(["Area"], set())
    assert list(button.boxes) == ["Area"] and button.isEnabled()
    button.offer([], set())
    assert not button.isEnabled()
