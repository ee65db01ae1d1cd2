"""The picture of docs/fine-tuning.md: three generated images, trained on and compared.

scripts/on-screen .venv/bin/python scripts/training_picture.py --output PNG
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import napari
import pandas as pd
import platformdirs
from qtpy.QtCore import Qt
from screenshot import wait

from napari_pmrnet.datasets.synthetic import make_stained

MINUTES = 0.4
LONGEST = 300.0


def main() -> None:
    """Review, train, compare, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    own = Path(tempfile.mkdtemp())
    platformdirs.user_data_path = lambda *_, **__: own
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1300, 900)
    for number in range(3):
        image, labels = make_stained((256, 256), seed=number)
        name = f"tissue {number + 1}"
        viewer.add_image(image, name=name, rgb=True)
        features = pd.DataFrame({"index": range(1, labels.max() + 1)})
        viewer.add_labels(
            labels, name=f"{name} nuclei", features=features.assign(reviewed=True)
        )
    _, dock = viewer.window.add_plugin_dock_widget(
        "napari-pmrnet", "Train on my corrections"
    )
    dock.minutes.setValue(MINUTES)
    dock.train()
    wait(lambda: not dock.run.is_running, LONGEST)
    for layer in viewer.layers[:-2]:
        layer.visible = False
    viewer.layers.selection.active = viewer.layers["tissue 3 nuclei"]
    dock.compare()
    wait(lambda: not dock._comparing.is_running, LONGEST)
    viewer.reset_view()
    dock.setFocus(Qt.FocusReason.OtherFocusReason)
    wait(lambda: False, timeout=1, strict=False)
    viewer.window.screenshot(str(arguments.output), canvas_only=False, flash=False)
    print(dock.status.text.text())
    dock.run.discard()
    viewer.close()


if __name__ == "__main__":
    main()
