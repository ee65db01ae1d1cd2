"""File systems that end where a test wants them to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest


def sampled(size: int, count: int) -> list[int]:
    """Offsets in a file: its first and last bytes, and some in between."""
    rng = np.random.default_rng(size)
    ends = {0, 1, size // 2, *range(max(size - 3, 0), size)}
    return sorted(ends | {int(n) for n in rng.integers(0, size, count)})


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Let no file grow above a size."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
