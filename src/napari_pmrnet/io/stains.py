"""Names of channels that show nuclei."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUCLEAR = (
    r"dapi|hoe(chs?|sch?)e?s?t|nucblue|draq[57]",
    r"(?<!c)h2[ab](?![a-z])|(?<![a-z])h[34](?![a-z0-9])|histone|sytox|to-?pro-?3"
    r"|(?<![a-z])nls(?![a-z])",
    r"(?<![a-z])(?<!non-)(?<!non )(?<!anti-)nucle(i|us|ar)(?![a-z])"
    r"(?!\s*(envelope|membrane|pore|lamin))",
    r"(?<![a-z])dna(?![a-z])",
)
"""Patterns of names in lower case, those that are surest first.

"Ch3" is a number of a channel and no histone; "pH3" shows dividing nuclei alone.
"""


def nuclear_channel(names: Sequence[str]) -> int | None:
    """Channel whose name tells that it shows nuclei.

    Parameters
    ----------
    names : sequence of str
        One a channel, as files and layers give them, such as ``"405 DAPI"``.

    Returns
    -------
    int or None
        The first that fits the surest of the patterns; None if none does or all do,
        which a name that they have in common makes.

    Examples
    --------
    >>> nuclear_channel(["GFP", "w2DAPI", "nuclear lamin"])
    1
    >>> nuclear_channel(["DAPI_1 green", "DAPI_1 red"])
    """
    for pattern in _NUCLEAR:
        fits = [bool(re.search(pattern, name.lower())) for name in names]
        if any(fits) and not all(fits):
            return fits.index(True)
    return None
