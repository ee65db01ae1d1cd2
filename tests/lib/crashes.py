"""Processes that are killed at any moment, and several that do a thing at once."""

from __future__ import annotations

import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_pmrnet.errors import PMRNetError

HANG = 120.0
"""Seconds after which a process counts as one that hangs."""
KILLS = 200

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")


def forked(work: Callable[[], object], told: Path | None = None) -> int:
    """A process that does something and ends; what it raises goes into a file."""
    child = os.fork()
    if not child:
        try:
            work()
        except PMRNetError as error:
            if told is not None:
                told.write_text(str(error))
        except Exception:  # noqa: BLE001
            if told is not None:
                told.write_text(traceback.format_exc())
        finally:
            os._exit(0)
    return child


def killed(work: Callable[[], object], longest: float, seed: int = 0) -> Iterator[int]:
    """Do work that has no end, and kill it, `KILLS` times at a random moment each.

    Parameters
    ----------
    work : callable
        Must not raise.
    longest : float
        Seconds to the latest kill.
    seed : int

    Yields
    ------
    int
        Number of the kill, when the process is dead.
    """
    random = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "told")
        for number in range(KILLS):
            child = forked(work, told)
            time.sleep(random.uniform(0, longest))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            assert not told.exists(), told.read_text()
            yield number


def at_once(*works: Callable[[], object]) -> list[str]:
    """Do several things, each in a process of its own, all from the same moment.

    Returns
    -------
    list of str
        What each was told: the text of a `PMRNetError`, or nothing if all went well.
    """
    with tempfile.TemporaryDirectory() as folder:
        gate, opened = os.pipe()
        files = [Path(folder, str(number)) for number in range(len(works))]

        def waiting(work: Callable[[], object]) -> Callable[[], object]:
            def start() -> None:
                os.close(opened)
                os.read(gate, 1)
                work()

            return start

        children = [
            forked(waiting(work), file) for work, file in zip(works, files, strict=True)
        ]
        os.close(opened)
        os.close(gate)
        assert [wait(child) for child in children] == [0] * len(works)
        told = [file.read_text() if file.exists() else "" for file in files]
    assert not any(text.startswith("Traceback") for text in told), "\n".join(told)
    return told


def wait(child: int) -> int:
    """Wait for a process; one that hangs is killed, and fails the test.

    Returns
    -------
    int
        Its exit status; below zero, the signal that ended it.
    """
    until = time.monotonic() + HANG
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError("a process hangs")
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(ended[1])


def hidden(folder: Path) -> list[Path]:
    """Files and folders with a dot before their name."""
    return [path for path in folder.rglob(".*") if path.exists()]
