"""The lower part of the dock, without a viewer."""

import pytest

from napari_pmrnet.plugin.segment.run_panel import RunPanel


@pytest.fixture
def panel(qtbot) -> RunPanel:
    panel = RunPanel()
    qtbot.addWidget(panel)
    return panel


def test_the_greeting_follows_the_button_until_something_is_said(panel) -> None:
    assert panel.status.text.text() == "Choose an image and press Segment nuclei."
    panel.name_run("Segment objects")
    assert panel.run_button.text() == "Segment objects"
    assert panel.status.text.text() == "Choose an image and press Segment objects."
    panel.status.say("3 objects.")
    panel.name_run("Segment classes")
    assert panel.run_button.text() == "Segment classes"
    assert panel.status.text.text() == "3 objects."


def test_a_run_begins_with_an_empty_bar(panel) -> None:
    panel.set_running(True)
    assert panel.cancel_button.isEnabled() and not panel.run_button.isEnabled()
    assert (panel.status.bar.value(), panel.status.bar.maximum()) == (0, 1)


def test_corrections_can_be_labelled_anew_in_another_layer(panel, qtbot) -> None:
    assert panel.notice.isHidden()
    panel.notice.show_text("'a' holds your corrections.")
    assert not panel.notice.isHidden()
    with qtbot.waitSignal(panel.relabel_requested):
        panel.relabel_button.click()
    panel.notice.show_text("")
    assert panel.notice.isHidden()
