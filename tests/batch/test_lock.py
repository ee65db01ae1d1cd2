"""Two runs do not write into one folder; a dead one keeps nobody out."""

from __future__ import annotations

import json
import os
import socket

import pytest

from napari_pmrnet.batch import BatchJob, batch_steps, lock, run_log
from napari_pmrnet.errors import DataError

LOCK = f"{run_log.FOLDER}/{lock.NAME}.json"


def started(folder, output):
    """A run that is at its second event, which holds the lock."""
    steps = batch_steps(BatchJob((str(folder),), output))
    next(steps), next(steps)
    return steps


def write_lock(output, **values):
    """A lock file that says what it is told to, by default of this process."""
    said = {
        "run": "another",
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": "2026-11-25 10:00:00",
    }
    (output / run_log.FOLDER).mkdir(parents=True)
    (output / LOCK).write_text(json.dumps(said | values))


def test_a_second_run_is_refused_while_the_first_goes_on(run, folder, tmp_path):
    steps = started(folder, tmp_path / "out")
    with pytest.raises(DataError, match=rf"another run writes there.*{os.getpid()}"):
        run(folder)
    steps.close()
    assert not (tmp_path / "out" / LOCK).exists()
    assert run(folder)[0].ended["done"] == 4
    assert not (tmp_path / "out" / LOCK).exists()


def test_the_lock_of_a_dead_process_is_taken_over(run, folder, tmp_path):
    write_lock(tmp_path / "out")
    assert run(folder)[0].ended["done"] == 4


def test_a_run_on_another_computer_is_refused_with_the_way_out(run, folder, tmp_path):
    write_lock(tmp_path / "out", host="elsewhere")
    path = tmp_path / "out" / LOCK
    with pytest.raises(DataError, match=r"computer elsewhere .*remove .*lock\.json"):
        run(folder)
    path.unlink()
    assert run(folder)[0].ended["done"] == 4


@pytest.mark.parametrize("how", ["removed", "taken"])
def test_a_run_that_lost_its_lock_stops(folder, core, tmp_path, monkeypatch, how):
    monkeypatch.setattr(lock, "ASK_SECONDS", 0)
    steps = started(folder, tmp_path / "out")
    path = tmp_path / "out" / LOCK
    path.unlink()
    if how == "taken":
        path.parent.rename(path.parent.with_name("aside"))
        write_lock(tmp_path / "out")
    with pytest.raises(DataError, match="this one stops"):
        list(steps)
    assert path.exists() == (how == "taken")


def test_what_killed_processes_left_is_swept_away(run, folder, tmp_path):
    run(folder)
    old, new = (tmp_path / "out" / f".pmrnet-{n}.tmp" for n in ("old", "new"))
    for path in (old, new):
        path.touch()
    os.utime(old, (1, 1))
    run(folder)
    assert not old.exists() and new.exists()
