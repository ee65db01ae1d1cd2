"""Two classes of nuclei, told apart by a threshold on one of their measurements."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from skimage.filters import threshold_otsu

from napari_pmrnet.io.units import PIXEL
from napari_pmrnet.proofreading.measure import heads

_HEAD = re.compile(r"class \(.+ >= \S+\)", re.DOTALL)
_TEXT = re.compile(r"([^:/]+)(?:/([^:/]+))?:(.+)>=([^>=]+)", re.DOTALL)


@dataclass(frozen=True)
class Classes:
    """Nuclei with a measurement of at least a threshold, and the others.

    Attributes
    ----------
    column : str
        Of a table of `measure`.
    threshold : float
    above, below : str
        Names of the classes; a nucleus without that measurement is in none.
    """

    column: str
    threshold: float
    above: str = "positive"
    below: str = "negative"

    @classmethod
    def parse(cls, text: str) -> Classes:
        """Classes from a text such as ``"GFP+/GFP-:intensity GFP>=120"``.

        Parameters
        ----------
        text : str
            ``NAME/OTHER:COLUMN>=THRESHOLD``; without OTHER that is "not NAME". The
            column is named as in a file.

        Raises
        ------
        ValueError
            If it is no such text.
        """
        found, threshold = _TEXT.fullmatch(text), np.nan
        if found is not None:
            with suppress(ValueError):
                threshold = float(found[4])
            above, below, column = (part.strip() for part in found.groups("")[:3])
            below = below or f"not {above}"
            if above and column and np.isfinite(threshold) and above != below:
                return cls(column, threshold, above, below)
        raise ValueError(
            f"'{text}' is no class of nuclei. Write NAME:COLUMN>=NUMBER or "
            'NAME/OTHER:COLUMN>=NUMBER, such as "GFP+/GFP-:intensity GFP>=120".'
        )

    @property
    def condition(self) -> str:
        """What the nuclei of the upper class have, their column named as it is here."""
        return f"{self.column} >= {self.threshold:.10g}"

    def named(self, unit: str) -> Classes:
        """The same with the column named as in files of a unit."""
        return replace(self, column=heads(unit).get(self.column, self.column))

    def head(self, unit: str = PIXEL) -> str:
        """Head of the column of classes, which says how they were made."""
        return f"class ({self.named(unit).condition})"

    def of(self, table: pd.DataFrame) -> pd.Series:
        """Class of every nucleus, empty text where the measurement is missing."""
        values = np.asarray(table[self.column], float)
        return pd.Series(list(map(self.of_value, values)), table.index, dtype=object)

    def of_value(self, value: float) -> str:
        """Class of a nucleus by its measurement, empty text where that is missing."""
        if np.isnan(value):
            return ""
        return self.above if value >= self.threshold else self.below

    def counted(self, of: pd.Series) -> str:
        """Count classes in words: ``"12 positive (32 %), 26 negative (68 %)"``."""
        names = of.to_numpy()
        known = int(np.sum(names != ""))
        parts = []
        for name in (self.above, self.below) if known else ():
            count = int(np.sum(names == name))
            parts.append(f"{count:,} {name} ({100 * count / known:.0f} %)")
        missing = len(names) - known
        return ", ".join([*parts, *([f"{missing:,} unknown"] if missing else [])])

    def added_to(self, table: pd.DataFrame, unit: str = PIXEL) -> pd.DataFrame:
        """A table with its classes, in the place of any that it had."""
        plain = without_classes(table)
        if self.column not in plain:
            return plain
        return plain.assign(**{self.head(unit): self.of(plain)})


def is_class_head(head: str) -> bool:
    """Tell whether a column is of classes."""
    return _HEAD.fullmatch(head) is not None


def without_classes(table: pd.DataFrame) -> pd.DataFrame:
    """A table without columns of classes."""
    return table.drop(columns=[name for name in table if is_class_head(str(name))])


def proposed_threshold(values: pd.Series) -> float:
    """Threshold between the two groups that values fall into, by Otsu's method.

    Parameters
    ----------
    values : Series of float
        Missing ones do not count.

    Returns
    -------
    float
        The value itself where there is but one, 0 where there is none.
    """
    known = values.to_numpy(float)
    known = known[np.isfinite(known)]
    if not known.size:
        return 0.0
    return float(threshold_otsu(known)) if np.ptp(known) else float(known[0])
