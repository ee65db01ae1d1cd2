"""Use every dock once in a window, with what is installed.

    scripts/on-screen python scripts/dev/use_docks.py

Prints a line for all that is tried: that it works or, where it needs an extra that is
not there, the one command that brings it. Ends with status 1 at the first thing that
does neither. Models, reviews and settings of the user stay as they are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Before napari is imported, which reads its settings.
os.environ["HOME"] = tempfile.mkdtemp()
os.environ["LOCALAPPDATA"] = os.environ["XDG_CACHE_HOME"] = os.environ["HOME"]
os.environ["XDG_DATA_HOME"] = os.environ["HOME"]
os.environ["NAPARI_CONFIG"] = os.path.join(os.environ["HOME"], "napari.yaml")

import napari
import tifffile
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.plugin.batch.table import explanation

PLUGIN = "napari-pmrnet"
LONGEST = 600
SIDE = 256
ACCEPTED = 12
LIBRARIES = {
    "export": ("onnx", "bioimageio"),
    "formats": ("bioio",),
    "plots": ("pyqtgraph",),
    "zarr": ("zarr", "numcodecs"),
}


def main() -> None:
    """Use the docks one after the other; each goes on with what those before made."""
    folder = Path(os.environ["HOME"])
    use = Use(folder)
    for dock in (use.segment, use.review, use.measure, use.folder_, use.train):
        dock()
    use.models()
    use.close()
    shutil.rmtree(folder, ignore_errors=True)
    print("Every dock works, or says what it needs.")


class Use:
    """A viewer and what is done in its docks, with files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images = folder / "images"
        self.images.mkdir()
        for seed in (1, 2):
            image, _ = make_fluorescence((SIDE, SIDE), seed=seed)
            tifffile.imwrite(self.images / f"{seed}.tif", image)
        self.zarr = write_zarr(self.images / "plate.zarr")
        self.viewer = napari.Viewer()
        self.viewer.window.resize(1500, 950)

    def open(self, name: str) -> Any:
        """Open a dock as napari's menu does."""
        return self.viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]

    def segment(self) -> None:
        """Segment an image, export its labels, and open what needs an extra."""
        dock = self.open("Segment nuclei")
        dock.image_panel.open([str(self.images / "1.tif")])
        wait_until(lambda: dock.image_panel.layer is not None, dock)
        dock.run_panel.run_button.click()
        wait_until(dock.run_panel.run_button.isEnabled, dock)
        labels = dock.labels_to_export()
        expect(labels is not None and labels.data.max() > 10, said(dock))
        works("Segment nuclei", said(dock))
        dock.maps_panel.maps_button.click()
        wait_until(dock.maps_panel.maps_button.isEnabled, dock)
        expect(len(self.viewer.layers) > 5, said(dock))
        works("Segment nuclei, more maps", said(dock))
        target = self.answer_with("labels.tif")
        dock.run_panel.export_button.click()
        wait_until(target.exists, dock)
        settle()
        works("Segment nuclei, export", said(dock))
        layers = len(self.viewer.layers)
        dock.image_panel.open([str(self.zarr)])
        settle()
        works_or_says("Segment nuclei, OME-Zarr", "zarr", said(dock))
        damaged = self.folder / "stack.czi"
        damaged.write_bytes(b"ZISRAWFILE" + bytes(2000))
        if not is_there("formats"):  # with its readers it is a damaged file
            dock.image_panel.open([str(damaged)])
            settle()
            works_or_says("Segment nuclei, CZI", "formats", said(dock))
        for layer in list(self.viewer.layers)[layers:]:
            self.viewer.layers.remove(layer)
        self.viewer.layers.selection.active = labels

    def review(self) -> None:
        """Accept nuclei, delete one, and take that back."""
        dock = self.open("Review nuclei")
        wait_until(lambda: dock.session is not None, dock)
        buttons, layer = dock.edits.buttons, dock.session.layer
        count = len(set(layer.data.ravel().tolist()))
        buttons["next"].click()
        buttons["reject"].click()
        settle()
        expect(len(set(layer.data.ravel().tolist())) < count, said(dock))
        buttons["undo"].click()
        settle()
        expect(len(set(layer.data.ravel().tolist())) == count, said(dock))
        for _ in range(ACCEPTED):
            buttons["next"].click()
            buttons["accept"].click()
        settle()
        works("Review nuclei", said(dock))

    def measure(self) -> None:
        """Measure, plot, and write a table."""
        dock = self.open("Measure nuclei")
        wait_until(lambda: dock.layer is not None, dock)
        dock.panel.button.click()
        wait_until(lambda: dock.table.measurements.rowCount() > 0, dock)
        works("Measure nuclei", said(dock))
        dock.plots_fold.expand()
        settle()
        works_or_says("Measure nuclei, plot", "plots", dock.plots.advice.text())
        target = self.answer_with("nuclei.csv")
        wait_until(dock.panel.export_button.isEnabled, dock)
        dock.panel.export_button.click()
        wait_until(target.exists, dock)
        wait_until(lambda: not dock.panel.is_running, dock)
        works("Measure nuclei, export", said(dock))

    def folder_(self) -> None:
        """Segment a folder, and open one of its images."""
        dock = self.open("Segment a folder")
        dock.folders.images.set_value(str(self.images))
        dock.folders.results.set_value(str(self.folder / "results"))
        dock.start_button.click()
        wait_until(dock.start_button.isEnabled, dock)
        files = {file.path.name: file for file in dock.results.model.rows}
        for name in ("1.tif", "2.tif"):
            expect(files[name].has_labels, explanation(files[name]))
        works("Segment a folder", said(dock))
        told = explanation(files[self.zarr.name])
        works_or_says("Segment a folder, OME-Zarr", "zarr", told)
        dock.results.choose(files["2.tif"])
        dock.results.open_button.click()
        wait_until(
            lambda: dock.review.shown and dock.review.shown.labels is not None, dock
        )
        works("Segment a folder, open in viewer", said(dock))

    def train(self) -> None:
        """Train for some seconds on the nuclei that were accepted."""
        dock = self.open("Train on my corrections")
        wait_until(lambda: dock.images.count() > 0, dock)
        dock.minutes.setValue(dock.minutes.minimum())
        dock.train_button.click()
        wait_until(lambda: not dock.run.is_running, dock)
        settle()
        expect(dock.run.state().done, said(dock))
        works("Train on my corrections", said(dock))
        dock.result.discard_button.click()

    def models(self) -> None:
        """Export a model in every format."""
        dock = self.open("Models")
        wait_until(lambda: dock.table.entry is not None, dock)
        for number in range(dock.format.count()):
            dock.format.setCurrentIndex(number)
            target = self.answer_with(f"model{number}.zip")
            dock.export_button.click()
            wait_until(lambda: not dock._working.is_running, dock)
            settle()
            name = f"Models, {dock.format.currentText()}"
            works_or_says(name, "export" if number else "", said(dock))
            if "pip install" not in said(dock):
                expect(any(self.folder.glob(f"{target.stem}.*")), said(dock))

    def close(self) -> None:
        """Close the window, and wait for what still runs."""
        self.viewer.close()
        wait_until(lambda: QThreadPool.globalInstance().activeThreadCount() == 0)

    def answer_with(self, name: str) -> Path:
        """Have the dialogs for files answer with a file of this name."""
        path = self.folder / name
        QFileDialog.getSaveFileName = staticmethod(lambda *_, **__: (str(path), ""))
        return path


def write_zarr(path: Path) -> Path:
    """Write an image as OME-Zarr by hand, for zarr may not be there."""
    image, _ = make_fluorescence((SIDE, SIDE), seed=3)
    level = {"scale": [1, 1], "type": "scale"}
    axes = [{"name": name, "type": "space"} for name in "yx"]
    about = {
        "version": "0.4",
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": [level]}],
    }
    array = {
        **{"zarr_format": 2, "shape": image.shape, "chunks": image.shape},
        **{"dtype": image.dtype.str, "order": "C", "fill_value": 0},
        **{"compressor": None, "filters": None},
    }
    (path / "0").mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps({"multiscales": [about]}))
    (path / "0" / ".zarray").write_text(json.dumps(array))
    (path / "0" / "0.0").write_bytes(image.tobytes())
    return path


def is_there(extra: str) -> bool:
    """Tell whether the libraries of an extra are installed."""
    return all(map(find_spec, LIBRARIES.get(extra, ())))


def works(what: str, text: str) -> None:
    """Say that something works, and what the dock says of it."""
    expect("pip install" not in text, f"{what}: {text}")
    print(f"works  {what}: {text}", flush=True)


def works_or_says(what: str, extra: str, text: str) -> None:
    """Say that something works or, without its extra, by which command it would."""
    if is_there(extra):
        works(what, text)
        return
    commands = re.findall(r'pip install "?[\w\-\[\],.=]+"?', text)
    wanted = f'pip install "{PLUGIN}[{extra}]"'
    expect(commands == [wanted], f"{what}: {text}")
    print(f"says   {what}: {text}", flush=True)


def said(dock: Any) -> str:
    """What the status line of a dock says."""
    return dock.status.text.text()


def expect(true: object, text: str) -> None:
    """End with status 1 unless something is so."""
    if not true:
        raise SystemExit(f"fails  {text}")


def settle(seconds: float = 0.5) -> None:
    """Let the window do what waits."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)


def wait_until(done: Callable[[], object], dock: Any = None) -> None:
    """Keep the window alive until something is so; a SystemExit if it never is."""
    end = time.monotonic() + LONGEST
    while not done():
        if time.monotonic() > end:
            last = "" if dock is None else f"; {dock.tab} says last: {said(dock)}"
            raise SystemExit(f"fails  not done after {LONGEST} s{last}")
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main()
