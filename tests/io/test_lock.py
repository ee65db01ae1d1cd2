"""One owner at a time; a dead one keeps nobody out, a living one can be asked."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from napari_pmrnet.io.lock import OwnerLock, TakenError

HOLDER = """
import sys, time
from pathlib import Path
from napari_pmrnet.io.lock import OwnerLock
lock = OwnerLock(Path(sys.argv[1]))
lock.take()
print("taken", flush=True)
time.sleep(60)
"""

COUNTER = """
import sys, time
from pathlib import Path
from napari_pmrnet.io.lock import OwnerLock, TakenError
base, counter = Path(sys.argv[1]), Path(sys.argv[2])
done = 0
while done < 40:
    try:
        with OwnerLock(base):
            number = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(number + 1))
            done += 1
    except TakenError:
        pass
"""


def holder(base: Path) -> subprocess.Popen[str]:
    """A process that has the lock."""
    command = [sys.executable, "-c", HOLDER, str(base)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "taken\n"
    return process


def write_note(base: Path, **values: object) -> None:
    said = {"run": "another", "host": "elsewhere", "pid": 12, "since": "yesterday"}
    base.with_name(f"{base.name}.json").write_text(json.dumps(said | values))


def test_a_second_owner_is_told_who_has_it_and_nothing_is_left(tmp_path: Path) -> None:
    first, second = OwnerLock(tmp_path / "a"), OwnerLock(tmp_path / "a")
    first.take()
    with pytest.raises(TakenError, match=rf"another window .*process {os.getpid()}"):
        second.take()
    second.release()
    assert not first.is_wanted() and first.named().run == first.run
    first.release()
    with second:
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    process = holder(tmp_path / "a")
    lock = OwnerLock(tmp_path / "a")
    with pytest.raises(TakenError, match=f"process {process.pid} of this computer"):
        lock.take()
    process.send_signal(signal.SIGKILL)
    process.wait()
    lock.take()
    lock.release()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"run": "x"}', "\x00\x00"])
def test_a_note_that_is_not_whole_keeps_nobody_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with OwnerLock(tmp_path / "a") as lock:
        assert lock.named().run == lock.run


def test_an_owner_on_another_computer_counts_as_alive(tmp_path: Path) -> None:
    base = tmp_path / "a"
    write_note(base)
    lock = OwnerLock(base)
    with pytest.raises(TakenError, match="the computer elsewhere"):
        lock.take()
    lock.take_over(1)
    assert lock.named().run == lock.run
    lock.release()
    assert not list(tmp_path.iterdir())


def test_an_owner_that_looks_lets_go(tmp_path: Path) -> None:
    first, second = OwnerLock(tmp_path / "a"), OwnerLock(tmp_path / "a")
    first.take()
    asked = []

    def watch() -> None:
        while not first.is_wanted():
            time.sleep(0.01)
        asked.append(first.named().run)
        first.release()

    thread = threading.Thread(target=watch)
    thread.start()
    second.take_over(10)
    thread.join()
    assert asked == [second.run] and second.named().run == second.run
    second.release()
    assert not list(tmp_path.iterdir())


def test_an_owner_that_does_not_look_is_named(tmp_path: Path) -> None:
    first, second = OwnerLock(tmp_path / "a"), OwnerLock(tmp_path / "a")
    first.take()
    with pytest.raises(TakenError) as told:
        second.take_over(0.2)
    assert told.value.owner.run == first.run
    first.release()
    second.take()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_on_a_drive_without_locks_a_file_stands_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    first, second = OwnerLock(tmp_path / "a"), OwnerLock(tmp_path / "a")
    first.take()
    assert "knows no locks" in first.caveat and "a.locked" in first.caveat
    with pytest.raises(TakenError, match="another window"):
        second.take()
    first.release()
    with second:
        pass
    assert {path.name for path in tmp_path.iterdir()} <= {"a.lock"}


def test_where_no_lock_can_be_made_the_note_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(fcntl, "flock", refuse)
    lock = OwnerLock(tmp_path / "a")
    lock.take()
    assert "Open it in one only" in lock.caveat
    with pytest.raises(TakenError, match="another window"):
        OwnerLock(tmp_path / "a").take()
    lock.release()
    OwnerLock(tmp_path / "a").take()


def test_processes_that_contend_never_have_it_at_once(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    command = [sys.executable, "-c", COUNTER, str(tmp_path / "a"), str(counter)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert counter.read_text() == "120"
    assert [path.name for path in tmp_path.iterdir()] == ["counter"]
