"""How measurements stand: as the nuclei are now, or to be made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_pmrnet.plugin.measure.formatting import listed, shown_unit
from napari_pmrnet.plugin.measure.kept import measured_of
from napari_pmrnet.plugin.measure.snapshot import unit_of
from napari_pmrnet.proofreading.intensities import MEAN, Head, Options, options_of

if TYPE_CHECKING:
    from napari.layers import Labels


def standing(
    layer: Labels, areas: pd.Series, edited: bool, options: Options | None
) -> str:
    """Say whether the nuclei of a layer were measured as they are now, and how.

    Parameters
    ----------
    layer : napari.layers.Labels
    areas : Series
        Of the nuclei as they are now, by label, in the unit of the layer.
    edited : bool
        Whether nuclei were edited since.
    options : Options or None
        Those to measure by from now on; None: as before.
    """
    known = measured_of(layer)
    if known is None:
        return "Not measured yet."
    table, unit = known
    sums: Any = table["area"].groupby(level=0).sum()
    near = np.asarray((sums.reindex(areas.index) - areas).abs() <= 1e-6 * areas)
    same = len(sums) == len(areas) and bool(near.all())
    if not (same and unit == unit_of(layer)) and not edited:
        return "Not as they were measured: measure again."
    found = [head for head in map(Head.of, map(str, table)) if head is not None]
    names = [head.channel for head in found if head.kind == MEAN]
    if not names:
        return "Measured: shape."
    measured = options_of(table)
    if options not in (None, measured):
        return "Other options than were measured: measure again."
    ring = f", rings of {measured.ring} px" if measured.ring else ""
    base = ", minus background" if measured.background else ""
    grain = ""
    if measured.texture is not None:
        length, unit = measured.texture
        grain = f", texture at {length:g} {shown_unit(unit)}"
    return f"Measured: shape, mean of {listed(names)}{ring}{base}{grain}."
