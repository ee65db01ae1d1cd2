"""File dialogs of all docks start where the image lies, or the last one ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QFileDialog, QWidget

import napari_pmrnet.plugin
from napari_pmrnet.plugin.widgets.dialogs import FileDialogs

FOLDER = Path(napari_pmrnet.plugin.__path__[0])


@pytest.fixture
def asked(monkeypatch) -> dict[str, Any]:
    """What dialogs are asked; ``answer`` is what they give."""
    given: dict[str, Any] = {"answer": "", "starts": []}

    def ask(parent: Any, title: str, start: str, *_: Any) -> Any:
        given["starts"].append(start)
        return given["answer"], ""

    for name in ("getOpenFileName", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, name, ask)
    monkeypatch.setattr(
        QFileDialog,
        "getOpenFileNames",
        lambda *a: ([path] if (path := ask(*a)[0]) else [], ""),
    )
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: ask(*a)[0])
    return given


def test_they_start_where_the_last_one_ended_until_another_folder_is_on_show(
    qtbot, asked
) -> None:
    parent, on_show = QWidget(), [Path("/images")]
    qtbot.addWidget(parent)
    files = FileDialogs(parent, lambda: on_show[0])
    assert files.open("Open", "") is None and files.start() == Path("/images")
    asked["answer"] = "/models/a.zip"
    assert files.open("Open", "") == Path("/models/a.zip")
    assert files.save("Save", files.start() / "b.zip", "") == Path("/models/a.zip")
    assert files.open_several("Open", "") == [Path("/models/a.zip")]
    asked["answer"] = "/results"
    assert files.folder("Folder") == Path("/results")
    assert files.folder("Folder", "/typed") == Path("/results")
    assert files.start() == Path("/results")
    on_show[0] = Path("/others")
    assert files.start() == Path("/others")
    assert asked["starts"] == [
        "/images",
        "/images",
        str(Path("/models/b.zip")),
        "/models",
        "/models",
        "/typed",
    ]


def test_no_part_of_the_plugin_has_file_dialogs_of_its_own() -> None:
    own = [p.name for p in FOLDER.rglob("*.py") if "QFileDialog" in p.read_text()]
    assert own == ["dialogs.py"]


BUTTONS = {
    "Segment nuclei": lambda dock: [
        dock.image_panel.ask_and_open,
        dock.model_panel.browse,
        dock.presets.open,
        dock.presets.export,
        dock.export_labels,
    ],
    "Review nuclei": lambda dock: [dock.open_review, dock.open_foreign],
    "Measure nuclei": lambda dock: [dock.panel.ask],
    "Segment a folder": lambda dock: [
        dock.folders.images.browse,
        dock.folders.results.browse,
        dock.model_panel.browse,
        dock.presets.open,
    ],
    "Models": lambda dock: [dock.ask_import, dock.ask_export],
}


@pytest.mark.parametrize("name", BUTTONS)
def test_every_dock_starts_in_the_folder_of_the_image_on_show(
    make_napari_viewer_proxy, manifest, core, library, asked, tmp_path, name
) -> None:
    viewer = make_napari_viewer_proxy()
    place = tmp_path / "of the image"
    place.mkdir()
    tifffile.imwrite(place / "cells.tif", np.eye(30, dtype=np.uint8))
    viewer.open(str(place / "cells.tif"), plugin="napari-pmrnet")
    labels = np.eye(30, dtype=np.int32)
    viewer.add_labels(labels, name="cells_labels")
    viewer.layers.selection.active = viewer.layers["cells"]
    _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", name)
    starts = asked["starts"]
    for press in BUTTONS[name](dock):
        starts.clear()
        press()
        (start,) = starts
        assert place in (Path(start), Path(start).parent), start
