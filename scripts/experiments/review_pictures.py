"""Take the pictures of the review and of measuring that the documentation shows.

Beside them the moving picture of README, from the image to a split nucleus.

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
from screenshot import PLUGIN, ROOT, in_few_colours, wait

SIZE = (1400, 900)
FILM_WIDTH, FILM_SECONDS = 1000, 2.0
SHOWN = ("nuclei", "certainty")


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
    film = [window_of(viewer)]
    segment.run()
    wait(lambda: segment.run_panel.run_button.isEnabled())
    film.append(window_of(viewer))
    name = segment.image_panel.layer.name
    labels, certainty = (viewer.layers[f"{name} {kind}"] for kind in SHOWN)
    labels.visible, certainty.visible = False, True
    film.append(window_of(viewer))
    labels.visible, certainty.visible = True, False
    dock_widget, dock = viewer.window.add_plugin_dock_widget(
        PLUGIN, "Review nuclei", tabify=True
    )
    dock_widget.raise_()
    wait(lambda: dock.session is not None)
    options.output.mkdir(parents=True, exist_ok=True)

    dock.step(1)
    dock.step(1)
    film.append(save(viewer, options.output / "review.png"))

    label = largest(dock)
    dock.go(("nucleus", label))
    dock.edits.buttons["split"].click()
    for place in ends(dock, label):
        dock.stage.canvas._clicked(place, ())
    film.append(save(viewer, options.output / "review_split.png"))
    save_film(film, options.output / "demo.gif")
    dock.stage.canvas.abandon()

    middle = dock.session.review.nuclei.table.loc[label, ["centroid_y", "centroid_x"]]
    dock.edits.buttons["reject"].click()
    dock.edits.buttons["add"].click()
    dock.stage.canvas._clicked(tuple(middle), ())
    dock.stage.canvas.bring(dock.stage.canvas._edit.box)
    save(viewer, options.output / "review_add.png")
    dock.stage.canvas.abandon()
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


def window_of(viewer: napari.Viewer) -> Picture.Image:
    """The window as it is once it has settled."""
    wait(lambda: False, timeout=1.0, strict=False)
    return Picture.fromarray(viewer.screenshot(canvas_only=False, flash=False)[..., :3])


def save(viewer: napari.Viewer, path: Path) -> Picture.Image:
    """Save the window, in few colours so that the file stays small."""
    picture = window_of(viewer)
    in_few_colours(picture).save(path, optimize=True)
    print(path)
    return picture


def save_film(pictures: list[Picture.Image], path: Path) -> None:
    """Save pictures as one that moves, narrower than they are."""
    height = round(FILM_WIDTH * pictures[0].height / pictures[0].width)
    first, *others = (in_few_colours(p.resize((FILM_WIDTH, height))) for p in pictures)
    first.save(
        path,
        save_all=True,
        append_images=others,
        duration=round(1000 * FILM_SECONDS),
        loop=0,
        optimize=True,
    )
    print(path)


if __name__ == "__main__":
    main()
