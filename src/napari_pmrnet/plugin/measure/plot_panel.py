"""Chooses what is plotted of the measurements, and holds the plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QComboBox, QWidget

from napari_pmrnet._software import needs
from napari_pmrnet.errors import SoftwareError
from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.fields import narrow
from napari_pmrnet.plugin.widgets.layout import Form, stack, text_label

if TYPE_CHECKING:
    from napari_pmrnet.plugin.measure.plot import Plot

NUMBER = "Number of nuclei"
NOTHING = "Measure the nuclei first."
_TIP = (
    "<span>Drag over points or bars to select their nuclei in the table and in the "
    "canvas; with Shift to add more; click beside them to let go</span>"
)


class PlotPanel(QWidget):
    """A histogram of one column, or a scatter plot of two.

    The library that draws is loaded when the panel is first seen. ``brushed`` gives
    labels and whether they add to those that are selected.
    """

    brushed = Signal(object, bool)

    def __init__(self) -> None:
        super().__init__()
        self.plot: Plot | None = None
        self._columns: list[tuple[str, str]] = []
        self._table: pd.DataFrame | None = None
        self._picked: frozenset[int] = frozenset()
        self._is_dark, self._is_stale = True, True
        self.x_box, self.y_box = narrow(QComboBox()), narrow(QComboBox())
        self.advice, self.hint = text_label("advice"), text_label("hint", NOTHING)
        self.advice.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
        )
        self.advice.hide()
        axes = Form()
        axes.addRow("x", self.x_box)
        axes.addRow("y", self.y_box)
        self._column = stack(
            self,
            axes,
            self.advice,
            self.hint,
            spacing=4,
        )
        for box in (self.x_box, self.y_box):
            box.activated.connect(self._draw)

    def show_table(
        self, table: pd.DataFrame | None, columns: Sequence[tuple[str, str]]
    ) -> None:
        """Plot other measurements.

        Parameters
        ----------
        table : DataFrame or None
            By label.
        columns : sequence of (str, str)
            Those of numbers, each with its title.
        """
        self._table = table
        if list(columns) != self._columns:
            self._columns = list(columns)
            for box, first in ((self.x_box, []), (self.y_box, [("", NUMBER)])):
                before = box.currentData()
                box.clear()
                for name, title in (*first, *columns):
                    box.addItem(title, name)
                usual = box.findData("area") if box is self.x_box else 0
                kept = -1 if before is None else box.findData(before)
                box.setCurrentIndex(kept if kept >= 0 else max(usual, 0))
        self._draw()

    def highlight(self, labels: frozenset[int]) -> None:
        """Show which nuclei are selected."""
        self._picked = labels
        if self.plot is not None:
            self.plot.highlight(labels)

    def wear(self, is_dark: bool) -> None:
        """Take colours that read on a dark or a bright dock."""
        self._is_dark = is_dark
        if self.plot is not None:
            self.plot.wear(is_dark)

    def showEvent(self, event: QShowEvent) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """Qt's: load the library, and draw what has changed since it was last seen."""
        super().showEvent(event)
        if self.plot is None:
            self._load()
        if self._is_stale:
            self._draw()

    def _load(self) -> None:
        """Make the plot, or say how to get what it needs."""
        try:
            with needs("plots", "Plotting"):
                from napari_pmrnet.plugin.measure.plot import Plot
        except SoftwareError as error:
            self.advice.setText(f"{error}. Then start napari again.")
            self.advice.show()
            for part in (self.x_box, self.y_box, self.hint):
                part.setEnabled(False)
            return
        self.plot = Plot()
        self.plot.setToolTip(_TIP)
        self.plot.setAccessibleName("Plot of the measurements")
        self.plot.brushed.connect(self.brushed)
        self._column.addWidget(self.plot)
        self.wear(self._is_dark)

    def _draw(self) -> None:
        """Draw the columns that are chosen, if anybody sees it."""
        self._is_stale = self.plot is None or not self.isVisible()
        if self.plot is None or self._is_stale:
            return
        x, y = self.x_box.currentData(), self.y_box.currentData()
        is_there = self._table is not None and x is not None
        self.hint.setVisible(not is_there)
        self.plot.setVisible(is_there)
        if not is_there or self._table is None:
            return
        values = self._table.loc[:, x].to_numpy(float)
        other = self._table.loc[:, y].to_numpy(float) if y else None
        labels = np.asarray(self._table.index, int)
        self.plot.show_points(labels, values, other)
        self.plot.entitle(self.x_box.currentText(), self.y_box.currentText())
        self.plot.highlight(self._picked)
