"""Places of a review: what is looked at, where it lies, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping

NUCLEUS, MISSED = "nucleus", "missed"
"""Kinds of places; those of suggestions are `suggestions.MERGE` and `SPLIT`."""

ACCEPTED, DISMISSED = "accepted", "dismissed"
"""Statuses of places: of a nucleus that is right, of a proposal that is not."""

AXIS = "axis {}"
"""Column with the steps along an axis before y and x."""

Plane = tuple[int, ...]
"""Step along each axis before y and x; empty for a plain image."""

Place = tuple[str, int, *tuple[int, ...]]
"""Kind and number, and of a stack the plane: ``("nucleus", 7, 2)`` is on plane 2."""


def statuses_by_plane(
    statuses: Mapping[Place, str],
) -> dict[Plane, dict[Place, str]]:
    """Statuses of places apart by the plane that they are on."""
    found: dict[Plane, dict[Place, str]] = {}
    for place, status in statuses.items():
        found.setdefault(place[2:], {})[place] = status
    return found
