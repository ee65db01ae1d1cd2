"""Take the pictures of the review and of measuring that the documentation shows.

    python scripts/experiments/review_pictures.py [--output docs/images] [--image FILE]

Without a display, run it under a virtual one (xvfb-run -a).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import napari
import numpy as np
from napari.settings import get_settings
from PIL import Image as Picture

# Sets napari up with preferences of its own, so it comes before napari.
from screenshot import PLUGIN, ROOT, wait

SIZE = (1400, 900)
COLOURS = 255


def main() -> None:
    """Segment a sample, review some of it, and save what that looks like."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--image", help="file to segment instead of a sample")
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    options = parser.parse_args()
    get_settings().appearance.theme = options.theme
    viewer = napari.Viewer(show=False)
    _, segment = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment nuclei")
    viewer.window.show()
    viewer.window.resize(*SIZE)
    if options.image is None:
        viewer.open_sample(PLUGIN, "fluorescence")
        viewer.layers.remove(viewer.layers[-1])
    else:
        viewer.open(options.image, plugin=PLUGIN)
    wait(lambda: segment.model_panel.device.combo.count() > 1)
    segment.run()
    wait(lambda: segment.run_panel.run_button.isEnabled())
    dock_widget, dock = viewer.window.add_plugin_dock_widget(
        PLUGIN, "Review nuclei", tabify=True
    )
    dock_widget.raise_()
    wait(lambda: dock.session is not None)
    options.output.mkdir(parents=True, exist_ok=True)

    dock.step(1)
    dock.step(1)
    save(viewer, options.output / "review.png")

    label = largest(dock)
    dock.go(("nucleus", label))
    dock.edits.buttons["split"].click()
    for place in ends(dock, label):
        dock.canvas._clicked(place, ())
    save(viewer, options.output / "review_split.png")
    dock.canvas.abandon()

    middle = dock.session.review.nuclei.table.loc[label, ["centroid_y", "centroid_x"]]
    dock.edits.buttons["reject"].click()
    dock.edits.buttons["add"].click()
    dock.canvas._clicked(tuple(middle), ())
    dock.canvas.bring(dock.canvas._edit.box)
    save(viewer, options.output / "review_add.png")
    dock.canvas.abandon()
    dock.edits.buttons["undo"].click()

    dock.queue.colour.setChecked(True)
    dock.queue.doubt.setValue(0.9)
    dock.queue.which.setCurrentIndex(dock.queue.which.findData("doubtful"))
    dock._colour()
    viewer.reset_view()
    save(viewer, options.output / "review_doubtful.png")

    dock.queue.colour.setChecked(False)
    measure_widget, measure = viewer.window.add_plugin_dock_widget(
        PLUGIN, "Measure nuclei", tabify=True
    )
    measure_widget.raise_()
    measure.panel.measure()
    wait(lambda: not measure.panel.is_running)
    wait(lambda: measure.table.measurements.rowCount() > 0)
    measure.table.selectRow(measure.table.measurements.row_of(label))
    save(viewer, options.output / "measure.png")
    viewer.close()


def largest(dock: object) -> int:
    """Label of the largest nucleus that the border does not cut."""
    table = dock.session.review.nuclei.table
    return int(table.loc[~table["at_border"].astype(bool), "area"].idxmax())


def ends(dock: object, label: int) -> list[tuple[float, float]]:
    """Two places in a nucleus, a quarter from either end of its longer side."""
    box = dock.session.review.nuclei.box(label)
    ys, xs = np.nonzero(dock.session.review.labels[box] == label)
    across = xs if np.ptp(xs) > np.ptp(ys) else ys
    order = np.argsort(across, kind="stable")
    picks = (order[len(order) // 5], order[-len(order) // 5])
    return [(box[0].start + ys[i], box[1].start + xs[i]) for i in picks]


def save(viewer: napari.Viewer, path: Path) -> None:
    """Save the window, in few colours so that the file stays small."""
    wait(lambda: False, timeout=1.0, strict=False)
    pixels = viewer.screenshot(canvas_only=False, flash=False)[..., :3]
    few = Picture.fromarray(pixels).quantize(
        COLOURS, Picture.Quantize.FASTOCTREE, dither=Picture.Dither.NONE
    )
    few.save(path, optimize=True)
    print(path)


if __name__ == "__main__":
    main()
