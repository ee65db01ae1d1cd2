"""Rows of forms are as high as their texts, and stay as they are laid out."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QLabel, QLineEdit, QScrollArea, QWidget

from napari_pmrnet.plugin.widgets.layout import Form, stack, text_label

TEXTS = ["How nuclei are found, in words. " * count for count in (2, 5, 3)]


class Layouts(QObject):
    """Counts how often the parts of a widget are laid out."""

    count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's: hear of what happens to the widget."""
        self.count += event.type() == QEvent.Type.LayoutRequest
        return False


@pytest.fixture
def sentences() -> list[QLabel]:
    return [text_label("hint", text) for text in TEXTS]


@pytest.fixture
def area(sentences, qtbot) -> QScrollArea:
    """A form in what scrolls, as in a dock."""
    area, whole, box = QScrollArea(), QWidget(), QWidget()
    form = Form(box)
    form.addRow("Name", QLineEdit())
    form.addRow("Labels", sentences[0])
    for sentence in sentences[1:]:
        form.addRow(sentence)
    stack(whole, box, QWidget())
    area.setWidgetResizable(True)
    area.setWidget(whole)
    qtbot.addWidget(area)
    area.resize(300, 500)
    area.show()
    qtbot.wait(20)
    return area


def test_every_row_has_the_height_that_its_text_needs(area, sentences, qtbot) -> None:
    box = sentences[0].parentWidget()
    layout = box.layout()
    wished = layout.sizeHint().width() + area.width() - box.width()
    for width in (*range(wished - 24, wished + 24), 450, 620):
        area.resize(width, 500)
        area.widget().layout().activate()
        qtbot.wait(1)
        for sentence in sentences:
            assert sentence.height() == sentence.heightForWidth(sentence.width()), width


def test_a_form_at_rest_is_not_laid_out_again(area, qtbot) -> None:
    layouts = Layouts()
    area.widget().installEventFilter(layouts)
    qtbot.wait(50)
    assert layouts.count == 0
