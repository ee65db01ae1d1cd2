"""Counts, measures and exports the nuclei of a Labels layer.

Measurements live in the features of the layer and nowhere else. While a review is
under way they follow every edit, on the boxes of the nuclei that changed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from qtpy.QtWidgets import QProgressBar, QPushButton, QSizePolicy, QWidget

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.plugin.layers.axes import first_level, plane_on_show
from napari_pmrnet.plugin.layers.label_export import (
    export_arguments,
    permit_for,
    unkept,
)
from napari_pmrnet.plugin.layers.pixel_size import pixel_size
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.layers.review_session import ReviewSession, session_of
from napari_pmrnet.plugin.layers.source_image import folder_of
from napari_pmrnet.plugin.measure.counts import Company
from napari_pmrnet.plugin.measure.export import (
    FORMATS,
    TRACKS,
    Written,
    exporting,
    proposed_path,
)
from napari_pmrnet.plugin.measure.formatting import summary
from napari_pmrnet.plugin.measure.kept import keep, known_flags, measured_of, with_flags
from napari_pmrnet.plugin.measure.pixel_counter import PixelCounter
from napari_pmrnet.plugin.measure.snapshot import (
    Specimen,
    by_place,
    measuring_all,
    unit_of,
    with_place,
)
from napari_pmrnet.plugin.measure.standing import standing
from napari_pmrnet.plugin.qt import Signal, single_shot, there
from napari_pmrnet.plugin.widgets.dialogs import FileDialogs
from napari_pmrnet.plugin.widgets.formats import FormatBox
from napari_pmrnet.plugin.widgets.layout import keep_room, row_of, stack, text_label
from napari_pmrnet.plugin.widgets.worker import Runner
from napari_pmrnet.proofreading.intensities import Options, options_of
from napari_pmrnet.proofreading.measure import measure_boxes, totals
from napari_pmrnet.proofreading.planes import flags_by_plane, tables
from napari_pmrnet.segmentation.objects import DOUBT_LIMIT

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels

    from napari_pmrnet.proofreading.course import Course

DELAY = 150
MANY = 100
_MISSING = "The certainty of these nuclei is not known, so no range is given."
_RANGE = (
    "<span>In brackets: without the doubtful nuclei, and with all of them. Doubtful is "
    f"what is less certain than {DOUBT_LIMIT:g} and was not reviewed.</span>"
)


class MeasurePanel(QWidget):
    """Totals, measurements and exports of one Labels layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer that shows it, and the image it is of.

    Attributes
    ----------
    options : Options or None
        What is measured beside the usual; None: what was before.
    """

    said = Signal(str, str)
    refreshed = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: Labels | None = None
        self._session: ReviewSession | None = None
        self._job: tuple[Labels, Specimen] | None = None
        self._dirty: set[int] = set()
        self._files = FileDialogs(self, self._folder_on_show)
        self._unkept = ""
        self.options: Options | None = None
        self._quiet = False
        self._working, self._counter = Runner(self), PixelCounter(self)
        self._timer = single_shot(self, DELAY, self._follow)
        self._lay_out()
        self._connect()
        self.set_layer(None)

    @property
    def layer(self) -> Labels | None:
        """The layer whose nuclei are measured."""
        return self._layer

    @property
    def is_running(self) -> bool:
        """Tell whether something is being measured or written."""
        return self._working.is_running

    def set_layer(self, layer: Labels | None) -> None:
        """Turn to another layer, or to none."""
        layer = None if layer is None else plain(layer)
        self._listen(layer)
        self._layer = layer
        self._counter.set_layer(layer)
        self._dirty.clear()
        self._meet_session()
        self._show()
        if layer is not None:
            self._follow()

    def set_options(self, options: Options) -> None:
        """Choose what is measured beside the usual, from the next time on."""
        self.options = options
        self._show()

    def measure(self) -> None:
        """Measure all nuclei anew, in the background; pressed again, stop."""
        if self._working.is_running:
            self._working.cancel()
        elif (specimens := self._snapshot()) is not None:
            on = f" on {len(specimens)} planes" if len(specimens) > 1 else ""
            task = f"Measuring '{there(self._layer).name}'{on}"
            self._start(task, measuring_all, specimens, self._options())

    def ask(self) -> None:
        """Ask for a file and export to it."""
        kind = self.format.currentData()
        if self._layer is None or self._working.is_running:
            return
        proposed = proposed_path(self._layer, kind, self._files.start())
        title = f"Export '{self._layer.name}'"
        path = self._files.save(title, proposed, FORMATS[kind].files)
        if path is None:
            self.said.emit("Nothing was written: no file was chosen.", "plain")
        else:
            self.export(path, kind, permit_for(path, self._viewer.layers))

    def _folder_on_show(self) -> Path:
        """Folder of the image of the labels."""
        layers, names = self._viewer.layers, self._viewer.dims.axis_labels
        return folder_of(self._layer, layers, names)

    def export(self, path: Path, kind: str, overwrite: Overwrite = False) -> None:
        """Write nuclei to a file, in the background.

        Parameters
        ----------
        path : Path
        kind : str
            A key of `FORMATS`.
        overwrite : bool or Permit
            Whether a file that is there may be replaced.
        """
        specimens = self._snapshot()
        if specimens is not None:
            layer, dims = there(self._layer), self._viewer.dims
            whole, keywords = export_arguments(layer)
            given = path, kind, specimens, whole, keywords, overwrite, self._options()
            shown = plane_on_show(layer, dims.point)
            company = Company.of(layer, list(self._viewer.layers), dims.axis_labels)
            self._start(f"Writing '{path}'", exporting, *given, shown, company)

    def release(self) -> None:
        """Let go of the viewer and of running work."""
        self.set_layer(None)
        self._timer.stop()
        self._working.shut_down()
        self._counter.shut_down()
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _lay_out(self) -> None:
        self.totals, self.hint = text_label("totals"), text_label("hint")
        for label in (self.totals, self.hint):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.totals.setToolTip(_RANGE)
        self.button = QPushButton("Measure")
        self.format = FormatBox(FORMATS)
        self.export_button = QPushButton("Export...")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of measuring")
        keep_room(self.bar)
        self.bar.hide()
        row = row_of((self.button, 2), (self.format, 3), (self.export_button, 2))
        # What is said wraps: under the buttons it does not move them.
        stack(
            self,
            row,
            self.bar,
            self.totals,
            self.hint,
            margins=(8, 0, 0, 0),
            spacing=4,
        )

    def _connect(self) -> None:
        self.button.clicked.connect(self.measure)
        self.export_button.clicked.connect(self.ask)
        self._working.succeeded.connect(self._on_done)
        self._working.progressed.connect(self._on_progress)
        self._working.failed.connect(lambda text: self.said.emit(text, "error"))
        self._working.cancelled.connect(lambda: self.said.emit("Stopped.", "plain"))
        self._working.finished.connect(self._on_finished)
        self._counter.failed.connect(lambda text: self.said.emit(text, "error"))
        self._counter.finished.connect(self._timer.start)
        self._viewer.layers.events.removed.connect(self._on_removed)

    def _listen(self, layer: Labels | None) -> None:
        """Follow the events of a layer and no longer those of the one before."""
        pairs = (
            ("paint", self._on_pixels),
            ("data", self._on_pixels),
            ("set_data", self._on_redraw),
            ("features", self._on_other),
            ("scale", self._on_other),
            ("units", self._on_other),
        )
        for name, slot in pairs:
            if self._layer is not None:
                getattr(self._layer.events, name).disconnect(slot)
            if layer is not None:
                getattr(layer.events, name).connect(slot)

    def _meet_session(self) -> None:
        """Follow the review that is under way, if there is one."""
        session = None if self._layer is None else session_of(self._layer)
        if session is self._session:
            return
        if self._session is not None:
            self._session.changed.disconnect(self._on_changed)
        self._session = session
        self._counter.forget()
        if session is not None:
            session.changed.connect(self._on_changed)

    def _snapshot(self) -> dict[tuple[int, ...], Specimen] | None:
        """The nuclei as they are now; None, and why, if they cannot be had."""
        layer = self._layer
        if layer is None or self._working.is_running:
            return None
        self._meet_session()
        if self._session is not None:
            self._session.settle()
        try:
            viewer = self._viewer
            every = Specimen.of_all(layer, viewer.layers, viewer.dims)
            specimens = {place: one.frozen() for place, one in every.items()}
        except (PMRNetError, OSError) as error:
            self.said.emit(str(error), "error")
            return None
        self._dirty.clear()
        self._job = layer, next(iter(specimens.values()))
        self._unkept = unkept(layer)
        return specimens

    def _options(self) -> Options:
        """What is measured beside the usual: as chosen, or else as before."""
        if self.options is not None:
            return self.options
        known = None if self._layer is None else measured_of(self._layer)
        return Options() if known is None else options_of(known[0])

    def _start(self, task: str, job: Callable[..., Any], *args: Any) -> None:
        if not self._quiet:
            self.said.emit(f"{task}...", "plain")
        self.button.setText("Stop")
        self.bar.setRange(0, 0)
        self.bar.show()
        self.export_button.setEnabled(False)
        self._working.start(task, job, *args)

    def _on_progress(self, progress: tuple[int, int]) -> None:
        done, total = progress
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def _on_done(self, outcome: Written | pd.DataFrame) -> None:
        """Keep what was measured, and say what was done."""
        layer, specimen = there(self._job)
        present = layer in self._viewer.layers
        table = outcome.table if isinstance(outcome, Written) else outcome
        if table is not None and present:
            self._keep(layer, table, specimen)
        if isinstance(outcome, Written):
            text = f"Written to {outcome.path}{outcome.remark}{self._unkept}"
            self.said.emit(text, "good")
        elif not present:
            self.said.emit(f"'{specimen.name}' was removed meanwhile.", "warning")
        elif specimen.fault or not self._quiet:
            # Of other labels than those that are chosen by now, say which.
            of = "" if layer is self._layer else f" of '{layer.name}'"
            text = f"Measured {len(outcome)} nuclei{of}{self._unkept}."
            tone = "warning" if specimen.fault else "good"
            self.said.emit(f"{text} {specimen.fault}".rstrip(), tone)

    def _keep(self, layer: Labels, table: pd.DataFrame, specimen: Specimen) -> None:
        """Keep measurements with the status that the nuclei have by now."""
        session = session_of(layer)
        if session is not None:
            rows = tables(session.course).index
            flags = flags_by_plane(session.course)
            parts = [
                with_flags(part, flags[place])
                for place, part in by_place(table.loc[table.index.isin(rows)]).items()
            ]
            table = pd.concat(parts) if parts else table.iloc[:0]
        table = table.sort_index(kind="stable")
        keep(layer, table, specimen.unit, specimen.pixel_size)

    def _on_finished(self) -> None:
        self._job, self._quiet = None, False
        self.button.setText("Measure")
        self.bar.hide()
        self.export_button.setEnabled(self._layer is not None)
        self._timer.start()

    def _on_changed(self, labels: set[int]) -> None:
        self._dirty |= labels
        self._timer.start()

    def _on_pixels(self, event: Any = None) -> None:
        self._counter.forget()
        self._on_other()

    def _on_redraw(self, event: Any = None) -> None:
        """Undo tells of itself by a redraw only, but so does much else."""
        if isinstance(there(self._layer).data, np.ndarray):
            self._counter.forget()
        self._on_other()

    def _on_other(self, event: Any = None) -> None:
        self._meet_session()
        self._timer.start()

    def _on_removed(self, event: Any = None) -> None:
        if self._layer is not None and self._layer not in self._viewer.layers:
            self.set_layer(None)

    def _follow(self) -> None:
        """Bring totals and measurements to where the labels are."""
        if self._layer is None:
            return
        self._meet_session()
        if self._session is None:
            self._counter.count(self._viewer.dims.point)
        elif self._dirty and not self._working.is_running:
            self._measure_changed(self._layer, self._session.course)
        self._show()

    def _measure_changed(self, layer: Labels, course: Course) -> None:
        """Measure those nuclei anew that an edit has changed."""
        changed = set(self._dirty)
        known = measured_of(layer)
        if known is None or known[1] != unit_of(layer):
            self._dirty.clear()
            return
        # Rings of neighbours and the background change with every edit.
        if len(changed) > MANY or options_of(known[0]) != Options():
            self._quiet = True
            self.measure()
            self._quiet = self.is_running
            return
        self._dirty.clear()
        every = Specimen.of_all(layer, self._viewer.layers, self._viewer.dims)
        table, fresh = known[0], []
        for place, specimen in every.items():
            review = course.planes[place]
            boxes = review.nuclei.boxes(changed)
            if place and not boxes:
                continue
            readers = {name: pixels.read for name, pixels in specimen.channels.items()}
            size = specimen.pixel_size
            made = measure_boxes(review.labels, boxes, readers, size)
            fresh.append(with_place(specimen.placed(made), place))
        kept = table.drop(index=table.index.intersection(list(changed)))
        self._keep(layer, pd.concat([kept, *fresh]), next(iter(every.values())))

    def _show(self) -> None:
        """Show totals, and how the measurements stand."""
        layer = self._layer
        for part in (self.button, self.format):
            part.setEnabled(layer is not None)
        self.export_button.setEnabled(layer is not None and not self.is_running)
        self.format.allow(TRACKS, layer is not None and layer.ndim > 2)
        if layer is None:
            self.totals.setText("No labels to measure.")
            self.hint.setText("")
            self.refreshed.emit()
            return
        areas = self._counter.areas
        if self._session is not None:
            every: Any = tables(self._session.course)["area"]
            areas = every.groupby(level=0).sum()
        if areas is None:
            self.totals.setText("Counting...")
            self.hint.setText("")
        else:
            self._show_totals(layer, areas)
        self.refreshed.emit()

    def _show_totals(self, layer: Labels, areas: pd.Series) -> None:
        height, width = pixel_size(layer)
        table = with_flags(
            pd.DataFrame({"area": areas * (height * width)}), known_flags(layer)
        )
        known = bool(table["certainty"].notna().any())
        text = summary(totals(table), unit_of(layer), known)
        self.totals.setText(f"{text}{self._where(layer)}")
        missing = [] if known or table.empty else [_MISSING]
        how = standing(layer, table.loc[:, "area"], bool(self._dirty), self.options)
        self.hint.setText(" ".join([*missing, how]))

    def _where(self, layer: Labels) -> str:
        """Say of how many planes totals are; nothing of a plain layer."""
        if layer.ndim == 2:
            return ""
        if self._session is None and not isinstance(first_level(layer), np.ndarray):
            return " on the plane on show"
        return f" on {int(np.prod(first_level(layer).shape[:-2]))} planes"
