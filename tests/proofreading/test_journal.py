"""The journal: what was written is read back, whatever happened in between."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plates import write_plate

from napari_pmrnet.errors import JournalError
from napari_pmrnet.io.lock import OwnerLock, TakenError
from napari_pmrnet.proofreading import journal as module
from napari_pmrnet.proofreading.journal import (
    ENDING,
    Journal,
    fingerprint,
    journal_path,
    read_journal,
)
from napari_pmrnet.proofreading.record_file import set_aside

KILLS = 200
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
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.02)
    said: list[tuple[str, str]] = []
    path, labels = disk / "a", FOUND.copy()
    journal = Journal(path, FOUND, "abc", say=lambda *words: said.append(words))
    edit(journal, labels, (slice(0, 3), slice(0, 9)), 40)
    assert journal.wait(5)
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while stream.write(bytes(4096)):
            pass
    rng = np.random.default_rng(0)
    for value in range(200):
        top, left = rng.integers(0, 24, 2)
        edit(journal, labels, (slice(top, top + 8), slice(left, left + 8)), 50 + value)
    assert not journal.wait(0.5)
    text, tone = said[0]
    assert "No space left" in text and "save the review" in text and tone == "error"
    assert read_journal(path).damaged == 0 and not path.read_bytes().count(b"\0")
    filler.unlink()
    assert journal.wait(5) and said[-1][1] == "good" and journal.close()
    there = read_journal(path)
    assert (there.labels == labels).all() and there.changes == 201
    assert there.damaged == 0


def test_who_ends_a_review_on_a_full_disk_is_told(disk: Path) -> None:
    path, labels = disk / "a", FOUND.copy()
    with (disk / "filler").open("wb", buffering=0) as stream, suppress(OSError):
        while stream.write(bytes(4096)):
            pass
    journal = Journal(path, FOUND, "abc")
    edit(journal, labels, (slice(0, 3), slice(0, 9)), 40)
    assert not journal.close()


@pytest.mark.parametrize("how", ["moved", "deleted", "set aside", "other"])
def test_a_journal_that_vanishes_is_begun_anew_whole(tmp_path: Path, how: str) -> None:
    path, labels, said = tmp_path / "a", FOUND.copy(), []
    journal = Journal(path, FOUND, "abc", say=lambda text, tone: said.append(text))
    edit(journal, labels, (slice(0, 3), slice(0, 9)), 40)
    journal.told(("nucleus", 3), "accepted")
    assert journal.wait(5)
    if how == "deleted":
        path.unlink()
    elif how == "set aside":
        set_aside(path)
    elif how == "moved":
        path.rename(tmp_path / "elsewhere")
    else:
        other = Journal(tmp_path / "b", FOUND + 1, "abd")
        other.told(("nucleus", 1), "accepted")
        other.close()
        (tmp_path / "b").replace(path)
    edit(journal, labels, (slice(9, 30), slice(0, 9)), 41)
    assert journal.close()
    there = read_journal(path)
    assert (there.labels == labels).all() and (there.found == FOUND).all()
    assert there.statuses == {("nucleus", 3): "accepted"} and not there.damaged
    if how == "other":
        assert read_journal(tmp_path / "a.1").image == "abd" and "a.1" in said[0]


def test_a_journal_that_vanishes_while_nothing_is_done_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCH", 0.02)
    journal = Journal(tmp_path / "a", FOUND, "abc")
    journal.told(("nucleus", 3), "accepted")
    assert journal.wait(5)
    journal.path.unlink()
    deadline = time.monotonic() + 5
    while not journal.path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert journal.close() and read_journal(journal.path).changes == 1


def test_a_damaged_record_costs_itself_and_a_copy_is_kept(tmp_path: Path) -> None:
    path, labels = tmp_path / "a", FOUND.copy()
    journal = Journal(path, FOUND, "abc")
    for value in (29, 30, 31):
        edit(journal, labels, (slice(value, value + 1), slice(0, 9)), value)
        assert value > 30 or journal.wait(5)
    journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2][:30] + b"\n", lines[3]]))
    left = path.read_bytes()
    there = read_journal(path)
    assert there.changes == 2 and there.damaged == 1
    again = Journal(path, FOUND, "abc")
    assert again.damaged_copy is not None
    assert again.damaged_copy.read_bytes() == left
    again.close()
    assert read_journal(path).changes == 2 and not read_journal(path).damaged


def test_one_window_writes_at_a_time_and_can_be_asked_to_stop(tmp_path: Path) -> None:
    path, labels, taken = tmp_path / "a", FOUND.copy(), threading.Event()
    first = Journal(path, FOUND, "abc", taken=taken.set)
    edit(first, labels, (slice(0, 3), slice(0, 9)), 40)
    with pytest.raises(TakenError, match="another window"):
        Journal(path, FOUND, "abc")
    owner = OwnerLock(path)
    owner.take_over()
    assert taken.wait(5)
    first.told(("nucleus", 9), "accepted")
    second = Journal(path, FOUND, "abc", owner=owner)
    edit(second, labels, (slice(5, 9), slice(0, 9)), 41)
    assert second.close() and first.close()
    there = read_journal(path)
    assert (there.labels == labels).all() and not there.statuses
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


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


def test_images_of_one_file_have_a_journal_each(tmp_path: Path) -> None:
    """Channels and scenes: the review of one is not set aside for that of another."""
    image, first, other = tmp_path / "cells.tif", "a" * 32, "b" * 32
    begun = {}
    for seen in (first, other):
        path = journal_path(image, seen)
        with closing(Journal(path, FOUND, seen)) as journal:
            journal.told(("nucleus", 1), "accepted")
        begun[seen] = path
    assert begun[first].name == f"cells.tif{ENDING}"
    assert begun[other].name == f"cells.tif bbbbbbbb{ENDING}"
    for seen, path in begun.items():
        assert journal_path(image, seen) == path
        assert read_journal(path).image == seen
    begun[first].unlink()
    assert journal_path(image, other) == begun[other]
    begun[first].write_bytes(b"no journal\n")
    assert journal_path(image, first) == begun[first], "the user decides"
    assert journal_path(image, other) == begun[other]


def test_a_journal_whose_name_would_be_too_long_lies_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "user_data_path", lambda name: tmp_path / name)
    for length in (200, 235, 250):
        image = tmp_path / f"{'ä' * ((length - 4) // 2)}.tif"
        image.touch()
        path = journal_path(image, "abc")
        assert (path.parent == tmp_path) == (length == 200)
        with closing(Journal(path, FOUND, "abc")) as journal:
            journal.told(("nucleus", 1), "accepted")
        assert read_journal(path).changes == 1
        path.unlink()


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
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    killed = time.time()
    lines = process.stdout.read().splitlines()
    process.wait()
    done = [line.split() for line in lines if len(line.split()) == 2]
    due = [int(value) for value, when in done if float(when) < killed - 2]
    has_begun = path.exists() and path.stat().st_size
    kept = read_journal(path).labels.max() if has_begun else 0
    assert kept >= max(due, default=0)
    found = np.zeros((64, 64), np.int32)
    again = Journal(path, found, "abc")
    again.told(("nucleus", 1), "accepted")
    assert again.close() and read_journal(path).statuses
    assert read_journal(path).labels.max() == kept


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_review_loses_two_seconds_at_most(tmp_path: Path) -> None:
    killed_review(tmp_path / "a", 2.6)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_two_hundred_killed_reviews(tmp_path: Path) -> None:
    after = np.random.default_rng(0).uniform(0, 3.5, KILLS)
    paths = [tmp_path / str(index) for index in range(KILLS)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(killed_review, paths, after))


RIVAL = """
import sys, time
from pathlib import Path
import numpy as np
from napari_pmrnet.io.lock import OwnerLock, TakenError
from napari_pmrnet.proofreading.journal import Journal, read_journal
path, first, takes_over = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1"
found = np.zeros((64, 64), np.int32)
value = first
while value < first + 1000:
    owner = OwnerLock(path)
    try:
        owner.take_over() if takes_over else owner.take()
    except TakenError:
        continue
    journal = Journal(path, found, "abc", owner=owner)
    for _ in range(5):
        row, column = divmod(value, 64)
        box = slice(row, row + 1), slice(column, column + 1)
        journal.changed(box, found[box], np.full((1, 1), value, np.int32))
        if journal.wait(5) and not journal._is_over:
            print(value, flush=True)
        value += 1
    journal.close()
    time.sleep(0.05)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_two_processes_on_one_journal_lose_nothing(tmp_path: Path) -> None:
    path, rng, done = tmp_path / "a", np.random.default_rng(0), []

    def reviews(first: int, takes_over: bool, kills: int) -> None:
        """Review, and be killed now and then; go on with numbers not used yet."""
        for turn in range(kills):
            start = first + 100 * turn
            words = [str(path), str(start), str(int(takes_over))]
            command = [sys.executable, "-c", RIVAL, *words]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            time.sleep(rng.uniform(1, 4))
            process.send_signal(signal.SIGKILL)
            assert process.stdout is not None
            written = process.stdout.read().split("\n")[:-1]
            process.wait()
            done.extend(int(value) for value in written)

    with ThreadPoolExecutor(2) as pool:
        turns = [
            pool.submit(reviews, 1, False, 20),
            pool.submit(reviews, 2050, True, 20),
        ]
        for turn in turns:
            turn.result()
    there = read_journal(path)
    lost = [n for n in done if there.labels[divmod(n, 64)] != n]
    assert len(done) > 100 and not lost and there.damaged <= 1
    assert not list(tmp_path.glob("a.[0-9]*"))


def test_the_journal_of_a_field_lies_beside_its_plate(tmp_path: Path) -> None:
    pytest.importorskip("yaozarrs")
    field = write_plate(tmp_path / "p.zarr") / "A" / "1" / "0"
    before = {path.name for path in tmp_path.rglob("*")}
    path = journal_path(field, "abc", "t=1")
    assert path == tmp_path / f"p_A01_0 t=1{ENDING}"
    path = journal_path(field, "abc")
    assert path == tmp_path / f"p_A01_0{ENDING}"
    with closing(Journal(path, FOUND, "abc")) as journal:
        journal.told(("nucleus", 1), "accepted")
    assert journal_path(field, "other").name == f"p_A01_0 other{ENDING}"
    assert {one.name for one in tmp_path.rglob("*")} - before == {path.name}
    inside = path.rename(field.with_name(f"0{ENDING}"))
    assert journal_path(field, "abc") == inside, "as version 0.1 had it"
