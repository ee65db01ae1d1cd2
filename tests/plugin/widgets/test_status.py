"""The status line: sentences, tones and how far a task is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import Qt

from napari_pmrnet.plugin.widgets.status import RunLine, StatusLine, sentences
from napari_pmrnet.plugin.widgets.theme import style_sheet, tones


@pytest.fixture
def line(qtbot) -> StatusLine:
    line = StatusLine("first")
    qtbot.addWidget(line)
    return line


@pytest.mark.parametrize("tone", ["error", "warning", "good"])
def test_a_tone_colours_the_sentence_and_goes_with_the_next(line, qapp, tone) -> None:
    line.setStyleSheet(style_sheet("dark", 9))
    assert line.text.text() == "first"
    plain = line.text.palette().windowText().color().name()
    line.say("second", tone)
    assert line.text.text() == "second"
    assert line.text.palette().windowText().color().name() == tones("dark")[tone]
    line.say("third")
    assert line.text.palette().windowText().color().name() == plain


def test_it_is_as_high_whatever_it_says_and_says_all_under_the_mouse(line) -> None:
    line.setFixedWidth(200)
    line.show()
    height = line.sizeHint().height()
    for text in ("", "short", "a long sentence " * 40, "a" * 400):
        line.say(text)
        line.adjustSize()
        assert (line.sizeHint().height(), line.height()) == (height, height)
        assert line.minimumSizeHint().height() == height
        assert line.text.text() == text and text in line.text.toolTip()
    line.set_busy(True)
    assert line.sizeHint().height() == height


@pytest.mark.parametrize("tone", ["plain", "good", "warning", "error"])
def test_it_knows_the_tone_of_what_it_says(line, tone: str) -> None:
    assert line.tone == "plain"
    line.say("said", tone)
    assert line.tone == tone


@pytest.mark.parametrize(
    ("done", "total", "value", "maximum"),
    [(3, 8, 3, 8), (8, 8, 8, 8), (0, 0, 0, 1), (5, 0, 0, 1)],
)
def test_the_bar_is_empty_while_nothing_can_be_counted(
    line, done: int, total: int, value: int, maximum: int
) -> None:
    line.set_busy(True)
    assert (line.bar.minimum(), line.bar.maximum()) == (0, 0), "moves by itself"
    line.set_progress(done, total)
    assert (line.bar.value(), line.bar.maximum()) == (value, maximum)


def test_the_bar_is_there_while_busy_only(line) -> None:
    assert line.bar.isHidden()
    line.set_busy(True)
    assert not line.bar.isHidden()
    line.set_busy(False)
    assert line.bar.isHidden()


def test_one_of_run_and_cancel_can_be_pressed(qtbot) -> None:
    line = RunLine("Segment")
    qtbot.addWidget(line)
    for running in (False, True, False):
        line.set_running(running)
        assert line.cancel_button.isEnabled() is running
        assert line.run_button.isEnabled() is not running
        assert line.status.bar.isHidden() is not running


@given(st.lists(st.text(min_size=1, max_size=20), max_size=3))
def test_notes_become_sentences(notes: list[str]) -> None:
    said = sentences(notes)
    assert said.count(".") >= len(notes)
    assert sentences(iter(notes)) == said
    assert sentences(["no scale: 1 px", "x"]) == "No scale: 1 px. X."
    assert sentences([]) == ""


def test_names_with_tags_in_them_are_shown_as_they_are(line) -> None:
    name = "Written to <b>a</b><img src='x'>.tif"
    line.say(name)
    assert (
        line.text.textFormat() == Qt.TextFormat.PlainText and line.text.text() == name
    )
