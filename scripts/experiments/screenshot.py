"""Take the picture of the dock that the documentation shows.

Opens napari on the present display, segments a sample in the dock and saves the window:

    python scripts/experiments/screenshot.py --output docs/images/dock.png

Without a display, run it under a virtual one (xvfb-run -a).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", os.path.join(tempfile.mkdtemp(), "shot.yaml"))

import napari
from napari.settings import get_settings
from PIL import Image as Picture
from qtpy.QtTest import QTest

PLUGIN = "napari-pmrnet"
ROOT = Path(__file__).parents[2]
COLOURS = 255


def main() -> int:
    """Run the dock on a sample or a file and save what it looks like."""
    options = parse_arguments()
    settings = get_settings()
    settings.appearance.theme = options.theme
    viewer = napari.Viewer(show=False)
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment nuclei")
    viewer.window.show()
    viewer.window.resize(*options.size)
    if options.image is None:
        viewer.open_sample(PLUGIN, options.sample)
    else:
        viewer.open(options.image, plugin=PLUGIN)
    wait(lambda: dock.model_panel.device.combo.count() > 1)
    count = len(viewer.layers)
    dock.run()
    wait(lambda: dock.run_panel.run_button.isEnabled())
    print(dock.status.text.text())
    if options.unfold:
        dock.model_panel.fold.expand()
    for kind in options.show:
        viewer.layers[f"{dock.image_panel.layer.name} {kind}"].visible = True
    viewer.reset_view()
    wait(lambda: False, timeout=options.settle, strict=False)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    viewer.screenshot(str(options.output), canvas_only=False, flash=False)
    print(options.output)
    done = len(viewer.layers) == count + 4
    viewer.close()
    return 0 if done else 1


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    output = ROOT / "docs" / "images" / "dock.png"
    parser.add_argument("--output", type=Path, default=output)
    parser.add_argument("--image", help="file to segment instead of a sample")
    parser.add_argument(
        "--sample", default="fluorescence", choices=("fluorescence", "stained")
    )
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--size", type=int, nargs=2, default=(1400, 900))
    parser.add_argument("--unfold", action="store_true", help="open the folded part")
    parser.add_argument(
        "--show",
        nargs="*",
        default=(),
        choices=("probability", "boundary", "certainty"),
        help="maps to make visible",
    )
    parser.add_argument("--settle", type=float, default=1.5, help="seconds to wait")
    return parser.parse_args()


def wait(
    until: Callable[[], bool], timeout: float = 600.0, strict: bool = True
) -> None:
    """Let the window live until a condition holds."""
    end = time.monotonic() + timeout
    while not until():
        if time.monotonic() > end:
            if strict:
                raise TimeoutError(f"not done within {timeout:.0f} s")
            return
        # Unlike processEvents, this also takes away what was deleted.
        QTest.qWait(10)


def in_few_colours(picture: Picture.Image) -> Picture.Image:
    """A picture whose file is small."""
    return picture.quantize(
        COLOURS, Picture.Quantize.FASTOCTREE, dither=Picture.Dither.NONE
    )


if __name__ == "__main__":
    sys.exit(main())
