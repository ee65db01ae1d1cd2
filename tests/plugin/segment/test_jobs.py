"""Images too large for memory in the dock: labels on disk, edited there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from napari.layers import Labels
from qtpy.QtWidgets import QFileDialog

from napari_pmrnet.io.label_zarr import label_tag, open_label_zarr
from napari_pmrnet.plugin.segment import jobs
from napari_pmrnet.segmentation import blocks, sizes
from napari_pmrnet.settings import Settings

from ...segmentation.conftest import Reader, discs, drawn, same_partition

SETTINGS = Settings(
    diameter=20.0, probability_threshold=0.5, seed_threshold=0.3, min_area=1
)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reader:
    """A network that reads; small images are large, and labels go to ``out.zarr``."""
    network = Reader()
    for name in ("LARGE_PLANE", "LARGE_LOADED_PLANE"):
        monkeypatch.setattr(sizes, name, 20_000)
    monkeypatch.setattr(blocks, "MARGIN", 32)
    monkeypatch.setattr(jobs, "load_torch", lambda: None)
    monkeypatch.setattr("napari_pmrnet.models.shared_model", lambda *_: network)
    chosen = str(tmp_path / "out.zarr")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (chosen, ""))
    return network


@pytest.fixture
def truth() -> np.ndarray:
    return discs((260, 300), 4, (5, 14))


def stored(path: Path, image: np.ndarray) -> Any:
    """An image on disk."""
    return zarr.create_array(path, data=image, chunks=(64,) * (image.ndim - 1) + (3,))


def test_labels_of_a_large_image_are_a_layer_on_disk(
    open_dock: Any, run_and_wait: Any, reader: Reader, truth: np.ndarray, tmp_path: Path
) -> None:
    viewer, dock = open_dock()
    image = stored(tmp_path / "image.zarr", drawn(truth))
    viewer.add_image(
        image, name="slide", rgb=True, scale=(0.5, 0.5), units=("um", "um")
    )
    dock.form.set_settings(SETTINGS)
    assert "block by block" in dock.image_panel.areas.about.text()
    run_and_wait(dock)
    layer = viewer.layers["slide nuclei"]
    assert isinstance(layer, Labels) and not isinstance(layer.data, np.ndarray)
    assert layer.scale.tolist() == [0.5, 0.5]
    on_disk = open_label_zarr(tmp_path / "out.zarr", "r")
    assert same_partition(on_disk[...], truth)
    assert label_tag(tmp_path / "out.zarr").space.units == ("um",) * 2
    assert len(layer.features) >= truth.max()
    assert f"{truth.max()} nuclei" in dock.status.text.text()
    assert layer.selected_label == truth.max() + 1
    layer.data_setitem((np.array([1]), np.array([1])), 999)
    assert on_disk[1, 1] == 999
    layer.undo()
    assert on_disk[1, 1] != 999


def test_a_cancelled_run_says_that_blocks_are_kept(
    open_dock: Any, reader: Reader, truth: np.ndarray, tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_dock()
    viewer.add_image(stored(tmp_path / "i.zarr", drawn(truth)), name="slide", rgb=True)
    dock.form.set_settings(SETTINGS)
    dock.run_panel.run_button.click()
    dock.cancel()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    assert "kept for the next run" in dock.status.text.text()
    assert len(viewer.layers) == 1 and not (tmp_path / "out.zarr").exists()


def test_no_file_chosen_no_run(
    open_dock: Any,
    reader: Reader,
    truth: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    viewer, dock = open_dock()
    viewer.add_image(stored(tmp_path / "i.zarr", drawn(truth)), name="slide", rgb=True)
    dock.run_panel.run_button.click()
    assert not dock.session.is_running and reader.tiles == 0


def test_a_series_of_large_planes(
    open_dock: Any, run_and_wait: Any, reader: Reader, tmp_path: Path
) -> None:
    truths = [discs((200, 240), seed, (5, 14)) for seed in (1, 2)]
    movie = zarr.create_array(
        tmp_path / "m.zarr",
        data=np.stack([drawn(t) for t in truths]),
        chunks=(1, 64, 64, 3),
    )
    viewer, dock = open_dock()
    viewer.add_image(movie, name="film", rgb=True, axis_labels=("t", "y", "x"))
    dock.form.set_settings(SETTINGS)
    area = dock.image_panel.areas.area
    choices = [area.combo.itemText(i) for i in range(area.combo.count())]
    area.combo.setCurrentIndex(choices.index("All planes"))
    run_and_wait(dock)
    labels = open_label_zarr(tmp_path / "out.zarr", "r")[...]
    assert all(map(same_partition, labels, truths))
    assert not set(np.unique(labels[0])) & set(np.unique(labels[1])) - {0}
    layer = viewer.layers["film nuclei"]
    assert layer.data.shape == (2, 200, 240) and layer.axis_labels == ("t", "y", "x")
