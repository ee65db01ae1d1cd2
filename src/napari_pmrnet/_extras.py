"""What is said where a package of an extra is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari_pmrnet.errors import PMRNetError


@contextmanager
def needs_extra(extra: str, what: str) -> Iterator[None]:
    """Turn a missing package into a message that says how to get it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise PMRNetError(
            f"{what} needs the package {error.name}, which is not installed: "
            f'pip install "napari-pmrnet[{extra}]"'
        ) from error
