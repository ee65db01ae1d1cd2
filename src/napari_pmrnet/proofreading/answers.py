"""Sentences on what an edit or an answer of a review has done."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from napari_pmrnet.proofreading.place import MISSED, Place
from napari_pmrnet.proofreading.review import Change

MOST_NAMED = 4
"""Nuclei that are named one by one; more are counted."""


def nuclei_named(labels: Collection[int]) -> str:
    """Nuclei in words, such as ``"nuclei 3, 4 and 9"`` or ``"12 nuclei"``."""
    if len(labels) > MOST_NAMED:
        return f"{len(labels)} nuclei"
    if len(labels) == 1:
        return f"nucleus {next(iter(labels))}"
    return f"nuclei {_list(sorted(labels))}"


def place_named(place: Place, labels: Sequence[int]) -> str:
    """A place in words: its nuclei, or the number of what is proposed there."""
    return f"proposal {place[1]}" if place[0] == MISSED else nuclei_named(labels)


def told_changes(changes: Sequence[Change], verb: str = "changed") -> str:
    """An edit of one or more planes in words; see `told_change`."""
    whole = told_change(joined_change(changes), verb)
    return whole if len(changes) == 1 else f"{whole} on {len(changes)} planes"


def joined_change(changes: Sequence[Change]) -> Change:
    """Changes of several planes as one, of which the box and plane are the first's.

    What is made or gone on one plane and kept on another one counts as kept.
    """
    kept: set[int] = set().union(*(change.kept for change in changes))
    made: set[int] = set().union(*(change.made for change in changes))
    gone: set[int] = set().union(*(change.gone for change in changes))
    labels, there = kept | made | gone, kept | made & gone
    return changes[0]._replace(labels=labels, made=made - there, gone=gone - there)


def told_change(change: Change, verb: str = "changed") -> str:
    """An edit in words, such as ``"Nucleus 7 split into 7 and 60"``.

    Parameters
    ----------
    change : Change
    verb : str
        Of an edit that neither makes nor removes nuclei.
    """
    made, gone, kept = change.made, change.gone, change.kept
    if gone and not made and not kept:
        return capital(f"{nuclei_named(gone)} deleted")
    if made and not gone and not kept:
        return capital(f"{nuclei_named(made)} added")
    if len(kept) == 1 and bool(made) != bool(gone):
        whole, few = next(iter(kept)), len(change.labels) <= MOST_NAMED
        if gone:
            return capital(f"{nuclei_named(change.labels)} merged into {whole}")
        parts = _list(sorted(change.labels)) if few else f"{len(change.labels)} parts"
        return f"Nucleus {whole} split into {parts}"
    return capital(f"{nuclei_named(change.labels)} {verb}")


def told_undo(change: Change, key: str) -> str:
    """Say how an edit is undone, by a key such as ``"Ctrl+Z"``."""
    if change.labels != change.gone:
        return f"{key} undoes it"
    return f"{key} brings {'it' if len(change.gone) == 1 else 'them'} back"


def told_dismissal(place: Place, labels: Sequence[int]) -> str:
    """A dismissal in words: what stays as it is."""
    if place[0] == MISSED:
        return f"Proposal {place[1]} dismissed"
    state = "as it is" if len(labels) == 1 else "as they are"
    return capital(f"{nuclei_named(labels)} left {state}")


def told_acceptance(labels: Sequence[int]) -> str:
    """An acceptance in words."""
    return capital(f"{nuclei_named(labels)} accepted")


def capital(text: str) -> str:
    """A text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def _list(numbers: Sequence[int]) -> str:
    """Numbers with commas and, before the last, an "and"."""
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}" if most else last
