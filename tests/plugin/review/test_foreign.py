"""Labels of another program, reviewed with and without certainty."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin.review import foreign
from napari_pmrnet.plugin.widgets import maps
from napari_pmrnet.proofreading.origin import Origin
from napari_pmrnet.segmentation.predict import Progress

MASKS = np.zeros((60, 80), np.uint16)
MASKS[5:20, 5:35], MASKS[30:45, 10:25] = 7, 3


@pytest.fixture
def dock_of(make_napari_viewer_proxy, manifest, core, aside, monkeypatch, qtbot):
    """Open a viewer with the dock and some images."""

    def origin_steps(labels, plane, settings):
        yield Progress(0, 1, "tile")
        while not core.gate.is_set():
            time.sleep(0.005)
            yield Progress(0, 1, "held")
        if core.error is not None:
            raise core.error
        certainty = np.where(labels == 3, 0.3, 0.9).astype(np.float32)
        return Origin(labels, {"certainty": certainty}, None)

    monkeypatch.setattr(foreign, "origin_steps", origin_steps)
    monkeypatch.setattr(maps, "load_torch", lambda: None)

    def open_(*names: str) -> tuple[Any, Any]:
        viewer = make_napari_viewer_proxy()
        for number, name in enumerate(names):
            viewer.add_image(np.where(MASKS > 0, 200, number + 1), name=name)
        _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Review nuclei")
        return viewer, dock

    return open_


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch) -> Path:
    """The file that the user chooses."""
    path = tmp_path / "a_seg.npy"
    np.save(path, {"masks": MASKS, "flows": [MASKS]})
    monkeypatch.setattr(
        QFileDialog, "getOpenFileName", lambda *_, **__: (str(path), "")
    )
    return path


def test_labels_of_cellpose_are_reviewed_with_certainty(dock_of, chosen, qtbot) -> None:
    viewer, dock = dock_of("cells")
    dock.open_foreign()
    qtbot.waitUntil(lambda: dock.session is not None)
    layer = dock.session.layer
    assert layer.name == "cells nuclei (a_seg)"
    assert np.array_equal(layer.data, MASKS)
    table = dock.session.review.nuclei.table
    assert table["certainty"].round(2).to_dict() == {3: 0.3, 7: 0.9}
    assert not table["edited"].any() and dock.desk.image.name == "cells"
    assert "cells certainty" in viewer.layers
    assert "the least certain first" in dock.status.text.text()


def test_without_maps_the_review_says_so(dock_of, chosen, core, qtbot) -> None:
    _, dock = dock_of("cells")
    core.error = ImageError("it is blank")
    dock.open_foreign()
    qtbot.waitUntil(lambda: dock.session is not None)
    assert dock.session.review.nuclei.table["certainty"].isna().all()
    assert "nothing is known of their certainty" in dock.status.text.text()


def test_certainty_need_not_be_waited_for(dock_of, chosen, core, qtbot) -> None:
    _, dock = dock_of("cells")
    core.gate.clear()
    dock.open_foreign()
    qtbot.waitUntil(lambda: len(dock.offer.buttons()) == 1)
    dock.offer.buttons()[0].click()
    qtbot.waitUntil(lambda: dock.session is not None)
    assert "certainty" not in dock.session.review.nuclei.maps
    assert not dock.offer.buttons() or not dock.offer.isVisible()


def test_the_image_is_the_one_selected_or_asked_for(dock_of, chosen, qtbot) -> None:
    viewer, dock = dock_of("one", "two")
    viewer.layers.selection.active = viewer.layers["one"]
    assert dock.foreign.image().name == "one"
    viewer.layers.selection.clear()
    dock.open_foreign()
    assert "Select the image" in dock.status.text.text() and dock.session is None
    viewer.layers.clear()
    dock.open_foreign()
    assert "Open the image first" in dock.status.text.text()
    viewer.add_image(np.zeros((3, 60, 80)), name="stack")
    dock.open_foreign()
    assert "more than one plane" in dock.status.text.text()


def test_labels_of_another_image_are_refused(dock_of, chosen, qtbot) -> None:
    _, dock = dock_of("cells")
    np.save(chosen, {"masks": MASKS[:50]})
    dock.open_foreign()
    qtbot.waitUntil(
        lambda: "a_seg.npy" in dock.status.text.text() and dock.status.tone == "error"
    )
    assert "the image of (60, 80)" in dock.status.text.text()
