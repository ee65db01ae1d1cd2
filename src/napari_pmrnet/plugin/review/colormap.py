"""Labels coloured by how certain they are.

napari draws a colour table with many different colours slowly, so certainty is shown in
steps.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from napari.utils.colormaps import DirectLabelColormap, ensure_colormap

STEPS = 24
FAINT = 0.12
UNKNOWN = (0.6, 0.6, 0.6, 1.0)
CLEAR = (0.0, 0.0, 0.0, 0.0)
_SCALE = "plasma"


def certainty_colormap(
    certainty: pd.Series, faint: np.ndarray | None = None
) -> DirectLabelColormap:
    """Colours of labels, from dark for doubtful to bright for certain.

    Parameters
    ----------
    certainty : Series
        Of every label, in [0, 1], indexed by label; NaN is shown grey.
    faint : ndarray of bool, optional
        Labels that are to stand back.

    Returns
    -------
    DirectLabelColormap
    """
    values = certainty.to_numpy(float)
    known = np.isfinite(values)
    step = np.clip(np.round(np.where(known, values, 0) * (STEPS - 1)), 0, STEPS - 1)
    scale = ensure_colormap(_SCALE).map(np.linspace(0.15, 0.95, STEPS))
    table = np.vstack([scale, [UNKNOWN]])
    index = np.where(known, step, STEPS).astype(int)
    if faint is not None:
        dim = table * (1, 1, 1, FAINT)
        table = np.vstack([table, dim])
        index = index + np.where(faint, STEPS + 1, 0)
    colours = {
        int(label): table[i]
        for label, i in zip(certainty.index, index.tolist(), strict=True)
    }
    return DirectLabelColormap(color_dict={**colours, None: CLEAR, 0: CLEAR})
