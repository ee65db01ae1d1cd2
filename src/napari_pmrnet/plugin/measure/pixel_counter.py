"""Pixels of every nucleus of a Labels layer, counted in the background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QObject

from napari_pmrnet.plugin.layers.axes import first_level
from napari_pmrnet.plugin.measure.snapshot import labels_on_show
from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.worker import Runner
from napari_pmrnet.proofreading.measure import count_pixels

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_pmrnet.segmentation.plane import Plane


class PixelCounter(QObject):
    """Counts the pixels of nuclei anew where the labels may have changed.

    Attributes
    ----------
    areas : Series or None
        Pixels by label, of all planes that are in memory or else of the one on show;
        None before they are counted.
    """

    failed = Signal(str)
    finished = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.areas: pd.Series | None = None
        self._layer: Labels | None = None
        self._key: Any = None
        self._runner = Runner(self)
        self._runner.succeeded.connect(self._on_counted)
        self._runner.failed.connect(self.failed)
        self._runner.finished.connect(self.finished)

    def set_layer(self, layer: Labels | None) -> None:
        """Turn to another layer, of which nothing is counted yet, or to none."""
        self._layer, self.areas, self._key = layer, None, None

    def forget(self) -> None:
        """Count again when asked next: the labels may have changed."""
        self._key = None

    def shut_down(self) -> None:
        """Let go of running work."""
        self._runner.shut_down()

    def count(self, point: Sequence[float]) -> None:
        """Count in the background, unless the labels are as they were counted.

        Parameters
        ----------
        point : sequence of float
            Where the viewer is, by axis.
        """
        layer = self._layer
        if layer is None:
            return
        pixels = labels_on_show(layer, point)
        lazy = layer.ndim > 2 and not pixels.in_memory
        key = id(pixels.levels[0]), pixels.place if lazy else ()
        if key == self._key or self._runner.is_running:
            return
        self._key = key
        places = np.ndindex(*first_level(layer).shape[:-2])
        planes = [pixels] if lazy else [replace(pixels, place=p) for p in places]
        self._runner.start(f"Counting '{layer.name}'", _counted, layer, planes)

    def _on_counted(self, counted: tuple[Labels, pd.Series]) -> None:
        layer, areas = counted
        if layer is self._layer:
            self.areas = areas


def _counted(layer: Labels, planes: Sequence[Plane]) -> tuple[Labels, pd.Series]:
    """Pixels of every nucleus; the layer says whose. Runs in a worker thread."""
    counts = [count_pixels(pixels.read(), f"'{layer.name}'") for pixels in planes]
    if len(counts) == 1:
        return layer, counts[0]
    every: Any = pd.concat(counts)
    return layer, every.groupby(level=0).sum()
