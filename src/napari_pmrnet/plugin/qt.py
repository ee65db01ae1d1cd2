"""Parts of Qt that docks and layers need beyond its widgets.

`Signal` has another name in PyQt's stubs than in PySide's, so that a type checker
takes qtpy's for private; it is let through once, here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from qtpy import QtCore
from qtpy.QtCore import QObject, QTimer

Signal = QtCore.Signal  # pyright: ignore[reportPrivateImportUsage]
Part = TypeVar("Part")


def there(part: Part | None) -> Part:
    """A part that cannot be missing where it is asked for, though its type allows it.

    PyQt's stubs say so of all that Qt gives as a pointer; so do fields that are None
    only as long as nothing can use them.
    """
    if part is None:
        raise TypeError("nothing is there")
    return part


def single_shot(parent: QObject | None, delay: int, slot: Callable[[], Any]) -> QTimer:
    """Timer that fires once, `delay` ms after it was last started.

    Parameters
    ----------
    parent : QObject or None
        Owner.
    delay : int
        Milliseconds; 0 waits for the events at hand only.
    slot : callable
    """
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(delay)
    timer.timeout.connect(slot)
    return timer
