"""The dock "Segment nuclei": puts its parts together and passes words between them.

What is segmented is asked of the image panel, how of the form; the session does the
work. Nothing heavy runs here: torch is imported and the network run in worker threads
only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import ref

import napari.viewer
from napari.layers import Labels
from qtpy.QtWidgets import (
    QApplication,
    QGroupBox,
    QMessageBox,
)

from napari_pmrnet.errors import DataError, ImageError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.label_zarr import is_label_zarr
from napari_pmrnet.io.provenance import METADATA_KEY, Provenance
from napari_pmrnet.plugin.layers.field import on_pixels_of
from napari_pmrnet.plugin.layers.framing import same_view
from napari_pmrnet.plugin.layers.label_export import (
    default_path,
    export,
    export_arguments,
    permit_for,
    unkept,
)
from napari_pmrnet.plugin.layers.pixel_size import write_size
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.qt import there
from napari_pmrnet.plugin.segment.area_panel import goes_to_disk, kept_axes
from napari_pmrnet.plugin.segment.controller import RELABELLED, Session, report
from napari_pmrnet.plugin.segment.image_panel import ImagePanel
from napari_pmrnet.plugin.segment.jobs import lies_at, proposed_path
from napari_pmrnet.plugin.segment.maps_panel import MapsPanel
from napari_pmrnet.plugin.segment.run_panel import RunPanel
from napari_pmrnet.plugin.segment.size_guide import SizeGuide
from napari_pmrnet.plugin.widgets import (
    model_chooser,
    preferences,
)
from napari_pmrnet.plugin.widgets.dialogs import FileDialogs
from napari_pmrnet.plugin.widgets.dock import Dock
from napari_pmrnet.plugin.widgets.layout import Form, stack
from napari_pmrnet.plugin.widgets.model_chooser import ModelPanel
from napari_pmrnet.plugin.widgets.presets import PresetButton
from napari_pmrnet.plugin.widgets.reader_choice import ReaderNotice
from napari_pmrnet.plugin.widgets.settings_form import SettingsForm
from napari_pmrnet.segmentation.description import describe
from napari_pmrnet.segmentation.predict import height_and_width
from napari_pmrnet.segmentation.stack import Stack
from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_pmrnet.segmentation import Segmentation
    from napari_pmrnet.segmentation.plane import Plane

RELABEL_DELAY = 10
PROGRESS_DELAY = 200
REMEMBER_DELAY = 800
DEVICES_DELAY = 100


class SegmentNuclei(Dock):
    """Dock that segments the nuclei of an image layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose layers are segmented and that gets the results.
    """

    tab = "Segment"
    least_width = 320

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.form = SettingsForm(self)
        self.form.set_settings(preferences.recall())
        self._listing = self._runner()
        self._exporting = self._runner(gate=self._listing)
        self._unkept = ""
        self.session = Session(viewer, self, gate=self._listing)
        self.image_panel = ImagePanel(viewer, self.form)
        on_show = self.image_panel.folder
        self._files = FileDialogs(self, on_show)
        self.model_panel = ModelPanel(self.form, on_show)
        self.presets, self.maps_panel = PresetButton(self.form, on_show), MapsPanel()
        self.run_panel = RunPanel()
        self.reader_notice = ReaderNotice()
        self._guide = SizeGuide(viewer)
        self._other: float | None = None
        self._subject: tuple[Image | None, str] = (None, "")
        self._asked: Callable[[], Image | None] = lambda: None
        self.status = self.run_panel.status
        self._relabel_timer = self._timer(RELABEL_DELAY, self._relabel)
        self._remember_timer = self._timer(REMEMBER_DELAY, self._remember)
        self._list_timer = self._timer(DEVICES_DELAY, self._list_devices)
        self._progress: tuple[int, int, str] = (0, 0, "")
        self._progress_timer = self._timer(PROGRESS_DELAY, self._show_progress)
        self._listed = False
        self._warm: set[tuple[object, ...]] = set()
        self._lay_out()
        self._name_kind()
        self._connect()
        self._restyle()
        self._list_timer.start()

    def run(self) -> None:
        """Segment the chosen image in a worker thread."""
        settings = self.form.settings()
        if settings is None:
            self._complain("A setting is out of bounds; the form says which.")
            return
        areas = self.image_panel.areas
        try:
            image: Plane | Stack = self.image_panel.plane()
            layer = self.image_panel.chosen()
            title, axes, polygons, link, output = image.title, None, (), None, None
            if areas.all_planes:
                image, title, link = areas.stack(), "", areas.link.value()
                axes = kept_axes(layer, self._viewer.dims.axis_labels)
            else:
                polygons = areas.polygons()
                if not polygons and goes_to_disk(image):
                    image = Stack.of_plane(image)
            if isinstance(image, Stack) and image.is_large:
                output = self._ask_for_output(layer, image)
                if output is None:
                    self.say("Nothing was segmented: no folder was chosen.")
                    return
                if not self._may_replace(output):
                    return
            self._asked = ref(plain(layer))
            self.session.segment(
                layer,
                image,
                settings,
                title=title,
                axes=axes,
                polygons=polygons,
                link=link,
                output=output,
            )
        except ImageError as error:
            self._complain(str(error))

    def _ask_for_output(self, layer: Image, stack: Stack) -> Path | None:
        """Ask where labels are to go that are too large for memory."""
        if stack.has_large_planes:
            self.model_panel.tuned.label_kind.refuse_tiles(
                layer.name, "Shrink it, and segment it at once."
            )
        path = self._files.save(
            f"Labels of '{layer.name}'",
            proposed_path(layer, self._files.start()),
            "Label Zarr, a folder (*.zarr)",
        )
        if path is None:
            return None
        return path if path.suffix else path.with_suffix(Format.ZARR.ending)

    def _may_replace(self, output: Path) -> bool:
        """Ask before labels on disk are replaced: file dialogs ask of files only."""
        if not is_label_zarr(output):
            return True
        shown = next((la for la in self._viewer.layers if lies_at(la, output)), None)
        if shown is not None:
            self._complain(
                f"{output} is on show as '{shown.name}'. Remove that layer first, or "
                "choose another name."
            )
            return False
        answer = QMessageBox.question(
            self,
            "Replace labels?",
            f"{output} holds labels already, perhaps corrected ones. Replace them?",
        )
        if answer == QMessageBox.StandardButton.Yes:
            return True
        self.say(f"Nothing was segmented: the labels in {output} stay.")
        return False

    def cancel(self) -> None:
        """Stop the run at its next batch of tiles; no layer is added."""
        self.run_panel.cancel_button.setEnabled(False)
        self.say("Cancelling...")
        self.session.cancel()

    def show_more_maps(self) -> None:
        """Compute the maps of the parts of the network, in a worker thread."""
        try:
            layer, plane = self.image_panel.chosen(), self.image_panel.plane()
            self._asked = ref(plain(layer))
            self.session.show_more_maps(layer, plane)
        except ImageError as error:
            self._complain(str(error))

    def restore_defaults(self) -> None:
        """Put all that the dock asks back to its default."""
        self.form.set_settings(Settings())
        self.image_panel.restore_defaults()
        self.say("All settings are at their defaults.", "good")

    def export_labels(self) -> None:
        """Ask for a file and write the labels to it in a worker thread."""
        layer = self.labels_to_export()
        if layer is None:
            self._complain("There are no labels yet. Segment an image first.")
            return
        if self._exporting.is_running:
            self.say("Wait until the labels before are written.", "warning")
            return
        path = self._files.save(
            f"Export '{layer.name}'",
            default_path(layer, self._files.start()),
            "Label TIFF (*.tif *.tiff)",
        )
        if path is None:
            self.say("Nothing was written: no file was chosen.")
            return
        labels, keywords = export_arguments(layer)
        keywords["overwrite"] = permit_for(path, self._viewer.layers)
        self._unkept = unkept(layer)
        self.say(f"Writing '{layer.name}'...")
        task = f"Writing '{path}'"
        self._exporting.start(task, export, path, labels, keywords)

    def describe(self) -> None:
        """Copy how the labels were made, from what they carry themselves."""
        layer = self.labels_to_export()
        if layer is None:
            self._complain("There are no labels yet. Segment an image first.")
            return
        made = Provenance.from_dict(layer.metadata.get(METADATA_KEY) or {})
        try:
            there(QApplication.clipboard()).setText(describe([made]))
        except DataError as error:
            self._complain(f"'{layer.name}': {error}")
        else:
            self.say(f"How '{layer.name}' was made is on the clipboard.", "good")

    def labels_to_export(self) -> Labels | None:
        """Labels layer that is selected, or else the result of the chosen image."""
        active = self._viewer.layers.selection.active
        if isinstance(active, Labels):
            return active
        image, results = self.image_panel.layer, self.session.results
        result = results.find(image, self._title())
        if result is not None and result.labels is not None:
            return result.labels
        ours = results.layers_of(image) if image is not None else []
        candidates = [layer for layer in ours if isinstance(layer, Labels)]
        if not candidates:
            candidates = [la for la in self._viewer.layers if isinstance(la, Labels)]
        return candidates[0] if candidates else None

    def _let_go(self) -> None:
        if self._remember_timer.isActive():
            self._remember()
        self.session.release()
        self.image_panel.release()
        self._guide.release()

    def _lay_out(self) -> None:
        """Form on top, scrolling where the window is low; buttons always in view."""
        self._box = QGroupBox()
        self.form.add_to(Form(self._box), RELABELLED)
        image = QGroupBox("Image")
        stack(image, self.image_panel, margins=None)
        self.model_panel.fold.add_button(self.presets)
        self._fill(
            *(image, self._box, self.model_panel, self.maps_panel),
            head=[self.reader_notice],
            foot=[self.run_panel],
        )

    def _connect(self) -> None:
        """Wire the parts together."""
        panel, run, session = self.image_panel, self.run_panel, self.session
        panel.failed.connect(self._complain)
        panel.came.connect(self.reader_notice.look_at)
        panel.described.connect(self._show_size)
        panel.described.connect(self._turn)
        panel.described.connect(self._warm_up)
        panel.areas.changed.connect(self._look_again)
        self._look_again_at_layers()
        panel.opened.connect(lambda names: self.say(f"Opened {names}.", "good"))
        panel.size_button.toggled.connect(self._show_size)
        panel.size_button.clicked.connect(self._on_size_button)
        panel.pixel_size.committed.connect(self._correct_pixel_size)
        self.form.changed.connect(self._on_setting)
        self.presets.said.connect(self.say)
        self.maps_panel.requested.connect(self.show_more_maps)
        run.run_button.clicked.connect(self.run)
        run.cancel_button.clicked.connect(self.cancel)
        run.export_button.clicked.connect(self.export_labels)
        run.defaults_button.clicked.connect(self.restore_defaults)
        run.describe_button.clicked.connect(self.describe)
        run.size_button.clicked.connect(self._take_other_size)
        run.relabel_requested.connect(self._relabel_in_new_layer)
        session.started.connect(self._on_started)
        session.progressed.connect(self._on_progress)
        session.said.connect(self._on_said)
        session.failed.connect(self._complain)
        session.withheld.connect(run.notice.show_text)
        session.used.connect(self.model_panel.show_used)
        session.ended.connect(self._on_ended)
        self._exporting.succeeded.connect(self._on_exported)
        self._exporting.failed.connect(self._complain)
        self._listing.succeeded.connect(self._on_listed)
        self._listing.failed.connect(self.model_panel.show_advice)
        self._listing.finished.connect(self._warm_up)

    def _list_devices(self) -> None:
        """Ask torch for its devices, in the background; a run goes first."""
        if self.session.is_running:
            self._list_timer.start()
        else:
            self._listing.start("Loading torch", model_chooser.list_devices)

    def _on_listed(self, report: model_chooser.DeviceReport | None) -> None:
        """Offer the devices; then load the network before it is asked for."""
        if report is not None:
            self.model_panel.show_devices(report)
            self._listed = True

    def _warm_up(self) -> None:
        """Load the network for the image on show, in the background.

        Not before torch and devices are there, and for images of one size once.
        """
        busy = self.session.is_running or self._listing.is_running
        if not self._listed or busy:
            return
        try:
            shape = height_and_width(self.image_panel.plane())
        except ImageError:
            if self._warm:  # the image is gone, maybe with the window
                return
            shape = None
        # The form is looked at as a whole for new wishes only: sliders come by here.
        values = self.form.values()
        wishes = values["model"], values["device"], shape, values["diameter"]
        if wishes not in self._warm:
            self._warm.add(wishes)
            chosen = self.form.settings() or Settings()
            wanted = chosen.model, chosen.device, shape, chosen.diameter
            self._listing.start("Loading the network", model_chooser.warm_up, *wanted)

    def _remember(self) -> None:
        settings = self.form.settings()
        if settings is not None:
            preferences.remember(settings)

    def _turn(self) -> None:
        """Say what is known of the plane that is on show, once it is another one."""
        subject = self.image_panel.layer, self._title()
        if subject != self._subject:
            self._subject = subject
            if not self.session.is_running:
                self.say(*self._standing())

    def _title(self) -> str:
        """Title of the plane on show; empty without an image or a plane."""
        try:
            return self.image_panel.plane().title
        except ImageError:
            return ""

    def _standing(self) -> tuple[str, str]:
        """What came of the last run on the plane that is on show."""
        layer, title = self.image_panel.layer, self._title()
        find = self.session.results.find
        for plane in dict.fromkeys((title, "")):
            result = find(layer, plane)
            if result is not None and result.labels is not None:
                return report(result.segmentation, plane)
        return self.run_panel.greeting, "plain"

    def _on_said(self, text: str, tone: str) -> None:
        """Say what the session says, and of which image if another one is chosen."""
        asked, chosen = self._asked(), self.image_panel.layer
        if asked is not None and asked != chosen:
            text = f"'{asked.name}': {text}"
        self.say(text, tone)

    def _on_setting(self, name: str) -> None:
        self._look_again()
        self._remember_timer.start()
        if name == "model":
            self.model_panel.follow()
            self._name_kind()
        if name == "diameter":
            self._show_size()
        if name in RELABELLED and not self._relabel_timer.isActive():
            self._relabel_timer.start()

    def _name_kind(self) -> None:
        """Name what the model labels, in the form and on the button."""
        many = self.model_panel.name_kind()
        self._box.setTitle(many.capitalize())
        self.run_panel.name_run(f"Segment {many}")

    def _relabel(self, new_layer: bool = False) -> None:
        """Bring the labels of the image on show in line with the thresholds."""
        settings, layer = self.form.settings(), self.image_panel.layer
        if settings is None or layer is None:
            return
        try:
            plane = self.image_panel.plane()
        except ImageError:
            return
        title = "" if self.image_panel.areas.all_planes else plane.title
        if not self.session.is_running:
            self._asked = ref(plain(layer))
        self.session.relabel(layer, title, settings, new_layer)

    def _relabel_in_new_layer(self) -> None:
        self._relabel(new_layer=True)

    def _on_started(self) -> None:
        self.run_panel.set_running(True)
        self.maps_panel.maps_button.setEnabled(False)
        self._other = None
        self.run_panel.offer_size(None)
        waits = self._listing.is_running
        self.say("Loading the network..." if waits else "Starting...")

    def _on_progress(self, done: int, total: int, message: str) -> None:
        """Keep the latest; the bar moves a few times a second.

        Whatever changes in a window with an OpenGL canvas is painted with all of it,
        which takes processors without a GPU longer than a batch of tiles.
        """
        self._progress = done, total, message
        if not self._progress_timer.isActive():
            self._progress_timer.start()

    def _show_progress(self) -> None:
        if self.session.is_running:
            done, total, message = self._progress
            self.status.set_progress(done, total)
            self.say(message[:1].upper() + message[1:])

    def _on_ended(self) -> None:
        """Ready again; thresholds may have moved meanwhile."""
        self._progress_timer.stop()
        self.run_panel.set_running(self.session.is_running)
        self.maps_panel.maps_button.setEnabled(not self.session.is_running)
        self._relabel_timer.start()
        self._show_size()

    def _shown_result(self) -> Segmentation | None:
        """What was found on the plane of the image that is on show."""
        result = self.session.results.find(self.image_panel.layer, self._title())
        found = None if result is None else result.segmentation
        return None if isinstance(found, StackSegmentation) else found

    def _on_size_button(self, pressed: bool) -> None:
        """Say what the circle shows, or why there is none."""
        if not pressed:
            self.say("The circle is taken away.")
        elif self._guide.sizes:
            sizes = " and ".join(f"{size:.0f}" for size in self._guide.sizes)
            self.say(f"The circle in the middle is {sizes} pixels across.")
        else:
            self.say(
                "The size of the nuclei is not known yet. Segment the image, or type a "
                "diameter, and it is drawn."
            )

    def _show_size(self) -> None:
        """Draw what nuclei are taken to measure, if asked for or in doubt."""
        layer, found = self.image_panel.layer, self._shown_result()
        across, other = self.form.values()["diameter"], None
        if across is None and found is not None:
            across, other = found.diameter, found.other_diameter
        if other != self._other:
            self._other = other
            self.run_panel.offer_size(other)
            if other is not None:
                self.image_panel.size_button.setChecked(True)
        sizes = [size for size in (across, other) if size is not None]
        if layer is not None and sizes and self.image_panel.size_button.isChecked():
            self._guide.show(layer, sizes)
        else:
            self._guide.release()

    def _take_other_size(self) -> None:
        """Segment again for the other diameter that was seen."""
        if self._other is not None:
            self.form.fields["diameter"].set_value(round(self._other, 1))
            self.run()

    def _on_exported(self, path: Path) -> None:
        self.say(f"Written to {path}{self._unkept}", "good")

    def _correct_pixel_size(self, size: tuple[float, float], unit: str) -> None:
        """Write a corrected pixel size to the image and to all that lies on it."""
        image = self.image_panel.chosen()
        region = self.image_panel.areas.shapes
        near: list[Layer] = [*on_pixels_of(image, self._viewer)]
        near += self.session.results.layers_of(image)
        layers = list(dict.fromkeys(map(plain, near)))
        if region is not None:
            layers.append(region)
        with same_view(self._viewer, image):
            write_size(layers, size, unit)
        said = f"Pixel size of '{image.name}' corrected"
        if unit == "pixel" and size != (1, 1):
            self.say(f"{said}. Choose its unit.", "warning")
        else:
            self.say(f"{said}.", "good")
