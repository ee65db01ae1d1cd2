"""Do a day's work in a real window by mouse and keys, and take pictures of it.

    python scripts/experiments/day.py --output DIR [--size 1366 768] [--theme light]

Without a display, run it under a virtual one (``scripts/on-screen`` gives it one).
Every image is generated. The day: DAPI in the second channel of an OME-TIFF, a stained
section, a z-stack, a movie, a folder of eight, a review of thirty nuclei, measuring,
export, and the exported file opened again. What a step should have brought is checked,
and the first that fails ends the day.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Sets napari up with preferences of its own, so it comes before napari.
from screenshot import PLUGIN, in_few_colours, wait

import napari  # isort: skip
import numpy as np
import tifffile
from napari.settings import get_settings
from PIL import Image as Picture
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

from napari_pmrnet.datasets.synthetic import make_fluorescence

SIDE = 320
PLANES = 4
FILES = 8
REVIEWED = 30
SEGMENT, REVIEW, MEASURE, FOLDER = (
    "Segment nuclei",
    "Review nuclei",
    "Measure nuclei",
    "Segment a folder",
)


class Day:
    """A window, hands for it, and what is seen of it.

    Parameters
    ----------
    size : (int, int)
        Width and height of the window, in pixels.
    output : Path
        Folder of the pictures.
    """

    def __init__(self, size: tuple[int, int], output: Path) -> None:
        self.viewer = napari.Viewer(show=False)
        self.viewer.window.show()
        self.size, self.output = size, output
        self._docks: dict[str, tuple[QWidget, Any]] = {}
        self.viewer.window.resize(*size)
        output.mkdir(parents=True, exist_ok=True)

    @property
    def window(self) -> QWidget:
        """The main window."""
        return self.viewer.window._qt_window

    @property
    def canvas(self) -> QWidget:
        """The widget that images are drawn on."""
        return self.viewer.window._qt_viewer.canvas.native

    def dock(self, name: str) -> Any:
        """A dock of the plugin, in front; opened from the menu when first needed."""
        if name not in self._docks:
            self._docks[name] = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        outer, dock = self._docks[name]
        outer.raise_()
        self.rest(0.3)
        return dock

    def rest(self, seconds: float = 0.5) -> None:
        """Let the window catch up."""
        wait(lambda: False, timeout=seconds, strict=False)

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for something to be there, and say what if it does not come."""
        try:
            wait(done)
        except Exception as error:
            self.picture("failed")
            raise SystemExit(f"There is still no {what}.") from error

    def check(self, holds: bool, what: str) -> None:
        """End the day if something is not as it should be."""
        if not holds:
            self.picture("failed")
            raise SystemExit(f"Not as it should be: {what}.")

    def click(self, widget: QWidget) -> None:
        """Click in the middle of a widget, which has to be in sight."""
        self.check(widget.isVisible(), f"{widget.objectName() or widget} in sight")
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)
        self.rest(0.2)

    def key(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        """Press a key over the canvas."""
        # Keys of the whole window are heard in the active one alone.
        self.window.activateWindow()
        self.until(self.window.isActiveWindow, "window that has the focus")
        held = Qt.KeyboardModifier.NoModifier
        for modifier in modifiers:
            held |= modifier
        QTest.keyClick(self.canvas, key, held)
        self.rest(0.15)

    def look(self) -> np.ndarray:
        """The window as it is now."""
        return self.viewer.screenshot(canvas_only=False, flash=False)[..., :3]

    def picture(self, name: str) -> None:
        """Save the window, and see that it still has its size."""
        self.rest(0.6)
        window = self.window.size()
        path = self.output / f"{name}.png"
        in_few_colours(Picture.fromarray(self.look())).save(path, optimize=True)
        print(f"{path} {window.width()} x {window.height()}", flush=True)

    def clear(self) -> None:
        """Put all layers away, for the next image."""
        self.viewer.layers.clear()
        self.rest(0.3)

    def labels(self) -> Any:
        """The topmost Labels layer."""
        found = [la for la in self.viewer.layers if type(la).__name__ == "Labels"]
        self.check(bool(found), "labels among the layers")
        return found[-1]

    def segment(self) -> Any:
        """Press Segment and wait for the labels."""
        dock = self.dock(SEGMENT)
        self.until(dock.run_panel.run_button.isEnabled, "button to press")
        self.click(dock.run_panel.run_button)
        self.until(lambda: not dock.session.is_running, "end of the run")
        self.rest()
        self.check(bool(np.any(self.labels().data)), "nuclei in the labels")
        return dock


def main() -> int:
    """Do the whole day, or say at which step it ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(1366, 768))
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    options = parser.parse_args()
    get_settings().appearance.theme = options.theme
    day = Day(tuple(options.size), options.output)
    with tempfile.TemporaryDirectory() as folder:
        images = make_images(Path(folder))
        dapi(day, images / "channels.ome.tif")
        section(day)
        planes(day, images / "stack.ome.tif", "stack")
        planes(day, images / "movie.ome.tif", "movie")
        a_folder(day, images / "plate")
        review(day)
        measure(day)
        export_and_reopen(day, images / "exported.tif")
    day.viewer.close()
    return 0


def make_images(folder: Path) -> Path:
    """Write what a microscope could have left: channels, a stack, a movie, a plate."""
    nuclei, _ = make_fluorescence((SIDE, SIDE), seed=1)
    others = np.random.default_rng(0).integers(0, 60, (2, SIDE, SIDE), np.uint8)
    size = {"PhysicalSizeX": 0.325, "PhysicalSizeY": 0.325}
    channels = np.stack([others[0], nuclei, others[1]])
    named = {"axes": "CYX", "Channel": {"Name": ["WGA", "DAPI", "Actin"]}, **size}
    tifffile.imwrite(folder / "channels.ome.tif", channels, metadata=named)
    drifting = np.stack([np.roll(nuclei, 3 * t, axis=1) for t in range(PLANES)])
    for name, axes in (("stack", "ZYX"), ("movie", "TYX")):
        path = folder / f"{name}.ome.tif"
        tifffile.imwrite(path, drifting, metadata={"axes": axes, **size})
    (folder / "plate").mkdir()
    for index in range(FILES):
        image, _ = make_fluorescence((SIDE // 2, SIDE // 2), seed=10 + index)
        well = f"r{index // 4 + 1:02}c{index % 4 + 1:02}f01"
        tifffile.imwrite(folder / "plate" / f"{well}.tif", image)
    return folder


def dapi(day: Day, path: Path) -> None:
    """Segment the channel of nuclei, which nobody names."""
    day.dock(SEGMENT)
    day.viewer.open(str(path), plugin=PLUGIN)
    dock = day.segment()
    words = f"{dock.image_panel.layer.name} {dock.image_panel.channel.value()}"
    print(f"channels: {words}; {dock.status.text.text()}")
    day.picture("1-channels")
    day.clear()


def section(day: Day) -> None:
    """Segment a stained section."""
    day.viewer.open_sample(PLUGIN, "stained")
    day.viewer.layers.remove(day.viewer.layers[-1])
    dock = day.segment()
    print(f"section: {dock.status.text.text()}")
    day.picture("2-section")
    day.clear()


def planes(day: Day, path: Path, what: str) -> None:
    """Segment all planes of a stack, nuclei with one number through them."""
    day.viewer.open(str(path), plugin=PLUGIN)
    dock = day.dock(SEGMENT)
    areas = dock.image_panel.areas
    combo = areas.area.combo
    combo.setFocus()
    combo.setCurrentIndex(combo.findText("All planes"))
    combo.activated.emit(combo.currentIndex())
    day.rest()
    day.check(areas.all_planes, "all planes chosen")
    areas.link.combo.setCurrentIndex(areas.link.combo.count() - 1)
    areas.link.combo.activated.emit(areas.link.combo.currentIndex())
    day.segment()
    day.check(day.labels().ndim == 3, "labels of all planes")
    print(f"{what}: {dock.status.text.text()}")
    day.picture(f"3-{what}")
    day.clear()


def a_folder(day: Day, folder: Path) -> None:
    """Segment a folder and open its first image."""
    dock = day.dock(FOLDER)
    dock.folders.images.set_value(str(folder))
    day.click(dock.start_button)
    day.until(dock.start_button.isEnabled, "end of the folder")
    day.check(dock.results.model.rowCount() == FILES, "a row a file")
    day.picture("4-folder")
    dock.results.table.selectRow(0)
    day.rest()
    day.click(dock.results.open_button)
    day.until(lambda: under_review(day) == "r01c01f01_labels", "image of the folder")
    day.picture("5-opened")
    for _ in range(2):
        day.key(Qt.Key.Key_Period)
    day.until(lambda: under_review(day) == "r01c03f01_labels", "image after the next")
    print(f"folder: {dock.status.text.text()}")
    day.picture("5-next")
    day.clear()


def under_review(day: Day) -> str:
    """Name of the labels under review; empty where there are none."""
    docks = day.viewer.window.dock_widgets
    found = next((dock for name, dock in docks.items() if REVIEW in name), None)
    session = getattr(found, "session", None)
    return "" if session is None else session.layer.name


def review(day: Day) -> None:
    """Go through nuclei by keys: accept, and take back what was too much."""
    day.viewer.open_sample(PLUGIN, "fluorescence")
    day.viewer.layers.remove(day.viewer.layers[-1])
    day.segment()
    dock = day.dock(REVIEW)
    day.until(lambda: dock.session is not None, "review")
    day.rest(1)
    day.key(Qt.Key.Key_W)
    for index in range(REVIEWED):
        day.key(Qt.Key.Key_A)
        if index == REVIEWED // 2:
            day.picture("6-review")
    day.key(Qt.Key.Key_D)
    day.rest()
    day.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    day.rest(1)
    done = dock.queue.progress.text()
    day.check(done.startswith(f"{REVIEWED} "), f"{REVIEWED} reviewed, but: {done}")
    print(f"review: {done}; {dock.status.text.text()}")
    day.picture("7-reviewed")


def measure(day: Day) -> None:
    """Measure what was reviewed."""
    dock = day.dock(MEASURE)
    day.until(lambda: dock.layer is not None, "labels to measure")
    day.click(dock.panel.button)
    day.until(lambda: dock.table.measurements.rowCount() > 0, "measurements")
    dock.table.selectRow(2)
    day.rest()
    day.picture("8-measure")


def export_and_reopen(day: Day, path: Path) -> None:
    """Export the labels to TIFF and open the file again."""
    dock, labels = day.dock(SEGMENT), np.asarray(day.labels().data).copy()
    ask, QFileDialog.getSaveFileName = (
        QFileDialog.getSaveFileName,
        staticmethod(lambda *a, **k: (str(path), "")),
    )
    try:
        day.click(dock.run_panel.export_button)
        day.until(path.is_file, "exported file")
    finally:
        QFileDialog.getSaveFileName = ask
    day.rest(1)
    day.clear()
    day.viewer.open(str(path), plugin=PLUGIN)
    day.check(np.array_equal(np.asarray(day.labels().data), labels), "the same labels")
    day.picture("9-reopened")


if __name__ == "__main__":
    code = main()
    QApplication.processEvents()
    sys.exit(code)
