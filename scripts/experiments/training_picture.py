r"""The picture of docs/fine-tuning.md, and a model trained in the dock by a script.

    scripts/on-screen .venv/bin/python scripts/experiments/training_picture.py \
        --output PNG

trains for moments on three generated images. With a data set it does what a user would:
five training images of a modality are segmented in the dock Segment nuclei with BASE,
which has not seen the modality, their labels are corrected to those of the data set,
and the dock Train on my corrections learns from them. What ``--keep`` names is scored
by ``scripts/experiments/fine_tuning.py --tuned``.

    scripts/on-screen .venv/bin/python scripts/experiments/training_picture.py \
        --output PNG \\
        --data DIR --base BASE.safetensors --modality d --keep TUNED.safetensors
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()

import napari
import numpy as np
import pandas as pd
from fine_tuning import chosen
from napari.layers import Labels
from qtpy.QtCore import Qt
from screenshot import wait

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.datasets.synthetic import make_stained
from napari_pmrnet.models.user_models import import_model

PLUGIN = "napari-pmrnet"
MINUTES = 0.4
IMAGES = 5
LONGEST = 500.0
BASE = "before"


def generated(viewer: napari.Viewer) -> None:
    """Three generated images, all of whose nuclei are reviewed."""
    for number in range(3):
        image, labels = make_stained((256, 256), seed=number)
        name = f"tissue {number + 1}"
        viewer.add_image(image, name=name, rgb=True)
        review(viewer.add_labels(labels, name=f"{name} nuclei"), labels)


def real(viewer: napari.Viewer, data: Path, modality: str) -> None:
    """Training images, segmented with the base and corrected."""
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment nuclei")
    for name, image, truth in pictures(data, modality):
        viewer.layers.selection.active = viewer.add_image(
            image, name=name, rgb=image.ndim == 3
        )
        dock.model_panel.model.set_value(BASE)
        dock.run()
        wait(lambda: dock.run_panel.run_button.isEnabled(), LONGEST)
        layer = viewer.layers[f"{name} nuclei"]
        with layer.block_history():
            wrong = np.nonzero(np.asarray(layer.data) != truth)
            layer.data_setitem(wrong, truth[wrong].astype(layer.data.dtype))
        review(layer, truth)
    viewer.window.remove_dock_widget(dock)


def pictures(data: Path, modality: str) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Names, images and labels to learn from."""
    dataset = PackedDataset(data, subset="train")
    for number, image_id in enumerate(chosen(dataset, modality, IMAGES), start=1):
        yield f"image {number}", *dataset.load(image_id)


def review(layer: Labels, labels: np.ndarray) -> None:
    """Say that all nuclei of a layer were reviewed."""
    numbers = np.unique(labels[labels > 0])
    layer.features = pd.DataFrame({"index": numbers, "reviewed": True})


def main() -> None:
    """Review, train, compare, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--base", type=Path)
    parser.add_argument("--modality")
    parser.add_argument("--keep", type=Path, help="where to put the weights")
    parser.add_argument("--minutes", type=float)
    arguments = parser.parse_args()
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(1300, 900)
    if arguments.data is None:
        generated(viewer)
    else:
        import_model(arguments.base, BASE)
        real(viewer, arguments.data, arguments.modality)
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Train on my corrections")
    if arguments.data is not None:
        dock.model.setCurrentText(BASE)
    if arguments.minutes or arguments.data is None:
        dock.minutes.setValue(arguments.minutes or MINUTES)
    dock.train()
    wait(lambda: not dock.run.is_running, LONGEST)
    print(dock.status.text.text())
    labels = [layer for layer in viewer.layers if layer.name.endswith(" nuclei")]
    for layer in viewer.layers:
        layer.visible = layer.name in (labels[-1].name, labels[-1].name[:-7])
    viewer.layers.selection.active = labels[-1]
    dock.compare()
    wait(lambda: not dock._comparing.is_running, LONGEST)
    viewer.reset_view()
    dock.setFocus(Qt.FocusReason.OtherFocusReason)
    wait(lambda: False, timeout=1, strict=False)
    viewer.window.screenshot(str(arguments.output), canvas_only=False, flash=False)
    if arguments.keep:
        for suffix in (".safetensors", ".json"):
            weights = dock.run.job.weights.with_suffix(suffix)
            shutil.copy(weights, arguments.keep.with_suffix(suffix))
    dock.run.discard()
    viewer.close()


if __name__ == "__main__":
    main()
