"""Seconds that a training has run, without those in which it was paused."""

from __future__ import annotations

from threading import Event, Lock, Thread
from time import monotonic

TICK = 1.0
LONGEST = 5.0
"""Seconds between two looks at the clock; in more, the process did not run."""


class RunningTime:
    """A stop watch that stands while the process is suspended.

    The dock suspends a training that the user pauses, a terminal does so at Ctrl+Z, and
    some computers count the time that they sleep. A thread looks at the clock while the
    process runs; of a longer step of it `LONGEST` counts.
    """

    def __init__(self) -> None:
        self._seconds, self._last = 0.0, monotonic()
        self._lock, self._ended = Lock(), Event()
        self._thread = Thread(target=self._tick, daemon=True)

    def __enter__(self) -> RunningTime:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """Seconds up to now."""
        with self._lock:
            now = monotonic()
            self._seconds += min(now - self._last, LONGEST)
            self._last = now
            return self._seconds

    def _tick(self) -> None:
        """Look at the clock until the end."""
        while not self._ended.wait(TICK):
            _ = self.seconds
