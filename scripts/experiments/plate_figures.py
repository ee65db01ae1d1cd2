"""A plate through the folder dock: minutes, memory, and how long the window waits.

    python scripts/experiments/plate_figures.py --work DIR [--side 512] [--wells 96]
        [--fields 4] [--output figures.md]

Opens napari in a window (``scripts/on-screen`` gives it a virtual screen), writes
generated images of a plate to DIR, segments the folder by the dock, opens some of the
images from its table, and reads the tables that the run wrote.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

# Sets napari up with preferences of its own, so it comes before napari.
from screenshot import PLUGIN, wait

import napari  # isort: skip
import pandas as pd
import tifffile
from qtpy.QtCore import Qt, QThreadPool, QTimer
from qtpy.QtTest import QTest

from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.evaluation.report import markdown_table

COLUMNS = 12
TICK = 10
MOST = 0.2
"""Seconds that the window may wait."""
OPENED = 8
HOUR = 3600.0


class Waits:
    """How late a timer of the window's thread is, in seconds."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.late.append(now - self._last - TICK / 1000)
        self._last = now

    def taken(self) -> list[float]:
        """All since the last call."""
        late, self.late = self.late, []
        return late


def main() -> None:
    """Run the plate and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--wells", type=int, default=96)
    parser.add_argument("--fields", type=int, default=4)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    images = options.work / "plate"
    count = make_plate(images, options.wells, options.fields, options.side)

    viewer = napari.Viewer(show=False)
    viewer.window.show()
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment a folder")
    dock.folders.images.set_value(str(images))
    wait(lambda: False, timeout=5, strict=False)
    waits, started = Waits(), time.perf_counter()
    QTest.mouseClick(dock.start_button, Qt.MouseButton.LeftButton)
    wait(dock.start_button.isEnabled, timeout=HOUR)
    minutes, running = (time.perf_counter() - started) / 60, waits.taken()

    for row in range(OPENED):
        dock.results.table.selectRow(row)
        QTest.mouseClick(dock.results.open_button, Qt.MouseButton.LeftButton)
        wait(lambda: False, timeout=1, strict=False)
    opening = waits.taken()
    results = Path(dock.folders.results.value())
    nuclei = pd.read_csv(results / "objects.csv", usecols=["well", "field"])
    fields = nuclei.drop_duplicates()
    table = pd.DataFrame(
        {
            "images": [count],
            "of them with nuclei in objects.csv": [len(fields)],
            "nuclei": [len(nuclei)],
            "minutes": [minutes],
            "most memory, GB": [most_memory()],
            "longest wait while it runs, s": [max(running)],
            f"waits over {MOST} s": [sum(late > MOST for late in running)],
            "longest wait on opening an image, s": [max(opening)],
        }
    )
    text = markdown_table(table.set_index("images"))
    print(text)
    if options.output is not None:
        options.output.write_text(text + "\n", encoding="utf-8")
    viewer.close()
    # What the last image still waits for would report to a window that is gone.
    QThreadPool.globalInstance().waitForDone()


def make_plate(folder: Path, wells: int, fields: int, side: int) -> int:
    """Write the images of a plate, and return how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(wells):
        row, column = divmod(index, COLUMNS)
        for field in range(fields):
            name = f"r{row + 1:02}c{column + 1:02}f{field + 1:02}.tif"
            if not (folder / name).exists():
                image, _ = make_fluorescence((side, side), seed=index * fields + field)
                tifffile.imwrite(folder / name, image)
    return wells * fields


def most_memory() -> float:
    """The most that this process held, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


if __name__ == "__main__":
    main()
