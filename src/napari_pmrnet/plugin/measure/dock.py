"""The dock "Measure nuclei": which labels, their totals, and a table of them."""

from __future__ import annotations

from typing import Any

import napari.viewer
import numpy as np
import pandas as pd
from napari.layers import Image, Labels
from qtpy.QtWidgets import QPushButton, QWidget

from napari_pmrnet.plugin.layers.axes import camera_of, plane_on_show, show_plane
from napari_pmrnet.plugin.layers.overlay import Overlay
from napari_pmrnet.plugin.layers.pixel_size import pixel_size
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.layers.source_image import could_be_of, image_for, tie
from napari_pmrnet.plugin.layers.spaces import plane_space
from napari_pmrnet.plugin.measure.classes import classes_of, colour, set_classes, tones
from napari_pmrnet.plugin.measure.columns import ColumnButton
from napari_pmrnet.plugin.measure.counts import Company
from napari_pmrnet.plugin.measure.formatting import head_of
from napari_pmrnet.plugin.measure.forms import ClassForm, OptionsForm
from napari_pmrnet.plugin.measure.kept import FLAGS, classify, measured_of
from napari_pmrnet.plugin.measure.panel import MeasurePanel
from napari_pmrnet.plugin.measure.plot_panel import PlotPanel
from napari_pmrnet.plugin.measure.snapshot import (
    axes_of_planes,
    by_place,
    labels_on_show,
    unit_of,
)
from napari_pmrnet.plugin.measure.table import MeasurementsView
from napari_pmrnet.plugin.qt import there
from napari_pmrnet.plugin.widgets.collapsible import Collapsible
from napari_pmrnet.plugin.widgets.dock import Dock
from napari_pmrnet.plugin.widgets.layer_chooser import LayerChooser
from napari_pmrnet.plugin.widgets.layout import labelled_row, row_of, stack
from napari_pmrnet.plugin.widgets.status import StatusLine
from napari_pmrnet.plugin.widgets.theme import is_dark
from napari_pmrnet.proofreading.classes import (
    Classes,
    is_class_head,
    proposed_threshold,
)
from napari_pmrnet.proofreading.measure import CENTROID, heads
from napari_pmrnet.proofreading.place import AXIS
from napari_pmrnet.segmentation.tiles import Box

OUTLINE = "measured nucleus"
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
        self._outline: Overlay | None = None
        self.layers = LayerChooser(viewer, Labels, topmost_first=True)
        self.images = LayerChooser(viewer, Image, self._could_be_image)
        self.images.combo.setToolTip(IMAGE_TIP)
        self.panel = MeasurePanel(viewer)
        self.table, self.status = MeasurementsView(), StatusLine()
        self.options, self.classes = OptionsForm(), ClassForm()
        self.columns, self.copy_button = ColumnButton(), QPushButton("Copy")
        self.copy_button.setToolTip("Copy the selected rows, or all (Ctrl+C)")
        more = QWidget()
        stack(more, self.options, self.classes, margins=(8, 0, 0, 0), spacing=4)
        self.more = Collapsible("Ring, texture, background and classes", more)
        self.plots = PlotPanel()
        self.plots_fold = Collapsible("Plot", self.plots)
        head = row_of((self.columns, 1), (self.copy_button, 1))
        there(self.panel.layout()).setContentsMargins(0, 0, 0, 0)
        self._fill(
            labelled_row("Labels", self.layers),
            labelled_row("Image", self.images),
            self.panel,
            self.more,
            self.plots_fold,
            head,
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
        if self._outline is not None:
            self._outline.release()
        self._layer, self._outline = layer, None
        self.classes.show_classes(None if layer is None else classes_of(layer))
        if layer is not None:
            self.layers.set_value(layer)
            layer.events.selected_label.connect(self._on_selected)
            self._outline = Overlay(self._viewer, layer, OUTLINE)
        self._show_image()
        self.panel.set_layer(layer)
        if layer is None or layer is not before:
            self.say(*self._standing())

    def _restyle(self, event: Any = None) -> None:
        super()._restyle()
        self.plots.wear(is_dark(self._viewer.theme))

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
        self.table.copied.connect(self._on_copied)
        self.table.selected.connect(self._on_rows)
        self.plots.brushed.connect(self._on_brushed)
        self.copy_button.clicked.connect(self.table.copy)
        self.columns.chosen.connect(self.table.hide_groups)
        self.options.changed.connect(self._on_options)
        self.classes.column_chosen.connect(self._on_class_column)
        self.classes.changed.connect(self._on_classes)
        # Removing layers moves the sliders; nothing may be added to the viewer then.
        soon = self._timer(0, self._on_step)
        self._follow(self._viewer.dims.events.current_step, lambda _: soon.start())
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
        if self._layer is not None:
            pixel = max(pixel_size(self._layer))
            self.options.show_unit(unit_of(self._layer), pixel)
        if known is None:
            self.table.show_table(None)
            self.classes.offer([])
            self.plots.show_table(None, [])
        else:
            table, unit = known
            classes = [name for name in table if is_class_head(str(name))]
            axes = self._axes()
            first = [*axes, *classes, FLAGS[0]]
            others = [name for name in table if name not in first]
            self.table.show_table(table.loc[:, [*first, *others]], unit, axes)
            numbers = [n for n in others if n not in (*FLAGS, *CENTROID)]
            columns = [FLAGS[0], *map(str, numbers)]
            titles = [(name, head_of(name, unit)[0]) for name in columns]
            self.plots.show_table(table, titles)
            if self.classes.offer(titles):
                self.classes.show_classes(classes_of(there(self._layer)))
        self.columns.offer(self.table.groups, self.table.hidden)
        self._show_classes()
        self._mark()

    def _axes(self) -> dict[str, str]:
        """Columns with the planes of a stack, and their titles."""
        every = axes_of_planes(there(self._layer), self._viewer.dims.axis_labels)
        return {AXIS.format(number): axis.name for number, axis in enumerate(every)}

    def _show_classes(self) -> None:
        """Count the classes, and show them and the selected nuclei in colour."""
        found = self._told_apart()
        counts = ""
        if found is not None:
            table, classes, unit, of = found
            if classes is not None:
                counts = self._counted(table, classes, unit, of)
        self.classes.counts.setText(counts)
        self._show_colours()

    def _show_colours(self) -> None:
        """Show the classes of the plane on show, and the selected nuclei, in colour."""
        layer, found, picked = self._layer, self._told_apart(), self.table.labels
        if layer is None or found is None:
            return
        table, classes, _, of = found
        if layer.ndim > 2:  # a number may be of both classes
            place = plane_on_show(layer, self._viewer.dims.point)
            part = by_place(table.assign(of=of)).get(place)
            of = of.iloc[:0] if part is None else part.loc[:, "of"]
        colour(layer, tones(of, classes, picked if len(picked) > 1 else ()))

    def _told_apart(self) -> tuple[pd.DataFrame, Classes | None, str, pd.Series] | None:
        """Measurements, the classes that they can tell, the unit, and each class."""
        known = None if self._layer is None else measured_of(self._layer)
        if self._layer is None or known is None:
            return None
        table, classes = known[0], classes_of(self._layer)
        if classes is None or classes.column not in table:
            return table, None, known[1], pd.Series("", table.index)
        return table, classes, known[1], classes.of(table)

    def _counted(
        self, table: pd.DataFrame, classes: Classes, unit: str, of: pd.Series
    ) -> str:
        """Counts of the image, and of its well if more of that was measured."""
        named = classes.named(unit)
        viewer, layer = self._viewer, there(self._layer)
        company = Company.of(layer, list(viewer.layers), viewer.dims.axis_labels)
        well, images, together = company.in_well(table.rename(columns=heads(unit)))
        if not well:
            return classes.counted(of)
        whole = named.counted(named.of(together))
        return f"{classes.counted(of)}\nWell {well}, {images} images: {whole}"

    def _on_rows(self) -> None:
        """Light up the nuclei whose rows are selected."""
        self.plots.highlight(self.table.labels)
        self._show_colours()

    def _on_brushed(self, labels: frozenset[int], more: bool) -> None:
        """Select the nuclei that were brushed in the plot."""
        if self._layer is None:
            return
        self.table.select(labels | self.table.labels if more else labels)
        if self.table.current is not None:
            # Colours that change make the layer tell of its label anew.
            self._layer.selected_label = self.table.current
        self._on_rows()
        self._mark()
        count = len(self.table.labels)
        if not labels and not more:
            self.say("No nucleus lies there.")
        else:
            nuclei = "1 nucleus is" if count == 1 else f"{count:,} nuclei are"
            self.say(f"{nuclei} selected, in the table and in the canvas.")

    def _on_options(self) -> None:
        self.panel.set_options(self.options.options())

    def _on_class_column(self, column: str) -> None:
        """Propose a threshold for a column."""
        known = measured_of(there(self._layer))
        if known is not None:
            self.classes.propose(proposed_threshold(known[0].loc[:, column]))

    def _on_classes(self) -> None:
        """Tell the nuclei apart as the user says."""
        if self._layer is not None:
            set_classes(self._layer, self.classes.classes())
            classify(self._layer)

    def _on_copied(self, rows: int) -> None:
        self.say(f"Copied {rows} {'row' if rows == 1 else 'rows'}, as a table.", "good")

    def _on_selected(self, event: Any = None) -> None:
        self.table.choose(int(there(self._layer).selected_label))
        self._mark()

    def _on_step(self) -> None:
        """Follow the sliders to another plane."""
        self._mark()
        if self._layer is not None and self._layer.ndim > 2:
            self._show_colours()

    def _mark(self, event: Any = None) -> None:
        """Outline the nucleus of the current row in the canvas."""
        if self._layer is None or self._outline is None:
            return
        if self._layer in self._viewer.layers:
            self.table.turn_to(plane_on_show(self._layer, self._viewer.dims.point))
        label = self.table.current
        if label is not None and self._layer in self._viewer.layers:
            plane = labels_on_show(self._layer, self._viewer.dims.point)
            place = self._box_of(label, plane.shape)
            mask = plane.read(place) == label
            if mask.any():
                self._outline.outline(mask, place)
                self._outline.flush()
                return
        self._outline.clear("current")
        self._outline.flush()

    def _box_of(self, label: int, shape: tuple[int, int]) -> Box:
        """Rows and columns that hold a nucleus: none is farther off than its length."""
        centre = self._pixel_of(label)
        length = self.table.measurements.value(label, "feret")
        if centre is None or length is None:
            return slice(0, shape[0]), slice(0, shape[1])
        reach = length / np.array(plane_space(there(self._layer)).pixel_size) + 1
        low = np.clip(np.floor(centre - reach), 0, shape).astype(int)
        high = np.clip(np.ceil(centre + reach) + 1, low, shape).astype(int)
        return slice(low[0], high[0]), slice(low[1], high[1])

    def _pixel_of(self, label: int) -> np.ndarray | None:
        """Centroid of a nucleus in pixels."""
        centre = self.table.measurements.centre(label)
        if centre is None:
            return None
        space = plane_space(there(self._layer))
        return (np.array(centre) - (space.translate or (0, 0))) / space.scale

    def _go(self, label: int, plane: tuple[int, ...] = ()) -> None:
        """Select a nucleus and bring it to the middle of the canvas."""
        layer, place = there(self._layer), self._pixel_of(label)
        if plane:
            show_plane(self._viewer, layer, dict(enumerate(plane)))
        layer.selected_label = label
        self._mark()
        if place is None:
            self.say(f"Nucleus {label} is selected; its place was not measured.")
            return
        leading = labels_on_show(layer, self._viewer.dims.point).place
        world = layer.data_to_world((*leading, *place))
        camera = camera_of(self._viewer)
        camera.center = (*camera.center[:-2], *world[-2:])
        self.say(f"Nucleus {label} is selected, in the middle of the canvas.")
