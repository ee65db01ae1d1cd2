"""Opens napari, segments a sample and leaves a label TIFF and a screenshot.

In a real window napari stays open afterwards; on a virtual screen the script ends.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", os.path.join(tempfile.mkdtemp(), "demo.yaml"))

import napari
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QApplication

from napari_pmrnet.plugin.layers.label_export import (
    default_path,
    export,
    export_arguments,
)

PLUGIN = "napari-pmrnet"
LONGEST_RUN = 600


def main() -> None:
    """Run the demonstration as the command line asks."""
    arguments = parse_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer()
    viewer.window.resize(1500, 950)
    viewer.open_sample(PLUGIN, arguments.sample)
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment nuclei")
    wait_until(lambda: dock.image_panel.layer is not None)

    dock.run_panel.run_button.click()
    wait_until(dock.run_panel.run_button.isEnabled)
    image = dock.image_panel.layer
    print(f"{image.name}: {dock.status.text.text()}")
    layer = dock.labels_to_export()
    if layer not in dock.session.results.layers_of(image) or not layer.data.any():
        raise SystemExit("No nucleus was found in the sample.")

    tiff = default_path(layer, arguments.output)
    export(tiff, *export_arguments(layer))
    picture = arguments.output / f"{arguments.sample}_window.png"
    settle(1)
    viewer.screenshot(str(picture), canvas_only=False, flash=False)
    print(f"Labels:     {tiff.resolve()}")
    print(f"Screenshot: {picture.resolve()}", flush=True)
    if arguments.close:
        viewer.close()
        # Qt aborts where a thread ends after what it reports to.
        wait_until(lambda: QThreadPool.globalInstance().activeThreadCount() == 0)
    else:
        napari.run()


def parse_arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    virtual = "PMRNET_VIRTUAL_SCREEN" in os.environ
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sample", default="fluorescence", choices=("fluorescence", "stained")
    )
    parser.add_argument("--output", type=Path, default=Path("output"))
    parser.add_argument(
        "--close", action="store_true", default=virtual, help="end when done"
    )
    return parser.parse_args()


def wait_until(done: Callable[[], bool], seconds: float = LONGEST_RUN) -> None:
    """Keep the window alive until something is so; a SystemExit if it never is."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise SystemExit(f"Nothing happened for {seconds:.0f} s.")
        QApplication.processEvents()
        time.sleep(0.01)


def settle(seconds: float) -> None:
    """Let the window draw what has changed."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)


if __name__ == "__main__":
    main()
