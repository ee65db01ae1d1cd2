"""Time a user waits in the viewer: start, first labels, thresholds, worker thread.

    python scripts/experiments/viewer_figures.py --output figures.md

Opens napari in a window (``scripts/on-screen`` gives it a virtual screen) with a
generated image of one megapixel. Every figure is of this one process, in this order:
what the manifest and the dock add to the start; the button pressed ten seconds later;
thresholds moved; and the whole way in a worker thread and in the main thread, in turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import napari
import pandas as pd
from npe2 import PluginManifest
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

import napari_pmrnet
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.evaluation.report import markdown_table

SIDE = 1024
IDLE = 10.0
MOVES = (0.5, 0.6, 0.4, 0.7, 0.55)
GOALS = {
    "manifest and dock add to the start": 0.3,
    "first labels after the button": 3.0,
    "whole image after a threshold moved": 0.5,
}


def seconds(job: Callable[[], object]) -> float:
    """Time that a job takes."""
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def wait(until: Callable[[], bool], longest: float = 600.0) -> float:
    """Let the window live until something is so; the time it took.

    The window's own loop sleeps between events: asking it over and over for events
    would take a core from what is measured.
    """
    started = time.perf_counter()
    loop, timer = QEventLoop(), QTimer()

    def look() -> None:
        if until() or time.perf_counter() - started > longest:
            loop.quit()

    timer.timeout.connect(look)
    timer.start(5)
    loop.exec_()
    timer.stop()
    if not until():
        raise SystemExit("waited too long")
    return time.perf_counter() - started


def start(viewer: napari.Viewer) -> tuple[object, float]:
    """Read the manifest and open the dock as napari does; the dock, and the time."""
    manifest = Path(napari_pmrnet.__file__).parent / "napari.yaml"
    read = seconds(lambda: PluginManifest.from_file(manifest))
    found = []

    def open_dock() -> None:
        found.append(
            viewer.window.add_plugin_dock_widget("napari-pmrnet", "Segment nuclei")[1]
        )
        QApplication.processEvents()

    return (dock := seconds(open_dock)) and (found[0], read + dock)


def press(dock: object, image: object) -> tuple[float, float]:
    """Press the button; the time until the labels are there, and of it the run's."""
    button = dock.run_panel.run_button
    began = time.perf_counter()
    button.click()
    wait(lambda: not dock.session.is_running and button.isEnabled())
    whole = time.perf_counter() - began
    return whole, dock.session.results.find(image, "").segmentation.seconds


def move(dock: object, labels: object, value: float) -> float:
    """Move the probability threshold; the time until the layer has other labels."""
    changed = []
    callback = labels.events.set_data.connect(lambda _: changed.append(1))
    field = dock.form.fields["probability_threshold"]
    began = time.perf_counter()
    field.set_value(value)
    wait(lambda: bool(changed))
    labels.events.set_data.disconnect(callback)
    return time.perf_counter() - began


def main() -> None:
    """Measure, print, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    image, _ = make_fluorescence((SIDE, SIDE), seed=0)
    viewer = napari.Viewer(show=True)
    layer = viewer.add_image(image, name="cells")
    QApplication.processEvents()
    dock, added = start(viewer)
    opened = time.perf_counter()
    wait(lambda: time.perf_counter() - opened > IDLE)
    first, _ = press(dock, layer)
    labels = viewer.layers["cells nuclei"]
    moves = [move(dock, labels, value) for value in MOVES]
    from napari_pmrnet import Settings, load_model, segment

    model = load_model()
    settings = Settings.for_card(model.card)
    pressed, in_worker, in_main = [], [], []
    for _ in range(arguments.rounds):
        whole, run = press(dock, layer)
        pressed.append(whole)
        in_worker.append(run)
        in_main.append(segment(image, settings, model).seconds)
    rows = {
        "manifest and dock add to the start": added,
        "first labels after the button": first,
        "whole image after a threshold moved": statistics.median(moves),
        "labels after the button, a further run": statistics.median(pressed),
        "of it the run in the worker thread": statistics.median(in_worker),
        "the same in the main thread": statistics.median(in_main),
    }
    table = pd.DataFrame(
        {"seconds": rows, "goal": {name: GOALS.get(name) for name in rows}}
    ).rename_axis("1 megapixel")
    text = markdown_table(table)
    print(text)
    print(f"{model.runs_on}; worker/main {in_worker} {in_main}")
    if arguments.output is not None:
        arguments.output.write_text(text + "\n", encoding="utf-8")
    viewer.close()


if __name__ == "__main__":
    main()
