"""A heading that folds what stands under it."""

import pytest
from qtpy.QtWidgets import QLabel

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
