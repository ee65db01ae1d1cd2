"""Colours of the labels under review: neighbours apart, or by how doubtful they are.

napari draws a dictionary of many different colours slowly, so certainty is shown in
steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap

from napari_pmrnet.plugin.layers.label_colours import NAME, mended
from napari_pmrnet.plugin.layers.result_layers import DOUBT

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari.layers import Labels

    from napari_pmrnet.proofreading.review import Review

STEPS = 24
LEAST = 0.2
"""Opacity of a nucleus without any doubt: it stands back, and can still be seen."""
FAINT = 0.3
"""Share of the opacity that is left to labels that are to stand back."""
UNKNOWN = (0.6, 0.6, 0.6, 1.0)
CLEAR = (0.0, 0.0, 0.0, 0.0)


def certainty_colormap(
    certainty: pd.Series, faint: np.ndarray | None = None
) -> DirectLabelColormap:
    """Colours of labels on the scale of the certainty layer: doubtful ones glow.

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
    scale = DOUBT.map(np.linspace(0, 1, STEPS))
    scale[:, 3] = np.maximum(scale[:, 3], LEAST)
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


class ReviewColours:
    """The colours of a layer under review.

    Parameters
    ----------
    layer : napari.layers.Labels
    """

    def __init__(self, layer: Labels) -> None:
        self._layer = layer
        self._own = layer.colormap
        self._shown: DirectLabelColormap | None = None

    @property
    def _by_certainty(self) -> bool:
        """Whether certainty is shown, and the user has chosen no others since."""
        return self._shown is not None and self._layer.colormap is self._shown

    def show_certainty(
        self, certainty: pd.Series, faint: np.ndarray | None = None
    ) -> None:
        """Colour by certainty; see `certainty_colormap`."""
        if not self._by_certainty:
            self._own = self._layer.colormap
        self._shown = certainty_colormap(certainty, faint)
        self._layer.colormap = self._shown

    def show_own(self) -> None:
        """Give the labels the colours back that they had before."""
        if self._by_certainty:
            self._layer.colormap = self._own
        self._shown = None

    def mend(self, review: Review, touched: Collection[int]) -> None:
        """Keep neighbours apart after an edit, where their colours are ours."""
        own = self._own if self._by_certainty else self._layer.colormap
        if not isinstance(own, CyclicLabelColormap) or own.name != NAME:
            return
        boxes = [box for _, box in review.nuclei.boxes(touched)]
        new = mended(own, review.labels, touched, boxes)
        if new is None:
            return
        self._own = new
        if not self._by_certainty:
            self._layer.colormap = new
