"""The journal: what was written is read back, whatever happened in between."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.errors import JournalError
from napari_pmrnet.proofreading import journal as module
from napari_pmrnet.proofreading.journal import (
    ENDING,
    Journal,
    fingerprint,
    journal_path,
    read_journal,
)

KILLS = 50
FOUND = np.kron(np.arange(16, dtype=np.int32).reshape(4, 4), np.ones((8, 8), np.int32))


def edit(journal: Journal, labels: np.ndarray, box, value: int) -> None:
    before = labels[box].copy()
    labels[box] = value
    journal.changed(box, before, labels[box])


def test_changes_and_statuses_are_read_back(tmp_path: Path) -> None:
    path, labels = tmp_path / "a", FOUND.copy()
    journal = Journal(path, FOUND.copy(), "abc", {"weights": "84e9"})
    edit(journal, labels, (slice(3, 9), slice(5, 6)), 77)
    journal.told(("nucleus", 3), "accepted")
    journal.told(("missed", 5), "dismissed")
    edit(journal, labels, (slice(0, 32), slice(0, 32)), 2)
    journal.told(("nucleus", 3), "")
    assert journal.close()
    there = read_journal(path)
    assert (there.labels == labels).all() and (there.found == FOUND).all()
    assert there.labels.dtype == np.int32 and there.statuses == {
        ("missed", 5): "dismissed"
    }
    assert there.image == "abc" and there.made == {"weights": "84e9"}
    assert there.changes == 5 and there.damaged == 0


def test_a_journal_is_gone_on_with(tmp_path: Path) -> None:
    path, labels = tmp_path / "a", FOUND.copy()
    for value in (30, 31):
        journal = Journal(path, FOUND, "abc")
        edit(journal, labels, (slice(value - 30, 20), slice(0, 9)), value)
        journal.close()
    there = read_journal(path)
    assert (there.labels == labels).all() and there.changes == 2


@given(cut=st.integers(1, 4000), junk=st.binary(max_size=20))
@settings(max_examples=40, deadline=None)
def test_a_damaged_end_costs_the_last_change_only(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes
) -> None:
    path, labels = tmp_path_factory.mktemp("j") / "a", FOUND.copy()
    journal = Journal(path, FOUND, "abc")
    journal.told(("nucleus", 1), "accepted")
    states, sizes = [], []
    for value in (30, 31, 32):
        states.append(labels.copy())
        journal.wait(5)
        sizes.append(path.stat().st_size)
        edit(journal, labels, (slice(0, 2 * value - 50), slice(0, 9)), value)
    journal.close()
    kept = max(sizes[0], path.stat().st_size - cut)
    path.write_bytes(path.read_bytes()[:kept] + junk)
    there = read_journal(path)
    states.append(labels)
    assert any((there.labels == state).all() for state in states)
    whole = sum(size <= kept for size in sizes) - 1
    assert there.changes >= whole
    again = Journal(path, FOUND, "abc")
    edit(again, there.labels, (slice(0, 1), slice(0, 1)), 99)
    again.close()
    assert read_journal(path).damaged == 0 and read_journal(path).labels[0, 0] == 99


def test_another_image_or_other_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    Journal(path, FOUND, "abc").close()
    assert not path.exists()
    journal = Journal(path, FOUND, "abc")
    journal.told(("nucleus", 1), "accepted")
    journal.close()
    with pytest.raises(JournalError, match="another image"):
        Journal(path, FOUND, "abd")
    with pytest.raises(JournalError, match="other labels"):
        Journal(path, FOUND + 1, "abc")
    path.write_bytes(b"not a journal\n")
    with pytest.raises(JournalError, match="no review journal"):
        read_journal(path)
    with pytest.raises(JournalError, match="cannot be read"):
        read_journal(tmp_path / "b")


def test_a_full_disk_is_said_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, well, full = [], [], [True]
    sync = os.fsync

    def refuse(descriptor: int) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(module.os, "fsync", refuse)
    monkeypatch.setattr(module, "RETRY", 0.02)
    path, labels = tmp_path / "a", FOUND.copy()
    journal = Journal(
        path, FOUND, "abc", failed=said.append, recovered=lambda: well.append(1)
    )
    edit(journal, labels, (slice(0, 3), slice(0, 9)), 40)
    assert not journal.wait(0.3)
    assert "No space left" in said[0] and "save the review" in said[0]
    assert path.stat().st_size == 0
    full[0] = False
    assert journal.wait(5) and journal.close() and well == [1]
    assert (read_journal(path).labels == labels).all()


def test_where_a_journal_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "user_data_path", lambda name: tmp_path / name)
    aside = tmp_path / "napari-pmrnet" / "reviews" / f"abc{ENDING}"
    image = tmp_path / "cells.tif"
    assert journal_path(None, "abc") == aside
    assert journal_path(image, "abc") == tmp_path / f"cells.tif{ENDING}"
    monkeypatch.setattr(module.os, "access", lambda *_: False)
    assert journal_path(image, "abc") == aside


def test_an_image_is_known_again() -> None:
    image = np.random.default_rng(0).integers(0, 255, (3000, 1200), np.uint8)
    changed = image.copy()
    changed[::2, ::2] ^= 1
    assert fingerprint(image) == fingerprint(image.copy())
    others = [changed, image.T, image.astype(np.int16), image[:-1]]
    assert len({fingerprint(other) for other in [image, *others]}) == 5


REVIEWER = """
import sys, time
from pathlib import Path
import numpy as np
from napari_pmrnet.proofreading.journal import Journal
found = np.zeros((64, 64), np.int32)
journal = Journal(Path(sys.argv[1]), found, "abc")
labels = found.copy()
for value in range(1, 10_000):
    row, column = divmod(value - 1, 64)
    box = slice(row % 64, row % 64 + 1), slice(column, column + 1)
    before = labels[box].copy()
    labels[box] = value
    journal.changed(box, before, labels[box])
    print(value, time.time(), flush=True)
    time.sleep(0.002)
"""


def killed_review(path: Path, after: float) -> None:
    """Kill a review at any moment; at most two seconds of it may be lost."""
    command = [sys.executable, "-c", REVIEWER, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    killed = time.time()
    lines = process.stdout.read().splitlines()
    process.wait()
    done = [line.split() for line in lines if len(line.split()) == 2]
    due = [int(value) for value, when in done if float(when) < killed - 2]
    if path.exists() and path.stat().st_size:
        kept = read_journal(path).labels.max()
    else:
        kept = 0
    assert kept >= max(due, default=0)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_review_loses_two_seconds_at_most(tmp_path: Path) -> None:
    killed_review(tmp_path / "a", 2.6)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_fifty_killed_reviews(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for index in range(KILLS):
        killed_review(tmp_path / str(index), rng.uniform(0, 4))
