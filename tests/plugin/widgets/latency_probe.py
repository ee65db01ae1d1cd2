"""Longest wait of the GUI thread from opening the dock to the labels of a big image.

A process of its own, so that torch is imported for the first time. Prints a line for
every wait over 100 ms, among them those that napari takes to add each layer when the
run is over; then the longest of the run in seconds and how often torch was imported on
the GUI thread. Takes weights to use as its argument, otherwise the shipped ones.
"""

from __future__ import annotations

import os
import sys
import threading
import time

import napari
import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from napari_pmrnet.datasets.synthetic import make_fluorescence

SIZE = int(os.environ.get("PROBE_SIZE", "2048"))
LONGEST = 600


class ImportWatch:
    """Counts imports of torch on the thread it was made on."""

    def __init__(self) -> None:
        self.thread, self.count = threading.current_thread(), 0

    def find_spec(self, name, path=None, target=None):
        if name == "torch" and threading.current_thread() is self.thread:
            self.count += 1


class Clock:
    """Measures how late a 20 ms timer is."""

    def __init__(self) -> None:
        self.worst, self.last = 0.0, time.perf_counter()
        self.running = True
        self.doing = "opening"
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self.tick)
        self.timer.start(20)

    def tick(self) -> None:
        now = time.perf_counter()
        late, self.last = now - self.last, now
        if late > 0.1:
            print(f"{late:.3f} s during: {self.doing}")
        if self.running:
            self.worst = max(self.worst, late)

    def run_over(self) -> None:
        self.tick()
        self.running, self.doing = False, "adding layers"


def main() -> None:
    """Run the dock once and print what was measured."""
    shape = (SIZE, SIZE)
    image, _ = make_fluorescence(shape, n=600, seed=0)
    viewer = napari.Viewer(show=False)
    viewer.add_image(np.ascontiguousarray(image), name="big")
    watch = ImportWatch()
    sys.meta_path.insert(0, watch)
    _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Segment nuclei")
    QApplication.processEvents()
    eager = "torch" in sys.modules
    if len(sys.argv) > 1:
        dock.form.fields["model"].set_value(sys.argv[1])
    clock = Clock()
    dock.session.said.connect(lambda text, tone: setattr(clock, "doing", text))
    dock.session.progressed.connect(lambda *step: setattr(clock, "doing", step))
    dock.session.used.connect(lambda *_: clock.run_over())
    dock.run_panel.run_button.click()
    end = time.monotonic() + LONGEST
    while not dock.run_panel.run_button.isEnabled() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.001)
    labels = [layer.name for layer in viewer.layers]
    print(dock.status.text.text(), labels, f"torch before: {eager}")
    print(f"{clock.worst:.3f} {watch.count}")
    viewer.close()
    sys.exit(0 if "big nuclei" in labels else 1)


if __name__ == "__main__":
    main()
