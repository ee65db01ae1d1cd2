"""A histogram of one column or a scatter plot of two, drawn by pyqtgraph.

Nothing imports this module before a plot is wanted: pyqtgraph is an extra.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph
from qtpy.QtCore import QPointF, QRectF, Qt

from napari_pmrnet.plugin.measure.classes import PICKED
from napari_pmrnet.plugin.qt import FollowsFont, Signal, there

BARS = 10, 60
HEIGHT = 220
DOT, NEAR = 6, 4
_LEAST = 1e-6
_DARK = "#d8dae0", "#8c9aa8", PICKED
_LIGHT = "#3a3d45", "#7d8894", "#7a2e00"
"""Colours of the axes, of nuclei, and of those picked out, by ground."""
_MORE = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier


class Plot(FollowsFont, pyqtgraph.PlotWidget):
    """Points or bars of nuclei, of which the mouse brushes some.

    ``brushed`` gives the labels inside a rectangle that was dragged, none for a click
    beside all, and whether they add to those before (Shift or Ctrl).
    """

    brushed = Signal(object, bool)

    def __init__(self) -> None:
        self._brush = _Brush()
        super().__init__(viewBox=self._brush)
        self.setBackground(None)
        self.setFixedHeight(HEIGHT)
        self._labels = np.zeros(0, int)
        self._x, self._y = np.zeros(0), np.zeros(0)
        self._is_histogram = True
        self._picked: frozenset[int] = frozenset()
        self.hideButtons()
        item = there(self.getPlotItem())
        for side in ("bottom", "left"):  # units stand in the titles
            item.getAxis(side).enableAutoSIPrefix(False)
        self._colours = _DARK
        self.rest, self.points = _Points(), _Points()
        self._bars: list[Any] = []
        item.addItem(self.rest)
        item.addItem(self.points)
        self._brush.swept.connect(self._on_swept)

    def show_points(
        self, labels: np.ndarray, x: np.ndarray, y: np.ndarray | None
    ) -> None:
        """Show other nuclei.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
        x, y : ndarray, shape (n,)
            Where one is NaN the nucleus is left out. Without `y` a histogram is drawn.
        """
        known = np.isfinite(x) if y is None else np.isfinite(x) & np.isfinite(y)
        self._labels, self._x = labels[known], x[known].astype(float)
        self._is_histogram = y is None
        self._y = np.zeros(len(self._x)) if y is None else y[known].astype(float)
        self._draw()
        self._brush.enableAutoRange()

    def entitle(self, x: str, y: str) -> None:
        """Name the axes."""
        for side, text in (("bottom", x), ("left", y)):
            there(self.getPlotItem()).setLabel(side, text)

    def highlight(self, labels: frozenset[int]) -> None:
        """Show which nuclei are picked out."""
        if labels != self._picked:
            self._picked = labels
            self._draw()

    def wear(self, is_dark: bool) -> None:
        """Take colours that read on a dark or a bright dock."""
        self._colours = _DARK if is_dark else _LIGHT
        ink, *of_points = self._colours
        for side in ("bottom", "left"):
            axis = there(self.getPlotItem()).getAxis(side)
            axis.setPen(ink)
            axis.setTextPen(ink)
        for points, colour in zip((self.rest, self.points), of_points, strict=True):
            points.setBrush(colour)
        self._draw()

    def fit(self) -> None:
        """Write the axes in the font."""
        for side in ("bottom", "left"):
            axis = there(self.getPlotItem()).getAxis(side)
            axis.setTickFont(self.font())
            axis.label.setFont(self.font())

    def place_of(self, label: int) -> tuple[float, float]:
        """Where the point of a nucleus lies, in the widget."""
        place = int(np.flatnonzero(self._labels == label)[0])
        point = pyqtgraph.Point(self._x[place], self._y[place])
        found = self.mapFromScene(self._brush.mapViewToScene(point))
        return found.x(), found.y()

    def _draw(self) -> None:
        """Draw all, those picked out over the others."""
        item = there(self.getPlotItem())
        for bars in self._bars:
            item.removeItem(bars)
        self._bars = []
        picked = np.isin(self._labels, list(self._picked))
        if self._is_histogram:
            self.rest.clear()
            self.points.clear()
            self._draw_bars(picked)
        else:
            self.rest.setData(self._x[~picked], self._y[~picked])
            self.points.setData(self._x[picked], self._y[picked])

    def _draw_bars(self, picked: np.ndarray) -> None:
        """Draw a histogram, and that of those picked out in front of it."""
        if not len(self._x):
            return
        low, high = self._x.min(), self._x.max()
        count = int(np.clip(np.ceil(np.sqrt(len(self._x))), *BARS))
        # Of equal values a bar that can be seen.
        room = max(_LEAST * max(abs(low), abs(high), 1.0) - (high - low), 0.0)
        edges = np.linspace(low - room / 2, high + room / 2, count + 1)
        of_bars = zip((self._x, self._x[picked]), self._colours[1:], strict=True)
        for values, colour in of_bars:
            heights, _ = np.histogram(values, edges)
            bars = pyqtgraph.BarGraphItem(
                x0=edges[:-1], x1=edges[1:], height=heights, brush=colour, pen=None
            )
            self._bars.append(bars)
            there(self.getPlotItem()).addItem(bars)

    def _on_swept(self, area: Any, more: bool) -> None:
        """Tell which nuclei lie in a rectangle of the plot."""
        inside = (self._x >= area.left()) & (self._x <= area.right())
        if not self._is_histogram:
            inside &= (self._y >= area.top()) & (self._y <= area.bottom())
        self.brushed.emit(frozenset(self._labels[inside].tolist()), more)


class _Points(pyqtgraph.ScatterPlotItem):
    """Points of one colour, which leave clicks to the view."""

    def __init__(self) -> None:
        super().__init__(size=DOT, pen=None)

    def mouseClickEvent(self, ev: Any) -> None:
        """Leave it to the view."""
        ev.ignore()


class _Brush(pyqtgraph.ViewBox):
    """View that a rectangle is dragged in, where pyqtgraph would zoom.

    ``swept`` gives the rectangle, about the pointer for a click.
    """

    swept = Signal(object, bool)

    def __init__(self) -> None:
        super().__init__(enableMenu=False, enableMouse=False)
        self.setMouseMode(self.RectMode)
        self._more = False

    def mouseDragEvent(self, ev: Any, axis: Any = None) -> None:
        """Let the left button drag the rectangle."""
        if ev.button() != Qt.MouseButton.LeftButton:
            ev.ignore()
            return
        self._more = bool(ev.modifiers() & _MORE)
        super().mouseDragEvent(ev)

    def showAxRect(self, ax: Any, **_: Any) -> None:
        """Tell of the rectangle."""
        self.swept.emit(ax.normalized(), self._more)

    def mouseClickEvent(self, ev: Any) -> None:
        """Take a click for a small rectangle."""
        if ev.button() != Qt.MouseButton.LeftButton:
            return
        ev.accept()
        middle, (width, height) = (
            self.mapSceneToView(ev.scenePos()),
            self.viewPixelSize(),
        )
        area = QRectF(0, 0, 2 * NEAR * width, 2 * NEAR * height)
        area.moveCenter(QPointF(middle))
        self.swept.emit(area, bool(ev.modifiers() & _MORE))
