"""One row for a number that nuclei of several planes share: a track, or a volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from napari_pmrnet.io.space import DEPTH, TIME
from napari_pmrnet.io.units import MICROMETRES, PIXEL, SECONDS, canonical_unit
from napari_pmrnet.proofreading.intensities import MEAN, Head
from napari_pmrnet.proofreading.measure import CENTROID
from napari_pmrnet.proofreading.place import AXIS

# pandas' own types leave open what a sum or a mean of groups is.


class Axis(NamedTuple):
    """An axis before y and x.

    Attributes
    ----------
    name : str
        Such as ``"t"``.
    step : float
        From plane to plane, in `unit`.
    unit : str
    """

    name: str
    step: float = 1.0
    unit: str = PIXEL

    @property
    def is_time(self) -> bool:
        """Tell whether its planes are frames."""
        return self.name.lower() in TIME

    @property
    def is_depth(self) -> bool:
        """Tell whether its planes lie above each other."""
        return self.name.lower() in DEPTH


def tracks(table: pd.DataFrame, axes: Sequence[Axis], unit: str) -> pd.DataFrame:
    """Sum up the nuclei that have one number, on however many planes.

    Parameters
    ----------
    table : DataFrame
        Of `measure`, of all planes, by label, with `AXIS` for each axis before y and x.
    axes : sequence of Axis
    unit : str
        Of the lengths of the table.

    Returns
    -------
    DataFrame
        By label, with units in the heads: ``planes``, how many it is on; ``first`` and
        ``last`` of each axis, counted from 0; ``mean area``. Along time ``duration``
        from the first frame to the last, ``displacement``, the distance between the
        centroids there, and ``path length``, the sum of the distances from frame to
        frame. Along z ``volume``, the sum of the areas times the step, where the step
        is a length and the number is on one plane at a time of the other axes. The
        means of ``certainty`` and of mean intensities.
    """
    names = [AXIS.format(number) for number in range(len(axes))]
    grouped: Any = table.groupby(level=0)
    found: dict[str, Any] = {"planes": grouped.size()}
    for name, axis in zip(names, axes, strict=True):
        found[f"first {axis.name}"] = grouped[name].min()
        found[f"last {axis.name}"] = grouped[name].max()
    found[f"mean area [{unit}^2]"] = grouped["area"].mean()
    for name, axis in zip(names, axes, strict=True):
        if axis.is_time:
            found |= _along_time(table, name, axis, unit)
        elif axis.is_depth:
            others = [other for other in names if other != name]
            found |= _volume(table, others, axis, unit)
    heads = ((name, Head.of(str(name))) for name in table)
    kept = [name for name, head in heads if head is not None and head.kind == MEAN]
    for name in (*(n for n in ("certainty",) if n in table), *kept):
        found[f"mean {name}"] = grouped[name].mean()
    return pd.DataFrame(found).rename_axis("label")


def _along_time(
    table: pd.DataFrame, name: str, axis: Axis, unit: str
) -> Mapping[str, Any]:
    """Duration and way of every number."""
    by_frame: Any = table.groupby([table.index, table[name]])[list(CENTROID)].mean()
    y, x = (by_frame[column] for column in CENTROID)
    first, last = by_frame.groupby(level=0).first(), by_frame.groupby(level=0).last()
    away = np.hypot(*(last[c] - first[c] for c in CENTROID))
    steps: Any = np.hypot(y.groupby(level=0).diff(), x.groupby(level=0).diff())
    grouped: Any = table.groupby(level=0)[name]
    frames = grouped.max() - grouped.min()
    known = canonical_unit(axis.unit) in SECONDS
    step, of_time = (abs(axis.step), axis.unit) if known else (1.0, "frames")
    return {
        f"duration [{of_time}]": frames * step,
        f"displacement [{unit}]": away,
        f"path length [{unit}]": steps.fillna(0).groupby(level=0).sum(),
    }


def _volume(
    table: pd.DataFrame, others: Sequence[str], axis: Axis, unit: str
) -> Mapping[str, Any]:
    """Volume of every number; none where the step is of another kind than lengths."""
    its, own = canonical_unit(axis.unit), canonical_unit(unit)
    if its in MICROMETRES and own in MICROMETRES:
        step = abs(axis.step) * MICROMETRES[its] / MICROMETRES[own]
    elif its == own:
        step = abs(axis.step)
    else:
        return {}
    grouped: Any = table.groupby(level=0)
    volume = grouped["area"].sum() * step
    for other in others:
        volume = volume.where(grouped[other].nunique() == 1)
    return {f"volume [{unit}^3]": volume}
