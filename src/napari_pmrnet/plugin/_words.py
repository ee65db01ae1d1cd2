"""Words of the docks: what a model labels, notes on a result."""

from __future__ import annotations

from collections.abc import Iterable

from napari_pmrnet.segmentation.kind import CLASSES, OBJECTS, noun

_OF_PARTS = {OBJECTS: noun(OBJECTS), CLASSES: ("part", "parts")}


def renamed(kind: str) -> dict[str, tuple[str, str]]:
    """Label and help of the settings that are named after nuclei, for other kinds.

    Parameters
    ----------
    kind : str
        One of `segmentation.kind.KINDS`.

    Returns
    -------
    dict
        Name of a setting to its label and help; empty for nuclei.
    """
    if kind not in _OF_PARTS:
        return {}
    one, many = _OF_PARTS[kind]
    return {
        "probability_threshold": (
            "Probability threshold",
            "A pixel is foreground above this probability. Lower it for larger or "
            "fainter parts.",
        ),
        "min_area": (
            f"Smallest {one}",
            f"{many.capitalize()} of fewer pixels are dropped. Empty: 20 pixels as the "
            "network sees them.",
        ),
        "exclude_border": (
            f"Exclude cut {many}",
            f"Drop {many} that touch the border of the image.",
        ),
    }


def sentences(notes: Iterable[str]) -> str:
    """Notes on a result as sentences, one after the other."""
    return " ".join(f"{note[:1].upper()}{note[1:]}." for note in notes)
