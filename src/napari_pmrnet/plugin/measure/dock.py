"""The dock "Measure nuclei": which labels, their totals, and a table of them."""

from __future__ import annotations

from typing import Any

import napari.viewer
import numpy as np
from napari.layers import Image, Labels

from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.layers.source_image import could_be_of, image_for, tie
from napari_pmrnet.plugin.measure.panel import MeasurePanel
from napari_pmrnet.plugin.measure.snapshot import labels_on_show, measured_of
from napari_pmrnet.plugin.measure.table import MeasurementsView
from napari_pmrnet.plugin.qt import there
from napari_pmrnet.plugin.widgets.dock import Dock
from napari_pmrnet.plugin.widgets.layer_chooser import LayerChooser
from napari_pmrnet.plugin.widgets.layout import labelled_row
from napari_pmrnet.plugin.widgets.status import StatusLine

UNKNOWN = "none"
NO_LABELS = "Segment an image first, or open labels."
IMAGE_TIP = (
    "Image whose intensities are measured. It is chosen by itself where it is certain "
    "which one the labels are of"
)


class MeasureNuclei(Dock):
    """Dock that measures the nuclei of a Labels layer and exports them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose labels are measured.
    """

    tab = "Measure"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._layer: Labels | None = None
        self.layers = LayerChooser(viewer, Labels, topmost_first=True)
        self.images = LayerChooser(viewer, Image, self._could_be_image)
        self.images.combo.setToolTip(IMAGE_TIP)
        self.panel = MeasurePanel(viewer)
        self.table, self.status = MeasurementsView(), StatusLine()
        there(self.panel.layout()).setContentsMargins(0, 0, 0, 0)
        self._fill(
            labelled_row("Labels", self.layers),
            labelled_row("Image", self.images),
            self.panel,
            (self.table, 1),
            foot=[self.status],
        )
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
        before = self._layer
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._on_selected)
        self._layer = layer
        if layer is not None:
            self.layers.set_value(layer)
            layer.events.selected_label.connect(self._on_selected)
        self._show_image()
        self.panel.set_layer(layer)
        if layer is None or layer is not before:
            self.say(*self._standing())

    def _standing(self) -> tuple[str, str]:
        return ("" if self._layer is not None else NO_LABELS), "plain"

    def _let_go(self) -> None:
        self.choose(None)
        self.panel.release()
        self.layers.release()
        self.images.release()

    def _connect(self) -> None:
        self.panel.said.connect(self.say)
        self.panel.refreshed.connect(self._refresh)
        self.table.chosen.connect(self._go)
        self.layers.activated.connect(self._on_layer)
        self.images.activated.connect(self._on_image)
        self._follow_layers(self._list_layers)
        self._look_again_at_layers()

    def _list_layers(self) -> None:
        """Turn to a Labels layer if the one before is gone or there was none."""
        if self._layer is not None and self._layer in self._viewer.layers:
            self.layers.set_value(self._layer)
            self._show_image()
            return
        gone = self._layer
        self.choose(self.layers.proposed())
        if gone is not None:
            self.say(f"'{gone.name}' was removed. {self._standing()[0]}".rstrip())

    def _on_layer(self) -> None:
        layer = self.layers.value()
        if layer is not None and plain(layer) is not self._layer:
            self.choose(layer)

    def _could_be_image(self, image: Image) -> bool:
        return self._layer is not None and could_be_of(self._layer, image)

    def _show_image(self) -> None:
        """Offer the images that the labels may be of, with the certain one chosen."""
        layers, names = self._viewer.layers, self._viewer.dims.axis_labels
        known = None if self._layer is None else image_for(self._layer, layers, names)
        self.images.set_fixed([] if known else [(None, UNKNOWN)])
        self.images.set_value(known)

    def _on_image(self) -> None:
        """Take the user's word for the image."""
        image = self.images.value()
        if image is not None and self._layer is not None:
            tie(self._layer, image)
            self._show_image()
            self.say(f"'{self._layer.name}' is measured on '{image.name}'.")

    def _refresh(self) -> None:
        """Show the measurements that the layer has by now."""
        known = None if self._layer is None else measured_of(self._layer)
        if known is None:
            self.table.show_table(None)
        else:
            table, unit = known
            others = [name for name in table if name != "certainty"]
            self.table.show_table(table.loc[:, ["certainty", *others]], unit)

    def _on_selected(self, event: Any = None) -> None:
        self.table.choose(int(there(self._layer).selected_label))

    def _go(self, label: int) -> None:
        """Select a nucleus and bring it to the middle of the canvas."""
        layer, centre = there(self._layer), self.table.measurements.centre(label)
        layer.selected_label = label
        if centre is None:
            self.say(f"Nucleus {label} is selected; its place was not measured.")
            return
        place = (np.array(centre) - layer.translate[-2:]) / layer.scale[-2:]
        leading = labels_on_show(layer, self._viewer.dims.point).place
        world = layer.data_to_world((*leading, *place))
        camera = camera_of(self._viewer)
        camera.center = (*camera.center[:-2], *world[-2:])
        self.say(f"Nucleus {label} is selected, in the middle of the canvas.")
