"""A heading that folds what stands under it."""

import pytest
from qtpy.QtWidgets import QLabel, QPushButton

from napari_pmrnet.plugin.widgets.collapsible import Collapsible


@pytest.fixture
def part(qtbot) -> Collapsible:
    part = Collapsible("More", QLabel("content"))
    qtbot.addWidget(part)
    return part


def test_it_begins_folded_and_the_heading_opens_it(part: Collapsible) -> None:
    assert part.content.isHidden()
    assert part.button.text() == "\u25b8  More"
    part.button.click()
    assert not part.content.isHidden()
    assert part.button.text() == "\u25be  More"
    part.button.click()
    assert part.content.isHidden()


def test_it_can_be_opened_again_and_again(part: Collapsible) -> None:
    part.expand()
    part.expand()
    assert not part.content.isHidden()


def test_a_new_title_leaves_it_open_or_folded(part: Collapsible) -> None:
    part.set_title("Settings")
    assert part.button.text() == "\u25b8  Settings" and part.content.isHidden()
    part.expand()
    part.set_title("Advanced")
    assert part.button.text() == "\u25be  Advanced"
    part.button.click()
    assert part.button.text() == "\u25b8  Advanced"


def test_a_button_at_its_right_takes_no_room_from_what_is_folded(part, qtbot) -> None:
    button = QPushButton("Other")
    part.add_button(button)
    part.resize(300, 100)
    part.show()
    assert button.isVisible() and part.content.isHidden()
    part.expand()
    qtbot.waitUntil(lambda: part.content.width() == part.width())
    assert button.geometry().right() == part.content.geometry().right()
    assert part.button.geometry().left() == 0
