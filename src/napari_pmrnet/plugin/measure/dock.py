"""The dock "Measure nuclei": which labels, their totals, and a table of them."""

from __future__ import annotations

from typing import Any

import napari.viewer
import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import QComboBox, QVBoxLayout

from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.layers.pixel_size import pixel_size
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.measure.panel import MeasurePanel
from napari_pmrnet.plugin.measure.snapshot import labels_on_show, measured_of
from napari_pmrnet.plugin.measure.table import MeasurementsView
from napari_pmrnet.plugin.widgets.dock import Dock
from napari_pmrnet.plugin.widgets.status import StatusPanel, labelled_row
from napari_pmrnet.plugin.widgets.theme import WheelGuard


class MeasureNuclei(Dock):
    """Dock that measures the nuclei of a Labels layer and exports them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose labels are measured.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._layer: Labels | None = None
        self.layers, self.panel = QComboBox(), MeasurePanel(viewer)
        self.table, self.status = MeasurementsView(), StatusPanel()
        self._guard = WheelGuard(self)
        self.panel.layout().setContentsMargins(0, 0, 0, 0)
        column = QVBoxLayout(self)
        column.setSpacing(6)
        column.addLayout(labelled_row("Labels", self.layers))
        column.addWidget(self.panel)
        column.addWidget(self.table, 1)
        column.addWidget(self.status)
        self.setMinimumWidth(410)
        self._guard.protect(self)
        self._connect()
        self._restyle()
        self._list_layers()

    @property
    def layer(self) -> Labels | None:
        """The layer whose nuclei are measured."""
        return self._layer

    def choose(self, layer: Labels | None) -> None:
        """Turn to another Labels layer, or to none."""
        layer = None if layer is None else plain(layer)
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._on_selected)
        self._layer = layer
        if layer is not None:
            self.layers.setCurrentIndex(self.layers.findText(layer.name))
            layer.events.selected_label.connect(self._on_selected)
        self.panel.set_layer(layer)

    def _let_go(self) -> None:
        self.choose(None)
        self.panel.release()

    def _connect(self) -> None:
        self.panel.said.connect(self.status.say)
        self.panel.refreshed.connect(self._refresh)
        self.table.chosen.connect(self._go)
        self.layers.activated.connect(self._on_layer)
        self._follow_layers(self._list_layers)

    def _list_layers(self) -> None:
        """List the Labels layers; turn to one if there was none."""
        found = [layer for layer in self._viewer.layers if isinstance(layer, Labels)]
        self.layers.clear()
        for layer in reversed(found):
            self.layers.addItem(layer.name, layer)
        if self._layer is not None and self._layer in self._viewer.layers:
            self.layers.setCurrentIndex(self.layers.findText(self._layer.name))
            return
        if self._layer is not None:
            self.status.say(f"'{self._layer.name}' was removed.")
        active = self._viewer.layers.selection.active
        if found:
            self.choose(active if active in found else found[-1])
        else:
            self.choose(None)
            if not self.status.text.text():
                self.status.say("Segment an image first, or open labels.")

    def _on_layer(self, index: int) -> None:
        layer = self.layers.itemData(index)
        if plain(layer) is not self._layer:
            self.choose(layer)

    def _refresh(self) -> None:
        """Show the measurements that the layer has by now."""
        known = None if self._layer is None else measured_of(self._layer)
        if known is None:
            self.table.show_table(None)
        else:
            table, unit = known
            others = [name for name in table if name != "certainty"]
            self.table.show_table(table[["certainty", *others]], unit)

    def _on_selected(self, event: Any = None) -> None:
        self.table.choose(int(self._layer.selected_label))

    def _go(self, label: int) -> None:
        """Select a nucleus and bring it to the middle of the canvas."""
        layer, centre = self._layer, self.table.measurements.centre(label)
        layer.selected_label = label
        if centre is None:
            return
        place = np.array(centre) / pixel_size(layer)
        leading = labels_on_show(layer, self._viewer.dims.point).place
        world = layer.data_to_world((*leading, *place))
        camera = camera_of(self._viewer)
        camera.center = (*camera.center[:-2], *world[-2:])
