"""A journal is kept in one window, and gives a lost review back."""

from __future__ import annotations

import threading

import numpy as np
from qtpy.QtCore import Qt

from napari_pmrnet.errors import JournalError
from napari_pmrnet.plugin.review import persistence
from napari_pmrnet.proofreading.journal import read_journal

from .conftest import CONTROL, found


def test_a_lost_review_comes_back(open_review, aside, qtbot) -> None:
    hands = open_review()
    hands.click(35, 15)
    hands.key(Qt.Key.Key_A)
    hands.click(12, 10)
    hands.key(Qt.Key.Key_D)
    journal = hands.dock.session.course.journal
    assert journal.wait(2)
    left = hands.data.copy()
    assert (read_journal(journal.path).labels == left).all()
    hands.dock.release()

    again = open_review()
    assert "2 changes" in again.dock.offer.text.text()
    restore, _ = again.dock.offer.buttons()
    restore.click()
    assert (again.data == left).all()
    assert again.dock.session.review.statuses == {("nucleus", 2): "accepted"}
    again.key(Qt.Key.Key_Z, CONTROL)
    assert (again.data == found().labels).all()
    again.dock.release()
    assert (read_journal(journal.path).labels == found().labels).all()


def test_an_edit_sets_an_undecided_journal_aside(open_review, aside) -> None:
    hands = open_review()
    hands.click(35, 15)
    hands.key(Qt.Key.Key_D)
    hands.dock.release()
    again = open_review()
    path = again.dock.desk.journal.found.path
    again.click(12, 10)
    again.key(Qt.Key.Key_D)
    again.dock.release()
    aside_path = path.with_name(f"{path.name}.1")
    assert set(np.unique(read_journal(aside_path).labels)) == {0, 1}
    assert set(np.unique(read_journal(path).labels)) == {0, 2}


def test_a_second_window_looks_on_or_takes_over(open_review, aside, qtbot) -> None:
    first = open_review()
    first.click(35, 15)
    first.key(Qt.Key.Key_D)
    assert first.dock.session.course.journal.wait(5)

    second = open_review()
    dock, path = second.dock, second.dock.desk.journal.found.path
    assert "under review already, by another window" in dock.offer.text.text()
    before = second.data.copy()
    second.click(12, 10)
    second.key(Qt.Key.Key_D)
    second.key(Qt.Key.Key_Z, CONTROL)
    assert (second.data == before).all() and (before == found().labels).all()
    assert "Take the review over" in dock.status.text.text()
    assert not dock.session.layer.editable

    look, _ = dock.offer.buttons()
    assert look.text() == "Show it as it is"
    look.click()
    assert (second.data == first.data).all() and "Read-only" in dock.offer.text.text()
    second.click(12, 10)
    second.key(Qt.Key.Key_A)
    assert not dock.session.review.statuses and dock.session.course.journal is None

    held = dock.session
    dock.offer.buttons()[1].click()
    qtbot.waitUntil(lambda: dock.session not in (None, held), timeout=30_000)
    assert dock.session.layer.editable and (second.data == first.data).all()
    qtbot.waitUntil(lambda: "has taken" in first.dock.offer.text.text())
    first.click(12, 10)
    first.key(Qt.Key.Key_D)
    assert (first.data == 1).any() and not first.dock.session.layer.editable
    second.click(12, 10)
    second.key(Qt.Key.Key_D)
    assert not second.data.any() and dock.session.course.journal.wait(5)
    assert not read_journal(path).labels.any()

    held = first.dock.session
    first.dock.offer.buttons()[1].click()
    qtbot.waitUntil(lambda: first.dock.session not in (None, held), timeout=30_000)
    assert not first.data.any()
    first.dock.release()
    second.dock.release()
    assert not list(path.parent.glob("*.lock")) and not list(path.parent.glob("*.json"))


def test_a_window_that_was_asked_nothing_yet_does_not_keep_others_out(
    open_review, aside
) -> None:
    hands = open_review()
    hands.click(35, 15)
    hands.key(Qt.Key.Key_D)
    hands.dock.release()
    undecided, other = open_review(), open_review()
    assert "1 change" in undecided.dock.offer.text.text()
    other.dock.offer.buttons()[0].click()
    assert not (other.data == 2).any()
    undecided.click(12, 10)
    undecided.key(Qt.Key.Key_D)
    assert "under review already" in undecided.dock.offer.text.text()
    path = other.dock.desk.journal.found.path
    other.dock.release()
    assert set(np.unique(read_journal(path).labels)) == {0, 1}


def test_a_review_that_was_not_taken_over_is_not_offered_in_another(
    open_review, aside, qtbot, monkeypatch
) -> None:
    first = open_review()
    first.click(35, 15)
    first.key(Qt.Key.Key_D)
    assert first.dock.session.course.journal.wait(5)
    second = open_review()
    dock, answered = second.dock, threading.Event()

    def silent(path):
        answered.wait(30)
        raise JournalError("The other window does not answer.")

    monkeypatch.setattr(persistence, "take_over", silent)
    dock.offer.buttons()[1].click()
    qtbot.waitUntil(lambda: dock.desk.journal.is_busy)
    second.viewer.layers.remove("c nuclei")
    assert dock.session is None
    answered.set()
    qtbot.waitUntil(lambda: not dock.desk.journal.is_busy)
    assert "does not answer" not in dock.offer.text.text()
    first.dock.release()
