"""The image part of the dock: which layer, channel, pixel size and region."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtWidgets import (
    QComboBox,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.formats import READABLE_ENDINGS
from napari_pmrnet.io.ome_zarr import MARKS
from napari_pmrnet.io.stains import nuclear_channel
from napari_pmrnet.plugin.layers.axes import shown_plane
from napari_pmrnet.plugin.layers.framing import frame_if_lost
from napari_pmrnet.plugin.layers.pixel_size import (
    UNITS,
    format_size,
    parse_size,
    pixel_size,
    pixel_unit,
)
from napari_pmrnet.plugin.layers.source_image import folder_of, is_source
from napari_pmrnet.plugin.qt import Signal, single_shot
from napari_pmrnet.plugin.reader import get_reader, open_layers
from napari_pmrnet.plugin.segment.area_panel import AreaRows
from napari_pmrnet.plugin.segment.size_guide import size_button
from napari_pmrnet.plugin.widgets.dialogs import FileDialogs
from napari_pmrnet.plugin.widgets.fields import ChoiceField, Field
from napari_pmrnet.plugin.widgets.layer_chooser import LayerChooser
from napari_pmrnet.plugin.widgets.layout import Form, text_label
from napari_pmrnet.settings import LIMITS

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pmrnet.plugin.widgets.settings_form import SettingsForm
    from napari_pmrnet.segmentation.plane import Plane

FILE_FILTER = (
    f"Images (*{' *'.join(READABLE_ENDINGS)} {' '.join(MARKS)});;All files (*)"
)
EDIT_WIDTH = 64
COLOURS = ("Red", "Green", "Blue", "Alpha")


def channel_choices(plane: Plane | None) -> list[tuple[int | None, str]]:
    """Channels of a plane as choices; None lets the segmentation decide."""
    if plane is None or plane.channels < 2:
        return [(None, "The only one")]
    if plane.rgb:
        return [(None, "All colours"), *enumerate(COLOURS[:3])]
    known = plane.channel_names
    if len(known) != plane.channels:
        numbered = [(i, f"Channel {i}") for i in range(plane.channels)]
        return [(None, "Automatic (the first)"), *numbered]
    named = [(i, f"{i}: {name}") for i, name in enumerate(known)]
    return [(None, f"Automatic ({known[nuclear_channel(known) or 0]})"), *named]


def limit_choices(layer: Image | None) -> list[tuple[str, str]]:
    """Intensity limits: those with a name, and those that the layer is shown by.

    napari's own of an image with infinite pixels are infinite, which no limits are.
    """
    choices = list(LIMITS.items())
    if layer is None or layer.rgb:
        return choices
    low, high = np.array(layer.contrast_limits, float)
    if np.isfinite([low, high]).all():
        title = f"Contrast limits ({low:.5g} to {high:.5g})"
        choices.append((f"{low:.9g}:{high:.9g}", title))
    return choices


class PixelSizeField(Field):
    """Pixel size and unit; ``committed`` is sent when both make sense."""

    committed = Signal(tuple, str)

    def __init__(self) -> None:
        super().__init__()
        self.edit = QLineEdit()
        self.edit.setObjectName("pixel_size")
        self.edit.setMinimumWidth(EDIT_WIDTH)
        self.unit = ChoiceField(list(UNITS.items()))
        self.unit.combo.setMinimumContentsLength(2)
        self.unit.combo.setAccessibleName("Unit of the pixel size")
        self.setFocusProxy(self.edit)
        self.row.addWidget(self.edit, 1)
        self.row.addWidget(self.unit, 1)
        self.setToolTip(
            "<span>Height (x width) of a pixel. A correction is written to the layer "
            "and goes into the exported file.</span>"
        )
        self._shown: tuple[str, str] = ("", "")
        self.edit.textEdited.connect(self._check)
        self.edit.editingFinished.connect(self._commit)
        self.unit.changed.connect(self._commit)

    def value(self) -> tuple[float, float]:
        """Height and width; a ValueError says what is wrong with the text."""
        return parse_size(self.edit.text())

    def set_value(self, value: tuple[float, float], unit: str = "pixel") -> None:
        """Show the pixel size of a layer without writing it back."""
        self._show(format_size(value), unit)

    def clear(self) -> None:
        """Show no size, for there is no image."""
        self._show("", "pixel")

    def _show(self, text: str, unit: str) -> None:
        self._shown = text, unit
        self.edit.setText(text)
        blocked = self.unit.blockSignals(True)
        self.unit.set_value(unit)
        self.unit.blockSignals(blocked)
        self.set_reason("")

    def _check(self) -> bool:
        try:
            self.value()
        except ValueError as error:
            self.set_reason(str(error))
            return False
        self.set_reason("")
        return True

    def _commit(self) -> None:
        typed = (self.edit.text(), self.unit.value())
        if typed != self._shown and self._check():
            self._shown = typed
            self.committed.emit(self.value(), self.unit.value())


class ImagePanel(QWidget):
    """Chooses what is segmented and follows the layer list of the viewer."""

    changed = Signal()
    described = Signal()
    opened = Signal(str)
    failed = Signal(str)
    came = Signal(list)
    """Images that were opened otherwise than by the button."""

    def __init__(self, viewer: ViewerModel, form: SettingsForm) -> None:
        super().__init__()
        self._viewer = viewer
        self._watched: Any = None
        self._named: Any = None
        self._ours = False
        self._before: list[Layer] = []
        self._newest: Layer | None = None
        # Layers that come select themselves, one after the other.
        self._coming = single_shot(self, 0, self._on_all_there)
        self.open_button = QPushButton("Open image...")
        self.image = LayerChooser(viewer, Image, is_source, nothing="No image yet")
        self.about = text_label("hint")
        self.channel = form.choice("channel")
        self.limits = form.choice("limits")
        self.pixel_size = PixelSizeField()
        self.size_button = size_button()
        self.diameter = diameter = form.size("diameter")
        # A unit and a button stand beside it: there is no room for more.
        diameter.spin.setSpecialValueText("Auto")
        self.diameter_unit = QComboBox()
        self.diameter_unit.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToContents
        )
        fixed = QSizePolicy.Policy.Fixed
        self.diameter_unit.setSizePolicy(fixed, fixed)
        self.diameter_unit.setAccessibleName("Unit of the diameter")
        self.diameter_unit.addItems(["px"])
        self.diameter_unit.setToolTip("Unit in which the diameter is typed and shown")
        diameter.row.addWidget(self.diameter_unit)
        diameter.row.addWidget(self.size_button)
        self.areas = AreaRows(viewer, self)
        self._files = FileDialogs(self, self.folder)
        self.image.setToolTip("Image layer to segment; results are named after it.")
        rows = Form(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow(self.open_button)
        rows.addRow("Image", self.image)
        rows.addRow("", self.about)
        rows.addRow(form.labels["channel"], self.channel)
        rows.addRow(form.labels["limits"], self.limits)
        rows.addRow(form.title("diameter"), diameter)
        rows.addRow("Pixel size", self.pixel_size)
        self.areas.add_to(rows)
        self.open_button.clicked.connect(self.ask_and_open)
        self.diameter_unit.currentIndexChanged.connect(self._on_diameter_unit)
        self.image.changed.connect(self._on_image)
        self.image.listed.connect(self._describe)
        self._follow_viewer(connect=True)
        self._on_image()

    @property
    def layer(self) -> Image | None:
        """Image layer that is chosen."""
        return self.image.value()

    def chosen(self) -> Image:
        """Image layer that is chosen.

        Raises
        ------
        ImageError
            If there is none.
        """
        if self.layer is None:
            raise ImageError("There is no image layer. Open an image first.")
        return self.layer

    def plane(self) -> Plane:
        """Plane of the chosen layer that is on show.

        Raises
        ------
        ImageError
            If no image is chosen, or its axes leave the plane open.
        """
        dims = self._viewer.dims
        return shown_plane(self.chosen(), dims.point, dims.axis_labels)

    def ask_and_open(self) -> None:
        """Let the user pick files and open them as layers."""
        paths = self._files.open_several("Open image", FILE_FILTER)
        if paths:
            self.open(list(map(str, paths)))

    def open(self, paths: list[str]) -> None:
        """Open files, ours with our reader because it knows the pixel size.

        A file that makes a folder a Zarr one, such as ``zarr.json``, stands for that:
        folders cannot be chosen in a dialog for files.
        """
        names, faults = [], []
        for path in paths:
            if Path(path).name in MARKS:
                path = str(Path(path).parent)
            self._ours = True
            try:
                ours = get_reader(path) is not None
                layers = open_layers(self._viewer, Path(path)) if ours else None
                layers = layers or self._viewer.open(path)
            except Exception as error:  # noqa: BLE001  any reader may raise anything
                faults.append(f"'{Path(path).name}' could not be opened: {error}")
                continue
            finally:
                self._ours = False
            names += [f"'{layer.name}'" for layer in layers]
            images = [layer for layer in layers if isinstance(layer, Image)]
            if images:
                place = nuclear_channel([layer.name for layer in images])
                self._named = None if place is None else images[place]
                self.image.set_value(images[place or 0])
                self._describe()
        if names:
            self.opened.emit(", ".join(names))
        for fault in faults:
            self.failed.emit(fault)

    def restore_defaults(self) -> None:
        """Choose the whole image again, and take the circle away."""
        self.areas.area.set_value(None)
        self.size_button.setChecked(False)

    def folder(self) -> Path:
        """Folder of the chosen image, or of another layer if it has none."""
        return folder_of(self.layer, self._viewer.layers)

    def release(self) -> None:
        """Stop following the viewer."""
        self._coming.stop()
        self.areas.release()
        self.image.release()
        self._follow_viewer(connect=False)
        self._watch(None)

    def _follow_viewer(self, connect: bool) -> None:
        layers, dims = self._viewer.layers.events, self._viewer.dims.events
        pairs = (
            (layers.inserted, self._on_inserted),
            (self._viewer.layers.selection.events.active, self._on_active),
            (dims.current_step, self._describe),
            (dims.axis_labels, self._on_image),
        )
        for emitter, slot in pairs:
            (emitter.connect if connect else emitter.disconnect)(slot)

    def _on_inserted(self, event: Any) -> None:
        """Choose a new image; of the channels of a file the one named after nuclei."""
        self.image.refresh()
        new, chosen = event.value, self.layer
        if not self._coming.isActive():
            self._before = [la for la in self.image.layers() if la != new]
        self._coming.start()
        if not is_source(new):
            return
        self._newest = new
        if not self._ours:
            self.came.emit([new])
        path = new.source.path
        if chosen is None or path is None or path != chosen.source.path:
            self.image.set_value(new)
            return
        channels = [la for la in self._viewer.layers if is_source(la)]
        channels = [la for la in channels if la.source.path == path]
        if nuclear_channel([la.name for la in channels]) == channels.index(new):
            self._named = new
            self.image.set_value(new)

    def _on_all_there(self) -> None:
        """Bring images into view that came and would not be seen."""
        new, before, self._newest, self._before = self._newest, self._before, None, []
        if new is not None and new in self._viewer.layers and before:
            frame_if_lost(self._viewer, new, before)

    def _on_active(self, event: Any = None) -> None:
        """Turn to the image that the user selects in the layer list."""
        active = self._viewer.layers.selection.active
        if is_source(active) and not self._coming.isActive():
            self.image.set_value(active)

    def _on_image(self, event: Any = None) -> None:
        """Show what is known about the image that is chosen now."""
        self._watch(self.layer)
        self._describe()
        self.changed.emit()

    def _watch(self, layer: Any) -> None:
        """Follow the pixel size and axis names of one layer only."""
        for each, connect in ((self._watched, False), (layer, True)):
            if each is None:
                continue
            for name in ("scale", "units", "axis_labels", "data"):
                emitter = getattr(each.events, name)
                (emitter.connect if connect else emitter.disconnect)(self._describe)
            shown = each.events.contrast_limits
            (shown.connect if connect else shown.disconnect)(self._offer_limits)
        self._watched = layer

    def _offer_limits(self, event: Any = None) -> None:
        """Offer the limits that the layer is shown by now; once chosen, they follow."""
        before, choices = self.limits.value(), limit_choices(self.layer)
        blocked = self.limits.blockSignals(True)
        self.limits.set_choices(choices)
        if before not in LIMITS and len(choices) > len(LIMITS):
            self.limits.set_value(choices[-1][0])
        self.limits.blockSignals(blocked)
        if self.limits.value() != before:
            self.limits.changed.emit()

    def _offer_diameter_unit(self) -> None:
        """Offer the unit of the image beside pixels, where it has one."""
        layer, combo = self.layer, self.diameter_unit
        unit = "pixel" if layer is None or layer.ndim < 2 else pixel_unit(layer)
        units = ["px"] if unit == "pixel" else ["px", UNITS.get(unit, unit)]
        if units != [combo.itemText(i) for i in range(combo.count())]:
            in_pixels = combo.currentIndex() == 0
            blocked = combo.blockSignals(True)
            combo.clear()
            combo.addItems(units)
            combo.setCurrentIndex(0 if in_pixels else len(units) - 1)
            combo.blockSignals(blocked)
        combo.setVisible(len(units) > 1)
        self._on_diameter_unit()

    def _on_diameter_unit(self, _: int = 0) -> None:
        """Show the diameter in the unit that is chosen; it is kept in pixels."""
        layer, unit = self.layer, self.diameter_unit.currentText()
        across = 1.0
        if layer is not None and self.diameter_unit.currentIndex() > 0:
            across = float(np.sqrt(np.prod(pixel_size(layer))))
        self.diameter.show_in(unit, across)

    def _describe(self, event: Any = None) -> None:
        """Size, plane, channels and pixel size; or what is wrong with the layer."""
        layer, plane, reason = self.layer, None, ""
        try:
            plane = self.plane()
        except ImageError as error:
            reason = str(error) if layer is not None else ""
        self.image.set_reason(reason)
        if plane is None:
            self.about.setText("")
        else:
            height, width = plane.shape
            where = f", plane {plane.title}" if plane.title else ""
            by = ". Chosen by its name" if layer is self._named else ""
            self.about.setText(f"{width} x {height} pixels{where}{by}")
        self.about.setVisible(plane is not None)
        self.areas.show(layer, plane)
        self.channel.set_choices(channel_choices(plane))
        self.channel.setEnabled(plane is not None and plane.channels > 1)
        self._offer_limits()
        self.pixel_size.setEnabled(layer is not None)
        if layer is None:
            self.pixel_size.clear()
        elif layer.ndim >= 2:
            self.pixel_size.set_value(pixel_size(layer), pixel_unit(layer))
        self._offer_diameter_unit()
        self.described.emit()
