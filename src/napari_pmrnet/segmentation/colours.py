"""Fluorescence that was saved in colours, one a stain."""

from __future__ import annotations

import numpy as np

COLOURS = ("red", "green", "blue")
DARK = 0.25
"""Median of the brightest colour, between the intensity limits, up to which an image is
fluorescence: stained tissue is bright where there is nothing."""
SIGNAL = 0.15
"""Between the intensity limits, what a colour that shows something reaches."""
ALIKE = 0.9
"""Correlation from which two colours show the same."""


def colour_notes(pixels: np.ndarray) -> tuple[str, ...]:
    """Notes for the user on a picture of several stains, each in a colour of its own.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, 3)
        Between 0 and 1, by the intensity limits.
    """
    if pixels.ndim == 2 or np.median(pixels.max(axis=2)) > DARK:
        return ()
    flat = pixels.reshape(-1, 3)
    reach = np.percentile(flat, 99, axis=0) - np.median(flat, axis=0)
    shown = [n for n in range(3) if reach[n] >= SIGNAL]
    if len(shown) == 3 and np.corrcoef(flat.T).min() >= ALIKE:
        return ()
    if not shown:
        return ()
    names = [COLOURS[n] for n in shown]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return (
        f"the picture seems to be fluorescence saved as colours ({listed}), which were "
        "segmented together: if one of them shows the nuclei, choose it as the channel",
    )
