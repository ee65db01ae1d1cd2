"""Take the picture of the dock "Segment a folder" that docs/batch.md shows.

    python scripts/experiments/folder_picture.py [--output docs/images/batch_dock.png]

Ten generated images are segmented in the dock, and the least certain one is opened.
Without a display, run it under a virtual one (``scripts/on-screen`` gives it one).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

# Sets napari up with preferences of its own, so it comes before napari.
from screenshot import PLUGIN, ROOT, in_few_colours, wait

import napari  # isort: skip
import tifffile
from PIL import Image as Picture

from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained

SIZE = (1400, 900)
SIDE = 256
MAKERS = {"fluorescence": make_fluorescence, "stained": make_stained}
EACH = 5


def main() -> None:
    """Segment a folder, open the image that needs it most, save the window."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    output = ROOT / "docs" / "images" / "batch_dock.png"
    parser.add_argument("--output", type=Path, default=output)
    output = parser.parse_args().output.resolve()
    with tempfile.TemporaryDirectory() as folder:
        # The fields then show short names.
        os.chdir(folder)
        make_images(Path("images"))
        viewer = napari.Viewer(show=False)
        viewer.window.show()
        viewer.window.resize(*SIZE)
        holder, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment a folder")
        dock.folders.images.set_value("images")
        dock.folders.results.set_value("labels")
        dock.start()
        wait(dock.start_button.isEnabled)
        dock.results.worst_first.setChecked(True)
        dock.results.table.selectRow(0)
        dock.results.open_button.click()
        wait(lambda: reviewed(viewer))
        holder.raise_()
        wait(lambda: False, timeout=2, strict=False)
        shot = viewer.screenshot(canvas_only=False, flash=False)[..., :3]
        in_few_colours(Picture.fromarray(shot)).save(output, optimize=True)
        print(output, dock.status.text.text())
        viewer.close()
        os.chdir(ROOT)


def make_images(folder: Path) -> None:
    """Write generated images of both kinds."""
    folder.mkdir()
    for kind, make in MAKERS.items():
        for number in range(1, EACH + 1):
            image, _ = make((SIDE, SIDE), seed=number)
            tifffile.imwrite(folder / f"{kind}_{number}.tif", image)


def reviewed(viewer: napari.Viewer) -> bool:
    """Tell whether the review of an image has begun."""
    docks = viewer.window.dock_widgets.values()
    return any(getattr(dock, "session", None) is not None for dock in docks)


if __name__ == "__main__":
    main()
